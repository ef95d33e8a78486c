//! Every rule of a configuration file.

use std::path::Path;

use burn_recsys_data::{Filter, InteractionFormat, RowOrder, SplitConfig, Strategy};
use burn_recsys_training::{
    DataConfig, EvaluationConfig, ModelConfig, ModelKind, OptimizerConfig, RunConfig, TrainingConfig,
    ValidationConfig,
};

use crate::refused;

/// Every table, a key a line.
const FULL: &str = r#"seed = 3
filters = [{ kind = "min-count-by-user", count = 2 }]

[data]
name = "ml-100k"

[split]
strategy = { kind = "global-time", test_fraction = 0.2 }

[model]
d_embedding = 16
initial_std = 0.1

[training]
positive_rating = 4.0
n_negatives = 10
batch_size = 256
n_epochs = 7
learning_rate = 0.02
weight_decay = 0.0
optimizer = "row-wise-adagrad"

[validation]
strategy = { kind = "leave-last-n", n = 1 }
metric = "NDCG@10"
patience = 4
refit = true

[evaluation]
relevant_rating = 4.0
k = [10, 20]
"#;

/// The full file with one line changed.
fn changed(line: &str, to: &str) -> String {
    assert!(FULL.contains(line), "no line {line:?}");
    FULL.replace(line, to)
}

/// The number of the line of `text` that has `what`, from 1.
fn line_of(text: &str, what: &str) -> usize {
    text.lines().position(|line| line.contains(what)).unwrap() + 1
}

#[test]
fn every_key_is_read() {
    let config = RunConfig::parse(FULL).unwrap();
    let expected = RunConfig {
        seed: 3,
        data: DataConfig::Named { name: "ml-100k".into() },
        filters: vec![Filter::MinCountByUser { count: 2 }],
        split: SplitConfig::new(Strategy::GlobalTime { test_fraction: 0.2 }),
        model: ModelConfig { d_embedding: 16, ..ModelConfig::default() },
        training: TrainingConfig {
            positive_rating: Some(4.0),
            n_negatives: 10,
            batch_size: 256,
            n_epochs: 7,
            learning_rate: 0.02,
            weight_decay: 0.0,
            optimizer: OptimizerConfig::RowWiseAdagrad,
        },
        validation: Some(ValidationConfig {
            strategy: Strategy::LeaveLastN { n: 1 },
            metric: "NDCG@10".into(),
            patience: 4,
            refit: true,
        }),
        evaluation: EvaluationConfig { relevant_rating: Some(4.0), k: vec![10, 20] },
        serving: Default::default(),
    };
    assert_eq!(config, expected);
}

#[test]
fn defaults_are_as_documented_and_written_out() {
    let text = "data.name = \"ml-1m\"\nsplit.strategy = { kind = \"leave-last-n\", n = 1 }\n";
    let config = RunConfig::parse(text).unwrap();
    assert_eq!(config.seed, 1);
    assert_eq!(config.filters, []);
    assert_eq!(config.model, ModelConfig { kind: ModelKind::TwoTower, d_embedding: 32, initial_std: 0.1 });
    let training = TrainingConfig {
        positive_rating: None,
        n_negatives: 10,
        batch_size: 1024,
        n_epochs: 30,
        learning_rate: 0.01,
        weight_decay: 0.0,
        optimizer: OptimizerConfig::LazyAdam,
    };
    assert_eq!(config.training, training);
    assert_eq!(config.validation, None);
    assert_eq!(config.evaluation, EvaluationConfig { relevant_rating: None, k: vec![10] });
    let written = config.to_toml().unwrap();
    for key in [
        "seed = 1",
        "d_embedding = 32",
        "n_epochs = 30",
        "optimizer = \"lazy-adam\"",
        "drop_cold_users = true",
    ] {
        assert!(written.contains(key), "{key} is not in\n{written}");
    }
    assert_eq!(RunConfig::parse(&written).unwrap(), config);

    let validation = format!("{text}validation.strategy = {{ kind = \"leave-last-n\", n = 1 }}\n");
    let validation = RunConfig::parse(&validation).unwrap().validation.unwrap();
    assert_eq!((validation.metric.as_str(), validation.patience, validation.refit), ("NDCG@10", 5, true));
}

