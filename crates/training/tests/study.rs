//! Studies of small data from end to end.

use burn::tensor::Device;
use burn_recsys_data::synthetic::SyntheticConfig;
use burn_recsys_data::{ColdStartConfig, Dataset, Interactions, Strategy};
use burn_recsys_embeddings::EmbeddingTableConfig;
use burn_recsys_models::{Cohort, IdLookup, TwoBranch, TwoBranchConfig, UserRepresentation};
use burn_recsys_training::study::{
    Candidate, CandidateReport, RepresentationConfig, RepresentationKind, SeedOutcome, Study, StudyConfig,
    StudyProgress, StudyReport, StudySizes, memory_candidates,
};
use burn_recsys_training::{Error, Result, StepReport};

use crate::{dataset, device, refused};

/// Every kind and its name.
pub(crate) const KINDS: [(RepresentationKind, &str); 8] = [
    (RepresentationKind::Id, "id"),
    (RepresentationKind::Hashed, "hashed"),
    (RepresentationKind::QuotientRemainder, "quotient-remainder"),
    (RepresentationKind::Dhe, "dhe"),
    (RepresentationKind::Cohort, "cohort"),
    (RepresentationKind::CohortTopK, "cohort-top-k"),
    (RepresentationKind::Mixture, "mixture"),
    (RepresentationKind::CrossDecoupled, "cross-decoupled"),
];

/// Two epochs of every kind with one seed.
fn config() -> StudyConfig {
    let text = r#"
        data = { name = "synthetic" }
        split = { strategy = { kind = "user-time", test_fraction = 0.25 }, drop_cold_users = false }
        validation = { kind = "user-time", test_fraction = 0.2 }
        seeds = [3]
        estimator = { d_user = 8, d_item = 6, d_cross = 4, hidden = [8] }
        training = { n_epochs = 2, batch_size = 128, learning_rate = 0.01 }
        slices = { cold = 3, light = 8, medium = 15 }
    "#;
    let mut config = StudyConfig::parse(text).unwrap();
    config.representations = KINDS.map(|(kind, _)| RepresentationConfig::new(kind)).to_vec();
    config
}

/// The same with cold users.
fn cold_config() -> StudyConfig {
    let cold_start = ColdStartConfig { user_fraction: 0.5, shots: vec![0, 2], seed: 1 };
    StudyConfig { cold_start: Some(cold_start), ..config() }
}

fn prepare(config: &StudyConfig) -> Study {
    Study::prepare(&dataset(), config).unwrap()
}

fn run(study: &Study, candidates: &[Candidate], known: &[CandidateReport]) -> (StudyReport, Vec<String>) {
    let mut trained = Names(Vec::new());
    let report = study.run(candidates, known, &device(), &mut trained).unwrap();
    (report, trained.0)
}

/// The names of what was trained.
struct Names(Vec<String>);

impl StudyProgress for Names {
    fn trained(&mut self, candidate: &str, _: &SeedOutcome) -> Result<()> {
        self.0.push(candidate.into());
        Ok(())
    }
}

/// Without what a clock says.
fn untimed(mut report: StudyReport) -> StudyReport {
    let seeds = report.candidates.iter_mut().flat_map(|candidate| &mut candidate.seeds);
    seeds.for_each(|outcome| outcome.step_seconds = 0.0);
    report
}

