//! A process that is killed, and one that is asked to stop.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Bench, exists};

/// Starts training with `arguments` in `out` and waits until epoch `epoch` of `phase` is saved.
fn training(bench: &Bench, arguments: &[&str], out: &str, phase: &str, epoch: u32) -> Child {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("burn-recsys"))
        .current_dir(bench.folder.path())
        .arg("train")
        .args(arguments)
        .args(["--out", out])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let checkpoints = bench.path(out).join("checkpoints");
    let start = Instant::now();
    while newest(&checkpoints, phase) < epoch {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "training ended before it could be interrupted: {ended:?}");
        assert!(start.elapsed() < Duration::from_secs(60), "no checkpoint after a minute");
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

/// The newest checkpoint of a phase; 0 if there is none.
fn newest(checkpoints: &Path, phase: &str) -> u32 {
    let Ok(entries) = std::fs::read_dir(checkpoints) else { return 0 };
    let names = entries.filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    names.filter_map(|name| name.strip_prefix(phase)?.strip_prefix('-')?.parse().ok()).max().unwrap_or(0)
}

/// Long enough to be interrupted: many small steps, slow enough that the last epoch is the best, then
/// as many again on all rows.
fn bench() -> Bench {
    let bench = Bench::new();
    let mut text = crate::CONFIG.to_string();
    for (part, to) in [
        ("n_epochs = 2", "n_epochs = 24"),
        ("batch_size = 32", "batch_size = 1"),
        ("learning_rate = 0.05", "learning_rate = 0.001"),
    ] {
        text = text.replace(part, to);
    }
    let validation = "[validation]\nstrategy = { kind = \"leave-last-n\", n = 1 }\nmetric = \"loss\"\n";
    bench.write("run.toml", &format!("{text}\n{validation}"));
    bench
}

fn assert_clean(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.starts_with('.'), "{name} is left in {}", folder.display());
    }
}

#[test]
fn a_killed_run_is_resumed_to_the_same_weights() {
    let bench = bench();
    bench.done(&["train", "--config", "run.toml", "--out", "whole"]);
    // Three times, wherever it happens to be after these epochs.
    let places: [(&[&str], &str, u32); 3] =
        [(&["--config", "run.toml"], "search", 2), (&["--resume"], "search", 15), (&["--resume"], "fit", 2)];
    for (arguments, phase, epoch) in places {
        let mut child = training(&bench, arguments, "cut", phase, epoch);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!exists(&bench.path("cut/model.safetensors")), "training had ended before it was killed");
    }
    // Until then it answers nothing, and says what to do.
    bench.refused(
        &["recommend", "--run", "cut", "--user", "u1"],
        1,
        &["training is not finished", "--resume"],
    );
    bench.done(&["train", "--resume", "--out", "cut"]);
    assert_eq!(bench.model("cut"), bench.model("whole"));
    assert_clean(&bench.path("cut"));
    assert_clean(&bench.path("cut/checkpoints"));
}

#[cfg(unix)]
#[test]
fn a_run_that_is_asked_to_stop_exits_with_130() {
    let bench = bench();
    bench.done(&["train", "--config", "run.toml", "--out", "whole"]);
    for signal in ["INT", "TERM"] {
        let mut child = training(&bench, &["--config", "run.toml"], signal, "search", 2);
        let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(!exists(&bench.path(signal).join("model.safetensors")));
        bench.done(&["train", "--resume", "--out", signal]);
        assert_eq!(bench.model(signal), bench.model("whole"));
    }
}
