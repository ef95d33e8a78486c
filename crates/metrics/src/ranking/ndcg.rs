use super::rank_weights::{RankWeights, Weight};
use super::{Cutoff, JudgedList, RankingMetric};
use crate::Result;

/// Largest gains kept in order without memory from the heap.
const ON_STACK: usize = 64;

/// Above this grade `2^grade` comes close to what an `f64` can hold, and the 1 taken from it is beyond its
/// precision.
const LARGE_GRADE: f64 = 512.0;

/// What a hit of a grade is worth to [`Ndcg`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gain {
    /// 1 for every relevant item, whatever its grade.
    #[default]
    Binary,
    /// The grade.
    Linear,
    /// `2^grade - 1`, which sets high grades further apart (Burges et al. 2005).
    Exponential,
}

/// What [`Ndcg`] divides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ideal {
    /// The gain of the best list that the user's relevant items allow: one that begins with them, highest
    /// grade first. It has the value 1.
    #[default]
    Achievable,
    /// The gain of `k` hits that are each worth the user's largest gain, also where the user has fewer
    /// relevant items: users with few of them stay below 1.
    Full,
}

/// Normalised discounted cumulative gain: hits count more at better ranks.
///
/// `NDCG@k = DCG / IDCG`, `DCG = Σ gain / log2(rank + 1)` over the hits at ranks 1 to `k`. `IDCG` is the
/// `DCG` of an ideal list: by default of one that starts with `min(k, n_relevant)` hits, highest grade first
/// ([`Ideal`]). The gain is 1 unless the grades of [`JudgedList::grades`] are to count ([`Gain`]); without
/// grades every relevant item has grade 1, and all gains are the same.
///
/// In 0..1. Undefined for a user without relevant items, and for one whose gains are all 0.
///
/// Sources: Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques, ACM TOIS 20(4),
/// 2002; exponential gains: Burges et al., Learning to rank using gradient descent, ICML 2005. The default
/// equals `NDCG` of RePlay, [`Ideal::Full`] the default of RecTools, [`Ideal::Achievable`] its
/// `divide_by_achievable=True`.
///
/// ```
/// use burn_recsys_metrics::ranking::{Gain, JudgedList, Ndcg, RankingMetric};
///
/// let ndcg = Ndcg::new(10)?.with_gain(Gain::Exponential);
/// assert_eq!(ndcg.label(), "NDCG(exponential)@10");
/// // Item 7 (grade 3) stands behind item 4 (grade 1).
/// let list = JudgedList::new(&[4, 7], &[4, 7])?.with_grades(&[1.0, 3.0])?;
/// let discount = 1.0 / 3_f64.log2();
/// let expected = (1.0 + 7.0 * discount) / (7.0 + 1.0 * discount);
/// assert!((ndcg.measure(&list).unwrap_or(0.0) - expected).abs() < 1e-12);
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ndcg {
    k: Cutoff,
    gain: Gain,
    ideal: Ideal,
    discounts: RankWeights,
}

impl Ndcg {
    /// NDCG of the ranks 1 to `k`, with [`Gain::Binary`] and [`Ideal::Achievable`].
    ///
    /// # Errors
    /// If `k` is 0.
    pub fn new(k: usize) -> Result<Self> {
        let k = Cutoff::new(k)?;
        let discounts = RankWeights::new(Weight::Logarithmic, k);
        Ok(Self { k, gain: Gain::default(), ideal: Ideal::default(), discounts })
    }

    /// Lets hits be worth `gain`.
    pub fn with_gain(mut self, gain: Gain) -> Self {
        self.gain = gain;
        self
    }

    /// Divides by `ideal`.
    pub fn with_ideal(mut self, ideal: Ideal) -> Self {
        self.ideal = ideal;
        self
    }

    fn binary(&self, list: &JudgedList<'_>) -> Option<f64> {
        let k = self.k.get();
        let n_relevant = list.relevant().len();
        let n_ideal = match self.ideal {
            Ideal::Achievable => n_relevant.min(k),
            Ideal::Full => k,
        };
        let dcg = || self.discounts.sum(list.hit_ranks_within(k));
        (n_relevant > 0).then(|| dcg() / self.discounts.sum_to(n_ideal))
    }