#[test]
fn every_kind_is_trained_and_measured_in_every_slice() {
    let study = prepare(&cold_config());
    let (report, trained) = run(&study, &study.candidates(), &[]);
    assert_eq!(trained, KINDS.map(|(_, name)| name));
    let (rows, slices) = (study.rows(), study.rows().slices.names());
    assert_eq!(report.counts[..2], [rows.train.n_rows(), rows.test.n_rows()]);
    assert_eq!(report.tasks, ["liked", "loved", "above-own-mean"]);
    for candidate in &report.candidates {
        let name = &candidate.name;
        let [outcome] = &candidate.seeds[..] else { panic!("{name}: one seed was asked for") };
        assert_eq!(outcome.seed, 3);
        assert!((1..=2).contains(&outcome.n_epochs), "{name}");
        assert!(outcome.held_out_loss.is_finite() && outcome.step_seconds > 0.0, "{name}");
        assert!(outcome.n_user_parameters > 0 && outcome.n_user_parameters < outcome.n_parameters, "{name}");

        assert!(outcome.slices.iter().map(|slice| &slice.slice).eq(&slices), "{name}");
        let n_rows: Vec<usize> = outcome.slices.iter().map(|slice| slice.n_rows).collect();
        assert_eq!(n_rows[0], rows.test.n_rows());
        assert_eq!(n_rows[1..6].iter().sum::<usize>(), n_rows[0], "{name}: users are in one slice each");
        assert_eq!(n_rows[6] + n_rows[7], n_rows[0], "{name}: items are of the head or the tail");
        for slice in &outcome.slices {
            assert!(slice.n_rows > 0, "{name}: {} is empty", slice.slice);
            for metric in ["AUC", "LogLoss", "ECE", "AUC liked", "LogLoss loved", "ECE above-own-mean"] {
                assert!(slice.metrics.contains_key(metric), "{name}: {}: no {metric}", slice.slice);
            }
            for (metric, value) in &slice.metrics {
                assert!(value.is_finite() && *value >= 0.0, "{name}: {}: {metric} is {value}", slice.slice);
                assert!(*value <= 1.0 || metric.starts_with("LogLoss"), "{name}: {metric} is {value}");
            }
        }
        assert!(outcome.slices[0].metrics.contains_key("NDCG@10"), "{name}");

        let has_gate = ["mixture", "cross-decoupled"].contains(&name.as_str());
        assert_eq!(outcome.gate.is_some(), has_gate, "{name}");
        if let Some(gate) = &outcome.gate {
            let n_users: usize = gate.deciles.iter().map(|decile| decile.n_users).sum();
            assert_eq!(n_users, report.counts[2], "{name}");
            assert!(gate.deciles.iter().all(|decile| decile.weight > 0.0 && decile.weight < 1.0), "{name}");
        }
    }
}

#[test]
fn a_study_repeats_its_bits_and_known_outcomes_are_not_trained_again() {
    let study = prepare(&config());
    let candidates = study.candidates();
    let (first, _) = run(&study, &candidates, &[]);
    let (second, _) = run(&prepare(&config()), &candidates, &[]);
    assert_eq!(untimed(first.clone()), untimed(second));

    let (known, trained) = run(&study, &candidates, &first.candidates);
    assert_eq!(known, first);
    assert_eq!(trained, [""; 0]);

    // Cut off before the last two.
    let (rest, trained) = run(&study, &candidates, &first.candidates[..6]);
    assert_eq!(trained, ["mixture", "cross-decoupled"]);
    assert_eq!(untimed(rest), untimed(first.clone()));

    // Another seed is not known.
    let study = prepare(&StudyConfig { seeds: vec![3, 4], ..config() });
    let (more, trained) = run(&study, &candidates[..1], &first.candidates);
    assert_eq!(trained, ["id"]);
    assert_eq!(more.candidates[0].seeds[0], first.candidates[0].seeds[0]);
    assert_ne!(more.candidates[0].seeds[0].held_out_loss, more.candidates[0].seeds[1].held_out_loss);
}

#[test]
fn cold_start_makes_users_unknown() {
    let unknown_of = |study: &Study| study.sizes().n_users as u64 - 1;
    let warm = prepare(&config());
    let cold = prepare(&cold_config());
    for (study, has_cold) in [(&warm, false), (&cold, true)] {
        for rows in [study.rows(), study.search_rows()] {
            let is_cold = |user: u32| rows.slices.user_counts[user as usize] == 0;
            for (&id, &user) in rows.test.user_ids().iter().zip(&rows.test_users) {
                assert_eq!(id, if is_cold(user) { unknown_of(study) } else { u64::from(user) });
            }
            let in_slice = |slice| {
                let ids = rows.test_users.iter().zip(rows.test.item_ids());
                ids.filter(|&(&user, &item)| rows.slices.contains(slice, user, item)).count()
            };
            assert_eq!(in_slice(1) > 0, has_cold);
            // Users who keep two training events.
            assert!(!has_cold || in_slice(2) > 0);
        }
    }
    // The users who are measured stay the same.
    assert_eq!(warm.rows().test_users, cold.rows().test_users);
    assert!(cold.rows().train.n_rows() < warm.rows().train.n_rows());
}

