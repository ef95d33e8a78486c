use super::{CatalogueMetric, Exposure};

/// The share of recommendations that are of the tail: of items that few users have met.
///
/// `TailShare@k = recommendations of tail items at the ranks 1 to k / recommendations of items of the
/// catalogue there`. It is to be compared with the share of the tail among what users will meet: a share far
/// below is popularity bias. In 0..1. Undefined where nothing of the catalogue was recommended.
///
/// With RecBole's tail given to [`new`](Self::new) and lists of `k` items of the catalogue it equals RecBole
/// `tailpercentage`. That averages over lists, each divided by `k`, while here all recommendations count
/// alike; and its tail is the `tail_ratio` of the items with training rows that have the fewest, ties to the
/// lower index, at least one item: [`of_counts`](Self::of_counts) gives ties to the head instead, and adds the
/// items without rows.
#[derive(Debug, Clone)]
pub struct TailShare {
    /// Ascending and unique.
    tail: Vec<u32>,
}

impl TailShare {
    /// The tail is `tail`, in any order.
    pub fn new(tail: impl IntoIterator<Item = u32>) -> Self {
        let mut tail: Vec<u32> = tail.into_iter().collect();
        tail.sort_unstable();
        tail.dedup();
        TailShare { tail }
    }

    /// The tail is all but the head: the `head_fraction` of the items with a count above 0 that have the
    /// highest counts, rounded up; ties go to the lower index. Items without a count belong to the tail.
    pub fn of_counts(counts: &[u32], head_fraction: f64) -> Self {
        let mut items: Vec<u32> = (0..counts.len() as u32).collect();
        items.sort_by_key(|&item| std::cmp::Reverse(counts[item as usize]));
        let n_met = counts.iter().filter(|&&count| count > 0).count();
        // Clamped by the conversion; NaN is 0.
        let n_head = ((n_met as f64 * head_fraction).ceil() as usize).min(items.len());
        Self::new(items.split_off(n_head))
    }

    /// The items of the tail, ascending.
    pub fn items(&self) -> &[u32] {
        &self.tail
    }

    /// Whether an item is of the tail.
    pub fn contains(&self, item: u32) -> bool {
        self.tail.binary_search(&item).is_ok()
    }
}

impl CatalogueMetric for TailShare {
    fn label(&self, k: usize) -> String {
        format!("TailShare@{k}")
    }

    fn measure(&self, exposure: &Exposure) -> Option<f64> {
        let of_tail = |&(&item, _): &(&u32, &u64)| self.contains(item);
        let items = || exposure.items().iter().zip(exposure.counts());
        let tail: u64 = items().filter(of_tail).map(|(_, count)| count).sum();
        let all: u64 = exposure.counts().iter().sum();
        (all > 0).then(|| tail as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_what_most_have_met() {
        // Items 1 and 4 tie, the lower one is of the head; item 2 was never met.
        let tail = TailShare::of_counts(&[1, 5, 0, 9, 5], 0.5);
        assert_eq!(tail.items(), [0, 2, 4]);
        assert_eq!(TailShare::of_counts(&[3, 1], 0.0).items(), [0, 1]);
        assert_eq!(TailShare::of_counts(&[3, 1], 9.0).items(), [0u32; 0]);
    }

    #[test]
    fn recommendations_are_counted_not_items() {
        let tail = TailShare::new([0, 4, 4]);
        let mut exposure = Exposure::new(2, 0..5).unwrap();
        assert_eq!(tail.measure(&exposure), None);
        exposure.observe(&[1, 0, 4]);
        exposure.observe(&[1, 2]);
        // Item 9 is not of the catalogue.
        exposure.observe(&[4, 9]);
        assert_eq!(tail.measure(&exposure), Some(2.0 / 5.0));
        assert_eq!(tail.label(2), "TailShare@2");
    }

    #[test]
    fn full_lists_average_like_the_percentages_of_recbole() {
        // Of counts 9, 7, 2, 2, 1 the lowest two fifths: items 4 and, of the tied ones, 2.
        let tail = TailShare::new([4, 2]);
        let lists = [[0, 1], [2, 4], [3, 4], [1, 0]];
        let percentages = [0.0 / 2.0, 2.0 / 2.0, 1.0 / 2.0, 0.0 / 2.0];
        let mut exposure = Exposure::new(2, 0..5).unwrap();
        lists.iter().for_each(|list| exposure.observe(list));
        assert_eq!(tail.measure(&exposure), Some(percentages.iter().sum::<f64>() / 4.0));
        assert_eq!(TailShare::of_counts(&[9, 7, 2, 2, 1], 0.6).items(), [3, 4]);
    }
}
