//! A server under load: another process sends requests while versions are swapped.

pub(crate) mod one;
pub(crate) mod world;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use burn_recsys_serve::activate;
use serde_json::{Value, json};

use crate::Result;
use crate::machine::Machine;
use crate::report::{Report, note};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The server's command line; `{dir}` and `{port}` stand for the folder and the port.
    #[arg(long, default_value = "target/release/burn-recsys serve --run {dir} --port {port}")]
    server: String,
    /// A port that is free.
    #[arg(long, default_value_t = 18_080)]
    port: u16,
    /// Items.
    #[arg(long, default_value_t = 100_000)]
    items: u32,
    /// The size of their vectors.
    #[arg(long, default_value_t = 64)]
    dimension: usize,
    /// Users.
    #[arg(long, default_value_t = 10_000)]
    users: u32,
    /// Requests a second.
    #[arg(long, default_value_t = 1_000.0)]
    rate: f64,
    /// How long, in seconds.
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
    /// Connections, each with one request at a time.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Of a hundred requests, how many are malformed.
    #[arg(long, default_value_t = 1)]
    malformed: u32,
    /// Seconds between two swaps; 0 for none.
    #[arg(long, default_value_t = 5.0)]
    swap_every: f64,
    /// Where the folder is written, to be used again; a temporary one if none is given.
    #[arg(long)]
    folder: Option<PathBuf>,
}

/// What a process holds, in MiB.
#[derive(Debug, Clone, Copy, serde::Serialize)]
struct Held {
    /// All, pages of mapped files among them.
    resident: f64,
    /// What is not of a file.
    own: f64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    let temporary = tempfile::tempdir()?;
    let folder = arguments.folder.as_deref().unwrap_or(temporary.path());
    note("writing two versions");
    let versions = ["A", "B"]
        .map(|name| world::write(folder, name, arguments.items, arguments.dimension, arguments.users));
    let [a, b] = versions;
    let versions = [a?, b?];
    activate(folder, &versions[0])?;
    note("starting the server");
    let start = Instant::now();
    let mut server = Server::start(arguments, folder)?;
    server.wait_until_ready(arguments.port)?;
    let started = start.elapsed();
    let outcome = load(arguments, folder, &versions, &server);
    let stopped = server.stop();
    let (client, held, n_swaps) = outcome?;
    let clean_stop = stopped?;

    let number = |name: &str| client[name].as_f64().unwrap_or(f64::NAN);
    let millis = |name: &str| format!("{:.2}", number(name) / 1e3);
    let table = vec![
        ["sent/s", "answered/s", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "failed", "mixed", "swaps"]
            .map(String::from)
            .into(),
        vec![
            format!("{:.0}", arguments.rate),
            format!("{:.0}", number("answered_per_second")),
            millis("p50_us"),
            millis("p99_us"),
            millis("p999_us"),
            millis("max_us"),
            format!("{:.0}", number("failed")),
            format!("{:.0}", number("mixed")),
            n_swaps.to_string(),
        ],
    ];
    let memory =
        |name: &str, held: Held| format!("{name} {:.0} MiB, {:.0} of them own", held.resident, held.own);
    let findings = vec![
        format!("start to first answer {:.0} ms", started.as_secs_f64() * 1e3),
        format!(
            "{} malformed requests, {} of them not refused as they should be",
            client["malformed"], client["malformed_wrong"]
        ),
        format!(
            "memory: {}; {}; {}",
            memory("start", held[0]),
            memory("middle", held[1]),
            memory("end", held[2])
        ),
        format!("{} of both versions answered; stopped cleanly: {clean_stop}", client["versions_seen"]),
    ];
    let json = json!({
        "items": arguments.items, "dimension": arguments.dimension, "rate": arguments.rate, "seconds": arguments.seconds,
        "client": client, "held_mib": held, "swaps": n_swaps, "start_ms": started.as_secs_f64() * 1e3,
        "clean_stop": clean_stop,
    });
    Ok(Report { name: "serve-load", machine, table, findings, json })
}

