//! What the service says when it refuses: status, code and message in the shape of `reference/sls.md` §7.
//!
//! Messages follow the vectors `errors` where one is known. Which check leads to which refusal is decided elsewhere.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

/// One refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    /// The action named in `accessDeniedDetail`, which newer answers add to a denial (`reference/sls.md` §7).
    pub(super) denied_action: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), denied_action: None }
    }

    pub(super) fn missing(parameter: &str) -> Self {
        Self::new(400, "MissingParameter", format!("Parameter {parameter} is missing"))
    }

    pub(super) fn invalid(parameter: &str) -> Self {
        Self::new(400, "ParameterInvalid", format!("Parameter {parameter} is not valid"))
    }

    pub(super) fn cursor() -> Self {
        Self::new(400, "InvalidCursor", "Cursor is not valid")
    }

    pub(super) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(401, "Unauthorized", message)
    }

    pub(super) fn signature(given: &str) -> Self {
        Self::new(401, "SignatureNotMatch", format!("Signature {given} not matched."))
    }

    pub(super) fn post_body(message: impl Into<String>) -> Self {
        Self::new(400, "PostBodyInvalid", message)
    }

    pub(super) fn response(&self) -> Response<Bytes> {
        let mut body = serde_json::json!({"errorCode": self.code, "errorMessage": self.message});
        if let Some(action) = self.denied_action {
            body["accessDeniedDetail"] = serde_json::json!({"AuthAction": action});
        }
        json(self.status, &body)
    }
}

/// A JSON answer; a status that HTTP does not know becomes 500.
pub(super) fn json(status: u16, body: &serde_json::Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
