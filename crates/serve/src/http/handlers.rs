//! One function for each route.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::to_bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;
use serde_json::json;

use super::reply::{answer, json, refused, text};
use super::{HttpState, ROUTES};
use crate::api::{RecommendRequest, RequestError};
use crate::model::ServingModel;

type App = State<Arc<HttpState>>;

const PAGE: &str = include_str!("../page.html");
/// The page's own script and style and no other, nothing from elsewhere, nothing sent elsewhere, in no frame. A
/// test compares the hashes with the page.
const POLICY: &str = "default-src 'none'; script-src 'sha256-7Xe/e5uxWPv+AwT68X2HA4aBFKDdDya+8vD3pUoUhCs='; \
                      style-src 'sha256-Xy+uWwZd7KNEkdBE9AD5ToXFXon4AW7uxfcsh7eGvG8='; \
                      connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";
const OPENAPI: &str = include_str!("../openapi.json");

pub(super) async fn page() -> Response {
    let mut response = text(StatusCode::OK, "text/html; charset=utf-8", PAGE);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

pub(super) async fn health() -> Response {
    json(StatusCode::OK, &json!({"status": "ok"}))
}

pub(super) async fn ready(State(state): App) -> Response {
    match state.is_draining.load(Ordering::Relaxed) {
        true => refused(StatusCode::SERVICE_UNAVAILABLE, None, "the server is stopping"),
        false => json(StatusCode::OK, &json!({"status": "ready", "model": state.live.current().version()})),
    }
}

pub(super) async fn metrics(State(state): App) -> Response {
    let body = state.metrics.text(&state.live, state.log.dropped());
    text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", body)
}

pub(super) async fn openapi() -> Response {
    text(StatusCode::OK, "application/json", OPENAPI)
}

pub(super) async fn model(State(state): App) -> Response {
    json(StatusCode::OK, &state.live.current().describe())
}

pub(super) async fn recommend(State(state): App, request: Request) -> Response {
    let most = state.config.max_body_bytes;
    let Ok(body) = to_bytes(request.into_body(), most).await else {
        let message = format!("the body did not come whole, or has more than {most} bytes");
        return refused(StatusCode::PAYLOAD_TOO_LARGE, Some("body".into()), message);
    };
    match RecommendRequest::from_json(&body) {
        Ok(request) => compute(&state, move |model| model.recommend(&request)).await,
        Err(error) => answer::<()>(Err(error)),
    }
}

pub(super) async fn similar(
    State(state): App,
    item: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Response {
    let asked = segment("item", item).and_then(|item| {
        let [k] = parameters(&uri, ["k"])?;
        Ok((item, number("k", k, 10)?))
    });
    match asked {
        Ok((item, k)) => compute(&state, move |model| model.similar(&item, k)).await,
        Err(error) => answer::<()>(Err(error)),
    }
}

pub(super) async fn users(State(state): App, uri: Uri) -> Response {
    let asked = parameters(&uri, ["prefix", "limit"])
        .and_then(|[prefix, limit]| Ok((prefix.unwrap_or_default(), number("limit", limit, 20)?)));
    answer(asked.and_then(|(prefix, limit)| state.live.current().users(&prefix, limit)))
}

pub(super) async fn user(State(state): App, id: Result<Path<String>, PathRejection>, uri: Uri) -> Response {
    let asked = segment("id", id).and_then(|id| parameters(&uri, []).map(|[]| id));
    answer(asked.and_then(|id| state.live.current().user(&id)))
}

pub(super) async fn unknown_route() -> Response {
    let routes = ROUTES.map(|(method, route)| format!("{} {route}", method.to_uppercase())).join(", ");
    refused(StatusCode::NOT_FOUND, None, format!("there is no such route; there are {routes}"))
}

pub(super) async fn wrong_method() -> Response {
    let message = "this route has another method; see GET /openapi.json";
    refused(StatusCode::METHOD_NOT_ALLOWED, None, message)
}

/// Computes an answer on a thread that may block, as many at once as there are workers, with one model from
/// start to end.
///
/// An answer of a millisecond on the threads that read requests delays those that are read after it: under a
/// load of half of the machine, the 99th percentile was five times as high and more.
async fn compute<T: Serialize + Send + 'static>(
    state: &Arc<HttpState>,
    work: impl FnOnce(&ServingModel) -> Result<T, RequestError> + Send + 'static,
) -> Response {
    let Ok(permit) = state.workers.clone().acquire_owned().await else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, None, "the server is stopping");
    };
    let state = state.clone();
    let done = tokio::task::spawn_blocking(move || {
        let model = state.live.current();
        let response = answer(work(&model));
        // Kept to the end, also if the client has gone: what is computed at once stays bounded.
        drop(permit);
        response
    });
    match done.await {
        Ok(response) => response,
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, None, "the answer could not be computed"),
    }
}

/// A part of the path, percent-decoded.
fn segment(name: &str, segment: Result<Path<String>, PathRejection>) -> Result<String, RequestError> {
    match segment {
        Ok(Path(segment)) => Ok(segment),
        Err(error) => Err(RequestError::invalid(name, error.to_string())),
    }
}

/// The parameters of the query by name; others are refused.
fn parameters<const N: usize>(uri: &Uri, names: [&str; N]) -> Result<[Option<String>; N], RequestError> {
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|error| RequestError::invalid("query", error.to_string()))?;
    let mut values = [const { None }; N];
    for (name, value) in pairs.0 {
        match names.iter().position(|known| *known == name) {
            Some(at) if values[at].is_none() => values[at] = Some(value),
            Some(_) => return Err(RequestError::invalid(name, "given twice")),
            None => {
                let known = if N == 0 { "none".into() } else { names.join(", ") };
                return Err(RequestError::invalid(name, format!("unknown parameter; there is {known}")));
            }
        }
    }
    Ok(values)
}

fn number(name: &str, value: Option<String>, default: usize) -> Result<usize, RequestError> {
    match value {
        None => Ok(default),
        Some(value) => value
            .parse()
            .map_err(|_| RequestError::invalid(name, format!("{value:?} is not a whole number from 0"))),
    }
}
