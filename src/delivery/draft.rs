//! What all requests with observations to one destination begin as, made once: an address that is read and headers that are checked for every
//! request were a part of what a small call costs.

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::Full;
use reqwest::{Request, Url};

use super::ingestion_plan::{Api, BATCH_PATH};
use super::request::{Body, OTLP_PATH};

/// The drafts of a destination. `None`: its address is none, so nothing can be sent to it.
#[derive(Debug)]
pub struct Drafts {
    otlp: Option<Request>,
    batch: Option<Request>,
}

impl Drafts {
    /// Drafts of requests below `base_url` with these keys.
    pub fn new(base_url: &str, authorization: &HeaderValue) -> Self {
        let draft = |path: &str| {
            let mut draft = Request::new(Method::POST, Url::parse(&format!("{base_url}{path}")).ok()?);
            *draft.headers_mut() = headers(authorization);
            Some(draft)
        };
        Self { otlp: draft(OTLP_PATH), batch: draft(BATCH_PATH) }
    }

    /// The request that carries this body and may take so long.
    pub fn request(&self, body: Body, timeout: Duration) -> Option<Request> {
        let draft = match body.api {
            Api::Otlp => &self.otlp,
            Api::Batch(_) => &self.batch,
        };
        let mut request = draft.as_ref()?.try_clone()?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(body.api.content_type()));
        if let Some(encoding) = body.encoding {
            request.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        *request.timeout_mut() = Some(timeout);
        // The library keeps a copy of bytes that it could send again by itself, and none of a body whose bytes it does not see.
        *request.body_mut() = Some(if body.leaves { reqwest::Body::wrap(Full::new(body.wire)) } else { body.wire.into() });
        Some(request)
    }
}

fn headers(authorization: &HeaderValue) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(AUTHORIZATION, authorization.clone());
    headers.insert("x-langfuse-ingestion-version", HeaderValue::from_static("4"));
    headers.insert("x-langfuse-sdk-name", HeaderValue::from_static("sls-to-langfuse"));
    headers.insert("x-langfuse-sdk-version", HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    headers
}
