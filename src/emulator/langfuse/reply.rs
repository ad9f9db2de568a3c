//! The answers that several endpoints share, in the words of `reference/langfuse.md` §2.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Value, json};

/// A page, as a proxy or a login wall in front answers.
const PAGE: &str = "<!DOCTYPE html><html><head><title>Front end</title></head><body>This is not Langfuse.</body></html>";

/// JSON.
pub fn json(status: StatusCode, body: &Value) -> Response<Bytes> {
    with_type(status, "application/json; charset=utf-8", body.to_string())
}

/// Plain text.
pub fn text(status: StatusCode, body: &str) -> Response<Bytes> {
    with_type(status, "text/plain; charset=utf-8", body.to_owned())
}

/// A page of somebody in front.
pub fn page(status: StatusCode) -> Response<Bytes> {
    with_type(status, "text/html; charset=utf-8", PAGE.to_owned())
}

/// Any body under any content type.
pub fn with_type(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    with_header(response, CONTENT_TYPE.as_str(), content_type)
}

/// Adds a header; one that HTTP cannot carry is left out.
pub fn with_header(mut response: Response<Bytes>, name: &str, value: &str) -> Response<Bytes> {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// No such route.
pub fn not_found() -> Response<Bytes> {
    json(StatusCode::NOT_FOUND, &json!({"message": "Not found", "error": "NotFoundError"}))
}

/// Wrong method. OTLP and the batch API name the same members.
pub fn method_not_allowed() -> Response<Bytes> {
    json(StatusCode::METHOD_NOT_ALLOWED, &json!({"message": "Method not allowed", "error": "MethodNotAllowedError"}))
}
