//! A study as a command.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Answer, Bench, exists};

const COMPARE: [&str; 3] = ["compare", "--config", "study.toml"];

/// Users with much to say of popular movies, two representations and a memory study: seconds.
const STUDY: &str = r#"data = { name = "ml-latest-small" }
filters = [{ kind = "min-count-by-user", count = 300 }, { kind = "min-count-by-item", count = 30 }]
split = { strategy = { kind = "user-time", test_fraction = 0.2 }, drop_cold_users = false }
validation = { kind = "user-time", test_fraction = 0.2 }
cold_start = { user_fraction = 0.4 }
seeds = [1, 2]
representations = [{ kind = "id" }, { kind = "mixture", n_cohorts = 4 }]
estimator = { d_user = 8, d_item = 8, d_cross = 8, hidden = [8] }
memory_budgets = [1.0]

[training]
n_epochs = 1
batch_size = 64
learning_rate = 0.01
"#;

/// A study without a memory study, of one seed.
fn small() -> String {
    STUDY.replace("seeds = [1, 2]", "seeds = [1]").replace("memory_budgets = [1.0]\n", "")
}

fn bench(study: &str) -> Bench {
    let bench = Bench::new();
    bench.write("study.toml", study);
    bench
}

fn results(bench: &Bench, folder: &str) -> String {
    fs::read_to_string(bench.path(folder).join("results.json")).unwrap()
}

/// Outcomes without what a clock says.
fn untimed(results: &str) -> Value {
    let mut results: Value = serde_json::from_str(results).unwrap();
    for candidate in results["candidates"].as_array_mut().unwrap() {
        for seed in candidate["seeds"].as_array_mut().unwrap() {
            assert!(seed.as_object_mut().unwrap().remove("step_seconds").is_some());
        }
    }
    results
}

#[test]
fn a_study_leaves_tables_plots_and_results() {
    let bench = bench(STUDY);
    let Answer { stdout, stderr, .. } = bench.done(&[&COMPARE[..], &["--threads", "1"]].concat());
    let out = bench.path("runs/study");
    let markdown = fs::read_to_string(out.join("table.md")).unwrap();
    for part in [
        "ml-latest-small: all test rows (mean ± half of the 95% interval, 2 seeds)",
        "ml-latest-small: AUC by slice",
        "ml-latest-small: LogLoss by slice",
        "ml-latest-small: NDCG@10 by slice",
        "ml-latest-small: AUC less that of id, seed by seed",
        "ml-latest-small: gate, weight of the first expert",
        "Spearman correlation of activity and weight over the groups: mixture ",
        "ml-latest-small: memory",
    ] {
        assert!(stdout.contains(part), "{part} is not in\n{stdout}");
        assert!(markdown.contains(part), "{part} is not in\n{markdown}");
    }
    // Every row of a table has as many cells as its header.
    for block in markdown.split("\n\n").filter(|block| block.starts_with('|')) {
        let cells: Vec<usize> = block.lines().map(|line| line.matches(" | ").count()).collect();
        assert!(cells.len() > 2 && cells.iter().all(|n| *n == cells[0]), "{block}");
    }
    // The candidates of the memory study are in its table alone.
    let first = markdown.split("##").nth(1).unwrap();
    assert!(first.contains("| mixture |") && !first.contains("hashed"), "{first}");
    for name in ["auc-by-slice.svg", "gate.svg", "memory.svg"] {
        let svg = fs::read_to_string(out.join(name)).unwrap();
        assert!(
            svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && !svg.contains("NaN"),
            "{name}"
        );
    }
    let found: Value = serde_json::from_str(&results(&bench, "runs/study")).unwrap();
    assert_eq!(found["candidates"][0]["name"], "id");
    assert_eq!(found["candidates"][0]["seeds"][1]["seed"], 2);
    let deciles = found["candidates"][1]["seeds"][0]["gate"]["deciles"].as_array().unwrap();
    assert_eq!(deciles.len(), 10);
    let budgets = found["candidates"].as_array().unwrap().iter().filter(|c| c["budget"][1] == 1.0).count();
    assert!(budgets >= 3, "{budgets} ways of the memory study");
    // Progress says what is trained, a line an epoch, without escape codes.
    assert!(stderr.contains("id seed 1 epoch 1/1 loss "), "{stderr}");
    assert!(stderr.contains("mixture seed 2 done: 1 epochs, held-out loss "), "{stderr}");
    assert!(!stderr.contains('\u{1b}'), "{stderr:?}");

    // Nothing is left to train, and the answer is the same to the bit.
    let before = results(&bench, "runs/study");
    bench.refused(&COMPARE, 1, &["runs/study: is there already", "resume this study"]);
    let again = bench.done(&["compare", "--resume", "--out", "runs/study", "--json"]);
    assert!(!again.stderr.contains("epoch"), "{}", again.stderr);
    assert_eq!(results(&bench, "runs/study"), before);
    assert_eq!(serde_json::from_str::<Value>(&again.stdout).unwrap(), found);
    assert_eq!(fs::read_to_string(out.join("table.md")).unwrap(), markdown);

    // Another number of threads.
    bench.done(&[&COMPARE[..], &["--threads", "2", "--out", "threads"]].concat());
    assert_eq!(untimed(&results(&bench, "threads")), untimed(&before));
}

