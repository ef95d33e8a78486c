//! Policies of the Open Bandit Dataset (Saito et al. 2021, the small version): what a log says of the policy that
//! wrote it and of another one.
//!
//! The data set holds logs of two policies on the same pages at the same time: one draws items uniformly, the
//! other is Bernoulli Thompson Sampling. So an estimate of the uniform policy from the other's log can be held
//! against what the uniform policy earned.

use std::io::Write;
use std::path::PathBuf;

use burn_recsys_metrics::counterfactual::{Ips, LoggedFeedback, PolicyEstimate, SelfNormalizedIps};

struct Log {
    clicks: Vec<f64>,
    propensities: Vec<f64>,
}

impl Log {
    fn read(path: PathBuf) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap().split(',').collect();
        let column = |name: &str| header.iter().position(|&found| found == name).unwrap();
        let (click, propensity) = (column("click"), column("propensity_score"));
        let (mut clicks, mut propensities) = (Vec::new(), Vec::new());
        for line in lines {
            let fields: Vec<&str> = line.split(',').collect();
            clicks.push(fields[click].parse().unwrap());
            propensities.push(fields[propensity].parse().unwrap());
        }
        Self { clicks, propensities }
    }

    fn mean(&self) -> f64 {
        self.clicks.iter().sum::<f64>() / self.clicks.len() as f64
    }

    fn estimates(&self, target: &[f64]) -> [PolicyEstimate; 2] {
        let log = LoggedFeedback::new(&self.clicks, &self.propensities, target).unwrap();
        [Ips::default().estimate(&log).unwrap(), SelfNormalizedIps.estimate(&log).unwrap()]
    }
}

#[test]
fn estimates_agree_with_what_the_policies_earned() {
    let data = std::env::var_os("BURN_RECSYS_DATA").map(PathBuf::from).unwrap_or_default();
    let folder = data.join("obd-small");
    if !folder.is_dir() {
        // A raw write is not captured by the test harness; a skipped test must show.
        writeln!(std::io::stderr(), "skipped: there is no obd-small in BURN_RECSYS_DATA").unwrap();
        return;
    }
    for (campaign, n_items) in [("men", 34.0), ("women", 46.0)] {
        let read =
            |policy: &str| Log::read(folder.join(policy).join(campaign).join(format!("{campaign}.csv")));
        let (uniform, thompson) = (read("random"), read("bts"));
        assert!(uniform.propensities.iter().all(|&p| (p - 1.0 / n_items).abs() < 1e-9));

        // Each policy from its own log.
        for log in [&uniform, &thompson] {
            for estimate in log.estimates(&log.propensities) {
                assert!((estimate.value - log.mean()).abs() < 1e-15);
                assert_eq!((estimate.n_rows, estimate.effective_sample_size), (10_000, Some(10_000.0)));
            }
        }
        // The uniform policy from the log of Thompson Sampling.
        for estimate in thompson.estimates(&vec![1.0 / n_items; thompson.clicks.len()]) {
            let [own, _] = uniform.estimates(&uniform.propensities);
            let error = estimate.standard_error.unwrap().hypot(own.standard_error.unwrap());
            assert!((estimate.value - own.value).abs() < 1.96 * error, "{campaign}: {estimate:?} {own:?}");
            assert!(estimate.effective_sample_size.unwrap() < 5_000.0, "{campaign}: {estimate:?}");
        }
    }
}
