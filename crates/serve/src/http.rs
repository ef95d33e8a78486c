//! Routes, and what stands before each of them.

mod guard;
mod handlers;
mod reply;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::live::LiveModel;
use crate::log::Log;
use crate::metrics::Metrics;

/// Every route, with its method.
pub(crate) const ROUTES: [(&str, &str); 10] = [
    ("get", "/"),
    ("get", "/health"),
    ("get", "/metrics"),
    ("get", "/openapi.json"),
    ("get", "/ready"),
    ("get", "/v1/model"),
    ("post", "/v1/recommend"),
    ("get", "/v1/similar/{item}"),
    ("get", "/v1/users"),
    ("get", "/v1/users/{id}"),
];

/// Routes that need no token: they tell nothing of the data. The page asks for the token.
const OPEN: [&str; 3] = ["/", "/health", "/ready"];

/// What is written to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogConfig {
    /// Nothing.
    Silent,
    /// Start, stop, and versions that are accepted or refused.
    Events,
    /// The same, and a line for every request: its id, route, status and time, but no ids of users or items.
    Requests,
}

/// What a client may ask for, and what is written down.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpConfig {
    /// What clients must send as `Authorization: Bearer TOKEN`; none lets everybody in.
    pub token: Option<String>,
    /// The most bytes of a body; more get 413. Default 256 KiB.
    pub max_body_bytes: usize,
    /// The most time for a request from its head to its answer; more gets 504. Default 2 seconds.
    pub timeout: Duration,
    /// The most requests at once, those that wait among them; more get 503 at once. Default 256.
    pub max_in_flight: u64,
    /// The most answers that are computed at once; others wait. Default the number of cores.
    pub workers: usize,
    /// What is written to standard error. Default everything.
    pub log: LogConfig,
}

impl Default for HttpConfig {
    fn default() -> Self {
        HttpConfig {
            token: None,
            max_body_bytes: 256 << 10,
            timeout: Duration::from_secs(2),
            max_in_flight: 256,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            log: LogConfig::Requests,
        }
    }
}

/// What all requests share.
pub struct HttpState {
    pub(crate) live: LiveModel,
    pub(crate) config: HttpConfig,
    /// The hash of the token: of one length, whatever is sent.
    token: Option<[u8; 32]>,
    workers: Arc<Semaphore>,
    pub(crate) metrics: Metrics,
    pub(crate) log: Log,
    pub(crate) is_draining: AtomicBool,
    /// Of requests; with the time of the start, an id.
    started: u64,
    n_requests: AtomicU64,
}

impl HttpState {
    /// For one folder.
    pub fn new(live: LiveModel, config: HttpConfig) -> Self {
        let started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        HttpState {
            live,
            token: config.token.as_ref().map(|token| Sha256::digest(token).into()),
            workers: Arc::new(Semaphore::new(config.workers.clamp(1, Semaphore::MAX_PERMITS))),
            metrics: Metrics::default(),
            log: match config.log {
                LogConfig::Silent => Log::none(),
                LogConfig::Events | LogConfig::Requests => Log::stderr(),
            },
            is_draining: AtomicBool::new(false),
            started: started.as_micros() as u64,
            n_requests: AtomicU64::new(0),
            config,
        }
    }

    /// The folder's model.
    pub fn live(&self) -> &LiveModel {
        &self.live
    }
}

/// The routes, to be served alone or merged into another router; needs a Tokio runtime with time.
///
/// Nothing watches the folder here: call [`LiveModel::reload`] when it was written.
pub fn router(state: Arc<HttpState>) -> Router {
    Router::new()
        .route("/", get(handlers::page))
        .route("/health", get(handlers::health))
        .route("/metrics", get(handlers::metrics))
        .route("/openapi.json", get(handlers::openapi))
        .route("/ready", get(handlers::ready))
        .route("/v1/model", get(handlers::model))
        .route("/v1/recommend", post(handlers::recommend))
        .route("/v1/similar/{item}", get(handlers::similar))
        .route("/v1/users", get(handlers::users))
        .route("/v1/users/{id}", get(handlers::user))
        .fallback(handlers::unknown_route)
        .method_not_allowed_fallback(handlers::wrong_method)
        .layer(from_fn_with_state(state.clone(), guard::guard))
        .with_state(state)
}
