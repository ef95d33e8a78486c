use super::{CatalogueMetric, Exposure};

/// How many items the recommendations are spread over, as the entropy of their distribution.
///
/// `Entropy@k = -Σ p ln p` in nats over the items of the catalogue, `p` being an item's share of the
/// recommendations at ranks 1 to `k`. Items that are never recommended add nothing, so the catalogue's size
/// does not matter; its exponential is the number of items that would give the same value if they were
/// recommended equally often. Items outside the catalogue do not count.
///
/// In 0..ln n: 0 where one item is recommended, ln n where `n` items are, equally often. Undefined where
/// nothing of the catalogue was recommended.
///
/// Source: Shannon, A mathematical theory of communication, 1948. RecBole `shannonentropy` divides this by the
/// number of distinct items recommended, although its formula does not, and so falls when recommendations
/// spread over more items: multiply its value by that number to compare.
#[derive(Debug, Clone, Copy)]
pub struct Entropy;

impl CatalogueMetric for Entropy {
    fn label(&self, k: usize) -> String {
        format!("Entropy@{k}")
    }

    fn measure(&self, exposure: &Exposure) -> Option<f64> {
        let all: u64 = exposure.counts().iter().sum();
        let shares =
            exposure.counts().iter().filter(|&&count| count > 0).map(|&count| count as f64 / all as f64);
        (all > 0).then(|| shares.fold(0.0, |sum, share| sum - share * share.ln()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_lists(n_items: u32, lists: &[&[u32]]) -> Option<f64> {
        let mut exposure = Exposure::new(9, 0..n_items).unwrap();
        lists.iter().for_each(|list| exposure.observe(list));
        Entropy.measure(&exposure)
    }

    #[test]
    fn shares_of_recommendations_are_summed() {
        let value = of_lists(9, &[&[0, 1, 99], &[0]]).unwrap();
        let (first, second): (f64, f64) = (2.0 / 3.0, 1.0 / 3.0);
        assert!((value - (-first * first.ln() - second * second.ln())).abs() < 1e-15);
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(of_lists(9, &[&[3], &[3]]).map(f64::to_bits), Some(0.0_f64.to_bits()));
        assert!((of_lists(9, &[&[3, 4], &[5, 6]]).unwrap() - 4_f64.ln()).abs() < 1e-15);
        assert_eq!(of_lists(9, &[&[], &[99]]), None);
    }
}
