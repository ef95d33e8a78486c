//! Every rule of a study's file.

use std::path::Path;

use burn_recsys_training::study::{RepresentationConfig, RepresentationKind, StudyConfig};

use crate::{refused, study::KINDS};

const MINIMAL: &str = r#"data = { name = "synthetic" }
split = { strategy = { kind = "global-time", test_fraction = 0.2 }, drop_cold_users = false }
validation = { kind = "global-time", test_fraction = 0.1 }
"#;

#[test]
fn defaults_are_as_documented_and_written_out() {
    let config = StudyConfig::parse(MINIMAL).unwrap();
    let names: Vec<String> = config.representations.iter().map(RepresentationConfig::name).collect();
    assert_eq!(names, ["id", "dhe", "cohort", "cohort-top-k", "mixture", "cross-decoupled"]);
    assert_eq!(config.seeds, [1, 2, 3, 4, 5]);
    assert_eq!(config.user_value_weights, [1.0, 1.0, 0.5]);
    assert!(config.memory_budgets.is_empty() && config.cold_start.is_none());
    let written = config.to_toml().unwrap();
    assert!(written.contains("kind = \"cross-decoupled\""), "{written}");
    assert_eq!(StudyConfig::parse(&written).unwrap(), config);
}

#[test]
fn every_kind_is_known_by_its_name() {
    for (kind, name) in KINDS {
        let text = format!("{MINIMAL}representations = [{{ kind = \"{name}\" }}]\n");
        let config = StudyConfig::parse(&text).unwrap();
        assert_eq!(config.representations, [RepresentationConfig::new(kind)]);
        assert_eq!(config.representations[0].name(), name);
        assert_eq!(config.representations[0].candidate().name(), name);
    }
}

#[test]
fn impossible_values_are_refused_with_their_key() {
    let wide = (1 << 14) + 1;
    for (line, key) in [
        ("seeds = []", "seeds"),
        ("seeds = [3, 1, 3]", "seeds"),
        ("seeds = [4611686018427387904]", "seeds"),
        ("representations = []", "representations"),
        ("representations = [{ kind = \"id\" }, { kind = \"id\" }]", "representations"),
        ("estimator.d_user = 0", "estimator.d_user"),
        ("estimator.d_item = 0", "estimator.d_item"),
        ("estimator.d_cross = 0", "estimator.d_cross"),
        (&format!("estimator.hidden = [8, {wide}]"), "estimator.hidden"),
        ("estimator = { n_experts = 2, hidden = [] }", "estimator.hidden"),
        ("estimator.tower = [0]", "estimator.tower"),
        ("estimator.n_experts = 1025", "estimator.n_experts"),
        ("estimator.dropout = 1.0", "estimator.dropout"),
        ("estimator.dropout = nan", "estimator.dropout"),
        ("training.batch_size = 0", "training.batch_size"),
        ("training.n_epochs = 0", "training.n_epochs"),
        ("training.patience = 0", "training.patience"),
        ("training.learning_rate = 0.0", "training.learning_rate"),
        ("training.table_learning_rate = inf", "training.table_learning_rate"),
        ("training.weight_decay = -0.1", "training.weight_decay"),
        ("training.weight_decay = nan", "training.weight_decay"),
        ("training = { weight_decay = 20.0, table_learning_rate = 0.05 }", "training.weight_decay"),
        ("training.initial_std = -1.0", "training.initial_std"),
        ("training.hidden_past = 1.5", "training.hidden_past"),
        ("training.hidden_past = nan", "training.hidden_past"),
        ("user_value_weights = [1.0, 1.0]", "user_value_weights"),
        ("user_value_weights = [1.0, 1.0, inf]", "user_value_weights"),
        ("user_value_weights = [1.0, 1.0, 1e308]", "user_value_weights"),
        ("slices = { cold = 0 }", "slices"),
        ("memory_budgets = [1.0, 1.0]", "memory_budgets"),
        ("training.learning_rate = 1e-310", "training.table_learning_rate"),
        ("slices = { cold = 5, light = 5 }", "slices"),
        ("slices = { light = 200 }", "slices"),
        ("slices.head_items = 1.0", "slices.head_items"),
        ("slices.head_items = 0.0", "slices.head_items"),
        ("memory_budgets = [0.5, 0.0]", "memory_budgets"),
        ("memory_budgets = [17.0]", "memory_budgets"),
    ] {
        let message = refused(StudyConfig::parse(&format!("{MINIMAL}{line}\n")));
        let start = format!("configuration: {key}: ");
        assert!(message.starts_with(&start), "{line}: {message}");
        assert!(message.len() > start.len() + 10, "{line}: {message}");
    }
}

