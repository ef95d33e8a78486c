//! Answers as JSON.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;

use crate::api::{ErrorInfo, ErrorResponse, RequestError};

/// A body of some type.
pub(super) fn text(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(super) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => text(status, "application/json", body),
        Err(error) => {
            let message = format!(
                "{{\"error\":{{\"status\":500,\"message\":\"not written: {}\"}}}}",
                error.classify() as u8
            );
            text(StatusCode::INTERNAL_SERVER_ERROR, "application/json", message)
        }
    }
}

/// An answer, or why there is none.
pub(super) fn answer<T: Serialize>(answer: Result<T, RequestError>) -> Response {
    match answer {
        Ok(value) => json(StatusCode::OK, &value),
        Err(RequestError::Invalid { field, message }) => {
            refused(StatusCode::BAD_REQUEST, Some(field), message)
        }
        Err(RequestError::NotFound { message }) => refused(StatusCode::NOT_FOUND, None, message),
        Err(RequestError::Failed { message }) => refused(StatusCode::INTERNAL_SERVER_ERROR, None, message),
    }
}

pub(super) fn refused(status: StatusCode, field: Option<String>, message: impl Into<String>) -> Response {
    let error = ErrorInfo { status: status.as_u16(), field, message: message.into() };
    let mut response = json(status, &ErrorResponse { error });
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
