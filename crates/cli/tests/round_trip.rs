//! From a file of one's own to recommendations.

use std::fs;

use serde_json::Value;

use crate::Bench;

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn metrics(outcome: &Value) -> Vec<(String, Value)> {
    let models = outcome["models"].as_array().unwrap().iter();
    models.map(|model| (model["name"].as_str().unwrap().to_string(), model["metrics"].clone())).collect()
}

#[test]
fn train_evaluate_and_recommend() {
    let bench = Bench::new();
    let train = bench.done(&["train", "--config", "run.toml", "--out", "out/run", "--json"]);
    let outcome = json(&train.stdout);
    assert_eq!(
        outcome["dataset"],
        serde_json::json!({
            "name": "ratings", "interactions": 240, "users": 30, "items": 20
        })
    );
    // A fifth of eight rows is one, and all of these are liked.
    let split = &outcome["split"];
    assert_eq!((split["train"].as_u64(), split["test"].as_u64()), (Some(210), Some(30)));
    assert_eq!(split["test_users"].as_u64(), Some(30));
    let measured = metrics(&outcome);
    let names: Vec<&str> = measured.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["popular-with-seen", "popular", "two-tower", "two-stage"]);
    for (name, metrics) in &measured {
        for label in ["NDCG", "HitRate", "Recall", "Precision", "MAP", "MRR", "Coverage"] {
            for k in [3, 10] {
                let value = metrics[format!("{label}@{k}")].as_f64();
                assert!(
                    value.is_some_and(|value| (0.0..=1.0).contains(&value)),
                    "{name} {label}@{k} {value:?}"
                );
            }
        }
    }
    for model in outcome["models"].as_array().unwrap() {
        let seconds = &model["seconds"];
        assert!(seconds["train"].is_f64() && seconds["evaluate"].is_f64(), "{seconds}");
    }
    assert_eq!((outcome["n_epochs"].as_u64(), outcome["seed"].as_u64()), (Some(2), Some(5)));
    assert_eq!(outcome["run_folder"].as_str(), Some("out/run"));
    // Progress is a line an epoch where nobody watches, and no escape codes.
    let epochs = train.stderr.lines().filter(|line| line.starts_with("epoch ")).count();
    assert_eq!(epochs, 2, "{}", train.stderr);
    assert!(!train.stderr.contains('\u{1b}'), "{:?}", train.stderr);
    assert!(fs::read_to_string(bench.path("out/run/loss.svg")).unwrap().starts_with("<svg"));
    assert_eq!(json(&fs::read_to_string(bench.path("out/run/results.json")).unwrap()), outcome);

    let evaluated = json(&bench.done(&["evaluate", "--run", "out/run", "--json"]).stdout);
    // What is served is measured once, when it is written.
    assert_eq!(metrics(&evaluated), measured[..3]);
    assert_eq!(evaluated["split"], outcome["split"]);
    assert!(evaluated["models"][2]["seconds"].as_object().unwrap()["train"].is_null());

    let list = json(&bench.done(&["recommend", "--run", "out/run", "--user", "u4", "--json"]).stdout);
    assert_eq!(list["user"], "u4");
    let items: Vec<&str> =
        list["items"].as_array().unwrap().iter().map(|item| item["item"].as_str().unwrap()).collect();
    assert_eq!(items.len(), 10);
    // Of u4's eight items the last by time is held out.
    for n in 0..7 {
        let seen = (2 * ((2 + 3 * n) % 10) + n / 6).to_string();
        assert!(!items.contains(&seen.as_str()), "{seen} is recommended again: {items:?}");
    }
    bench.refused(&["recommend", "--run", "out/run", "--user", "u99"], 1, &["\"u99\"", "such as u0"]);
}

#[test]
fn tables_are_for_people() {
    let bench = Bench::new();
    // The folder is named after the configuration.
    let train = bench.done(&["train", "--config", "run.toml"]).stdout;
    for part in ["NDCG@3", "popular-with-seen", "two-tower", "run folder: runs/run"] {
        assert!(train.contains(part), "{part} is not in\n{train}");
    }
    let evaluate = bench.done(&["evaluate", "--run", "runs/run"]).stdout;
    assert!(evaluate.contains("two-tower"), "{evaluate}");
    let list = bench.done(&["recommend", "--run", "runs/run", "--user", "u1", "--k", "3"]).stdout;
    assert_eq!(list.lines().count(), 4, "{list}");
    assert!(list.contains("1. (no title)") && list.contains("3. (no title)"), "{list}");
}

#[test]
fn a_configuration_with_a_file_is_described() {
    let bench = Bench::new();
    bench.change("[split]", "[[filters]]\nkind = \"rating-at-least\"\nrating = 4.0\n\n[split]");
    let text = bench.done(&["data", "describe", "run.toml"]).stdout;
    assert!(text.contains("rating at least 4") && text.contains("interactions"), "{text}");
    let described = json(&bench.done(&["data", "describe", "run.toml", "--json"]).stdout);
    assert_eq!(described["interactions"].as_u64(), Some(210));
    assert_eq!(described["ratings"], serde_json::json!({"4.5": 210}));
    assert_eq!(described["interactions_per_user"]["median"].as_u64(), Some(7));
    assert_eq!(described["timestamps"], serde_json::json!([1000, 1729]));
}

#[test]
fn embedded_data_needs_neither_network_nor_files() {
    let bench = Bench::new();
    let described = json(&bench.done(&["data", "describe", "ml-latest-small", "--json"]).stdout);
    assert_eq!(described["interactions"].as_u64(), Some(100_836));
    assert_eq!((described["users"].as_u64(), described["items"].as_u64()), (Some(610), Some(9_724)));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let bench = Bench::new();
    for threads in ["1", "2"] {
        bench.done(&["train", "--config", "run.toml", "--out", threads, "--threads", threads]);
    }
    assert_eq!(bench.model("1"), bench.model("2"));
}
