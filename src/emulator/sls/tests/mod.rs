//! The stand-in over a real socket: one world, signed requests, and answers taken apart.

mod faults;
mod pages;
mod puts;
mod refusals;
mod shards;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::HeaderMap;
use prost::Message;
use serde_json::Value;

use super::*;
use crate::secret::{Credentials, Secret};
use crate::sls::sign::{RequestParts, SECURITY_TOKEN, sign_v1, sign_v4};
use crate::sls::wire::{Content, Log, LogGroupList};

/// The time of the vectors.
const NOW: u64 = 1_732_156_245;
/// The first cursor number of shard 0, that of the vectors.
const SEED: u64 = 1_732_154_287_213_232_000;
const SHARD_0: &str = "/logstores/demo-logstore/shards/0";

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

fn number(text: &str) -> u64 {
    cursor::decode(text).unwrap()
}

/// One log with this number, received `number` seconds after the fixed time.
fn group(number: u32) -> LogGroup {
    let content = Content { key: b"n".to_vec(), value: number.to_string().into_bytes() };
    LogGroup { logs: vec![Log { time: NOW as u32, contents: vec![content], time_ns: None }], ..Default::default() }
}

/// A world with the keys `id` (permanent) and `sts` (temporary), and shards 0 and 7 with five groups in shard 0.
async fn world() -> SlsEmulator {
    let world = SlsWorld { clock: Arc::new(now), ..SlsWorld::default() };
    let emulator = SlsEmulator::start(0, world).await.unwrap();
    emulator.add_key(AccessKey::permanent("id", "secret"));
    emulator.add_key(AccessKey::permanent("sts", "secret").with_token("token", now() + Duration::from_secs(60)));
    let shards = [ShardSpec { id: 0, seed: SEED }, ShardSpec { id: 7, seed: 50 }];
    emulator.create_logstore("demo-project", "demo-logstore", &shards);
    for n in 0..5 {
        emulator.append("demo-project", "demo-logstore", 0, &group(n), NOW as u32 + n).unwrap();
    }
    emulator
}

#[derive(Clone, Copy, PartialEq)]
enum Signing {
    V1,
    V4,
    None,
}

/// A request that can be spoilt before and after it is signed.
#[derive(Clone)]
struct Ask {
    method: &'static str,
    host: String,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    credentials: Credentials,
    date: SystemTime,
    region: &'static str,
    signing: Signing,
    /// Headers to replace (some) or to remove (none) after signing.
    spoilt: Vec<(&'static str, Option<String>)>,
}

impl Ask {
    fn new(method: &'static str, path: &str, query: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            method,
            host: "demo-project.127.0.0.1".into(),
            path: path.into(),
            query: query.iter().map(owned).collect(),
            headers: [("x-log-apiversion", "0.6.0"), ("x-log-bodyrawsize", "0"), ("Accept", "application/x-protobuf")]
                .map(|h| owned(&h))
                .into(),
            body: Vec::new(),
            credentials: Credentials { access_key_id: "id".into(), access_key_secret: Secret::new("secret"), security_token: None },
            date: now(),
            region: "cn-hangzhou",
            signing: Signing::V1,
            spoilt: Vec::new(),
        }
    }

    /// PullLogs of shard 0 from the group at `from`, with lz4.
    fn pull(from: u64) -> Self {
        let cursor = cursor::encode(SEED + from);
        Self::new("GET", SHARD_0, &[("type", "log"), ("cursor", &cursor), ("count", "1000")]).header("Accept-Encoding", "lz4")
    }

    fn put(group: &LogGroup) -> Self {
        let raw = group.encode_to_vec();
        let ask = Self::new("POST", "/logstores/demo-logstore/shards/lb", &[]).header("Content-Type", "application/x-protobuf");
        ask.header("x-log-bodyrawsize", &raw.len().to_string()).body(raw)
    }

    fn until(self, end: u64) -> Self {
        self.parameter("end_cursor", &cursor::encode(SEED + end))
    }

    fn parameter(mut self, name: &str, value: &str) -> Self {
        self.query.retain(|(candidate, _)| candidate != name);
        self.query.push((name.into(), value.into()));
        self
    }

    fn without_parameter(mut self, name: &str) -> Self {
        self.query.retain(|(candidate, _)| candidate != name);
        self
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self = self.without_header(name);
        self.headers.push((name.into(), value.into()));
        self
    }

    fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(candidate, _)| !candidate.eq_ignore_ascii_case(name));
        self
    }

    fn spoil(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.spoilt.push((name, value.map(str::to_owned)));
        self
    }

    fn body(self, body: Vec<u8>) -> Self {
        Self { body, ..self }
    }

    fn host(self, host: &str) -> Self {
        Self { host: host.into(), ..self }
    }

    fn path(self, path: &str) -> Self {
        Self { path: path.into(), ..self }
    }

    fn date(self, date: SystemTime) -> Self {
        Self { date, ..self }
    }

    fn signing(self, signing: Signing) -> Self {
        Self { signing, ..self }
    }

    fn key(self, id: &str, secret: &str, token: Option<&str>) -> Self {
        let credentials =
            Credentials { access_key_id: id.into(), access_key_secret: Secret::new(secret), security_token: token.map(Secret::new) };
        Self { credentials, ..self }
    }

    fn signed_headers(&self) -> Vec<(String, String)> {
        let query: Vec<_> = self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let parts =
            RequestParts { method: self.method, host: &self.host, path: &self.path, query: &query, headers: &headers, body: &self.body };
        let signed = match self.signing {
            Signing::V1 => sign_v1(&parts, &self.credentials, self.date),
            Signing::V4 => sign_v4(&parts, &self.credentials, self.date, self.region),
            Signing::None => return self.headers.clone(),
        };
        let mut all = self.headers.clone();
        all.extend(signed.plain.into_iter().map(|(name, value)| (name.to_owned(), value)));
        all.push(("Authorization".into(), signed.authorization.expose().into()));
        all.extend(signed.security_token.map(|token| (SECURITY_TOKEN.to_owned(), token.expose().to_owned())));
        all
    }

    async fn send(&self, emulator: &SlsEmulator) -> Result<Got, reqwest::Error> {
        let mut headers = self.signed_headers();
        for (name, value) in &self.spoilt {
            headers.retain(|(candidate, _)| !candidate.eq_ignore_ascii_case(name));
            headers.extend(value.iter().map(|value| ((*name).to_owned(), value.clone())));
        }
        let mut url = reqwest::Url::parse(&emulator.endpoint()).unwrap();
        url.set_path(&self.path);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let method = reqwest::Method::from_bytes(self.method.as_bytes()).unwrap();
        let mut map = HeaderMap::from_iter([(http::header::HOST, self.host.parse().unwrap())]);
        for (name, value) in headers {
            map.insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        let request = client().request(method, url).headers(map).body(self.body.clone());
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Got { status, headers, body: response.bytes().await?.to_vec() })
    }

    async fn answer(&self, emulator: &SlsEmulator) -> Got {
        self.send(emulator).await.unwrap()
    }
}

fn client() -> reqwest::Client {
    // Even plain http needs a provider in a reqwest built without one; who comes second gets an error of no interest.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[derive(Debug)]
struct Got {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn code(&self) -> String {
        self.json()["errorCode"].as_str().unwrap_or_default().to_owned()
    }

    /// The page, unpacked, with what its head says about it.
    fn page(&self) -> PageGot {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        let size: usize = self.header("x-log-bodyrawsize").unwrap().parse().unwrap();
        let raw = match self.header("x-log-compresstype") {
            _ if size == 0 => self.body.clone(),
            None => self.body.clone(),
            Some("lz4") => lz4_flex::block::decompress(&self.body, size).unwrap(),
            Some(other) => compression::Compression::claimed(Some(other)).unwrap().unpack(&self.body, size).unwrap(),
        };
        assert_eq!(raw.len(), size);
        let groups = LogGroupList::decode(&raw[..]).unwrap().log_groups;
        assert_eq!(self.header("x-log-count").unwrap(), groups.len().to_string());
        let last = self.header("x-log-read-last-cursor").map(|last| last.parse().unwrap());
        PageGot { groups, next: number(self.header("x-log-cursor").unwrap()), last }
    }
}

#[derive(Debug, PartialEq)]
struct PageGot {
    groups: Vec<LogGroup>,
    next: u64,
    last: Option<u64>,
}

/// The page of the groups `from..to` of shard 0.
fn page(from: u32, to: u32) -> PageGot {
    let next = SEED + u64::from(to);
    PageGot { groups: (from..to).map(group).collect(), next, last: (to > from).then_some(next - 1) }
}
