//! Bad input: a clear message, the right exit code, no panic, and nothing left behind.

use std::fs;

use crate::{Bench, exists};

const TRAIN: [&str; 3] = ["train", "--config", "run.toml"];

/// Training must fail and leave no run folder.
fn train_is_refused(bench: &Bench, code: i32, parts: &[&str]) {
    bench.refused(&TRAIN, code, parts);
    assert!(!exists(&bench.path("runs/run")), "a run folder is left: {parts:?}");
}

#[test]
fn data_that_cannot_be_read() {
    let bench = Bench::new();
    for (text, parts) in [
        ("", &["ratings.csv"][..]),
        ("user,item,stars,at\n", &["ratings.csv", "holds no interactions"]),
        ("user,item,stars,at\nu1,2,4.5,7\nu1,3\n", &["ratings.csv line 3"]),
        ("user,item,stars,at\nu1,2,good,7\n", &["ratings.csv line 2", "rating \"good\" is not a number"]),
        ("user,item,stars,at\nu1,2,NaN,7\n", &["ratings.csv line 2"]),
        ("user,item,stars,at\nu1,2,4,-7\n", &["ratings.csv line 2", "-7"]),
        ("user,item,stars,at\nu1,2,4,soon\n", &["ratings.csv line 2", "soon"]),
        ("user,item,stars,at\nu1,2,4,99999999999999999\n", &["ratings.csv line 2"]),
        ("user,item,rating,at\nu1,2,4,7\n", &["ratings.csv", "stars"]),
    ] {
        bench.write("ratings.csv", text);
        train_is_refused(&bench, 1, parts);
    }
    fs::remove_file(bench.path("ratings.csv")).unwrap();
    train_is_refused(&bench, 1, &["cannot read ratings.csv"]);
}

#[test]
fn parts_without_rows() {
    let bench = Bench::new();
    bench.change("[split]", "[[filters]]\nkind = \"rating-at-least\"\nrating = 5.0\n\n[split]");
    train_is_refused(&bench, 1, &["no interactions are left after the filter \"rating at least 5\""]);
    bench.change("relevant_rating = 4.0", "relevant_rating = 5.0");
    train_is_refused(&bench, 1, &["no interactions are left", "rating at least 5"]);
    bench.change("kind = \"user-time\", test_fraction = 0.2", "kind = \"user-time\", test_fraction = 0.01");
    train_is_refused(&bench, 1, &["the test part of", "is empty"]);
    bench.change("kind = \"user-time\", test_fraction = 0.2", "kind = \"global-moment\", moment = 5");
    train_is_refused(&bench, 1, &["the train part of", "is empty"]);
}

#[test]
fn the_same_pair_in_train_and_test() {
    let bench = Bench::new();
    let mut text = fs::read_to_string(bench.path("ratings.csv")).unwrap();
    let last = text.lines().last().unwrap().replace(",1729", ",5000").to_string();
    text += &format!("{last}\n");
    bench.write("ratings.csv", &text);
    train_is_refused(
        &bench,
        1,
        &["1 of 30 test interactions are in the training part", "u29", "kind = \"duplicates\""],
    );
    bench.change("[split]", "[[filters]]\nkind = \"duplicates\"\nkeep = \"last\"\n\n[split]");
    bench.done(&TRAIN);
}

#[test]
fn configurations_that_say_the_impossible() {
    let bench = Bench::new();
    for (part, to, expected) in [
        ("n_epochs = 2", "epochs = 2", &["run.toml", "line 14", "unknown field `epochs`"][..]),
        ("path = \"ratings.csv\"", "file = \"ratings.csv\"", &["unknown field `file`", "line 4"]),
        ("n_epochs = 2", "n_epochs = 0", &["run.toml", "training.n_epochs: 0; must be at least 1"]),
        ("n_epochs = 2", "n_epochs = many", &["run.toml", "line 14"]),
        ("k = [3, 10]", "k = [3, 3]", &["evaluation.k: [3, 3]"]),
        ("test_fraction = 0.2", "test_fraction = 1.2", &["test_fraction: 1.2 must be above 0 and below 1"]),
        (
            "[evaluation]",
            "[validation]\nstrategy = { kind = \"user-time\", test_fraction = 2.0 }\nmetric = \"loss\"\n\n[evaluation]",
            &["test_fraction: 2 must be above 0 and below 1"],
        ),
        (
            "path = \"ratings.csv\"\nformat = { user = \"user\", item = \"item\", rating = \"stars\", timestamp = \"at\" }",
            "name = \"ml-10k\"",
            &["data.name", "there is no data set \"ml-10k\"; there are ml-100k"],
        ),
    ] {
        bench.change(part, to);
        train_is_refused(&bench, 2, expected);
    }
    bench.refused(&["train", "--config", "none.toml"], 1, &["cannot read none.toml"]);
    bench.refused(&["data", "describe", "none.toml"], 1, &["cannot read none.toml"]);
}

#[test]
fn folders_that_cannot_be_used() {
    let bench = Bench::new();
    bench.write("file", "mine");
    let out = |path| [&TRAIN[..], &["--out", path]].concat();
    bench.refused(&out("file"), 1, &["file", "is there already"]);
    bench.refused(&out("file/run"), 1, &["file"]);
    assert_eq!(fs::read_to_string(bench.path("file")).unwrap(), "mine");
    fs::create_dir(bench.path("folder")).unwrap();
    bench.refused(&out("folder"), 1, &["is there already; name another folder, or resume this run"]);
    for arguments in [
        &["train", "--resume", "--out", "folder"][..],
        &["evaluate", "--run", "folder"],
        &["recommend", "--run", "folder", "--user", "u1"],
        &["evaluate", "--run", "none"],
        &["evaluate"],
    ] {
        bench.refused(arguments, 1, &["has no config.toml, so it is not a run folder"]);
    }
    assert_eq!(fs::read_dir(bench.path("folder")).unwrap().count(), 0);
}

