use super::{CatalogueMetric, Exposure};

/// How unequally recommendations are spread over the catalogue.
///
/// `Gini@k = Σ (2 i - n - 1) c(i) / (n Σ c(i))`, where `c(1) <= ... <= c(n)` are the numbers of
/// recommendations at ranks 1 to `k` of the `n` items of the catalogue. Items that are never recommended count,
/// with 0: a model that recommends few items equally often is still unequal. Items outside the catalogue do
/// not.
///
/// 0 where all items are recommended equally often, `1 - 1/n` where all recommendations are of one item.
/// Undefined where nothing of the catalogue was recommended.
///
/// Source: Gini, Variabilità e mutabilità, 1912. Equals RecBole `giniindex` over the same `n`; RecBole's own
/// is one more than there are items, since it counts the padding.
#[derive(Debug, Clone, Copy)]
pub struct Gini;

impl CatalogueMetric for Gini {
    fn label(&self, k: usize) -> String {
        format!("Gini@{k}")
    }

    fn measure(&self, exposure: &Exposure) -> Option<f64> {
        let mut counts = exposure.counts().to_vec();
        counts.sort_unstable();
        let n = counts.len() as i128;
        let all: i128 = counts.iter().map(|&count| i128::from(count)).sum();
        // Whole numbers: no rounding before the one division.
        let weighted: i128 = (1..).zip(&counts).map(|(i, &count)| (2 * i - n - 1) * i128::from(count)).sum();
        (all > 0).then(|| weighted as f64 / (n * all) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_lists(n_items: u32, lists: &[&[u32]]) -> Option<f64> {
        let mut exposure = Exposure::new(9, 0..n_items).unwrap();
        lists.iter().for_each(|list| exposure.observe(list));
        Gini.measure(&exposure)
    }

    #[test]
    fn equal_counts_have_0_and_one_item_has_the_most() {
        assert_eq!(of_lists(3, &[&[0, 1], &[2, 0], &[1, 2]]), Some(0.0));
        assert_eq!(of_lists(4, &[&[2], &[2], &[2]]), Some(1.0 - 1.0 / 4.0));
    }

    #[test]
    fn items_never_recommended_count() {
        // Counts 0, 0, 1, 3 of items 2, 3, 1, 0.
        let expected = (1.0 * 1.0 + 3.0 * 3.0) / (4.0 * 4.0);
        assert_eq!(of_lists(4, &[&[0, 1], &[0], &[0, 99]]), Some(expected));
        assert_eq!(of_lists(4, &[&[], &[99]]), None);
        assert_eq!(of_lists(0, &[&[99]]), None);
    }
}
