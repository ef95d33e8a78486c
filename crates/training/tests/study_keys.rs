//! Every key of a study's file changes a number of the study.

use burn_recsys_data::Dataset;
use burn_recsys_data::synthetic::SyntheticConfig;
use burn_recsys_training::StepReport;
use burn_recsys_training::study::{SeedOutcome, Study, StudyConfig, StudyProgress, StudyReport};

use crate::device;

fn dataset() -> Dataset {
    let config = SyntheticConfig::default()
        .with_n_users(40)
        .with_n_items(50)
        .with_n_interactions(500)
        .with_n_cohorts(3);
    config.generate().unwrap().dataset
}

/// A file of lines `key = value`, each beginning with its table.
const BASE: [(&str, &str); 18] = [
    ("data.name", "\"synthetic\""),
    ("split.strategy", "{ kind = \"user-time\", test_fraction = 0.3 }"),
    ("split.drop_cold_users", "false"),
    ("validation", "{ kind = \"user-time\", test_fraction = 0.25 }"),
    ("seeds", "[3]"),
    ("estimator.d_user", "4"),
    ("estimator.d_item", "4"),
    ("estimator.d_cross", "4"),
    ("estimator.hidden", "[6]"),
    ("training.n_epochs", "2"),
    ("training.batch_size", "64"),
    ("training.learning_rate", "0.01"),
    ("training.initial_std", "0.1"),
    ("representations", "[{ kind = \"id\" }]"),
    ("slices.cold", "3"),
    ("slices.light", "8"),
    ("slices.medium", "12"),
    ("slices.head_items", "0.2"),
];

/// [`BASE`] with other values or more keys.
fn with(changes: &[(&str, &str)]) -> StudyConfig {
    let kept = BASE.iter().filter(|(key, _)| changes.iter().all(|(changed, _)| changed != key));
    let lines: String = kept.chain(changes).map(|(key, value)| format!("{key} = {value}\n")).collect();
    StudyConfig::parse(&lines).unwrap()
}

/// Counts steps and the epochs that were asked for.
#[derive(Default)]
struct Steps(usize);

impl StudyProgress for Steps {
    fn step(&mut self, _: &str, _: u64, _: StepReport) -> bool {
        self.0 += 1;
        true
    }
}

/// All numbers of the outcome but those of clocks, and the number of steps.
fn run(data: &Dataset, changes: &[(&str, &str)]) -> (Vec<SeedOutcome>, usize) {
    let study = Study::prepare(data, &with(changes)).unwrap();
    let mut steps = Steps::default();
    let report: StudyReport = study.run(&study.candidates(), &[], &device(), &mut steps).unwrap();
    let mut outcomes: Vec<SeedOutcome> =
        report.candidates.into_iter().flat_map(|candidate| candidate.seeds).collect();
    outcomes.iter_mut().for_each(|outcome| outcome.step_seconds = 0.0);
    (outcomes, steps.0)
}

/// A key, its other value, and what is set beside it in both.
type Rule<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

fn check(rules: &[Rule<'_>]) {
    let data = dataset();
    let plain = run(&data, &[]);
    // Otherwise any key would seem to count.
    assert_eq!(plain, run(&data, &[]));
    for &(key, value, beside) in rules {
        let before = if beside.is_empty() { plain.clone() } else { run(&data, beside) };
        let mut changes: Vec<(&str, &str)> =
            beside.iter().copied().filter(|(other, _)| *other != key).collect();
        changes.push((key, value));
        let after = run(&data, &changes);
        if key == "training.patience" {
            assert_ne!(before.1, after.1, "{key} = {value} changes no number of steps");
        } else {
            assert_ne!(before.0, after.0, "{key} = {value} changes no number");
        }
    }
}

#[test]
fn every_key_of_the_estimator_counts() {
    check(&[
        ("estimator.d_user", "5", &[]),
        ("estimator.d_item", "5", &[]),
        ("estimator.d_cross", "5", &[]),
        ("estimator.hidden", "[6, 5]", &[]),
        ("estimator.tower", "[3]", &[]),
        ("estimator.n_experts", "2", &[]),
        ("estimator.dropout", "0.5", &[]),
    ]);
}

#[test]
fn every_key_of_training_counts() {
    // So long a step that the first epochs are the best.
    const FAST: &[(&str, &str)] = &[
        ("training.n_epochs", "8"),
        ("training.learning_rate", "0.3"),
        ("training.table_learning_rate", "3.0"),
        ("training.patience", "1"),
    ];
    check(&[
        ("training.batch_size", "63", &[]),
        ("training.n_epochs", "1", &[]),
        ("training.patience", "5", FAST),
        ("training.learning_rate", "0.011", &[]),
        ("training.table_learning_rate", "0.06", &[]),
        ("training.weight_decay", "0.1", &[]),
        ("training.optimizer", "\"row-wise-adagrad\"", &[]),
        ("training.initial_std", "0.11", &[]),
        ("training.order", "\"time\"", &[]),
        ("training.hidden_past", "0.4", &[]),
    ]);
}

#[test]
fn every_key_beside_them_counts() {
    check(&[
        ("seeds", "[4]", &[]),
        ("user_value_weights", "[-1.0, 1.0, 0.5]", &[]),
        ("validation", "{ kind = \"user-time\", test_fraction = 0.4 }", &[]),
        ("split.strategy", "{ kind = \"user-time\", test_fraction = 0.4 }", &[]),
        ("cold_start.user_fraction", "0.5", &[]),
        ("features.prior_strength", "1.0", &[]),
        ("filters", "[{ kind = \"min-count-by-user\", count = 14 }]", &[]),
        ("slices.cold", "6", &[]),
        ("slices.light", "10", &[]),
        ("slices.medium", "14", &[]),
        ("slices.head_items", "0.5", &[]),
    ]);
}

#[test]
fn every_key_of_a_representation_counts() {
    let kinds = |keys: &str| format!("[{{ kind = {keys} }}]");
    for (before, after) in [
        ("\"hashed\", n_rows = 5", "\"hashed\", n_rows = 6"),
        ("\"quotient-remainder\", n_rows = 5", "\"quotient-remainder\", n_rows = 7"),
        ("\"dhe\", n_hashes = 8", "\"dhe\", n_hashes = 10"),
        ("\"cohort\", n_cohorts = 4", "\"cohort\", n_cohorts = 5"),
        ("\"cohort\", n_cohorts = 4", "\"cohort\", n_cohorts = 4, dropout = 0.5"),
        ("\"cohort-top-k\", n_cohorts = 4", "\"cohort-top-k\", n_cohorts = 5"),
        ("\"cohort-top-k\", n_cohorts = 4, k = 1", "\"cohort-top-k\", n_cohorts = 4, k = 2"),
        ("\"cohort-top-k\", n_cohorts = 4, k = 2", "\"cohort-top-k\", n_cohorts = 4, k = 2, dropout = 0.5"),
        ("\"mixture\", n_cohorts = 4", "\"mixture\", n_cohorts = 5"),
        ("\"mixture\", n_cohorts = 4, d_gate = 4", "\"mixture\", n_cohorts = 4, d_gate = 5"),
        ("\"mixture\", n_cohorts = 4, d_gate = 4", "\"mixture\", n_cohorts = 4, d_gate = 4, dropout = 0.5"),
    ] {
        let (before, after) = (kinds(before), kinds(after));
        check(&[("representations", after.as_str(), &[("representations", before.as_str())])]);
    }
}
