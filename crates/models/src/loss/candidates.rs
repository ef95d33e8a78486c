//! The logits that retrieval losses compare.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

/// Logits of one positive and `n_negatives` negatives a row, with what is known of the negatives.
///
/// Pieces compose in any order: [`masked`](Self::masked) or [`without_hits`](Self::without_hits) takes
/// negatives out, the two corrections note how likely each candidate was to be there, and
/// [`hardest`](Self::hardest) keeps the negatives with the highest logits.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_recsys_models::{CandidateLogits, RetrievalLoss};
///
/// let device = Device::default();
/// // Two users, three negatives that both share, drawn uniformly out of 100 items.
/// let positives = Tensor::<2>::from_data([[0.9], [0.4]], &device);
/// let negatives = Tensor::<2>::from_data([[0.1, 0.4, -0.2], [0.3, 0.4, 0.0]], &device);
/// let logits = CandidateLogits::new(positives, negatives)
///     .without_hits(&[7, 50], &[12, 50, 3]) // item 50 is the positive of the second user
///     .sampled_log_q_corrected(&[-(100f32.ln()); 3]);
/// let loss: f32 = RetrievalLoss::Softmax { temperature: 0.1 }.forward(&logits).into_scalar();
/// assert!(loss > 0.0);
/// ```
#[derive(Debug, Clone)]
pub struct CandidateLogits {
    /// `[batch, 1]`
    positives: Tensor<2>,
    /// `[batch, n_negatives]`
    negatives: Tensor<2>,
    /// True where a negative does not count; `[batch, n_negatives]`.
    masked: Option<Tensor<2, Bool>>,
    log_q: Option<LogQ>,
}

/// What is subtracted from logits.
#[derive(Debug, Clone)]
struct LogQ {
    /// `[batch, 1]`
    positives: Tensor<2>,
    /// `[1, n_negatives]` or `[batch, n_negatives]`
    negatives: Tensor<2>,
}

impl CandidateLogits {
    /// Positives and their negatives. There may be no negatives; each loss says what it is then.
    ///
    /// # Shapes
    /// - `positives`: `[batch, 1]`
    /// - `negatives`: `[batch, n_negatives]`
    ///
    /// # Panics
    /// If a shape is another, or there is no row.
    pub fn new(positives: Tensor<2>, negatives: Tensor<2>) -> Self {
        let ([batch, width], [n_rows, _]) = (positives.dims(), negatives.dims());
        assert!(width == 1, "positives of shape {:?}; they have one column", [batch, width]);
        assert!(n_rows == batch, "negatives of {n_rows} rows for {batch} positives");
        assert!(batch > 0, "a loss needs a row; there are 0");
        CandidateLogits { positives, negatives, masked: None, log_q: None }
    }

    /// Rows whose first column is the positive and whose other columns are negatives.
    ///
    /// # Shapes
    /// - `logits`: `[batch, 1 + n_negatives]`
    ///
    /// # Panics
    /// If there is no row or no column.
    pub fn from_columns(logits: Tensor<2>) -> Self {
        let [batch, n_columns] = logits.dims();
        assert!(n_columns > 0, "logits of shape {:?} have no column of positives", [batch, n_columns]);
        if n_columns == 1 {
            let none = Tensor::zeros([batch, 0], &logits.device());
            return Self::new(logits, none);
        }
        Self::new(logits.clone().narrow(1, 0, 1), logits.narrow(1, 1, n_columns - 1))
    }

    /// In-batch negatives: row `i` is a user, column `j` the item of row `j`. The diagonal holds the
    /// positives, and all other items of the batch are the negatives of a row.
    ///
    /// Items are drawn as often as they are popular here: see [`log_q_corrected`](Self::log_q_corrected).
    /// An item that is the positive of two rows is a negative of both, until
    /// [`without_hits`](Self::without_hits) (with the items of the batch in both places) takes it out.
    ///
    /// # Shapes
    /// - `scores`: `[batch, batch]`
    ///
    /// # Panics
    /// If `scores` is not square, or there is no row.
    pub fn in_batch(scores: Tensor<2>) -> Self {
        let [batch, n_columns] = scores.dims();
        assert!(n_columns == batch, "scores of shape {:?}; in-batch scores are square", [batch, n_columns]);
        assert!(batch > 0, "a loss needs a row; there are 0");
        let device = scores.device();
        let diagonal: Vec<i32> = (0..batch as i32).collect();
        let diagonal = Tensor::<2, Int>::from_data(TensorData::new(diagonal, [batch, 1]), &device);
        let positives = scores.clone().gather(1, diagonal);
        let is_diagonal: Vec<bool> = (0..batch * batch).map(|at| at % (batch + 1) == 0).collect();
        Self::new(positives, scores).masked(&is_diagonal)
    }

