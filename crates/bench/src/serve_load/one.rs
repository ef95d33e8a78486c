//! The client, in a process of its own.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use super::print;
use super::world::mixed;
use crate::Result;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    port: u16,
    #[arg(long)]
    rate: f64,
    #[arg(long)]
    seconds: f64,
    #[arg(long)]
    connections: usize,
    #[arg(long)]
    items: u32,
    #[arg(long)]
    users: u32,
    #[arg(long)]
    malformed: u32,
    /// The versions, in the order of the letters with which their titles begin.
    #[arg(long, value_delimiter = ',')]
    versions: Vec<String>,
}

/// Requests that must be refused with 400.
const MALFORMED: [&str; 6] =
    ["{", "[1, 2]", r#"{"k": 100000}"#, r#"{"user": {"id": 1}}"#, r#"{"colour": "red"}"#, "\u{0}\u{1}\u{2}"];

/// What one connection has seen.
#[derive(Debug, Default)]
struct Seen {
    /// From the intended time of sending to the last byte of the answer, in microseconds, of valid requests.
    latencies: Vec<u64>,
    failed: u64,
    mixed: u64,
    malformed: u64,
    malformed_wrong: u64,
    versions: BTreeSet<usize>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let start = Instant::now() + Duration::from_millis(200);
    let threads: Vec<_> = (0..arguments.connections)
        .map(|index| {
            let arguments = arguments.clone();
            std::thread::spawn(move || one_connection(&arguments, index, start))
        })
        .collect();
    let mut all = Seen::default();
    for thread in threads {
        let seen = thread.join().map_err(|_| "a thread panicked")?;
        all.latencies.extend(seen.latencies);
        all.failed += seen.failed;
        all.mixed += seen.mixed;
        all.malformed += seen.malformed;
        all.malformed_wrong += seen.malformed_wrong;
        all.versions.extend(seen.versions);
    }
    let took = start.elapsed().as_secs_f64();
    all.latencies.sort_unstable();
    // The smallest value that at least this part of all does not exceed.
    let quantile = |part: f64| {
        let at = (part * all.latencies.len() as f64).ceil() as usize;
        all.latencies.get(at.max(1) - 1).copied()
    };
    let n_answered = all.latencies.len() as u64 + all.malformed;
    print(&json!({
        "answered": n_answered, "answered_per_second": n_answered as f64 / took, "failed": all.failed, "mixed": all.mixed,
        "malformed": all.malformed, "malformed_wrong": all.malformed_wrong, "versions_seen": all.versions.len(),
        "p50_us": quantile(0.5), "p99_us": quantile(0.99), "p999_us": quantile(0.999), "max_us": quantile(1.0),
    }))
}

/// Every n-th request of all, each at its time: an answer that comes late does not make the next one later,
/// but is counted in it.
fn one_connection(arguments: &Arguments, index: usize, start: Instant) -> Seen {
    let mut seen = Seen::default();
    let mut connection = Connection::open(arguments.port).ok();
    let n_requests = (arguments.rate * arguments.seconds) as u64;
    for number in (index as u64..n_requests).step_by(arguments.connections) {
        let intended = start + Duration::from_secs_f64(number as f64 / arguments.rate);
        std::thread::sleep(intended.saturating_duration_since(Instant::now()));
        if connection.is_none() {
            connection = Connection::open(arguments.port).ok();
        }
        let draw = mixed(number);
        let is_malformed = draw % 100 < u64::from(arguments.malformed);
        let (method, path, body) = request(arguments, draw >> 8, is_malformed);
        let reply = connection.as_mut().map(|connection| connection.send(method, &path, &body));
        match reply {
            Some(Ok((status, _))) if is_malformed => {
                seen.malformed += 1;
                seen.malformed_wrong += u64::from(status != 400);
            }
            Some(Ok((200, body))) => {
                seen.latencies.push(intended.elapsed().as_micros() as u64);
                match version_of(&body, &arguments.versions) {
                    Some(version) => drop(seen.versions.insert(version)),
                    None => seen.mixed += 1,
                }
            }
            Some(Ok(_)) => seen.failed += 1,
            _ => {
                seen.failed += 1;
                connection = None;
            }
        }
    }
    seen
}

fn request(arguments: &Arguments, draw: u64, is_malformed: bool) -> (&'static str, String, String) {
    let path = String::from("/v1/recommend");
    if is_malformed {
        return ("POST", path, MALFORMED[draw as usize % MALFORMED.len()].into());
    }
    let (kind, draw) = (draw % 20, draw >> 8);
    let item = |part: u64| mixed(draw ^ part) % u64::from(arguments.items);
    match kind {
        0 => ("GET", format!("/v1/similar/{}?k=10", item(0)), String::new()),
        1 | 2 => ("POST", path, format!(r#"{{"history":[{},{},{}],"k":10}}"#, item(1), item(2), item(3))),
        _ => ("POST", path, format!(r#"{{"user":"u{}","k":10}}"#, draw % u64::from(arguments.users))),
    }
}

/// Which version all of an answer is of; none if its parts are of several.
fn version_of(body: &str, versions: &[String]) -> Option<usize> {
    let version = versions.iter().position(|version| body.contains(&format!("\"model\":\"{version}\"")))?;
    let own = format!("\"title\":\"{}", ["A", "B"].get(version)?);
    (body.matches("\"title\":\"").count() == body.matches(own.as_str()).count()).then_some(version)
}

/// A connection that is kept.
pub(crate) struct Connection {
    reader: BufReader<TcpStream>,
    request: Vec<u8>,
}

impl Connection {
    pub(super) fn open(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Connection { reader: BufReader::with_capacity(1 << 16, stream), request: Vec::new() })
    }

    /// Sends one request and reads the whole answer: its status and body.
    pub(super) fn send(&mut self, method: &str, path: &str, body: &str) -> std::io::Result<(u16, String)> {
        self.request.clear();
        write!(
            self.request,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        self.reader.get_mut().write_all(&self.request)?;
        let broken = |what: &str| std::io::Error::other(what.to_owned());
        let (mut line, mut status, mut length) = (String::new(), None, None);
        loop {
            line.clear();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(broken("closed"));
            }
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            if status.is_none() {
                status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
            } else if let Some((name, value)) = text.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse::<usize>().ok();
            }
        }
        let status = status.ok_or_else(|| broken("no status"))?;
        let length = length.filter(|&length| length < 1 << 26).ok_or_else(|| broken("no length"))?;
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}