#[test]
fn a_hidden_past_makes_training_rows_of_the_unknown_user() {
    let n_unknown = |study: &Study| {
        let unknown = study.sizes().n_users as u64 - 1;
        study.rows().train.user_ids().iter().filter(|&&id| id == unknown).count()
    };
    let study_of = |hidden_past| {
        let mut config = config();
        config.training.hidden_past = hidden_past;
        prepare(&config)
    };
    let (none, some, all) = (study_of(0.0), study_of(0.3), study_of(1.0));
    let n_rows = none.rows().train.n_rows();
    assert_eq!((n_unknown(&none), n_unknown(&all)), (0, n_rows));
    // Within four standard deviations of the mean.
    let (n, mean) = (n_rows as f64, 0.3 * n_rows as f64);
    let deviation = (n * 0.3 * 0.7).sqrt();
    assert!((n_unknown(&some) as f64 - mean).abs() < 4.0 * deviation, "{} of {n}", n_unknown(&some));

    // Such a row is described as one of a user without a past; the others are as they were.
    let (before, after) = (&none.rows().train, &some.rows().train);
    let width = before.n_user_features();
    let of_row = |rows: &[f32], row: usize| rows[row * width..(row + 1) * width].to_vec();
    let first_bucket =
        some.sizes().user_feature_names.iter().position(|name| name == "past_count_0").unwrap();
    let unknown = some.sizes().n_users as u64 - 1;
    for (row, &id) in after.user_ids().iter().enumerate() {
        let features = of_row(after.user_features(), row);
        if id == unknown {
            assert_eq!(features[first_bucket], 1.0);
        } else {
            assert_eq!((id, features), (before.user_ids()[row], of_row(before.user_features(), row)));
        }
    }
    assert_eq!(some.rows().test, none.rows().test);
}

#[test]
fn memory_candidates_fit_their_budgets() {
    let data = SyntheticConfig::default().with_n_users(600).with_n_items(60).with_n_interactions(3_000);
    let mut config = config();
    config.training.n_epochs = 1;
    config.training.batch_size = 1024;
    config.estimator.d_user = 16;
    config.estimator.hidden = Vec::new();
    let study = Study::prepare(&data.generate().unwrap().dataset, &config).unwrap();
    let sizes = study.sizes();
    let full = (sizes.n_users * sizes.d_user) as f64;

    let budgets = [1.0 / 64.0, 1.0 / 16.0, 0.25, 0.5, 1.0];
    let candidates = memory_candidates(&budgets, sizes);
    let (report, _) = run(&study, &candidates, &[]);
    for candidate in &report.candidates {
        let (way, budget) = candidate.budget.clone().unwrap();
        assert_eq!(candidate.name, format!("{way} x{budget}"));
        let part = candidate.seeds[0].n_user_parameters as f64 / (full * budget);
        assert!(part <= 1.0, "{}: {part} of its budget", candidate.name);
        assert!(part >= 0.5, "{}: {part} of its budget", candidate.name);
    }
    let ways_at = |budget: f64| -> Vec<&str> {
        let of_budget = |candidate: &&CandidateReport| candidate.budget.as_ref().unwrap().1 == budget;
        let names = report.candidates.iter().filter(of_budget);
        names.map(|candidate| candidate.budget.as_ref().unwrap().0.as_str()).collect()
    };
    let all = ["table", "hashed", "quotient-remainder", "dhe", "cohort", "mixture"];
    for budget in [0.25, 0.5, 1.0] {
        assert_eq!(ways_at(budget), all, "{budget}");
    }
    assert!(!ways_at(1.0 / 64.0).contains(&"table"), "one number a user is more than 1/64");
    assert!(ways_at(1.0 / 64.0).contains(&"hashed"));
    // The full table is the budget.
    let table = report.candidates.iter().find(|candidate| candidate.name == "table x1").unwrap();
    assert_eq!(table.seeds[0].n_user_parameters as f64, full);
}

