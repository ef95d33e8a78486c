//! The ids of a step.

use burn_recsys_data::random::Draws;

use crate::zipf::Zipf;

/// How ids are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Traffic {
    /// Zipf over all rows: the larger the table, the fewer the repetitions, so the more rows a step
    /// touches.
    Zipf,
    /// Zipf over 10,000 ranks that every step puts on other rows of the table: every size touches
    /// equally many rows a step, and in a large table they are rows that no cache holds.
    SameTouch,
}

/// Ranks of [`Traffic::SameTouch`].
const N_RANKS: u32 = 10_000;

/// What a step works on.
#[derive(Debug)]
pub(crate) struct Batch {
    /// `[batch]`
    pub(crate) users: Vec<u32>,
    /// `[batch]`
    pub(crate) items: Vec<u32>,
    /// `[batch]`: 1 for liked, -1 for not.
    pub(crate) signs: Vec<f32>,
}

impl Traffic {
    /// A batch over tables of `n_rows`.
    pub(crate) fn batch(self, n_rows: u32, batch_size: usize, draws: &mut Draws) -> Batch {
        let table = Zipf::new(n_rows);
        let mut ids = || -> Vec<u32> {
            match self {
                Traffic::Zipf => (0..batch_size).map(|_| table.draw(draws)).collect(),
                Traffic::SameTouch => {
                    let ranks = Zipf::new(N_RANKS.min(n_rows));
                    let offset = u64::from(draws.below(n_rows));
                    (0..batch_size).map(|_| table.scatter(ranks.rank(draws), offset)).collect()
                }
            }
        };
        let (users, items) = (ids(), ids());
        let signs = (0..batch_size).map(|_| if draws.below(2) == 0 { -1.0 } else { 1.0 }).collect();
        Batch { users, items, signs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_recsys_data::random::{Random, Stream};
    use std::collections::HashSet;

    fn touched(traffic: Traffic, n_rows: u32) -> usize {
        let mut draws = Random::new(1, Stream::Synthetic, 0).row(0);
        traffic.batch(n_rows, 8192, &mut draws).users.iter().collect::<HashSet<_>>().len()
    }

    #[test]
    fn same_touch_touches_as_many_rows_of_every_table() {
        let small = touched(Traffic::SameTouch, 10_000) as f64;
        let large = touched(Traffic::SameTouch, 4_000_000) as f64;
        assert!((large / small - 1.0).abs() < 0.05, "{small} and {large}");
        assert!(touched(Traffic::Zipf, 4_000_000) as f64 > 1.3 * small);
    }
}