    /// Takes negatives out: those that are no negatives after all, such as items that the user has met.
    /// What was taken out before stays out.
    ///
    /// # Shapes
    /// - `hits`: `[batch, n_negatives]`, row-major; true where the item is not a negative
    ///
    /// # Panics
    /// If `hits` has another length.
    pub fn masked(mut self, hits: &[bool]) -> Self {
        let [batch, n] = self.negatives.dims();
        assert!(hits.len() == batch * n, "a mask of {} for {batch} x {n} negatives", hits.len());
        if hits.contains(&true) {
            let hits = TensorData::new(hits.to_vec(), [batch, n]);
            let hits = Tensor::<2, Bool>::from_data(hits, &self.device());
            self.masked = Some(match self.masked {
                Some(masked) => masked.bool_or(hits),
                None => hits,
            });
        }
        self
    }

    /// Takes accidental hits out: negatives that are the positive of their row.
    ///
    /// # Shapes
    /// - `positives`: `[batch]`, items
    /// - `negatives`: `[n_negatives]` if the rows share them, else `[batch, n_negatives]`, row-major
    ///
    /// # Panics
    /// If a length is another.
    pub fn without_hits(self, positives: &[u32], negatives: &[u32]) -> Self {
        let [batch, n] = self.negatives.dims();
        assert!(positives.len() == batch, "{} items for {batch} positives", positives.len());
        let of_rows = of_rows(negatives, [batch, n]);
        let of_row = |row: usize| if of_rows { &negatives[row * n..][..n] } else { negatives };
        let hits: Vec<bool> = positives
            .iter()
            .enumerate()
            .flat_map(|(row, positive)| of_row(row).iter().map(move |negative| negative == positive))
            .collect();
        self.masked(&hits)
    }

    /// Subtracts log Q from the logits, after a loss has divided them by its temperature: the logQ
    /// correction, which keeps popular items from being pushed down for being drawn often.
    ///
    /// What Q has to be depends on how candidates came to be there. It is the expected number of times
    /// that the candidate is among those of its row; a factor that is the same for all candidates of a
    /// row, positive included, does not matter to a softmax.
    /// - In-batch negatives (Yi et al. 2019, "Sampling-bias-corrected neural modeling for large corpus item
    ///   recommendations", equation 6): positives and negatives are drawn alike, so it is `log p` of each
    ///   item, p its share of all positives, in both arguments.
    /// - Negatives that are drawn: [`sampled_log_q_corrected`](Self::sampled_log_q_corrected).
    /// - In-batch and drawn negatives in one row (mixed negative sampling, Yang et al. 2020): `log` of the
    ///   expected number from both sources, in both arguments.
    ///
    /// # Shapes
    /// - `log_q_positives`: `[batch]`
    /// - `log_q_negatives`: `[n_negatives]` if the rows share them, else `[batch, n_negatives]`, row-major
    ///
    /// # Panics
    /// If a length is another, or a value is not finite (the message says which): an item with Q = 0 is
    /// never drawn, so it cannot be a candidate.
    pub fn log_q_corrected(mut self, log_q_positives: &[f32], log_q_negatives: &[f32]) -> Self {
        let [batch, n] = self.negatives.dims();
        let n_positives = log_q_positives.len();
        assert!(n_positives == batch, "log Q of {n_positives} positives for {batch} rows");
        let n_rows = if of_rows(log_q_negatives, [batch, n]) { batch } else { 1 };
        for (what, values) in [("positive", log_q_positives), ("negative", log_q_negatives)] {
            let at = values.iter().position(|value| !value.is_finite()).unwrap_or(values.len());
            assert!(at == values.len(), "log Q of {what} {at} is {}; candidates have Q > 0", values[at]);
        }
        let device = self.device();
        let tensor =
            |values: &[f32], dims| Tensor::<2>::from_data(TensorData::new(values.to_vec(), dims), &device);
        let (positives, negatives) =
            (tensor(log_q_positives, [batch, 1]), tensor(log_q_negatives, [n_rows, n]));
        self.log_q = Some(match self.log_q {
            Some(before) => {
                LogQ { positives: before.positives + positives, negatives: before.negatives + negatives }
            }
            None => LogQ { positives, negatives },
        });
        self
    }

