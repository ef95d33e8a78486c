use super::Predictions;
use super::ranked::{Ranked, Tie};

/// One point of a [`precision_recall_curve`]: what is found if every row from the highest score down to some
/// score is called positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrecisionRecallPoint {
    /// The share of those rows that are positive.
    pub precision: f64,
    /// The share of all positives that are among those rows.
    pub recall: f64,
}

/// Precision over recall, from the highest score to the lowest; `None` without positives.
///
/// One point for each distinct score, at most: of points of one recall the first is kept, since the others
/// only add negatives, and of more than `max_points` points some at equal distances of recall. The area under
/// the steps of all points is [`AveragePrecision`](super::AveragePrecision).
///
/// Cost: O(n log n) time, and a copy of the scores.
///
/// Source: the definition of scikit-learn's `precision_recall_curve`, in the other direction and without its
/// last point (precision 1 at recall 0), which no threshold gives.
pub fn precision_recall_curve(
    predictions: &Predictions<'_>,
    max_points: usize,
) -> Option<Vec<PrecisionRecallPoint>> {
    let ranked = Ranked::new(predictions);
    let n_positives = ranked.n_positives();
    if n_positives == 0 {
        return None;
    }
    let mut points: Vec<PrecisionRecallPoint> = Vec::new();
    let mut above = Tie::default();
    let spacing = 1.0 / max_points.max(1) as f64;
    ranked.for_each_tie(|tie| {
        above.positives += tie.positives;
        above.negatives += tie.negatives;
        let recall = above.positives as f64 / n_positives as f64;
        let is_far = points
            .last()
            .is_none_or(|last| recall - last.recall >= spacing || (recall == 1.0 && last.recall < 1.0));
        if tie.positives > 0 && is_far {
            let precision = above.positives as f64 / (above.positives + above.negatives) as f64;
            points.push(PrecisionRecallPoint { precision, recall });
        }
    });
    Some(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(scores: &[f64], labels: &[bool], max_points: usize) -> Option<Vec<(f64, f64)>> {
        let points = precision_recall_curve(&Predictions::new(scores, labels).unwrap(), max_points)?;
        Some(points.iter().map(|point| (point.recall, point.precision)).collect())
    }

    #[test]
    fn every_score_with_positives_is_a_point() {
        let labels = [true, false, true, false, true];
        // Descending: a positive, a negative, two at once, a positive, of three positives.
        let points = curve(&[0.9, 0.8, 0.5, 0.5, 0.1], &labels, 100).unwrap();
        assert_eq!(points, [(1.0 / 3.0, 1.0), (2.0 / 3.0, 0.5), (1.0, 3.0 / 5.0)]);
    }

    #[test]
    fn the_steps_below_it_are_average_precision() {
        use crate::pointwise::{AveragePrecision, PointwiseMetric};
        let scores: Vec<f64> = (0..200).map(|row| f64::from(row * 7919 % 61)).collect();
        let labels: Vec<bool> = (0..200).map(|row| row * 31 % 7 < 2).collect();
        let mut last = 0.0;
        let area: f64 = curve(&scores, &labels, usize::MAX)
            .unwrap()
            .iter()
            .map(|&(recall, precision)| {
                let gained = recall - last;
                last = recall;
                gained * precision
            })
            .sum();
        let expected = AveragePrecision.measure(&Predictions::new(&scores, &labels).unwrap()).unwrap();
        assert!((area - expected.unwrap()).abs() < 1e-12);
    }

    #[test]
    fn a_long_curve_is_thinned_and_keeps_its_end() {
        let scores: Vec<f64> = (0..1000).map(f64::from).collect();
        let points = curve(&scores, &[true; 1000], 10).unwrap();
        assert!((10..=12).contains(&points.len()), "{points:?}");
        assert_eq!(points.last(), Some(&(1.0, 1.0)));
    }

    #[test]
    fn without_positives_there_is_none() {
        assert_eq!(curve(&[0.1], &[false], 5), None);
        assert_eq!(curve(&[], &[], 5), None);
    }
}
