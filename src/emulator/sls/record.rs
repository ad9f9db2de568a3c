//! What was asked and how it was answered, for assertions. Bodies are not kept.

use std::collections::VecDeque;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap};
use http::{Method, Request};

use super::call::{Call, Operation};
use crate::sls::sign::SECURITY_TOKEN;

/// How many requests are remembered, so that a stand-in can run for days; no test makes as many.
const KEPT: usize = 100_000;

/// One request that arrived.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// Method.
    pub method: Method,
    /// `Host`, with the port if it had one.
    pub host: String,
    /// Path as sent.
    pub path: String,
    /// Query, decoded, in the order sent.
    pub query: Vec<(String, String)>,
    /// All headers; those with key material are marked sensitive and do not print.
    pub headers: HeaderMap,
    /// Bytes of the body as sent.
    pub body_bytes: usize,
    /// What it asked for, once that was clear; none when it was refused before.
    pub operation: Option<Operation>,
    /// Status of the answer; none when the connection was reset instead.
    pub status: Option<u16>,
    /// `errorCode` of a refusal.
    pub error_code: Option<String>,
}

impl RecordedRequest {
    pub(super) fn of(request: &Request<Bytes>) -> Self {
        let call = Call::of(request);
        Self {
            method: call.method.clone(),
            host: call.host.to_owned(),
            path: call.path.to_owned(),
            query: call.query,
            headers: guarded(request.headers().clone()),
            body_bytes: request.body().len(),
            operation: None,
            status: None,
            error_code: None,
        }
    }

    /// The value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_str())
    }
}

fn guarded(mut headers: HeaderMap) -> HeaderMap {
    for name in [AUTHORIZATION.as_str(), SECURITY_TOKEN] {
        if let Some(value) = headers.get_mut(name) {
            value.set_sensitive(true);
        }
    }
    headers
}

/// The newest requests, in order of arrival.
#[derive(Debug, Default)]
pub(super) struct Records(VecDeque<RecordedRequest>);

impl Records {
    pub(super) fn push(&mut self, request: RecordedRequest) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(request);
    }

    pub(super) fn all(&self) -> Vec<RecordedRequest> {
        self.0.iter().cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
