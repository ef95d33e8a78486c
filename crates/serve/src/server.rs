//! A server in a process of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::http::{HttpConfig, HttpState, router};
use crate::live::{LiveModel, Reload};
use crate::model::{MakeIndex, ModelConfig, exact_index};
use crate::{Error, Result};

/// How long a client may take for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// A folder, an address, and limits.
pub struct ServeConfig {
    /// The serving folder.
    pub folder: PathBuf,
    /// Where to listen; port 0 takes a free one. Default 127.0.0.1:8080.
    pub address: SocketAddr,
    /// Whether an address that other machines can reach may be served without a token. Default false.
    pub allows_open: bool,
    /// How often the folder is looked at for a new version; none for only at SIGHUP. Default 1 second.
    pub watch: Option<Duration>,
    /// The most connections; more wait to be accepted. Default 1,024.
    pub max_connections: usize,
    /// How long requests may take to finish once the server is told to stop. Default 10 seconds.
    pub drain: Duration,
    /// Token, limits, logs.
    pub http: HttpConfig,
    /// Quotas and limits of answers.
    pub model: ModelConfig,
    /// The index of item vectors. Default [`exact_index`].
    pub index: Box<MakeIndex>,
}

impl ServeConfig {
    /// The defaults for a folder.
    pub fn new(folder: &Path) -> Self {
        ServeConfig {
            folder: folder.into(),
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            allows_open: false,
            watch: Some(Duration::from_secs(1)),
            max_connections: 1_024,
            drain: Duration::from_secs(10),
            http: HttpConfig::default(),
            model: ModelConfig::default(),
            index: Box::new(exact_index),
        }
    }

    fn check(&self) -> Result<()> {
        let refuse = |option: &'static str, message: String| Err(Error::Option { option, message });
        if let Some(token) = &self.http.token
            && (token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return refuse("token", "must be visible ASCII characters, at least one".into());
        }
        if !self.address.ip().is_loopback() && self.http.token.is_none() && !self.allows_open {
            let message = format!(
                "{} can be reached by other machines and there is no token; set one, or allow it",
                self.address
            );
            return refuse("address", message);
        }
        if self.http.workers == 0 || self.http.max_in_flight == 0 || self.max_connections == 0 {
            return refuse("limits", "workers, requests and connections must be at least 1".into());
        }
        if self.watch.is_some_and(|every| every < Duration::from_millis(10)) {
            return refuse("watch", "at least 10 ms".into());
        }
        Ok(())
    }
}

/// Serves until SIGINT or SIGTERM; then requests in flight are finished.
///
/// `ready` is told the address once requests are accepted.
///
/// # Errors
/// If an option cannot be used, the folder cannot be opened, or the address is taken.
pub fn run(config: ServeConfig, ready: impl FnOnce(SocketAddr)) -> Result<()> {
    config.check()?;
    let start = Instant::now();
    let ServeConfig { folder, address, watch: every, max_connections, drain, http, model, index, .. } =
        config;
    let workers = http.workers;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers.min(std::thread::available_parallelism().map_or(1, usize::from)))
        .enable_all()
        .build()
        .map_err(|error| Error::io("start threads for", &folder, error))?;
    // Before the folder is opened: a signal that comes meanwhile is not to end the process.
    let signals = {
        let _inside = runtime.enter();
        Signals::listen().map_err(|error| Error::io("listen to signals for", &folder, error))?
    };
    let live = LiveModel::open(&folder, model, index)?;
    let state = Arc::new(HttpState::new(live, http));
    let served = runtime.block_on(async {
        let refuse = |source| Error::Option { option: "address", message: format!("{address}: {source}") };
        let listener = TcpListener::bind(address).await.map_err(refuse)?;
        let address = listener.local_addr().map_err(refuse)?;
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(watch_folder(state.clone(), every));
        tokio::spawn(reload_at_hangup(state.clone(), signals.hangup));
        tokio::spawn(async move {
            told_to_stop(signals.terminate).await;
            let _ = stop.send(true);
        });
        state.log.line(
            "start",
            json!({
                "address": address.to_string(),
                "model": state.live.current().version(),
                "milliseconds": start.elapsed().as_millis() as u64,
            }),
        );
        ready(address);
        accept(&state, listener, stopped, max_connections, drain).await;
        Ok(())
    });
    // What is still computed for clients that have gone is not waited for.
    runtime.shutdown_background();
    state.log.line("stop", json!({"in_flight": state.metrics.in_flight()}));
    state.log.close();
    served
}

