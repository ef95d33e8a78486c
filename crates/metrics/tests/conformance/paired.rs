//! Comparisons of what is said of two models, and of the spread of a mean.

use burn_recsys_metrics::statistics::{
    Bootstrap, Confidence, PairedComparison, standard_error, student_interval,
};

use super::comparison::Comparison;
use super::fixtures::{PairedCase, SCIPY, paired_cases};

/// The numbers of a case: ours and SciPy's.
type Numbers = fn(&PairedCase) -> Vec<(Option<f64>, f64)>;

const TABLE: [(&str, &str, Numbers); 5] = [
    ("difference of a paired comparison", "mean of the differences", |case| {
        vec![(compared(case).difference, case.mean)]
    }),
    ("t of a paired comparison", "stats.ttest_rel statistic", |case| {
        vec![(compared(case).t, case.ttest_rel.statistic)]
    }),
    ("p of the paired t test", "stats.ttest_rel pvalue", |case| {
        vec![(compared(case).t_test_p_value, case.ttest_rel.p)]
    }),
    ("standard error of a mean", "stats.sem", |case| {
        vec![(standard_error(&differences(case)), case.standard_error)]
    }),
    ("interval of a mean by Student's t", "stats.t.interval", |case| {
        let bounds = case.interval.iter().flat_map(|(level, &(lower, upper))| {
            let confidence = Confidence::new(level.parse().unwrap()).unwrap();
            let interval = student_interval(&differences(case), confidence);
            [
                (interval.map(|interval| interval.lower), lower),
                (interval.map(|interval| interval.upper), upper),
            ]
        });
        bounds.collect()
    }),
];

pub(crate) fn comparisons() -> Vec<Comparison> {
    let compare = |(metric, name, numbers): (&'static str, &'static str, Numbers)| {
        let mut comparison = Comparison::new(metric, SCIPY, name);
        for case in paired_cases() {
            comparison.cases.insert(case.name.clone());
            for (ours, theirs) in numbers(&case) {
                comparison.compare(ours, Some(theirs), || format!("{metric}, {}", case.name));
            }
        }
        comparison
    };
    TABLE.into_iter().map(compare).collect()
}

fn compared(case: &PairedCase) -> PairedComparison {
    PairedComparison::new(&case.left, &case.right, &Bootstrap::new(2, 1).unwrap()).unwrap()
}

fn differences(case: &PairedCase) -> Vec<f64> {
    case.left.iter().zip(&case.right).map(|(left, right)| right - left).collect()
}