#[test]
fn another_study_cannot_be_continued() {
    let bench = bench(&small());
    bench.done(&COMPARE);
    let resume = [&COMPARE[..], &["--resume"]].concat();
    bench.done(&resume);
    bench.write("study.toml", &small().replace("n_epochs = 1", "n_epochs = 2"));
    bench.refused(&resume, 2, &["differs", "runs/study", "training.n_epochs is 1 there and 2 here"]);
    let other = ["compare", "--resume", "--out", "runs/study", "--data", "ml-100k"];
    bench.refused(&other, 2, &["data.name is \"ml-latest-small\" there and \"ml-100k\" here"]);
    let rows = bench.path("runs/study/rows.json");
    let text = fs::read_to_string(&rows).unwrap();
    let mut record: Value = serde_json::from_str(&text).unwrap();
    record["sha256"] = "0".into();
    fs::write(&rows, record.to_string()).unwrap();
    bench.refused(&["compare", "--resume", "--out", "runs/study"], 1, &["is of other data", "with hash 0"]);
    fs::create_dir(bench.path("empty")).unwrap();
    bench.refused(&["compare", "--resume", "--out", "empty"], 1, &["it is not the folder of a study"]);
}

#[cfg(unix)]
#[test]
fn a_study_that_is_cut_off_loses_one_training() {
    let slow = small().replace("n_epochs = 1", "n_epochs = 40\npatience = 40").replace("[1]", "[1, 2, 3]");
    let bench = bench(&slow.replace("{ kind = \"mixture\", n_cohorts = 4 }", "{ kind = \"hashed\" }"));
    for (signal, code) in [("INT", Some(130)), ("KILL", None)] {
        let log = bench.path("log");
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("burn-recsys"));
        let mut child = command
            .current_dir(bench.folder.path())
            .args(COMPARE)
            .args(["--out", signal])
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let start = Instant::now();
        while !exists(&bench.path(signal).join("results.json")) {
            assert!(child.try_wait().unwrap().is_none(), "{}", fs::read_to_string(&log).unwrap());
            assert!(start.elapsed() < Duration::from_secs(120), "no training has ended");
            std::thread::sleep(Duration::from_millis(2));
        }
        let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), code);
        let kept: Value = serde_json::from_str(&results(&bench, signal)).unwrap();
        let first = &kept["candidates"][0]["seeds"][0];
        assert!(kept["candidates"].as_array().unwrap().len() == 1 && first["seed"] == 1, "{kept}");
        assert!(!exists(&bench.path(signal).join("table.md")));
        if signal == "INT" {
            let said = fs::read_to_string(&log).unwrap();
            assert!(said.contains(&format!("continue: compare --resume --out {signal}")), "{said}");
        }
    }
}

/// The study of the bench's own ratings.
fn own(format: &str) -> String {
    let data = format!("data = {{ path = \"ratings.csv\", format = {{ {format} }} }}");
    let filters = "filters = [{ kind = \"min-count-by-user\", count = 300 }, { kind = \"min-count-by-item\", count = 30 }]\n";
    small().replace("data = { name = \"ml-latest-small\" }", &data).replace(filters, "")
}

fn is_refused(study: &str, code: i32, parts: &[&str]) {
    let bench = bench(study);
    bench.refused(&COMPARE, code, parts);
    assert!(!exists(&bench.path("runs/study")), "a folder is left: {parts:?}");
}