#[test]
fn data_without_ratings_or_timestamps_is_refused() {
    let without = |ratings: bool, timestamps: bool| {
        let Dataset { name, interactions: all, users, items } = dataset();
        let interactions = Interactions::new(
            all.user_ids().clone(),
            all.item_ids().clone(),
            all.users().to_vec(),
            all.items().to_vec(),
            all.ratings().filter(|_| ratings).map(<[f32]>::to_vec),
            all.timestamps().filter(|_| timestamps).map(<[i64]>::to_vec),
        );
        Dataset { name, interactions: interactions.unwrap(), users, items }
    };
    let mut random = config();
    random.split.strategy = Strategy::Random { test_fraction: 0.2, seed: 1 };
    random.validation = random.split.strategy.clone();
    for config in [config(), random] {
        assert!(Study::prepare(&without(true, true), &config).is_ok());
        for (data, column) in [(without(false, true), "ratings"), (without(true, false), "timestamps")] {
            let message = refused(Study::prepare(&data, &config));
            let expected = format!("configuration: data: a study needs {column} and synthetic has none");
            assert_eq!(message, expected);
        }
    }
}

fn ids(n: usize, d: usize) -> IdLookup {
    IdLookup::new(EmbeddingTableConfig::new(n, d).init(&device().autodiff()))
}

#[test]
fn representations_of_ones_own_take_part() {
    let study = prepare(&config());
    let one_branch = Candidate::new("own", |sizes, _, _| ids(sizes.n_users, 5));
    let two_branch = Candidate::two_branch(
        "own-two-branch",
        |sizes, _, device| TwoBranchConfig::new(5, 1.5).init(ids(sizes.n_users, 3), device),
        |sizes, _, _| ids(sizes.n_items, 4),
    );
    let (report, _) = run(&study, &[one_branch, two_branch], &[]);
    let n_user_parameters: Vec<usize> =
        report.candidates.iter().map(|candidate| candidate.seeds[0].n_user_parameters).collect();
    let n_users = study.sizes().n_users;
    assert_eq!(n_user_parameters, [5 * n_users, 3 * n_users + 2 * (3 * 5 + 5)]);
}

#[test]
fn two_branches_learn_from_rebalanced_rows_too() {
    type Users = TwoBranch<IdLookup>;
    fn users(sizes: &StudySizes, _: u64, device: &Device) -> Users {
        TwoBranchConfig::new(4, 1.1).init(ids(sizes.n_users, 4), device)
    }
    fn items(sizes: &StudySizes, _: u64, _: &Device) -> IdLookup {
        ids(sizes.n_items, 4)
    }
    let study = prepare(&config());
    let candidates =
        [Candidate::with_items("main alone", users, items), Candidate::two_branch("both", users, items)];
    let (report, _) = run(&study, &candidates, &[]);
    let [alone, both] = [0, 1].map(|at| &report.candidates[at].seeds[0]);
    assert_eq!(alone.n_parameters, both.n_parameters);
    assert_ne!(alone.held_out_loss, both.held_out_loss);
    assert_ne!(alone.slices[0].metrics, both.slices[0].metrics);
}

#[test]
fn a_representation_without_a_vector_for_every_user_is_an_error() {
    let study = prepare(&config());
    let few = Candidate::new("few", |_, _, _| ids(10, 4));
    let message = refused(study.run(&[few], &[], &device(), &mut ()));
    assert!(message.contains("user id") && message.contains("10"), "{message}");
}

