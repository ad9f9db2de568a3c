//! Asks what stands at an endpoint, and what a key may do there, without reading or writing a log.

use std::time::{Duration, SystemTime};

use http::Method;

use super::calls::REQUEST_ID;
use super::client::{Logstore, MAX_ERROR_BYTES, Request, bounded_body, redirect_origin, server_time};
use super::error::{ErrorClass, Refusal, SlsError};

/// What answers at an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Whether the answer carries the id that every answer of SLS has (`reference/sls.md` §2), or is a refusal in its words (§7).
    pub is_sls: bool,
    /// HTTP status; SLS refuses what is not signed.
    pub status: u16,
    /// The server's clock, where it says.
    pub server_time: Option<SystemTime>,
    /// Where a 3xx points to: the origin alone.
    pub redirect_origin: Option<String>,
}

impl Logstore {
    /// Asks without a signature, so that neither the key nor the clock matters.
    ///
    /// # Errors
    /// No answer within `timeout`.
    pub async fn probe(&self, timeout: Duration) -> Result<Probe, SlsError> {
        let mut response = self.ask_unsigned(format!("/logstores/{}/shards", self.name), timeout).await?;
        let (status, headers) = (response.status().as_u16(), response.headers());
        let (marked, server_time, redirect_origin) = (headers.contains_key(REQUEST_ID), server_time(headers), redirect_origin(headers));
        let is_sls = marked || speaks_sls(status, &bounded_body(&mut response, MAX_ERROR_BYTES).await.unwrap_or_default());
        Ok(Probe { is_sls, status, server_time, redirect_origin })
    }

    /// Whether the key may write here: a PutLogs whose body is no log group, which is refused for its body only after the permission was
    /// looked at. Nothing is written.
    ///
    /// # Errors
    /// Any other refusal, or no answer within `timeout`.
    pub async fn may_write(&self, timeout: Duration) -> Result<(), SlsError> {
        let headers = &[("Content-Type", "application/x-protobuf"), ("x-log-bodyrawsize", "1")];
        let path = format!("/logstores/{}/shards/lb", self.name);
        match self.send(Request { method: Method::POST, path, query: &[], headers, body: vec![0xff], timeout: Some(timeout) }).await {
            Err(SlsError::Refused(refusal)) if is_about_the_body(&refusal) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }
}

/// A refusal for what was sent, and not for who sent it, when, or whereto.
fn is_about_the_body(refusal: &Refusal) -> bool {
    refusal.status == 400 && refusal.class == ErrorClass::Permanent && !refusal.code.eq_ignore_ascii_case("LogStoreWithoutShard")
}

fn speaks_sls(status: u16, body: &[u8]) -> bool {
    status != 200 && !Refusal::read(status, body, "").code.is_empty()
}
