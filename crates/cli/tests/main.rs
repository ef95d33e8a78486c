//! The program as its users meet it: arguments, output, exit codes, and a process that is killed.

#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod arguments;
mod bad_input;

mod compare;
mod evaluate_lists;
mod graph;
mod import_torch;
mod interruption;
mod protocol;
mod round_trip;
mod serve;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use tempfile::TempDir;

/// A working folder of one test, with data that has two tastes in it.
struct Bench {
    folder: TempDir,
}

/// What a call of the program gave.
struct Answer {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Bench {
    /// 30 users, 20 items; even users like even items.
    fn new() -> Self {
        let bench = Bench { folder: tempfile::tempdir().unwrap() };
        let mut lines = String::from("user,item,stars,at\n");
        for user in 0..30u32 {
            for n in 0..8 {
                // The last two are of the other taste.
                let item = 2 * ((user / 2 + 3 * n) % 10) + (user + n / 6) % 2;
                let stars = if n == 3 { "2.5" } else { "4.5" };
                lines += &format!("u{user},{item},{stars},{}\n", 1_000 + n * 100 + user);
            }
        }
        bench.write("ratings.csv", &lines);
        bench.write("run.toml", CONFIG);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The configuration with a part of it changed.
    fn change(&self, part: &str, to: &str) {
        assert!(CONFIG.contains(part), "the configuration has no {part:?}");
        self.write("run.toml", &CONFIG.replace(part, to));
    }

    /// Calls the program in the folder; data sets are looked for in it and nowhere else, and no server
    /// can be reached.
    fn call(&self, arguments: &[&str]) -> Answer {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("burn-recsys"));
        for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "NO_PROXY"] {
            command.env_remove(name);
        }
        let output = command
            .current_dir(self.folder.path())
            .env("BURN_RECSYS_DATA", self.path("data"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("HOME", self.path("home"))
            // Port 9 discards, if anyone listens at all.
            .env("ALL_PROXY", "http://127.0.0.1:9")
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .args(arguments)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Answer { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Calls that must succeed.
    fn done(&self, arguments: &[&str]) -> Answer {
        let answer = self.call(arguments);
        assert_eq!(answer.code, Some(0), "{arguments:?}: {}", answer.stderr);
        answer
    }

    /// Calls that must fail with `code`, print nothing, panic nowhere, and say each of `parts`.
    fn refused(&self, arguments: &[&str], code: i32, parts: &[&str]) {
        let Answer { code: actual, stdout, stderr } = self.call(arguments);
        assert_eq!(actual, Some(code), "{arguments:?}: {stderr}");
        assert_eq!(stdout, "", "{arguments:?}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        assert!(stderr.contains("error: "), "{stderr}");
        for part in parts {
            assert!(stderr.contains(part), "{arguments:?}: {part:?} is not in: {stderr}");
        }
    }

    fn model(&self, run: &str) -> Vec<u8> {
        fs::read(self.path(run).join("model.safetensors")).unwrap()
    }
}

fn exists(path: &Path) -> bool {
    path.try_exists().unwrap()
}

const CONFIG: &str = r#"seed = 5

[data]
path = "ratings.csv"
format = { user = "user", item = "item", rating = "stars", timestamp = "at" }

[split]
strategy = { kind = "user-time", test_fraction = 0.2 }

[model]
d_embedding = 8

[training]
n_epochs = 2
batch_size = 32
n_negatives = 3
learning_rate = 0.05

[evaluation]
relevant_rating = 4.0
k = [3, 10]
"#;