    fn graded(&self, list: &JudgedList<'_>, grades: &[f64]) -> Option<f64> {
        let k = self.k.get();
        let highest = grades.iter().copied().fold(0.0, f64::max);
        if highest == 0.0 {
            return None;
        }
        let gain_of = |grade: f64| match self.gain {
            Gain::Exponential => exponential_share(grade, highest),
            Gain::Binary | Gain::Linear => grade / highest,
        };
        let recommended = list.recommended();
        let dcg = list.hit_ranks_within(k).iter().fold(0.0, |sum, &rank| {
            let grade = recommended.get(rank - 1).and_then(|&item| list.grade(item));
            sum + grade.map_or(0.0, gain_of) * self.discounts.at(rank)
        });
        let ideal = match self.ideal {
            Ideal::Full => self.discounts.sum_to(k),
            Ideal::Achievable => with_highest(grades, k, |highest_first| {
                let ranked = (1..).zip(highest_first);
                ranked.fold(0.0, |sum, (rank, &grade)| sum + gain_of(grade) * self.discounts.at(rank))
            }),
        };
        // The two sums pair gains with discounts differently, so rounding could pass 1.
        Some((dcg / ideal).min(1.0))
    }
}

impl RankingMetric for Ndcg {
    fn label(&self) -> String {
        let variant = match (self.gain, self.ideal) {
            (Gain::Binary, Ideal::Achievable) => "",
            (Gain::Linear, Ideal::Achievable) => "(linear)",
            (Gain::Exponential, Ideal::Achievable) => "(exponential)",
            (Gain::Binary, Ideal::Full) => "(full)",
            (Gain::Linear, Ideal::Full) => "(linear, full)",
            (Gain::Exponential, Ideal::Full) => "(exponential, full)",
        };
        format!("NDCG{variant}{}", self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        match list.grades() {
            Some(grades) if self.gain != Gain::Binary => self.graded(list, grades),
            _ => self.binary(list),
        }
    }
}

/// `(2^grade - 1) / (2^highest - 1)`. Shares of the highest gain stand for the gains: dividing all by one
/// number changes no quotient of sums, and no sum overflows.
fn exponential_share(grade: f64, highest: f64) -> f64 {
    if highest > LARGE_GRADE {
        return if grade == 0.0 { 0.0 } else { (grade - highest).exp2() };
    }
    let gain = |grade: f64| (grade * std::f64::consts::LN_2).exp_m1();
    gain(grade) / gain(highest)
}

/// `f` of the `n` highest grades, or all where there are fewer, in descending order.
fn with_highest(grades: &[f64], n: usize, f: impl Fn(&[f64]) -> f64) -> f64 {
    if n.min(grades.len()) > ON_STACK {
        let mut sorted = grades.to_vec();
        sorted.sort_unstable_by(|left, right| right.total_cmp(left));
        sorted.truncate(n);
        return f(&sorted);
    }
    let mut kept = [0.0; ON_STACK];
    let mut n_kept = 0;
    for &grade in grades {
        let position = kept[..n_kept].partition_point(|&other| other >= grade);
        if position < n {
            n_kept = (n_kept + 1).min(n);
            kept[position..n_kept].rotate_right(1);
            kept[position] = grade;
        }
    }
    f(&kept[..n_kept])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_discounted_by_rank_and_divided_by_the_ideal() {
        let list = JudgedList::new(&[9, 1, 8, 2], &[1, 2, 3]).unwrap();
        let dcg = 1.0 / 3_f64.log2() + 1.0 / 5_f64.log2();
        let ideal = 1.0 + 1.0 / 3_f64.log2() + 1.0 / 2.0;
        assert_eq!(Ndcg::new(4).unwrap().measure(&list), Some(dcg / ideal));
    }

    #[test]
    fn the_ideal_is_cut_at_k() {
        let list = JudgedList::new(&[9, 1], &[1, 2, 3]).unwrap();
        let expected = (1.0 / 3_f64.log2()) / (1.0 + 1.0 / 3_f64.log2());
        assert_eq!(Ndcg::new(2).unwrap().measure(&list), Some(expected));
    }

    #[test]
    fn a_full_ideal_holds_k_hits() {
        let list = JudgedList::new(&[9, 1, 8], &[1]).unwrap();
        let full = Ndcg::new(3).unwrap().with_ideal(Ideal::Full);
        let expected = (1.0 / 3_f64.log2()) / (1.0 + 1.0 / 3_f64.log2() + 1.0 / 2.0);
        assert_eq!(full.measure(&list), Some(expected));
    }

    fn graded(gain: Gain, ideal: Ideal) -> Option<f64> {
        // Grades: item 1 has 1, item 2 has 3, item 3 has 2, item 4 has 0.
        let list = JudgedList::new(&[9, 1, 2], &[1, 2, 3, 4]).unwrap();
        let list = list.with_grades(&[1.0, 3.0, 2.0, 0.0]).unwrap();
        Ndcg::new(3).unwrap().with_gain(gain).with_ideal(ideal).measure(&list)
    }

    #[test]
    fn grades_become_gains() {
        let (second, third) = (1.0 / 3_f64.log2(), 1.0 / 2.0);
        let close = |value: Option<f64>, expected: f64| {
            assert!((value.unwrap() - expected).abs() < 1e-15, "{value:?} {expected}");
        };
        close(graded(Gain::Binary, Ideal::Achievable), (second + third) / (1.0 + second + third));
        let linear = second + 3.0 * third;
        close(graded(Gain::Linear, Ideal::Achievable), linear / (3.0 + 2.0 * second + third));
        close(graded(Gain::Linear, Ideal::Full), linear / (3.0 * (1.0 + second + third)));
        let exponential = second + 7.0 * third;
        close(graded(Gain::Exponential, Ideal::Achievable), exponential / (7.0 + 3.0 * second + third));
        close(graded(Gain::Exponential, Ideal::Full), exponential / (7.0 * (1.0 + second + third)));
    }

    #[test]
    fn without_grades_all_gains_are_alike() {
        let list = JudgedList::new(&[9, 1, 2], &[1, 2, 3]).unwrap();
        let binary = Ndcg::new(3).unwrap();
        for gain in [Gain::Linear, Gain::Exponential] {
            assert_eq!(binary.clone().with_gain(gain).measure(&list), binary.measure(&list));
        }
    }

    #[test]
    fn extreme_grades_stay_defined() {
        let list = JudgedList::new(&[1, 2], &[1, 2]).unwrap();
        for gain in [Gain::Linear, Gain::Exponential] {
            let ndcg = Ndcg::new(2).unwrap().with_gain(gain);
            let measure = |grades: &[f64]| ndcg.measure(&list.clone().with_grades(grades).unwrap());
            assert_eq!(measure(&[1e308, 1e308]), Some(1.0));
            assert_eq!(measure(&[1e-300, 1e-300]), Some(1.0));
            assert_eq!(measure(&[600.0, 0.0]), Some(1.0));
            assert_eq!(measure(&[0.0, 0.0]), None);
        }
    }

    #[test]
    fn the_highest_grades_are_found_with_and_without_the_heap() {
        let grades: Vec<f64> = (0..200).map(|i| f64::from(i * 37 % 101)).collect();
        let mut sorted = grades.clone();
        sorted.sort_by(|left, right| right.total_cmp(left));
        for n in [1, 2, ON_STACK, ON_STACK + 1, 200, 500] {
            with_highest(&grades, n, |found| {
                assert_eq!(found, &sorted[..n.min(200)]);
                0.0
            });
        }
    }

    #[test]
    fn variants_show_in_the_label() {
        let labels = [Gain::Binary, Gain::Linear, Gain::Exponential].map(|gain| {
            let ndcg = Ndcg::new(5).unwrap().with_gain(gain);
            [ndcg.label(), ndcg.with_ideal(Ideal::Full).label()]
        });
        let expected = [
            ["NDCG@5", "NDCG(full)@5"],
            ["NDCG(linear)@5", "NDCG(linear, full)@5"],
            ["NDCG(exponential)@5", "NDCG(exponential, full)@5"],
        ];
        assert_eq!(labels, expected);
    }
}
