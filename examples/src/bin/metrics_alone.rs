//! Measuring another system's recommendations: no model, no Burn.

#![allow(clippy::print_stdout)]

use burn_recsys::metrics::catalogue::Coverage;
use burn_recsys::metrics::ranking::standard_metrics;
use burn_recsys::metrics::{RankingEvaluator, UserList};

fn main() -> Result<(), burn_recsys::metrics::Error> {
    // Item indices: recommended best first, relevant ascending.
    let lists = [
        UserList::new(0, &[4, 1, 2], &[2, 4]),
        UserList::new(1, &[1, 0, 2], &[5]),
        UserList::new(2, &[], &[3]),
    ];
    let mut evaluator =
        RankingEvaluator::new(standard_metrics(3)?)?.with_catalogue(3, 0..6, vec![Box::new(Coverage)])?;
    evaluator.observe_all(&lists)?;
    for summary in evaluator.finish()?.summaries() {
        match summary.value {
            Some(value) => println!("{:12} {value:.4}", summary.label),
            None => println!("{:12} undefined for all {} users", summary.label, summary.n_undefined),
        }
    }
    Ok(())
}