#[test]
fn what_is_written_is_read_back() {
    let full = RunConfig::parse(FULL).unwrap();
    let mut file = full.clone();
    file.data = DataConfig::File {
        path: "some/where.tsv".into(),
        format: InteractionFormat::csv("u", "i")
            .with_separator("\t")
            .with_rating("stars")
            .with_timestamp("at"),
    };
    file.filters = vec![
        Filter::RatingAtLeast { rating: 3.3 },
        Filter::KCore { users: 5, items: 2 },
        Filter::TimeRange { from: None, until: Some(1_000) },
    ];
    file.split = SplitConfig::new(Strategy::ColdUser { test_fraction: 0.1, seed: 4 })
        .with_row_order(RowOrder::NewestFirst);
    file.seed = i64::MAX as u64;
    for config in [full, file] {
        let text = config.to_toml().unwrap();
        assert_eq!(RunConfig::parse(&text).unwrap(), config, "{text}");
    }
}

#[test]
fn a_file_of_ones_own_is_data() {
    let table = "[data]\npath = \"my.csv\"\nformat = { user = \"who\", item = \"what\" }";
    let config = RunConfig::parse(&changed("[data]\nname = \"ml-100k\"", table)).unwrap();
    let format = InteractionFormat::csv("who", "what");
    assert_eq!(config.data, DataConfig::File { path: "my.csv".into(), format });
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    for (table, key) in [
        ("[data]", "nmae"),
        ("[split]", "strategi"),
        ("[model]", "dimension"),
        ("[training]", "epochs"),
        ("[validation]", "patients"),
        ("[evaluation]", "cutoff"),
    ] {
        let text = changed(table, &format!("{table}\n{key} = 5"));
        let message = refused(RunConfig::parse(&text));
        assert!(message.contains(&format!("unknown field `{key}`")), "{message}");
        let line = format!("line {}", line_of(&text, key));
        assert!(message.contains(&line), "{line} is not in: {message}");
    }
    let message = refused(RunConfig::parse(&changed("seed = 3", "sede = 3")));
    assert!(message.contains("unknown field `sede`") && message.contains("line 1"), "{message}");
    let text = changed("[training]", "[trainning]");
    let line = format!("line {}", line_of(&text, "trainning"));
    let message = refused(RunConfig::parse(&text));
    assert!(message.contains("unknown field `trainning`") && message.contains(&line), "{message}");
}

#[test]
fn unknown_keys_of_filters_strategies_and_formats_are_named() {
    for (line, to, expected) in [
        ("count = 2 }", "count = 2, least = 3 }", "unknown field `least`"),
        ("kind = \"min-count-by-user\", count = 2", "kind = \"most\", count = 2", "unknown variant `most`"),
        ("test_fraction = 0.2", "test_fraction = 0.2, ties = 1", "unknown field `ties`"),
        ("kind = \"global-time\"", "kind = \"globaltime\"", "unknown variant `globaltime`"),
        ("optimizer = \"row-wise-adagrad\"", "optimizer = \"adamw\"", "unknown variant `adamw`"),
        (
            "name = \"ml-100k\"",
            "path = \"x.csv\"\nformat = { user = \"u\", itme = \"i\" }",
            "unknown field `itme`",
        ),
    ] {
        let message = refused(RunConfig::parse(&changed(line, to)));
        assert!(message.contains(expected) && message.contains("line "), "{message}");
    }
}

#[test]
fn data_is_a_name_or_a_path_with_a_format() {
    for (to, expected) in [
        ("", "data needs one of name, movielens, or path with format"),
        ("path = \"x.csv\"", "data.path needs data.format"),
        ("name = \"ml-1m\"\npath = \"x.csv\"", "data needs one of name, movielens, or path with format"),
        ("name = 5", "expected a string"),
    ] {
        let text = changed("name = \"ml-100k\"", to);
        let message = refused(RunConfig::parse(&text));
        assert!(message.contains(expected) && message.contains("line "), "{message}");
    }
}

