//! What must hold for every column of scores and labels, and for all pages.

use burn_recsys_metrics::pointwise::{
    Auc, AveragePrecision, BalancedAccuracy, Brier, ConfusionMatrix, ExpectedCalibrationError, GroupWeight,
    GroupedAuc, Mae, MatthewsCorrelation, NormalizedEntropy, PartialAuc, PointwiseMetric, Predictions,
    RatingErrors, RatingMetric, Rmse, Threshold,
};
use burn_recsys_metrics::slate::{
    Discount, DiscountedValue, ItemClickRate, PageClickRate, SlateMetric, SlateReward, Slates,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Scores with many ties.
fn rows() -> impl Strategy<Value = (Vec<f64>, Vec<bool>)> {
    vec((0..=20_u8, any::<bool>()), 0..80)
        .prop_map(|rows| rows.into_iter().map(|(score, label)| (f64::from(score) / 20.0, label)).unzip())
}

fn all_metrics() -> Vec<Box<dyn PointwiseMetric>> {
    vec![
        Box::new(Auc),
        Box::new(AveragePrecision),
        Box::new(PartialAuc::new(0.3).unwrap()),
        Box::new(NormalizedEntropy),
        Box::new(BalancedAccuracy::default()),
        Box::new(MatthewsCorrelation::default()),
        Box::new(Brier),
        Box::new(ExpectedCalibrationError::default()),
        Box::new(ExpectedCalibrationError::new(4).unwrap().with_equal_mass()),
    ]
}

fn bits(scores: &[f64], labels: &[bool]) -> Vec<Option<u64>> {
    let predictions = Predictions::new(scores, labels).unwrap();
    all_metrics().iter().map(|metric| metric.measure(&predictions).unwrap().map(f64::to_bits)).collect()
}

/// Points of the curve by comparing every row with every threshold: (false positives, true positives).
fn curve(scores: &[f64], labels: &[bool]) -> Vec<(f64, f64)> {
    let mut thresholds = scores.to_vec();
    thresholds.sort_by(|left, right| right.total_cmp(left));
    thresholds.dedup();
    let at = |threshold: f64, class: bool| {
        scores.iter().zip(labels).filter(|&(&s, &l)| l == class && s >= threshold).count() as f64
    };
    std::iter::once((0.0, 0.0)).chain(thresholds.iter().map(|&t| (at(t, false), at(t, true)))).collect()
}

proptest! {
    #[test]
    fn average_precision_sums_the_steps_of_the_curve((scores, labels) in rows()) {
        let curve = curve(&scores, &labels);
        let positives = labels.iter().filter(|&&label| label).count() as f64;
        let steps = curve.windows(2).map(|pair| (pair[1].1 - pair[0].1) * pair[1].1 / (pair[1].0 + pair[1].1));
        let expected = steps.sum::<f64>() / positives;
        let value = AveragePrecision.measure(&Predictions::new(&scores, &labels).unwrap()).unwrap();
        prop_assert_eq!(value.is_some(), positives > 0.0);
        prop_assert!(value.is_none_or(|value| (value - expected).abs() < 1e-12), "{value:?} {expected}");
    }

    #[test]
    fn partial_auc_integrates_the_cut_curve((scores, labels) in rows(), max in 0.01..=1.0_f64) {
        let curve = curve(&scores, &labels);
        let &(negatives, positives) = curve.last().unwrap();
        // Many thin slices of the interpolated curve.
        let height = |x: f64| {
            let right = curve.iter().position(|point| point.0 > x * negatives).unwrap_or(curve.len() - 1);
            let (from, to) = (curve[right.max(1) - 1], curve[right]);
            (from.1 + (to.1 - from.1) * (x * negatives - from.0) / (to.0 - from.0)) / positives
        };
        let value = PartialAuc::new(max).unwrap().measure(&Predictions::new(&scores, &labels).unwrap()).unwrap();
        prop_assert_eq!(value.is_some(), positives > 0.0 && negatives > 0.0);
        if let Some(value) = value {
            let n = 4000;
            let slice = |i: i32| height((f64::from(i) + 0.5) / f64::from(n) * max);
            let area = (0..n).map(slice).sum::<f64>() / f64::from(n) * max;
            let chance = max * max / 2.0;
            let expected = (1.0 + (area - chance) / (max - chance)) / 2.0;
            prop_assert!((value - expected).abs() < 1e-2, "{value} {expected}");
        }
    }

    #[test]
    fn values_keep_their_bounds((scores, labels) in rows()) {
        let predictions = Predictions::new(&scores, &labels).unwrap();
        for metric in all_metrics() {
            let low = if metric.label() == "MCC" { -1.0 } else { 0.0 };
            let high = if metric.label() == "NormalizedEntropy" { f64::INFINITY } else { 1.0 };
            let value = metric.measure(&predictions).unwrap();
            prop_assert!(value.is_none_or(|v| (low..=high).contains(&v)), "{} {value:?}", metric.label());
        }
    }

    #[test]
    fn one_group_has_the_auc_of_all_rows((scores, labels) in rows()) {
        let predictions = Predictions::new(&scores, &labels).unwrap();
        let auc = Auc.measure(&predictions).unwrap();
        let grouped = GroupedAuc::new(vec![3; scores.len()]).measure(&predictions).unwrap();
        prop_assert_eq!(auc.is_some(), grouped.is_some());
        prop_assert!(auc.zip(grouped).is_none_or(|(auc, grouped)| (auc - grouped).abs() < 1e-15));
    }

    #[test]
    fn grouped_auc_is_the_weighted_mean_over_groups(
        rows in vec((0..10_u8, any::<bool>(), 0..5_u32), 0..80),
        by_positives in any::<bool>(),
    ) {
        let scores: Vec<f32> = rows.iter().map(|row| f32::from(row.0)).collect();
        let labels: Vec<bool> = rows.iter().map(|row| row.1).collect();
        let groups: Vec<u32> = rows.iter().map(|row| row.2).collect();
        let (mut total, mut weights, mut n_one_class) = (0.0, 0.0, 0);
        for group in 0..5 {
            let own = rows.iter().filter(|row| row.2 == group);
            let (scores, labels): (Vec<f32>, Vec<bool>) = own.map(|row| (f32::from(row.0), row.1)).unzip();
            let n = if by_positives { labels.iter().filter(|&&l| l).count() } else { labels.len() };
            match Auc.measure(&Predictions::new(&scores, &labels).unwrap()).unwrap() {
                Some(auc) => (total, weights) = (total + n as f64 * auc, weights + n as f64),
                None => n_one_class += usize::from(!labels.is_empty()),
            }
        }
        let weight = if by_positives { GroupWeight::Positives } else { GroupWeight::Rows };
        let gauc = GroupedAuc::new(groups).with_weight(weight);
        let parts = gauc.by_group(&Predictions::new(&scores, &labels).unwrap()).unwrap();
        prop_assert_eq!(parts.n_one_class, n_one_class);
        prop_assert_eq!(parts.value().is_some(), weights > 0.0);
        prop_assert!(parts.value().is_none_or(|value| (value - total / weights).abs() < 1e-14));
    }

    #[test]
    fn every_row_is_in_one_reliability_bin(
        (scores, labels) in rows(),
        n in 1..12_usize,
        mass in any::<bool>(),
    ) {
        let ece = ExpectedCalibrationError::new(n).unwrap();
        let ece = if mass { ece.with_equal_mass() } else { ece };
        let bins = ece.bins(&Predictions::new(&scores, &labels).unwrap()).unwrap();
        prop_assert_eq!(bins.iter().map(|bin| bin.n_rows).sum::<u64>(), scores.len() as u64);
        let positives: f64 = bins.iter().map(|bin| bin.share_of_positives * bin.n_rows as f64).sum();
        prop_assert!((positives - labels.iter().filter(|&&label| label).count() as f64).abs() < 1e-9);
        prop_assert!(bins.len() <= n && bins.is_sorted_by(|left, right| left.upper <= right.lower));
        for bin in bins {
            let within = bin.lower - 1e-12..=bin.upper + 1e-12;
            prop_assert!(bin.n_rows > 0 && within.contains(&bin.mean_probability), "{bin:?}");
        }
    }

    #[test]
    fn the_correlation_changes_sign_when_labels_are_swapped((scores, labels) in rows()) {
        let matrix = |labels: &[bool]| {
            ConfusionMatrix::new(&Predictions::new(&scores, labels).unwrap(), Threshold::default())
        };
        let swapped: Vec<bool> = labels.iter().map(|label| !label).collect();
        let (value, other) = (matrix(&labels).matthews_correlation(), matrix(&swapped).matthews_correlation());
        prop_assert_eq!(value.map(|value| -value), other);
    }

    #[test]
    fn the_mean_absolute_error_is_at_most_the_root_mean_square(
        rows in vec((-9.0..9.0_f64, -9.0..9.0_f64), 1..50),
    ) {
        let (predicted, targets): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
        let ratings = RatingErrors::new(&predicted, &targets).unwrap();
        let (rmse, mae) = (Rmse.measure(&ratings).unwrap(), Mae.measure(&ratings).unwrap());
        let largest = ratings.errors().map(f64::abs).fold(0.0, f64::max);
        prop_assert!(mae <= rmse * (1.0 + 1e-12) && rmse <= largest * (1.0 + 1e-12));
    }

    #[test]
    fn pages_of_clicks_agree_with_counting(pages in vec(vec(any::<bool>(), 0..6), 0..20)) {
        let slates = Slates::of_clicks(&pages);
        let clicks = pages.iter().flatten().filter(|&&click| click).count() as f64;
        let items = pages.iter().map(Vec::len).sum::<usize>() as f64;
        let with_click = pages.iter().filter(|page| page.contains(&true)).count() as f64;
        let n = pages.len() as f64;
        let measure = |metric: &dyn SlateMetric| metric.measure(&slates).unwrap();
        prop_assert_eq!(measure(&ItemClickRate::default()), (items > 0.0).then(|| clicks / items));
        prop_assert_eq!(measure(&PageClickRate::default()), (n > 0.0).then(|| with_click / n));
        prop_assert_eq!(measure(&SlateReward::new([1.0]).unwrap()), (n > 0.0).then(|| clicks / n));
        let discounted = DiscountedValue::new([1.0]).unwrap();
        prop_assert!(measure(&discounted) <= measure(&SlateReward::new([1.0]).unwrap()));
        let flat = discounted.with_discount(Discount::Geometric { gamma: 1.0 }).unwrap();
        prop_assert_eq!(measure(&flat), measure(&SlateReward::new([1.0]).unwrap()));
    }
}

#[test]
fn neither_threads_nor_the_order_of_tied_rows_change_a_bit() {
    // Enough rows that sorting is shared out.
    let n = 60_000_u32;
    let hashed = |row: u32| f64::from(row.wrapping_mul(2_654_435_761) % 10_007) / 10_007.0;
    let scores: Vec<f64> = (0..n).map(hashed).collect();
    let labels: Vec<bool> = (0..n).map(|row| hashed(row + n) < hashed(row)).collect();
    let expected = bits(&scores, &labels);
    for n_threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        assert_eq!(pool.install(|| bits(&scores, &labels)), expected, "{n_threads} threads");
    }
    // What is summed in the order of scores does not depend on that of rows at all.
    let reversed = |metric: &dyn PointwiseMetric| {
        let scores: Vec<f64> = scores.iter().rev().copied().collect();
        let labels: Vec<bool> = labels.iter().rev().copied().collect();
        metric.measure(&Predictions::new(&scores, &labels).unwrap()).unwrap()
    };
    let predictions = Predictions::new(&scores, &labels).unwrap();
    let equal_mass = ExpectedCalibrationError::default().with_equal_mass();
    let metrics: [&dyn PointwiseMetric; 4] =
        [&Auc, &AveragePrecision, &PartialAuc::new(0.1).unwrap(), &equal_mass];
    for metric in metrics {
        assert_eq!(reversed(metric), metric.measure(&predictions).unwrap(), "{}", metric.label());
    }
}
