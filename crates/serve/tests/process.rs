//! The server as a process.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use burn_recsys_serve::{ServeConfig, run};

use crate::http::{exchange, send};
use crate::world::{world, world_named};

const FOLDER: &str = "RECSYS_SERVED_FOLDER";

/// Not a test: the server's process.
#[test]
#[ignore = "serves until it is stopped"]
fn serves_until_it_is_stopped() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let mut config = ServeConfig::new(folder);
    config.address.set_port(0);
    config.watch = Some(Duration::from_millis(20));
    run(config, |address| {
        // Whole or not there, as the one who waits reads it.
        std::fs::write(folder.join("address.new"), address.to_string()).unwrap();
        std::fs::rename(folder.join("address.new"), folder.join("address")).unwrap();
    })
    .unwrap();
}

/// A process that does not outlive its test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already if all went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Path) -> (Server, SocketAddr) {
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let process = Command::new(std::env::current_exe().unwrap())
        .args(["process::serves_until_it_is_stopped", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let server = Server(process);
    let start = Instant::now();
    loop {
        if let Ok(address) = std::fs::read_to_string(folder.join("address")) {
            return (server, address.parse().unwrap());
        }
        assert!(start.elapsed() < Duration::from_secs(60), "it does not start");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(unix)]
#[test]
fn a_server_that_is_told_to_stop_finishes_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    world().write(folder.path()).unwrap();
    let (mut server, address) = start(folder.path());

    // A new version is found without being asked for.
    let second = world_named(" of May").write(folder.path()).unwrap();
    let start = Instant::now();
    while !send(address, "GET", "/ready", "", "").body.contains(&second) {
        assert!(start.elapsed() < Duration::from_secs(60), "it does not swap");
        std::thread::sleep(Duration::from_millis(5));
    }

    let mut slow = TcpStream::connect(address).unwrap();
    slow.write_all(b"POST /v1/recommend HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{").unwrap();
    let metrics = || send(address, "GET", "/metrics", "", "").body;
    while !metrics().contains("burn_recsys_requests_in_flight 2\n") {
        std::thread::sleep(Duration::from_millis(5));
    }
    let told = Command::new("kill").args(["-TERM", &server.0.id().to_string()]).status().unwrap();
    assert!(told.success());
    while TcpStream::connect(address).is_ok() {
        assert!(start.elapsed() < Duration::from_secs(60), "it goes on accepting");
        std::thread::sleep(Duration::from_millis(5));
    }
    let answer = exchange(&mut slow, b"}");
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("connection: close"), "{}", answer.head);
    assert!(server.0.wait().unwrap().success());

    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    let lines: Vec<serde_json::Value> =
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let events: Vec<&str> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    for event in ["start", "request", "model_swapped", "stopping", "stop"] {
        assert!(events.contains(&event), "{event} in {log}");
    }
    let request = lines.iter().find(|line| line["route"] == "/v1/recommend").unwrap();
    assert_eq!((&request["method"], &request["status"]), (&"POST".into(), &200.into()));
    assert!(request["id"].is_string() && request["micros"].is_u64());
}
