//! A server over what a run serves.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use burn_recsys_serve::{LogConfig, ServeConfig, copy_version, prune};
use burn_recsys_training::{Error, Result, RunFolder};
use serde_json::json;

use crate::arguments::{Common, Publish, Serve};
use crate::data::print_json;
use crate::output::{line, note};

/// `serve`.
pub(crate) fn run(arguments: &Serve) -> Result<()> {
    let mut config = ServeConfig::new(&serving_folder(&arguments.run)?);
    config.address = SocketAddr::new(arguments.host, arguments.port);
    config.allows_open = arguments.no_token;
    config.http.token = arguments.token_file.as_deref().map(token).transpose()?;
    if arguments.quiet {
        config.http.log = LogConfig::Events;
    }
    let started = |address: SocketAddr| note(format_args!("http://{address}/ (Ctrl-C stops)"));
    Ok(burn_recsys_serve::run(config, started)?)
}

/// `publish`.
pub(crate) fn publish(common: &Common, arguments: &Publish) -> Result<()> {
    let version = copy_version(&serving_folder(&arguments.run)?, &arguments.to)?;
    let removed = prune(&arguments.to, arguments.keep)?;
    if common.json {
        return print_json(&json!({"version": version, "folder": arguments.to, "removed": removed}));
    }
    line(format_args!("{} serves version {version}", arguments.to.display()));
    Ok(())
}

/// What a run serves, or the folder itself if it is one that is served.
fn serving_folder(run: &Path) -> Result<PathBuf> {
    if run.join("current").is_file() {
        return Ok(run.to_path_buf());
    }
    let folder = RunFolder::open(run)?;
    let serving = folder.serving();
    if serving.join("current").is_file() {
        return Ok(serving);
    }
    let message = match folder.is_finished() {
        true => {
            "serves nothing yet: run `burn-recsys train --resume --out` with this folder, which writes it"
        }
        false => "is not trained to its end; continue it with `burn-recsys train --resume`",
    };
    Err(Error::Folder { path: run.to_path_buf(), message: message.into() })
}

/// The first line of a file.
fn token(path: &Path) -> Result<String> {
    let refuse = |message: String| Error::Config {
        key: "--token-file",
        message: format!("{}: {message}", path.display()),
    };
    let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    match text.lines().next().map(str::trim).filter(|token| !token.is_empty()) {
        Some(token) => Ok(token.to_string()),
        None => Err(refuse("its first line is empty; write the token there".into())),
    }
}
