//! Arguments, help and exit codes.

use crate::Bench;

#[test]
fn help_teaches_every_option() {
    let bench = Bench::new();
    let common = ["--json", "--data-dir", "--device", "--threads", "BURN_RECSYS_DATA"];
    for (command, options) in [
        (&["quickstart"][..], &["--data", "--out", "--seed", "runs/quickstart"][..]),
        (&["data", "list"], &[]),
        (&["data", "fetch"], &["<NAME>", "ml-100k"]),
        (&["data", "describe"], &["<NAME|FILE>", "*.toml"]),
        (&["train"], &["--config", "--out", "--resume"]),
        (&["compare"], &["--config", "--data", "--out", "--resume"]),
        (&["evaluate"], &["--run"]),
        (&["recommend"], &["--run", "--user", "--k"]),
        (&["graph", "build"], &["--products", "--edges", "--interactions", "--relation"]),
        (&["graph", "walk"], &["--length", "--restart"]),
        (&["graph", "train"], &["--model", "--lock-free", "--test-share", "--format"]),
        (&["graph", "similar"], &["--vectors", "--item", "--k"]),
    ] {
        let help = bench.done(&[command, &["--help"]].concat()).stdout;
        for option in common.iter().chain(options) {
            assert!(help.contains(option), "{command:?}: {option} is not in\n{help}");
        }
    }
    let help = bench.done(&["--help"]).stdout;
    for part in
        ["quickstart", "data", "train", "evaluate", "recommend", "Exit codes: 0 done, 1 failed, 2 wrong"]
    {
        assert!(help.contains(part), "{part} is not in\n{help}");
    }
    let devices = bench.done(&["train", "--help"]).stdout;
    for device in burn_recsys_training::device_names() {
        assert!(devices.contains(device), "{device} is not in\n{devices}");
    }
    assert!(bench.done(&["--version"]).stdout.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_arguments_exit_with_2() {
    let bench = Bench::new();
    for (arguments, part) in [
        (&["train", "--confg", "run.toml"][..], "--confg"),
        (&["train", "--resume"], "--out"),
        (&["train", "--resume", "--config", "none.toml", "--threads", "0"], "must be at least 1"),
        (&["recommend"], "--user"),
        (&["recommend", "--user", "1", "--k", "0"], "must be at least 1"),
        (&["recommend", "--user", "1", "--k", "-3"], "-3"),
        (&["evaluate", "--threads", "two"], "invalid digit"),
        (&["quickstart", "--seed", "one"], "invalid digit"),
        (&["fly"], "fly"),
        (&["data", "fetch", "ml-10k"], "there are ml-100k, ml-latest-small, ml-1m"),
        (&["quickstart", "--data", "ml-10k"], "there are ml-100k, ml-latest-small, ml-1m"),
        (&["data", "describe", "ml-10k"], "there are ml-100k, ml-latest-small, ml-1m"),
    ] {
        bench.refused(arguments, 2, &[part]);
    }
    // With nothing to go by: the help, as an error.
    for arguments in [&[][..], &["data"], &["train"], &["compare"]] {
        let nothing = bench.call(arguments);
        assert_eq!(nothing.code, Some(2), "{arguments:?}");
        assert!(nothing.stdout.is_empty() && nothing.stderr.contains("Usage:"), "{}", nothing.stderr);
    }
}

#[test]
fn a_device_that_is_not_there_is_refused_before_any_work() {
    let bench = Bench::new();
    for name in burn_recsys_training::device_names() {
        if burn_recsys_training::device_from_name(name).is_err() {
            let feature = format!("build it with `--features {name}`");
            bench.refused(&["train", "--config", "run.toml", "--device", name], 2, &[name, &feature]);
            bench.refused(&["quickstart", "--device", name], 2, &[&feature]);
        }
    }
    let devices = "there is no device \"abacus\"; devices are flex, ndarray, wgpu, vulkan, cuda, tch";
    bench.refused(&["train", "--config", "run.toml", "--device", "abacus"], 2, &[devices]);
    bench.refused(&["quickstart", "--device", "abacus"], 2, &[devices]);
    assert!(!crate::exists(&bench.path("runs")), "a run folder was made for nothing");
}

#[test]
fn data_sets_are_listed_with_their_place() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("data/ml-100k")).unwrap();
    bench.write("data/ml-100k/u.data", "1\t2\t3\t4\n");
    let list = bench.done(&["data", "list"]).stdout;
    for name in ["ml-100k", "ml-latest-small", "ml-1m", "ml-20m", "ml-25m", "ml-32m", "inside this program"] {
        assert!(list.contains(name), "{name} is not in\n{list}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&bench.done(&["data", "list", "--json"]).stdout).unwrap();
    let first = &json["datasets"][0];
    assert_eq!((first["name"].as_str(), first["bytes"].as_u64()), (Some("ml-100k"), Some(4_924_029)));
    assert_eq!(first["place"].as_str(), Some(bench.path("data/ml-100k").to_str().unwrap()));
}
