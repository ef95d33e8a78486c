//! Programs that are measured beside this one, most of them in Python.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;

use crate::Result;

/// Which Python runs the peers.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Python {
    /// A Python that has the packages of crates/bench/peers/requirements.txt [default: the one that
    /// crates/bench/peers/setup.sh makes].
    #[arg(long)]
    python: Option<PathBuf>,
}

impl Python {
    /// A command that runs `peers/<script>` with `cores` threads.
    ///
    /// # Errors
    /// If there is no such Python.
    pub(crate) fn command(&self, script: &str, cores: usize) -> Result<Command> {
        self.command_in(".venv", script, cores)
    }

    /// As [`command`](Self::command), in another of the environments that `setup.sh` makes.
    ///
    /// # Errors
    /// As [`command`](Self::command).
    pub(crate) fn command_in(&self, environment: &str, script: &str, cores: usize) -> Result<Command> {
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let python = self.python.clone().unwrap_or_else(|| peers.join(environment).join("bin/python"));
        if !python.is_file() {
            let python = python.display();
            return Err(format!(
                "there is no Python for the peers at {python}; run crates/bench/peers/setup.sh, or name one \
                 that has the packages of its script installed with --python"
            )
            .into());
        }
        let mut command = Command::new(python);
        command.arg(peers.join(script));
        for variable in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"] {
            command.env(variable, cores.to_string());
        }
        Ok(command)
    }
}

/// Runs `command` to its end and reads the one line of JSON that it prints.
///
/// # Errors
/// If it cannot be started, fails, or prints something else.
pub(crate) fn run_once<T: DeserializeOwned>(command: &mut Command) -> Result<T> {
    let name = name_of(command);
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name}: {}", output.status).into());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.trim()).map_err(|error| format!("{name} printed {text:?}: {error}").into())
}

/// A peer that stays alive and does one unit of work for every line it is sent, so that importing its
/// libraries is not measured.
#[derive(Debug)]
pub(crate) struct Peer {
    name: String,
    child: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts `command`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let name = name_of(command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name}: {error}"))?;
        let (Some(requests), Some(replies)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("{name}: the pipes to it are missing").into());
        };
        Ok(Peer { name, child, requests, replies: BufReader::new(replies) })
    }

    /// Asks for one unit of work and waits for the line of JSON that reports it.
    ///
    /// # Errors
    /// If the peer has ended or prints something else.
    pub(crate) fn ask<T: DeserializeOwned>(&mut self) -> Result<T> {
        self.ask_for("go")
    }

    /// As [`ask`](Self::ask), of a peer that knows several kinds of work.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(crate) fn ask_for<T: DeserializeOwned>(&mut self, work: &str) -> Result<T> {
        let Peer { name, requests, replies, .. } = self;
        let mut exchange = || -> std::io::Result<String> {
            writeln!(requests, "{work}")?;
            requests.flush()?;
            let mut line = String::new();
            replies.read_line(&mut line)?;
            Ok(line)
        };
        let line = exchange().map_err(|error| format!("{name} does not answer: {error}"))?;
        serde_json::from_str(&line).map_err(|error| format!("{name} printed {line:?}: {error}").into())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended already; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The script, or else the program.
fn name_of(command: &Command) -> String {
    let path = command.get_args().next().unwrap_or(command.get_program());
    Path::new(path).file_name().unwrap_or(OsStr::new("peer")).to_string_lossy().into_owned()
}
