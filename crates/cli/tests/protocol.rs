//! The experiments of papers on tiny files.

use serde_json::Value;

use crate::Bench;

/// 24 users of two tastes; `x.*` are the files of NCF. Of the last item of a taste each user lacks one.
fn bench() -> Bench {
    let bench = Bench::new();
    let (mut train, mut test) = (String::new(), String::new());
    let [mut ratings, mut tests, mut negatives] = [const { String::new() }; 3];
    for user in 0..24u32 {
        let items: Vec<u32> = (0..8).map(|n| 2 * ((user / 2 + n) % 10) + user % 2).collect();
        let (last, met) = items.split_last().unwrap();
        let text: Vec<String> = met.iter().map(u32::to_string).collect();
        train += &format!("{user} {}\n", text.join(" "));
        test += &format!("{user} {last}\n");
        met.iter().zip(0..).for_each(|(item, at)| ratings += &format!("{user}\t{item}\t4\t{at}\n"));
        tests += &format!("{user}\t{last}\t5\t99\n");
        negatives += &format!("({user},{last})\t{}\t{}\n", 1 - user % 2, 19 - user % 2);
    }
    for (name, text) in [
        ("train.txt", train),
        ("test.txt", test),
        ("x.train.rating", ratings),
        ("x.test.rating", tests),
        ("x.test.negative", negatives),
    ] {
        bench.write(name, &text);
    }
    bench
}

const LIGHTGCN: [&str; 4] = ["protocol", "lightgcn", "--data", "."];
const NCF: [&str; 6] = ["protocol", "ncf", "--data", ".", "--name", "x"];

fn json(bench: &Bench, arguments: &[&str]) -> Value {
    let answer = bench.done(arguments);
    serde_json::from_str(&answer.stdout).unwrap()
}

#[test]
fn a_table_at_the_end_and_results_as_they_come() {
    let bench = bench();
    let answer = bench.done(&[&LIGHTGCN[..], &["--models", "popular,itemknn,ease"]].concat());
    for part in ["24 users, 20 items", "popular: NDCG@20", "chosen: ", "train s"] {
        assert!(answer.stdout.contains(part), "{part:?} is not in {}", answer.stdout);
    }
    let rows: Vec<&str> = answer.stdout.lines().rev().take(3).collect();
    assert!(rows[2].starts_with("popular") && rows[0].starts_with("ease"), "{rows:?}");
    assert!(answer.stderr.contains("candidate"), "{}", answer.stderr);
}

#[test]
fn json_has_every_model_and_seed() {
    let bench = bench();
    let found =
        json(&bench, &[&NCF[..], &["--json", "--seeds", "2", "--models", "popular,bpr,ials"]].concat());
    assert_eq!(found["protocol"], "ncf");
    assert_eq!((&found["dataset"]["name"], &found["dataset"]["users"]), (&"x".into(), &24.into()));
    assert_eq!(found["seeds"], serde_json::json!([1, 2]));
    let models = found["models"].as_array().unwrap();
    let names: Vec<&str> = models.iter().map(|model| model["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["popular", "bpr", "ials"]);
    for model in models {
        let mean = model["metrics"]["HitRate@10"].as_f64().unwrap();
        let seeds = model["seeds"].as_array().unwrap();
        let values: Vec<f64> =
            seeds.iter().map(|seed| seed["metrics"]["HitRate@10"].as_f64().unwrap()).collect();
        assert!((values.iter().sum::<f64>() / values.len() as f64 - mean).abs() < 1e-12);
        // No seed changes what is popular.
        assert_eq!(values.len(), if model["name"] == "popular" { 1 } else { 2 });
        let interval = &model["intervals"]["HitRate@10"];
        match values.len() {
            1 => assert!(interval.is_null()),
            _ => assert!(interval[0].as_f64().unwrap() <= mean && mean <= interval[1].as_f64().unwrap()),
        }
        assert!(model["chosen"]["seed"].is_null());
        assert!(model["seconds"]["train"].as_f64().unwrap() >= 0.0);
    }
    assert!(models[0]["n_epochs"].is_null() && models[1]["n_epochs"].as_u64().unwrap() > 0);
    assert!(models[1]["chosen"]["d_embedding"].is_u64());
    // The same again, whatever the threads.
    let again = json(
        &bench,
        &[&NCF[..], &["--json", "--seeds", "2", "--models", "popular,bpr,ials", "--threads", "1"]].concat(),
    );
    for (model, again) in models.iter().zip(again["models"].as_array().unwrap()) {
        assert_eq!((&model["metrics"], &model["chosen"]), (&again["metrics"], &again["chosen"]));
    }
}

#[test]
fn an_unknown_model_lists_the_known_ones() {
    let bench = bench();
    let arguments = [&LIGHTGCN[..], &["--models", "popular,best"]].concat();
    bench.refused(&arguments, 2, &["there is no model \"best\"", "popular, itemknn", "two-tower"]);
    bench.refused(&[&LIGHTGCN[..], &["--seeds", "0"]].concat(), 2, &["at least 1"]);
    bench.refused(&[&LIGHTGCN[..], &["--k", "0"]].concat(), 2, &["at least 1"]);
}

#[test]
fn bad_files_name_the_line() {
    let bench = bench();
    bench.write("train.txt", "0 1 2\n1 two\n");
    bench.refused(&LIGHTGCN, 1, &["train.txt line 2", "\"two\""]);
    bench.write("x.test.negative", "(0,14)\t1\t19\n(7,7)\t1\t19\n");
    bench.refused(&NCF, 1, &["x.test.negative line 2", "x.test.rating line 2"]);
    let mut other = NCF;
    other[5] = "y";
    bench.refused(&other, 1, &["cannot read", "y.train.rating"]);
}

/// Every model must give a row, or a row that says why not.
fn all_models(bench: &Bench, arguments: &[&str]) -> Vec<Value> {
    let found = json(bench, &[arguments, &["--json"]].concat());
    let models = found["models"].as_array().unwrap().clone();
    assert_eq!(models.len(), 10);
    for model in &models {
        let metrics = model["metrics"].as_object().unwrap();
        assert!(model["error"].is_string() || !metrics.is_empty(), "{model}");
        assert!(metrics.values().all(|value| (0.0..=1.0).contains(&value.as_f64().unwrap())), "{model}");
    }
    models
}

#[test]
fn lists_longer_than_the_catalogue() {
    let bench = bench();
    let models = "popular,itemknn,mf";
    let found = json(&bench, &[&LIGHTGCN[..], &["--json", "--k", "1000", "--models", models]].concat());
    for model in found["models"].as_array().unwrap() {
        assert_eq!(model["metrics"]["Recall@1000"], 1.0, "{model}");
    }
}

#[test]
fn a_user_who_has_met_everything_and_one_who_has_met_nothing() {
    let bench = bench();
    bench.write("train.txt", "0 0 1 2 3\n1 0 1 2\n2 1 2\n3\n4 0 3 2\n");
    bench.write("test.txt", "0 9\n1 3\n2 0\n3 1\n");
    for model in all_models(&bench, &LIGHTGCN) {
        assert!(model["error"].is_null(), "{model}");
    }
}

#[test]
fn one_item() {
    let bench = bench();
    bench.write("train.txt", "0 5\n1 5\n");
    bench.write("test.txt", "2 5\n");
    let models = all_models(&bench, &LIGHTGCN);
    assert_eq!(models[0]["metrics"]["HitRate@20"], 1.0);
}