#[test]
#[should_panic(expected = "a user representation of 3 features in an estimator of ")]
fn a_representation_of_another_number_of_features_panics() {
    let narrow = Candidate::new("narrow", |sizes, seed, device| {
        let cohorts = Cohort::new(Cohort::original(3, 4, sizes.d_user).with_seed(seed).init(device));
        assert_eq!(cohorts.n_user_features(), Some(3));
        cohorts
    });
    let _ = prepare(&config()).run(&[narrow], &[], &device(), &mut ());
}

#[test]
fn a_study_stops_on_request_and_passes_errors_on() {
    struct Stop(usize);
    impl StudyProgress for Stop {
        fn step(&mut self, _: &str, _: u64, _: StepReport) -> bool {
            self.0 -= 1;
            self.0 > 0
        }
    }
    struct Fail;
    impl StudyProgress for Fail {
        fn trained(&mut self, candidate: &str, outcome: &SeedOutcome) -> Result<()> {
            assert_eq!((candidate, outcome.seed), ("id", 3));
            Err(Error::Config { key: "seeds", message: "enough".into() })
        }
    }
    let study = prepare(&config());
    let stopped = study.run(&study.candidates(), &[], &device(), &mut Stop(3));
    assert!(matches!(stopped, Err(Error::Stopped { .. })), "{stopped:?}");
    let message = refused(study.run(&study.candidates(), &[], &device(), &mut Fail));
    assert_eq!(message, "configuration: seeds: enough");
}

#[test]
fn equal_names_are_refused() {
    let study = prepare(&config());
    let twice = [8, 4].map(|n_cohorts| {
        Candidate::new("mine", move |sizes, seed, device| {
            let cohorts = Cohort::original(sizes.n_user_features, n_cohorts, sizes.d_user).with_seed(seed);
            Cohort::new(cohorts.init(device))
        })
    });
    let message = refused(study.run(&twice, &[], &device(), &mut ()));
    assert!(message.contains("\"mine\" is there twice"), "{message}");
}

#[test]
fn cold_rows_are_no_rows_of_the_search() {
    let config = cold_config();
    let study = prepare(&config);
    let (search, full) = (study.search_rows(), study.rows());
    // Every row of the search, trained on or held out, is a training row that cold start has left.
    assert!(search.train.n_rows() + search.test.n_rows() <= full.train.n_rows());
    let n_cold = full.slices.user_counts.iter().filter(|&&count| count == 0).count();
    assert!(n_cold > 0);
    for user in &search.test_users {
        assert!(full.slices.user_counts[*user as usize] > 0, "user {user} has no training row");
    }
}

#[test]
fn a_category_that_occurs_late_is_a_column_of_the_search_too() {
    let mut data = dataset();
    let (items, times) = (data.interactions.items(), data.interactions.timestamps().unwrap());
    let last = (0..items.len()).max_by_key(|&row| times[row]).map(|row| items[row]).unwrap();
    let labels: Vec<&str> =
        (0..data.items.n_rows() as u32).map(|item| if item == last { "late" } else { "usual" }).collect();
    let values = burn_recsys_data::ColumnValues::categorical(labels.into_iter().map(Some));
    data.items = data.items.with_column("era", values).unwrap();
    let study = Study::prepare(&data, &config()).unwrap();
    assert_eq!(study.search_rows().item_feature_names, study.rows().item_feature_names);
    run(&study, &study.candidates()[..1], &[]);
}

#[test]
fn labels_of_one_kind_are_refused() {
    let data = dataset();
    let table = &data.interactions;
    let rows =
        (0..table.len()).map(|row| burn_recsys_data::Interaction { rating: Some(1.0), ..table.get(row) });
    let (rows, users, items) = (rows.collect::<Vec<_>>(), table.user_ids(), table.item_ids());
    let table = Interactions::new(
        users.clone(),
        items.clone(),
        rows.iter().map(|row| row.user).collect(),
        rows.iter().map(|row| row.item).collect(),
        Some(rows.iter().filter_map(|row| row.rating).collect()),
        Some(rows.iter().filter_map(|row| row.timestamp).collect()),
    )
    .unwrap();
    let message = refused(Study::prepare(&Dataset { interactions: table, ..data }, &config()));
    assert!(message.contains("every training row has the same label"), "{message}");
}