/// Accepts connections until told to stop, then waits until they are done.
async fn accept(
    state: &Arc<HttpState>,
    listener: TcpListener,
    mut stopped: watch::Receiver<bool>,
    max_connections: usize,
    drain: Duration,
) {
    let service = TowerToHyperService::new(router(state.clone()));
    let n_permits = max_connections.min(Semaphore::MAX_PERMITS).min(u32::MAX as usize);
    let permits = Arc::new(Semaphore::new(n_permits));
    loop {
        let next = async {
            // A semaphore that is never closed always gives.
            let permit = permits.clone().acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            _ = stopped.changed() => break,
            next = next => next,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = connection(stream, service.clone(), stopped.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of file handles, most likely: others must be closed first.
                state.log.line("accept_failed", json!({"message": error.to_string()}));
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    state.is_draining.store(true, Ordering::Relaxed);
    drop(listener);
    state.log.line("stopping", json!({"in_flight": state.metrics.in_flight()}));
    let _ = tokio::time::timeout(drain, permits.acquire_many(n_permits as u32)).await;
}

/// Answers on one connection until it is closed; when told to stop, the request in flight is its last.
async fn connection(
    stream: TcpStream,
    service: TowerToHyperService<axum::Router>,
    mut stopped: watch::Receiver<bool>,
) {
    // Answers are written whole: there is nothing to wait for.
    let _ = stream.set_nodelay(true);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(64 << 10);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn watch_folder(state: Arc<HttpState>, every: Option<Duration>) {
    let Some(every) = every else { return };
    let mut clock = tokio::time::interval(every);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        reload(&state, false).await;
    }
}

/// Loads on a thread that may block.
async fn reload(state: &Arc<HttpState>, tries_again: bool) {
    let (state, failed) = (state.clone(), state.clone());
    let done = tokio::task::spawn_blocking(move || {
        let start = Instant::now();
        let milliseconds = |start: Instant| start.elapsed().as_millis() as u64;
        match state.live.reload(tries_again) {
            Reload::Unchanged => {}
            Reload::Swapped { from, to } => {
                let took = milliseconds(start);
                state.log.line("model_swapped", json!({"from": from, "to": to, "milliseconds": took}));
            }
            Reload::Refused(error) => {
                let kept = state.live.current().version().to_string();
                state.log.line("model_refused", json!({"reason": error.to_string(), "kept": kept}));
            }
        }
    });
    if done.await.is_err() {
        // The old version is in place.
        failed.log.line("model_refused", json!({"reason": "loading it panicked"}));
    }
}

/// What the process is told from outside.
#[cfg(unix)]
struct Signals {
    hangup: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals { hangup: signal(SignalKind::hangup())?, terminate: signal(SignalKind::terminate())? })
    }
}

#[cfg(unix)]
async fn reload_at_hangup(state: Arc<HttpState>, mut hangup: tokio::signal::unix::Signal) {
    while hangup.recv().await.is_some() {
        reload(&state, true).await;
    }
}

#[cfg(unix)]
async fn told_to_stop(mut terminate: tokio::signal::unix::Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
struct Signals {
    hangup: (),
    terminate: (),
}

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Signals { hangup: (), terminate: () })
    }
}

#[cfg(not(unix))]
async fn reload_at_hangup(_: Arc<HttpState>, (): ()) {}

#[cfg(not(unix))]
async fn told_to_stop((): ()) {
    let _ = tokio::signal::ctrl_c().await;
}