#[test]
fn impossible_values_of_tables_of_the_data_are_refused_with_their_key() {
    for (line, key) in [
        ("filters = [{ kind = \"min-count-by-user\", count = 0 }]", "count"),
        ("cold_start = { user_fraction = 0.0 }", "user_fraction"),
        ("cold_start = { shots = [] }", "shots"),
        ("features = { prior_strength = 0.0 }", "prior_strength"),
        ("features = { activity_bounds = [4, 1] }", "activity_bounds"),
    ] {
        let message = refused(StudyConfig::parse(&format!("{MINIMAL}{line}\n")));
        assert!(message.contains(key), "{line}: {message}");
    }
    for (from, to) in [("0.2", "1.0"), ("0.1", "0.0")] {
        let message = refused(StudyConfig::parse(&MINIMAL.replace(from, to)));
        assert!(message.contains("test_fraction"), "{message}");
    }
}

#[test]
fn keys_of_another_kind_and_impossible_sizes_are_refused() {
    for (kind, name) in KINDS {
        for (key, value, kinds) in [
            ("n_rows", "4", &["hashed", "quotient-remainder"][..]),
            ("n_hashes", "4", &["dhe"]),
            ("n_cohorts", "4", &["cohort", "cohort-top-k", "mixture"]),
            ("k", "1", &["cohort-top-k"]),
            ("d_gate", "4", &["mixture"]),
            ("dropout", "0.5", &["cohort", "cohort-top-k", "mixture"]),
        ] {
            let text = format!("{MINIMAL}representations = [{{ kind = \"{name}\", {key} = {value} }}]\n");
            let parsed = StudyConfig::parse(&text);
            if kinds.contains(&name) {
                assert_eq!(parsed.unwrap().representations[0].kind, kind);
            } else {
                let expected =
                    format!("configuration: representations: {name}: {key} is not a key of this kind");
                assert_eq!(refused(parsed), expected);
            }
        }
    }
    for (representation, part) in [
        ("kind = \"hashed\", n_rows = 0", "n_rows is 0"),
        ("kind = \"mixture\", d_gate = 1000000000000", "d_gate is 1000000000000"),
        ("kind = \"dhe\", n_hashes = 3", "n_hashes must be even"),
        ("kind = \"cohort\", n_cohorts = 16777217", "n_cohorts is 16777217"),
        ("kind = \"cohort-top-k\", k = 33", "k is above 32"),
        ("kind = \"cohort\", dropout = 1.0", "dropout is 1"),
        ("kind = \"cohort\", dropout = nan", "dropout is NaN"),
    ] {
        let text = format!("{MINIMAL}representations = [{{ {representation}, name = \"mine\" }}]\n");
        let message = refused(StudyConfig::parse(&text));
        assert!(message.starts_with("configuration: representations: mine: "), "{message}");
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn unknown_keys_are_refused_with_their_line() {
    let n_lines = MINIMAL.lines().count();
    for (lines, key) in [
        ("sedes = [1]", "sedes"),
        ("[training]\nn_epoch = 3", "n_epoch"),
        ("[estimator]\nd_usr = 3", "d_usr"),
        ("[slices]\nhead = 0.3", "head"),
        ("representations = [{ kind = \"id\", rows = 3 }]", "rows"),
        ("representations = [{ kind = \"cross-coupled\" }]", "cross-coupled"),
    ] {
        let message = refused(StudyConfig::parse(&format!("{MINIMAL}{lines}\n")));
        let line = format!("line {}", n_lines + lines.lines().count());
        assert!(message.contains(&line) && message.contains(key), "{line}, {key}: {message}");
    }
    let message = refused(StudyConfig::read(Path::new("/nowhere/study.toml")));
    assert!(message.contains("/nowhere/study.toml"), "{message}");
}

#[test]
fn a_name_parts_two_of_a_kind() {
    let text = format!(
        "{MINIMAL}representations = [{{ kind = \"hashed\", n_rows = 4 }}, {{ kind = \"hashed\", name = \"b\" }}]\n"
    );
    let config = StudyConfig::parse(&text).unwrap();
    assert_eq!(config.representations[0].kind, RepresentationKind::Hashed);
    let names: Vec<String> = config.representations.iter().map(RepresentationConfig::name).collect();
    assert_eq!(names, ["hashed", "b"]);
}
