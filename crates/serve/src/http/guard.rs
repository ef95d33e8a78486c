//! What stands before every route: the token, the limits, the clock.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, HeaderName, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::reply::refused;
use super::{HttpState, LogConfig, OPEN, ROUTES};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(super) async fn guard(State(state): State<Arc<HttpState>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let (_in_flight, n_in_flight) = state.metrics.enter();
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    // Names that are known beforehand: nothing a client sends becomes a label.
    let route = ROUTES.iter().find(|(_, route)| matched == Some(route)).map_or("other", |(_, route)| route);
    let method = request.method().clone();
    let is_probe = ["/health", "/ready", "/metrics"].contains(&route);
    let mut response = if !OPEN.contains(&route) && !state.lets_in(request.headers()) {
        let message = "this server needs a token; send it as Authorization: Bearer TOKEN";
        let mut response = refused(StatusCode::UNAUTHORIZED, None, message);
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        response
    } else if !is_probe && n_in_flight > state.config.max_in_flight {
        let message = format!("{} requests at once are the limit; try again", state.config.max_in_flight);
        refused(StatusCode::SERVICE_UNAVAILABLE, None, message)
    } else {
        match tokio::time::timeout(state.config.timeout, next.run(request)).await {
            Ok(response) => response,
            Err(_) => {
                let message = format!("no answer within {} ms; try again", state.config.timeout.as_millis());
                refused(StatusCode::GATEWAY_TIMEOUT, None, message)
            }
        }
    };
    let number = state.n_requests.fetch_add(1, Ordering::Relaxed);
    let id = format!("{:x}-{number:x}", state.started);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let (status, took) = (response.status().as_u16(), start.elapsed());
    state.metrics.count(route, status, took);
    if state.config.log == LogConfig::Requests {
        let micros = took.as_micros() as u64;
        state.log.line(
            "request",
            json!({"id": id, "method": method.as_str(), "route": route, "status": status, "micros": micros}),
        );
    }
    response
}

impl HttpState {
    /// Whether a request bears the token; the time does not tell how much of it was right.
    fn lets_in(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let sent = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().split_at_checked(7));
        let sent = sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "));
        let hash: [u8; 32] = Sha256::digest(sent.map_or(&b""[..], |(_, sent)| sent)).into();
        sent.is_some() && bool::from(hash.ct_eq(token))
    }
}
