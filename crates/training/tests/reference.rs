//! Row counts and popularity on real data against RePlay 0.22.0.

use std::io::Write;
use std::path::PathBuf;

use burn_recsys_baselines::Popular;
use burn_recsys_data::named::{DataFolders, Fetch, NamedDataset};
use burn_recsys_data::{Filter, RowOrder, SplitConfig, Strategy};
use burn_recsys_training::{
    DataConfig, Evaluation, EvaluationConfig, ModelConfig, Prepared, RunConfig, Seen, TrainingConfig,
    evaluate,
};

const WITH_SEEN: [(&str, f64); 7] = [
    ("NDCG@10", 0.07171018595264776),
    ("HitRate@10", 0.29473684210526313),
    ("Coverage@10", 0.006188118811881188),
    ("Recall@10", 0.05031456599102324),
    ("Precision@10", 0.05789473684210526),
    ("MAP@10", 0.03530994152046783),
    ("MRR@10", 0.1414703425229741),
];
const SEEN_REMOVED: [(&str, f64); 7] = [
    ("NDCG@10", 0.13894463566522527),
    ("HitRate@10", 0.47368421052631576),
    ("Coverage@10", 0.04702970297029703),
    ("Recall@10", 0.08770445459481367),
    ("Precision@10", 0.11157894736842106),
    ("MAP@10", 0.07875640490114175),
    ("MRR@10", 0.23283208020050128),
];

fn config(split: SplitConfig) -> RunConfig {
    RunConfig {
        seed: 1,
        data: DataConfig::Named { name: "see the test".into() },
        filters: vec![Filter::MinCountByUser { count: 20 }],
        split,
        model: ModelConfig::default(),
        training: TrainingConfig::default(),
        validation: None,
        evaluation: EvaluationConfig { relevant_rating: Some(4.0), k: vec![10] },
        serving: Default::default(),
    }
}

fn prepared(dataset: NamedDataset, folders: &DataFolders, split: SplitConfig) -> Prepared {
    let dataset = dataset.load(folders, Fetch::Never, &|_, _| ()).unwrap();
    Prepared::new(&dataset, &config(split)).unwrap()
}

fn popularity(prepared: &Prepared, seen: Seen) -> Evaluation {
    let popular = Popular::new(prepared.train.n_items(), prepared.train.items());
    evaluate(&popular, &prepared.test_set().unwrap(), &[10], seen).unwrap()
}

fn assert_equal(evaluation: &Evaluation, expected: &[(&str, f64)], tolerance: f64) {
    for (label, expected) in expected {
        let value = evaluation.report.summary(label).unwrap().value.unwrap();
        assert!((value - expected).abs() <= tolerance, "{label}: {value}, expected {expected}");
    }
}

#[test]
fn ml_100k_by_time() {
    let folder = std::env::var_os("BURN_RECSYS_DATA").map(PathBuf::from);
    let Some(folder) = folder.filter(|folder| folder.join("ml-100k/u.data").exists()) else {
        // Not `eprintln!`: the test harness would keep it to itself.
        let _ = writeln!(std::io::stderr(), "skipped: there is no ml-100k/u.data in BURN_RECSYS_DATA");
        return;
    };
    let folders = DataFolders::of(None, [folder]);
    let split = SplitConfig::new(Strategy::GlobalTime { test_fraction: 0.2 });
    let prepared = prepared(NamedDataset::Ml100k, &folders, split);
    let train = &prepared.train;
    assert_eq!(prepared.counts, [100_000, 943, 1_682]);
    assert_eq!((train.len(), train.n_users(), train.n_items()), (79_999, 751, 1_616));
    assert_eq!((prepared.manifest.test.interactions, prepared.test.len()), (2_864, 1_571));
    assert_eq!(prepared.test_set().unwrap().n_users(), 95);
    assert!(prepared.titles.contains(&"Toy Story (1995)".to_string()));
    assert_equal(&popularity(&prepared, Seen::Kept), &WITH_SEEN, 1e-12);
    assert_equal(&popularity(&prepared, Seen::Removed), &SEEN_REMOVED, 1e-12);
}

#[test]
fn embedded_ml_latest_small_by_user() {
    // Ties and cold items as the reference figures have them.
    let split = SplitConfig::new(Strategy::UserTime { test_fraction: 0.2 })
        .with_row_order(RowOrder::NewestFirst)
        .with_drop_cold_items(false);
    let prepared = prepared(NamedDataset::MlLatestSmall, &DataFolders::of(None, []), split);
    assert_eq!(prepared.counts, [100_836, 610, 9_724]);
    assert_eq!(prepared.test_set().unwrap().n_users(), 589);
    // The model knows no item that only the test part has.
    assert!(prepared.train.item_counts().iter().all(|&count| count > 0));
    assert_eq!(prepared.titles.len(), prepared.train.n_items());
    let evaluation = popularity(&prepared, Seen::Removed);
    assert_equal(&evaluation, &[("NDCG@10", 0.073138), ("HitRate@10", 0.302207)], 1e-6);
}
