//! Comparison of the truth that debiasing leaves: which rows is a matter of chance, how many is not.

use burn_recsys_metrics::debias::Debias;

use super::comparison::Comparison;
use super::fixtures::{RECTOOLS, debiased, lists_cases};

pub(crate) fn comparisons() -> Vec<Comparison> {
    let mut comparison = Comparison::new("Debias: rows left of each item", RECTOOLS, "debias_interactions");
    comparison.note = "which rows are left is drawn, and differs";
    let left = debiased();
    for case in lists_cases() {
        comparison.cases.insert(case.name.clone());
        let (users, items) = case.relevant.columns();
        let rows: Vec<(u32, u32)> = users.into_iter().zip(items).collect();
        let mut ours = vec![0; case.n_items as usize];
        for (_, item) in Debias::new(1.5, 1).unwrap().apply(&rows) {
            ours[item as usize] += 1;
        }
        let theirs = left[&case.name].counts(case.n_items);
        for (item, (ours, theirs)) in ours.into_iter().zip(theirs).enumerate() {
            comparison.compare(Some(f64::from(ours)), Some(f64::from(theirs)), || {
                format!("rows left of item {item}, {}", case.name)
            });
        }
    }
    vec![comparison]
}
