//! What one step of retrieval works on.

use burn_recsys_data::SharedNegativeSampler;
use burn_recsys_embeddings::Lookup;
use burn_recsys_models::TowerRows;

use super::{Negatives, RetrievalTask};

/// What one step of a [`RetrievalTask`] works on.
#[derive(Debug, Clone, PartialEq)]
pub struct RetrievalBatch {
    /// The user of each row.
    pub(super) users: Selection,
    /// The positive of each row, then the negatives.
    pub(super) items: Selection,
    pub(super) n_rows: usize,
    pub(super) compared: Compared,
}

/// What the pairs of a batch are compared with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Compared {
    /// Labels, `[batch]`.
    Labels(Vec<f32>),
    /// Negatives of each row, or of all.
    Candidates {
        /// Where the negatives begin among the items.
        first: usize,
        /// Whether all rows share them.
        is_shared: bool,
        /// Which are no negatives, `[batch, n_negatives]`.
        hits: Vec<bool>,
        /// Log Q of positives and of negatives.
        log_q: Option<[Vec<f32>; 2]>,
    },
}

/// Rows for a tower, each once, and where each position finds its own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Selection {
    /// Each once, in the order of first appearance.
    pub(super) rows: TowerRows,
    /// For every position the index into `rows`; none if they count up from zero.
    pub(super) inverse: Option<Vec<u32>>,
}

impl Selection {
    fn new(table: &TowerRows, rows: &[u32]) -> Self {
        let lookup = Lookup::new(rows);
        let is_identity = lookup.rows().len() == lookup.len();
        Selection {
            rows: table.select(lookup.rows()),
            inverse: (!is_identity).then(|| lookup.inverse().to_vec()),
        }
    }

    /// The number of positions.
    pub(super) fn len(&self) -> usize {
        self.inverse.as_ref().map_or(self.rows.n_rows(), Vec::len)
    }
}

/// Adds the items that all rows of batch `index` share.
fn draw_shared(
    sampler: &dyn SharedNegativeSampler,
    epoch: u64,
    index: usize,
    n: usize,
    items: &mut Vec<u32>,
) {
    let start = items.len();
    items.resize(start + n, 0);
    sampler.sample_shared_into(epoch, index as u64, &mut items[start..]);
}

impl<U, I> RetrievalTask<U, I> {
    /// The batch of some rows, batch `index` of `epoch`.
    pub(super) fn batch(&self, epoch: u64, index: usize, rows: &[u32]) -> RetrievalBatch {
        let of_rows = |column: &[u32]| -> Vec<u32> { rows.iter().map(|&row| column[row as usize]).collect() };
        let (users, positives) = (of_rows(self.rows.users()), of_rows(self.rows.items()));
        let mut items = positives.clone();
        let compared = match &self.negatives {
            Negatives::Labels => {
                let labels = self.rows.labels().unwrap_or_default();
                Compared::Labels(rows.iter().map(|&row| labels[row as usize]).collect())
            }
            Negatives::PerRow { sampler, n } => {
                let mut drawn = vec![0; rows.len() * n];
                for ((&row, &user), drawn) in rows.iter().zip(&users).zip(drawn.chunks_exact_mut(*n)) {
                    sampler.sample_into(epoch, row.into(), user, drawn);
                }
                items.extend_from_slice(&drawn);
                self.candidates(&users, &items, rows.len(), false, |row, item| match row {
                    Some(row) => *n as f64 * sampler.log_probability(users[row], item).exp(),
                    // A positive is there with certainty.
                    None => 1.0,
                })
            }
            Negatives::Shared { sampler, n } => {
                draw_shared(sampler.as_ref(), epoch, index, *n, &mut items);
                self.candidates(&users, &items, rows.len(), true, |row, item| match row {
                    Some(_) => *n as f64 * sampler.log_shared_probability(item).exp(),
                    None => 1.0,
                })
            }
            Negatives::InBatch => {
                self.candidates(&users, &items, 0, true, |_, item| self.shares[item as usize])
            }
            Negatives::Mixed { sampler, n } => {
                draw_shared(sampler.as_ref(), epoch, index, *n, &mut items);
                self.candidates(&users, &items, 0, true, |_, item| {
                    rows.len() as f64 * self.shares[item as usize]
                        + *n as f64 * sampler.log_shared_probability(item).exp()
                })
            }
        };
        RetrievalBatch {
            users: Selection::new(self.rows.user_table(), &of_rows(self.rows.user_rows())),
            items: Selection::new(self.rows.item_table(), &items),
            n_rows: rows.len(),
            compared,
        }
    }

    /// The negatives that begin at `first` among `items`. `q` is the expected number of times that an item is
    /// among the candidates: as a negative of a row, or, of none, as a positive.
    fn candidates(
        &self,
        users: &[u32],
        items: &[u32],
        first: usize,
        is_shared: bool,
        q: impl Fn(Option<usize>, u32) -> f64,
    ) -> Compared {
        let (batch, negatives) = (users.len(), &items[first..]);
        let n = if is_shared { negatives.len() } else { negatives.len() / batch };
        let of_row = |row: usize| if is_shared { negatives } else { &negatives[row * n..(row + 1) * n] };
        // Which row last marked an item: a row looks at as many marks as it has negatives.
        let mut marks = vec![usize::MAX; self.rows.item_table().n_rows()];
        let mut hits = Vec::with_capacity(batch * n);
        for (row, &user) in users.iter().enumerate() {
            marks[items[row] as usize] = row;
            for &item in self.known.iter().flat_map(|known| known.row(user)) {
                if let Some(mark) = marks.get_mut(item as usize) {
                    *mark = row;
                }
            }
            hits.extend(of_row(row).iter().map(|&item| marks[item as usize] == row));
        }
        let log_q = self.log_q.then(|| {
            let of_positives = items[..batch].iter().map(|&item| q(None, item).ln() as f32);
            let of_negatives = negatives.iter().enumerate().map(|(at, &item)| {
                let row = if is_shared { 0 } else { at / n };
                q(Some(row), item).ln() as f32
            });
            [of_positives.collect(), of_negatives.collect()]
        });
        Compared::Candidates { first, is_shared, hits, log_q }
    }
}