/// Sends, swaps and watches the memory.
fn load(
    arguments: &Arguments,
    folder: &Path,
    versions: &[String; 2],
    server: &Server,
) -> Result<(Value, [Held; 3], u32)> {
    note("sending requests");
    let first = server.held()?;
    let mut client = Command::new(std::env::current_exe()?)
        .arg("serve-load-one")
        .args(["--port", &arguments.port.to_string(), "--rate", &arguments.rate.to_string()])
        .args([
            "--seconds",
            &arguments.seconds.to_string(),
            "--connections",
            &arguments.connections.to_string(),
        ])
        .args(["--items", &arguments.items.to_string(), "--users", &arguments.users.to_string()])
        .args(["--malformed", &arguments.malformed.to_string(), "--versions", &versions.join(",")])
        .stdout(Stdio::piped())
        .spawn()?;
    let (start, mut n_swaps, mut middle) = (Instant::now(), 0_u32, None);
    while client.try_wait()?.is_none() {
        std::thread::sleep(Duration::from_millis(50));
        let seconds = start.elapsed().as_secs_f64();
        if middle.is_none() && seconds > arguments.seconds / 2.0 {
            middle = Some(server.held()?);
        }
        let is_sending = seconds < arguments.seconds;
        if is_sending && arguments.swap_every > 0.0 && seconds > f64::from(n_swaps + 1) * arguments.swap_every
        {
            n_swaps += 1;
            activate(folder, &versions[n_swaps as usize % 2])?;
        }
    }
    let last = server.held()?;
    let output = client.wait_with_output()?;
    if !output.status.success() {
        return Err("the client failed".into());
    }
    Ok((serde_json::from_slice(&output.stdout)?, [first, middle.unwrap_or(last), last], n_swaps))
}

/// The server's process; killed when dropped.
struct Server(Child);

impl Server {
    fn start(arguments: &Arguments, folder: &Path) -> Result<Self> {
        let (folder, port) =
            (folder.to_str().ok_or("the folder's name is not UTF-8")?, arguments.port.to_string());
        let words = arguments
            .server
            .split_whitespace()
            .map(|word| word.replace("{dir}", folder).replace("{port}", &port));
        let words: Vec<String> = words.collect();
        let (program, rest) = words.split_first().ok_or("--server is empty")?;
        let child = Command::new(program).args(rest).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Ok(Server(child.map_err(|error| format!("cannot start {program}: {error}"))?))
    }

    /// Waits for the first answer.
    fn wait_until_ready(&mut self, port: u16) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(60) {
            if let Some(status) = self.0.try_wait()? {
                return Err(format!("the server ended with {status}").into());
            }
            if let Ok(mut connection) = one::Connection::open(port)
                && connection.send("POST", "/v1/recommend", "{}").is_ok_and(|(status, _)| status == 200)
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err("the server did not answer within a minute".into())
    }

    fn held(&self) -> Result<Held> {
        let file = std::fs::File::open(format!("/proc/{}/status", self.0.id()))?;
        let lines: Vec<String> = BufReader::new(file).lines().collect::<std::io::Result<_>>()?;
        let mib = |name: &str| {
            let line = lines.iter().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim_end_matches("kB").trim().parse::<f64>().ok()).unwrap_or(f64::NAN)
                / 1024.0
        };
        Ok(Held { resident: mib("VmRSS:"), own: mib("RssAnon:") })
    }

    /// Asks the process to stop; whether it ended as it should.
    fn stop(&mut self) -> Result<bool> {
        let asked = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status()?;
        let start = Instant::now();
        while asked.success() && start.elapsed() < Duration::from_secs(20) {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status.success());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(false)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Writes one JSON value to standard output.
fn print(value: &Value) -> Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{value}")?)
}
