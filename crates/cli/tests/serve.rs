//! A run is trained, served, asked, published and swapped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Bench;

/// A server that ends with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts `serve` on a free port.
    fn start(bench: &Bench, run: &str, more: &[&str]) -> Server {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("burn-recsys"))
            .args(["serve", "--run", run, "--port", "0", "--quiet"])
            .args(more)
            .current_dir(bench.path("."))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the server says where it is").unwrap();
            if let Some(address) = line.strip_prefix("http://").and_then(|rest| rest.split('/').next()) {
                break address.to_string();
            }
        };
        // A pipe that nobody reads would fill up.
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, address }
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    }

    fn recommend(&self, body: &str) -> String {
        let head = "POST /v1/recommend HTTP/1.1\r\nHost: x\r\nConnection: close";
        self.ask(&format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The version that an answer names.
fn version(answer: &str) -> Option<String> {
    let value = answer.split("\"version\":").nth(1)?;
    value.split('"').nth(1).map(String::from)
}

#[test]
fn a_run_is_served_and_another_takes_over() {
    let bench = Bench::new();
    for out in ["first", "second"] {
        let config = if out == "first" { "seed = 1\n" } else { "seed = 2\n" };
        bench.write("seeded.toml", &format!("{config}{}", crate::CONFIG.replace("seed = 5\n", "")));
        bench.done(&["train", "--config", "seeded.toml", "--out", out]);
    }
    bench.done(&["publish", "--run", "first", "--to", "live"]);
    let server = Server::start(&bench, "live", &[]);
    let first = version(&server.get("/v1/model")).unwrap();
    let answer = server.recommend(r#"{"user": "u3", "k": 4}"#);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(&first), "{answer}");
    assert_eq!(answer.matches("\"id\":").count(), 4, "{answer}");
    assert!(server.recommend(r#"{"k": 0}"#).starts_with("HTTP/1.1 400"));
    assert!(server.get("/v1/similar/nothing").starts_with("HTTP/1.1 404"));

    let second =
        version(&bench.done(&["publish", "--run", "second", "--to", "live", "--json"]).stdout).unwrap();
    assert_ne!(first, second);
    let start = Instant::now();
    while version(&server.get("/v1/model")) != Some(second.clone()) {
        assert!(start.elapsed() < Duration::from_secs(30), "the new version was not taken over");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Kill -9 of the server at any moment around a swap, and of what publishes: a whole version answers afterwards.
#[test]
fn killed_at_any_moment_it_comes_back_with_a_whole_version() {
    let bench = Bench::new();
    let mut versions = Vec::new();
    for out in ["first", "second"] {
        bench.write("seeded.toml", &crate::CONFIG.replace("seed = 5", &format!("seed = {}", out.len())));
        bench.done(&["train", "--config", "seeded.toml", "--out", out]);
        versions
            .push(version(&bench.done(&["publish", "--run", out, "--to", "live", "--json"]).stdout).unwrap());
    }
    assert_ne!(versions[0], versions[1]);
    let mut seen = [0; 2];
    for round in 0..20u64 {
        let server = Server::start(&bench, "live", &[]);
        let mut publish = Command::new(assert_cmd::cargo::cargo_bin!("burn-recsys"))
            .args(["publish", "--run", ["first", "second"][round as usize % 2], "--to", "live"])
            .current_dir(bench.path("."))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Half of them are killed on the way, the others have time to be taken over, or nearly.
        if round % 4 < 2 {
            std::thread::sleep(Duration::from_millis(3 * round));
            let _ = publish.kill();
        }
        publish.wait().unwrap();
        std::thread::sleep(Duration::from_millis(if round % 4 < 2 { 10 } else { 850 + 20 * round }));
        // Dropping it is kill -9.
        drop(server);
        let server = Server::start(&bench, "live", &[]);
        let answer = server.recommend(r#"{"user": "u3", "k": 4}"#);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let which = versions.iter().position(|version| answer.contains(version.as_str())).unwrap();
        seen[which] += 1;
    }
    assert!(seen.iter().all(|&n| n > 0), "{seen:?}");
}

#[test]
fn a_token_is_asked_for_and_bad_arguments_are_refused() {
    let bench = Bench::new();
    bench.done(&["train", "--config", "run.toml", "--out", "run"]);
    bench.write("token", "secret\n");
    let server = Server::start(&bench, "run", &["--token-file", "token"]);
    assert!(server.get("/health").starts_with("HTTP/1.1 200"));
    assert!(server.get("/v1/model").starts_with("HTTP/1.1 401"));
    let request =
        "GET /v1/model HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer secret\r\n\r\n";
    assert!(server.ask(request).starts_with("HTTP/1.1 200"));

    bench.write("empty", "\n");
    for (arguments, code, message) in [
        (&["serve", "--run", "nowhere"][..], 1, "not a run folder"),
        (&["serve", "--run", "run", "--token-file", "empty"], 2, "its first line is empty"),
        (&["serve", "--run", "run", "--host", "0.0.0.0", "--port", "0"], 2, "no token"),
        (&["publish", "--run", "nowhere", "--to", "live"], 1, "not a run folder"),
    ] {
        bench.refused(arguments, code, &[message]);
    }
}