    /// The logQ correction of negatives that are drawn with replacement, `n_negatives` a row: subtracts
    /// `log(n_negatives * Q)`, the logarithm of the expected number of times that an item is drawn, and
    /// leaves the positive as it is, for it is there with certainty.
    ///
    /// Together with [`without_hits`](Self::without_hits) this makes the sum over the candidates,
    /// `exp(s+) + sum of exp(s_j) / (n Q_j)`, an unbiased estimate of the full softmax's denominator, for
    /// any number of negatives (importance sampling: Bengio and Senecal 2008, "Adaptive importance sampling
    /// to accelerate training of a neural probabilistic language model"). Without the mask the positive
    /// would be counted twice. Jean et al. (2015, "On using very large target vocabulary for neural machine
    /// translation") and TensorFlow's `sampled_softmax_loss` subtract `log(n Q)` from the positive too, which
    /// weighs it by `1 / (n Q)` though it is never left to chance. Both tend to the full softmax; for that
    /// one call [`log_q_corrected`](Self::log_q_corrected).
    ///
    /// # Shapes
    /// - `log_q`: log Q of one draw, `[n_negatives]` if the rows share them, else `[batch, n_negatives]`,
    ///   row-major
    ///
    /// # Panics
    /// As [`log_q_corrected`](Self::log_q_corrected).
    pub fn sampled_log_q_corrected(self, log_q: &[f32]) -> Self {
        let [batch, n] = self.negatives.dims();
        let log_n = (n.max(1) as f32).ln();
        let log_q: Vec<f32> = log_q.iter().map(|log_q| log_q + log_n).collect();
        self.log_q_corrected(&vec![0.0; batch], &log_q)
    }

    /// Keeps the `n` negatives with the highest logits of each row, as the model gives them, without the
    /// correction; all if there are not more. Where fewer than `n` are unmasked, masked ones fill up and stay
    /// masked.
    ///
    /// A choice by the model itself is no draw from Q: a corrected loss of hard negatives is no longer that
    /// of the full softmax.
    pub fn hardest(self, n: usize) -> Self {
        let [batch, n_negatives] = self.negatives.dims();
        if n >= n_negatives {
            return self;
        }
        if n == 0 {
            let none = |rows| Tensor::zeros([rows, 0], &self.negatives.device());
            let log_q = self.log_q.map(|LogQ { positives, .. }| LogQ { positives, negatives: none(1) });
            return CandidateLogits {
                negatives: none(batch),
                positives: self.positives,
                masked: None,
                log_q,
            };
        }
        let visible = self.negatives.clone().detach();
        let visible = match &self.masked {
            Some(masked) => visible.mask_fill(masked.clone(), f32::NEG_INFINITY),
            None => visible,
        };
        let (_, hardest) = visible.topk_with_indices(n, 1);
        let log_q = self.log_q.map(|LogQ { positives, negatives }| {
            let negatives = negatives.expand([batch, n_negatives]).gather(1, hardest.clone());
            LogQ { positives, negatives }
        });
        CandidateLogits {
            positives: self.positives,
            masked: self.masked.map(|masked| masked.gather(1, hardest.clone())),
            negatives: self.negatives.gather(1, hardest),
            log_q,
        }
    }

    /// The number of rows and the number of negatives of each, masked ones among them.
    pub fn dims(&self) -> [usize; 2] {
        self.negatives.dims()
    }

    pub(super) fn device(&self) -> Device {
        self.negatives.device()
    }

    /// Positives `[batch, 1]` and negatives `[batch, n_negatives]`: scaled, then corrected. Masked ones are
    /// 0 and have no gradient.
    pub(super) fn corrected(&self, scale: f64) -> (Tensor<2>, Tensor<2>) {
        let (mut positives, mut negatives) = (self.positives.clone(), self.negatives.clone());
        if scale != 1.0 {
            (positives, negatives) = (positives * scale, negatives * scale);
        }
        if let Some(log_q) = &self.log_q {
            (positives, negatives) =
                (positives - log_q.positives.clone(), negatives - log_q.negatives.clone());
        }
        (positives, self.with_masked(negatives, 0.0))
    }

    /// `of_negatives` with `value` where a negative is masked; no gradient passes there.
    pub(super) fn with_masked(&self, of_negatives: Tensor<2>, value: f32) -> Tensor<2> {
        match &self.masked {
            Some(masked) => of_negatives.mask_fill(masked.clone(), value),
            None => of_negatives,
        }
    }

    /// Which negatives do not count, if any.
    pub(super) fn mask(&self) -> Option<&Tensor<2, Bool>> {
        self.masked.as_ref()
    }
}

/// Whether values come for each row; else they are shared by all rows.
fn of_rows<T>(values: &[T], [batch, n]: [usize; 2]) -> bool {
    assert!(
        values.len() == n || values.len() == batch * n,
        "{} values for negatives of shape {:?}; it is one for each, or for each column",
        values.len(),
        [batch, n]
    );
    values.len() == batch * n && batch > 1
}