#[test]
fn an_impossible_value_is_refused_by_its_key() {
    for (line, to, key) in [
        ("seed = 3", "seed = -1", "seed"),
        ("d_embedding = 16", "d_embedding = 0", "model.d_embedding: 0; must be 1 to 65536"),
        ("d_embedding = 16", "d_embedding = \"large\"", "d_embedding"),
        ("d_embedding = 16", "d_embedding = 9000000", "model.d_embedding: 9000000; must be 1 to 65536"),
        ("initial_std = 0.1", "initial_std = 0", "model.initial_std: 0; must be a positive number"),
        ("initial_std = 0.1", "initial_std = nan", "model.initial_std: NaN"),
        ("positive_rating = 4.0", "positive_rating = nan", "training.positive_rating: NaN; must be a finite"),
        ("n_negatives = 10", "n_negatives = 0", "training.n_negatives: 0; must be 1 to 65536"),
        ("batch_size = 256", "batch_size = 0", "training.batch_size: 0; must be 1 to 1048576"),
        ("batch_size = 256", "batch_size = -4", "batch_size"),
        ("n_epochs = 7", "n_epochs = 0", "training.n_epochs: 0; must be at least 1"),
        (
            "learning_rate = 0.02",
            "learning_rate = 0.0",
            "training.learning_rate: 0; must be a positive number",
        ),
        ("learning_rate = 0.02", "learning_rate = -0.1", "training.learning_rate: -0.1"),
        ("learning_rate = 0.02", "learning_rate = inf", "training.learning_rate: inf"),
        ("weight_decay = 0.0", "weight_decay = -0.5", "training.weight_decay: -0.5; must be at least 0"),
        (
            "weight_decay = 0.0",
            "weight_decay = 50.0",
            "training.weight_decay: 50; must be at least 0 and below 1 /",
        ),
        ("weight_decay = 0.0", "weight_decay = nan", "training.weight_decay: NaN"),
        (
            "relevant_rating = 4.0",
            "relevant_rating = inf",
            "evaluation.relevant_rating: inf; must be a finite",
        ),
        ("k = [10, 20]", "k = []", "evaluation.k: []; must be a list of different lengths of at least 1"),
        ("k = [10, 20]", "k = [10, 0]", "evaluation.k: [10, 0]"),
        (
            "k = [10, 20]",
            "k = [10, 20, 10]",
            "evaluation.k: [10, 20, 10]; must be a list of different lengths",
        ),
        ("k = [10, 20]", "k = 10", "k = 10"),
        ("patience = 4", "patience = 0", "validation.patience: 0; must be at least 1"),
        (
            "metric = \"NDCG@10\"",
            "metric = \"NDCG\"",
            "validation.metric: \"NDCG\"; must be loss, or a metric",
        ),
        ("metric = \"NDCG@10\"", "metric = \"NDCG@5\"", "validation.metric: \"NDCG@5\""),
        ("metric = \"NDCG@10\"", "metric = \"ndcg@10\"", "validation.metric: \"ndcg@10\""),
        ("n = 1 }", "n = 0 }", "n: 0 rows per user; it must be at least 1"),
        ("test_fraction = 0.2", "test_fraction = 1.0", "test_fraction: 1 must be above 0 and below 1"),
        ("count = 2 }", "count = 0 }", "min-count-by-user.count: it is 0"),
        (
            "name = \"ml-100k\"",
            "path = \"x\"\nformat = { user = \"u\", item = \"u\" }",
            "item: column \"u\" is the user column already",
        ),
        (
            "strategy = { kind = \"global-time\", test_fraction = 0.2 }",
            "strategy = { kind = \"cold-user\", test_fraction = 0.2, seed = 1 }",
            "drop_cold_users: the strategy cold-user",
        ),
    ] {
        let message = refused(RunConfig::parse(&changed(line, to)));
        assert!(message.contains(key), "{to}: {message}");
    }
}

#[test]
fn every_metric_of_a_list_can_decide() {
    for metric in
        ["loss", "NDCG@10", "HitRate@20", "Recall@10", "Precision@20", "MAP@10", "MRR@10", "Coverage@20"]
    {
        RunConfig::parse(&changed("NDCG@10", metric)).unwrap();
    }
}

#[test]
fn required_tables_are_named() {
    let message = refused(RunConfig::parse("data.name = \"ml-100k\"\n"));
    assert!(message.contains("missing field `split`"), "{message}");
    let message = refused(RunConfig::parse("split.strategy = { kind = \"leave-last-n\", n = 1 }\n"));
    assert!(message.contains("missing field `data`"), "{message}");
}

#[test]
fn the_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.toml");
    let message = refused(RunConfig::read(&path));
    assert!(message.starts_with(&format!("cannot read {}: ", path.display())), "{message}");
    for (text, expected) in [
        (changed("n_epochs = 7", "n_epochs = 0"), "training.n_epochs: 0"),
        (changed("n_epochs = 7", "n_epochs = "), "line 18"),
        (changed("test_fraction = 0.2", "test_fraction = 2.0"), "test_fraction: 2 must be above 0"),
    ] {
        std::fs::write(&path, text).unwrap();
        let message = refused(RunConfig::read(&path));
        assert!(message.starts_with(&path.display().to_string()) && message.contains(expected), "{message}");
    }
    std::fs::write(&path, [0xff, 0xfe, b'x']).unwrap();
    assert!(refused(RunConfig::read(Path::new(&path))).contains("run.toml"));
}

#[test]
fn a_seed_beyond_the_integers_of_toml_is_refused() {
    let mut config = RunConfig::parse(FULL).unwrap();
    config.seed = 1 << 63;
    assert!(refused(config.validate()).contains("seed: 9223372036854775808; must be below 2^63"));
}