#[test]
fn runs_that_do_not_fit() {
    let bench = Bench::new();
    bench.done(&TRAIN);
    bench.refused(&TRAIN, 1, &["runs/run", "is there already"]);
    // Another configuration cannot continue it.
    bench.change("n_epochs = 2", "n_epochs = 3");
    let resume = ["train", "--config", "run.toml", "--out", "runs/run", "--resume"];
    bench.refused(
        &resume,
        2,
        &["differs from the configuration that the run in the folder was started with"],
    );
    // Other data cannot measure it, but it still recommends.
    let mut text = fs::read_to_string(bench.path("ratings.csv")).unwrap();
    text += "u1,0,5.0,9000\n";
    bench.write("ratings.csv", &text);
    bench.refused(&["evaluate", "--run", "runs/run"], 1, &["was trained on other data"]);
    bench.refused(&["train", "--resume", "--out", "runs/run"], 1, &["was trained on other data"]);
    bench.done(&["recommend", "--run", "runs/run", "--user", "u1"]);
    let model = bench.path("runs/run/model.safetensors");
    fs::write(&model, &fs::read(&model).unwrap()[..100]).unwrap();
    let recommend = ["recommend", "--run", "runs/run", "--user", "u1"];
    bench.refused(&recommend, 1, &["model.safetensors", "not a whole safetensors file", "--resume"]);
}

#[test]
fn a_data_set_that_is_neither_here_nor_reachable() {
    let bench = Bench::new();
    let address = "https://files.grouplens.org/datasets/movielens/ml-100k.zip";
    for (arguments, folder) in [
        (&["data", "describe", "ml-100k"][..], "data"),
        (&["data", "fetch", "ml-100k", "--data-dir", "mine"], "mine"),
        (&["quickstart", "--data", "ml-100k"], "data"),
    ] {
        let folder_text =
            if folder == "mine" { "mine".into() } else { bench.path(folder).display().to_string() };
        bench.refused(
            arguments,
            1,
            &["ml-100k is not on this machine", address, &folder_text, "put ml-100k.zip into"],
        );
        let left = fs::read_dir(bench.path(folder)).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{folder} is not empty");
    }
    assert!(!exists(&bench.path("runs")));
}

#[test]
fn data_folders_and_archives_that_are_damaged() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("data/ml-1m")).unwrap();
    bench.refused(
        &["data", "describe", "ml-1m"],
        1,
        &["ratings.dat", "the folder is there but this file is not"],
    );
    bench.write("data/ml-100k.zip", "PK, but not a zip archive");
    bench.refused(&["data", "describe", "ml-100k"], 1, &["ml-100k.zip", "not a whole zip archive"]);
}

#[cfg(unix)]
#[test]
fn output_that_nobody_takes() {
    use std::process::{Command, Stdio};

    let program = assert_cmd::cargo::cargo_bin!("burn-recsys");
    // The reader has closed its end before the first line.
    let mut child = Command::new(program)
        .args(["data", "list"])
        .stdin(Stdio::null())
        .stdout(closed_pipe())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let said = child.wait_with_output().unwrap().stderr;
    assert_eq!(String::from_utf8(said).unwrap(), "");
    // A full disk.
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        eprintln!("skipped: this system has no /dev/full");
        return;
    };
    let answer = Command::new(program).args(["data", "list", "--json"]).stdout(full).output().unwrap();
    let stderr = String::from_utf8(answer.stderr).unwrap();
    assert_eq!(answer.status.code(), Some(1), "{stderr}");
    assert!(stderr.starts_with("error: cannot write to standard output: "), "{stderr}");
}

#[cfg(unix)]
fn closed_pipe() -> std::io::PipeWriter {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer
}

#[test]
fn a_full_log_disk_does_not_end_a_training() {
    use std::process::{Command, Stdio};
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        eprintln!("skipped: this system has no /dev/full");
        return;
    };
    let bench = Bench::new();
    let status = Command::new(assert_cmd::cargo::cargo_bin!("burn-recsys"))
        .current_dir(bench.path(""))
        .args(["train", "--config", "run.toml"])
        .stdout(Stdio::null())
        .stderr(full)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(bench.path("runs/run/model.safetensors").is_file());
}

#[test]
fn a_rating_that_the_data_does_not_have() {
    let bench = Bench::new();
    bench.change(", rating = \"stars\"", "");
    let named = ["evaluation.relevant_rating: the data has no ratings; leave this key out"];
    bench.refused(&["train", "--config", "run.toml"], 2, &named);
}

#[test]
fn a_validation_that_cannot_be_held_out() {
    let bench = Bench::new();
    let validation =
        "[validation]\nstrategy = { kind = \"global-moment\", moment = 4000000000 }\n\n[evaluation]";
    bench.change("[evaluation]", validation);
    let named = ["validation.strategy: split: the test part of global-moment", "choose an earlier moment"];
    bench.refused(&["train", "--config", "run.toml"], 2, &named);
}