#[test]
fn studies_that_say_the_impossible() {
    let columns = "user = \"user\", item = \"item\"";
    let times = format!("{columns}, timestamp = \"at\"");
    is_refused(&own(&times), 2, &["ratings"]);
    let by_chance = own(&format!("{columns}, rating = \"stars\"")).replace(
        "kind = \"user-time\", test_fraction = 0.2",
        "kind = \"random\", test_fraction = 0.2, seed = 1",
    );
    is_refused(&by_chance, 2, &["timestamps"]);
    for (part, to, parts) in [
        ("n_epochs = 1", "epochs = 1", &["study.toml", "line 11", "unknown field `epochs`"][..]),
        ("n_epochs = 1", "n_epochs = 0", &["study.toml", "training.n_epochs"]),
        ("kind = \"id\"", "kind = \"ids\"", &["study.toml", "line 7", "unknown variant `ids`"]),
        ("name = \"ml-latest-small\"", "name = \"ml-10k\"", &["there is no data set \"ml-10k\""]),
        (
            "name = \"ml-latest-small\"",
            "name = \"x\", movielens = \"y\"",
            &["line 1", "needs one of name, movielens"],
        ),
        (
            "name = \"ml-latest-small\"",
            "path = \"y\"",
            &["line 1", "data.path needs data.format", "data.movielens"],
        ),
    ] {
        assert!(small().contains(part), "{part}");
        is_refused(&small().replace(part, to), 2, parts);
    }
    is_refused(&small().replace("name = \"ml-latest-small\"", "movielens = \"none.dat\""), 1, &["none.dat"]);
    let bench = bench(&small());
    let with = |data| [&COMPARE[..], &["--data", data]].concat();
    let nothing = ["--data", "there is no data set \"ml-10k\"", "no folder or file has this path"];
    bench.refused(&with("ml-10k"), 2, &nothing);
    fs::create_dir(bench.path("folder")).unwrap();
    bench.refused(&with("folder"), 1, &["there is no u.data, ratings.dat or ratings.csv here"]);
    bench.refused(&["compare", "--data", "ml-1m"], 2, &["--out", "is needed to find the study"]);
    bench.refused(&["compare", "--data", "ml-1m", "--out", "x"], 2, &["--config", "needed to start a study"]);
    assert!(!exists(&bench.path("runs")) && !exists(&bench.path("x")));
}

#[test]
fn data_is_a_name_a_folder_or_a_file_of_ratings() {
    let data: PathBuf = match std::env::var_os("BURN_RECSYS_DATA") {
        Some(data) => PathBuf::from(data).join("ml-latest-small"),
        None => {
            eprintln!("skipped: BURN_RECSYS_DATA is not set");
            return;
        }
    };
    let bench = bench(&small());
    bench.done(&COMPARE);
    // The same ratings by their folder, and by a file beside the movies; the path is kept whole.
    fs::create_dir(bench.path("mine")).unwrap();
    for (from, to) in [("ratings.csv", "part.csv"), ("movies.csv", "movies.csv")] {
        fs::copy(data.join(from), bench.path("mine").join(to)).unwrap();
    }
    for (given, out, name) in
        [(data.to_str().unwrap(), "folder", "ml-latest-small"), ("mine/part.csv", "file", "mine/part.csv")]
    {
        bench.done(&[&COMPARE[..], &["--data", given, "--out", out]].concat());
        let mut found = untimed(&results(&bench, out));
        assert_eq!(found["dataset"], name);
        found["dataset"] = "ml-latest-small".into();
        assert_eq!(found, untimed(&results(&bench, "runs/study")));
    }
    let config = fs::read_to_string(bench.path("file/config.toml")).unwrap();
    let path = bench.path("mine/part.csv");
    assert!(config.contains(&format!("movielens = {:?}", path.to_str().unwrap())), "{config}");
    // Configurations of runs name it as well.
    let files = crate::CONFIG.lines().filter(|line| !line.starts_with("format"));
    let run: Vec<String> =
        files.map(|line| line.replace("path = \"ratings.csv\"", "movielens = \"mine/part.csv\"")).collect();
    bench.write("run.toml", &run.join("\n"));
    let described = bench.done(&["data", "describe", "run.toml", "--json"]).stdout;
    let described: Value = serde_json::from_str(&described).unwrap();
    assert_eq!(described["interactions"].as_u64(), Some(100_836));
    fs::remove_file(bench.path("mine/part.csv")).unwrap();
    bench.refused(&["train", "--config", "run.toml"], 1, &["cannot read mine/part.csv"]);
}
