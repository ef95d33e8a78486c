//! Which edges age away.

use serde::{Deserialize, Serialize};

use crate::random::{Random, Stream};
use crate::{Error, Result};

/// Removes a stated share of edges with every step of age.
///
/// An edge that was last reinforced `a` steps ago is there with probability
///
/// ```text
/// (1 - removed_per_step)^a
/// ```
///
/// decided by one random number of its two nodes and the step that reinforced it, under the seed: an edge that
/// is gone at some age is gone at every later one, an edge of age 0 is there, and one that is reinforced has
/// another number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freshness {
    /// The share of edges that a step removes, from 0 (none) to 1 (all that the step did not reinforce).
    pub removed_per_step: f64,
    /// Which ones: another seed, other edges.
    pub seed: u64,
}

impl Freshness {
    /// Checks the share.
    ///
    /// # Errors
    /// If it is not from 0 to 1.
    pub fn validate(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.removed_per_step) {
            let message = format!("{} is not a share from 0 to 1", self.removed_per_step);
            return Err(Error::Parameter { parameter: "removed_per_step", message });
        }
        Ok(())
    }

    /// Whether the edge from `source` to `target`, last reinforced in step `reinforced`, is there `age` steps later.
    pub fn survives(&self, source: u32, target: u32, reinforced: u32, age: u32) -> bool {
        let row = u64::from(source) << 32 | u64::from(target);
        let share = (1.0 - self.removed_per_step).powf(f64::from(age));
        age == 0
            || Random::new(self.seed, Stream::Freshness, u64::from(reinforced)).row(row).uniform() < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stated_share_survives() {
        let n = 100_000;
        for removed_per_step in [0.01, 0.3] {
            let freshness = Freshness { removed_per_step, seed: 8 };
            let mut alive: Vec<u32> = (0..n).collect();
            for age in 0..6 {
                let before = alive.len();
                alive.retain(|&edge| freshness.survives(edge % 317, edge / 317, 3, age));
                // Of all edges, those that survive this age are among those that survived the last.
                let all = (0..n).filter(|&edge| freshness.survives(edge % 317, edge / 317, 3, age));
                assert!(alive.iter().copied().eq(all));
                let removed = (before - alive.len()) as f64;
                let share = if age == 0 { 0.0 } else { removed_per_step };
                let mean = before as f64 * share;
                let deviation = (mean * (1.0 - share)).sqrt();
                assert!(
                    (removed - mean).abs() <= 4.0 * deviation,
                    "age {age}: {removed} removed, not {mean}"
                );
            }
        }
    }

    #[test]
    fn directions_and_seeds_are_independent() {
        let survives =
            |seed, source, target| Freshness { removed_per_step: 0.5, seed }.survives(source, target, 0, 1);
        let differ =
            |other: &dyn Fn(u32) -> bool| (0..1000).filter(|&n| survives(1, n, 7) != other(n)).count();
        for n in [differ(&|n| survives(1, 7, n)), differ(&|n| survives(2, n, 7))] {
            assert!((400..600).contains(&n), "{n} of 1000 differ");
        }
    }

    #[test]
    fn what_survived_once_is_removed_as_often_after_it_is_reinforced() {
        let freshness = Freshness { removed_per_step: 0.3, seed: 2 };
        let survivors: Vec<u32> = (0..10_000).filter(|&edge| freshness.survives(edge, 0, 0, 2)).collect();
        let removed = survivors.iter().filter(|&&edge| !freshness.survives(edge, 0, 2, 1)).count();
        let share = removed as f64 / survivors.len() as f64;
        assert!((share - 0.3).abs() < 0.03, "{share}");
    }

    #[test]
    fn extreme_shares_are_defined() {
        let none = Freshness { removed_per_step: 0.0, seed: 1 };
        let all = Freshness { removed_per_step: 1.0, seed: 1 };
        assert!((0..1000).all(|n| none.survives(n, n + 1, 0, u32::MAX)));
        assert!((0..1000).all(|n| all.survives(n, n + 1, 5, 0) && !all.survives(n, n + 1, 5, 1)));
        for removed_per_step in [-0.1, 1.1, f64::NAN] {
            assert!(Freshness { removed_per_step, seed: 1 }.validate().is_err());
        }
    }
}
