//! One Langfuse project: where it is, how to speak to it, and whether it is being left alone. The only module that opens connections to it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::answer::{Answer, MAX_ANSWER_BYTES, NoAnswer};
use super::draft::Drafts;
use super::gzip::Gzip;
use super::ingestion_plan::{Api, IngestionPlan};
use super::load::MOST_AT_ONCE;
use super::memory::AcceptedSpans;
use super::request::{self, Body, NoBody, Run};
use super::verdict::Block;
use crate::export::server_version::{HEALTH_PATH, ServerVersion};
use crate::secret::Secret;

/// `LANGFUSE_INGESTION`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IngestionApi {
    /// Decide by the server (`design.md` §2, "auto").
    #[default]
    Auto,
    /// OTLP over HTTP with protobuf.
    Otlp,
    /// The older batch API.
    Batch,
}

/// `OTEL_EXPORTER_OTLP_COMPRESSION`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// gzip.
    #[default]
    Gzip,
    /// The bytes as they are.
    None,
}

/// What the operator says about one Langfuse project. The names are those of the settings without sections; a section
/// `[destination.NAME]` has its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationSettings {
    /// Name of its section; `None`: the settings without a section.
    pub name: Option<String>,
    /// `LANGFUSE_HOST` or `LANGFUSE_BASE_URL`: scheme, host, optional port and path prefix; no trailing slash.
    pub base_url: String,
    /// `LANGFUSE_PUBLIC_KEY`.
    pub public_key: String,
    /// `LANGFUSE_SECRET_KEY`.
    pub secret_key: Secret,
    /// `LANGFUSE_SDK_TIMEOUT`: the longest that one request may take.
    pub request_timeout: Duration,
    /// `LANGFUSE_INGESTION`.
    pub api: IngestionApi,
    /// `OTEL_EXPORTER_OTLP_COMPRESSION`.
    pub compression: Compression,
}

/// How long a warm instance leaves a destination alone that refuses it for its keys, permissions or host (`design.md` decision 5).
const PAUSE: Duration = Duration::from_secs(300);

/// How long the version of a server is believed: an upgrade behind a warm instance shows after this time at the latest.
const VERSION_AGE: Duration = Duration::from_secs(600);

/// How long it is believed that nobody tells the version: a closed health page should not cost every call a request.
const UNKNOWN_VERSION_AGE: Duration = Duration::from_secs(60);

/// How long the health page may take.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

/// One Langfuse project as a value: address, keys and what is known of its state. Nothing of it is global; only connections are shared.
#[derive(Debug)]
pub struct Destination {
    settings: DestinationSettings,
    authorization: HeaderValue,
    drafts: Drafts,
    http: reqwest::Client,
    /// `None`: bodies leave as they are.
    gzip: Option<Mutex<Gzip>>,
    now: fn() -> SystemTime,
    paused: Mutex<Option<Pause>>,
    version: tokio::sync::Mutex<Option<KnownVersion>>,
    silent: AtomicBool,
    accepted: AcceptedSpans,
    kept_up: AtomicUsize,
    places: Arc<Semaphore>,
}

/// What the health page said, and how long that is believed.
#[derive(Clone, Copy, Debug)]
struct KnownVersion {
    version: Option<ServerVersion>,
    until: Instant,
}

/// A destination that is left alone for a while, and why.
#[derive(Clone, Debug)]
pub struct Pause {
    until: Instant,
    /// What stands in the way.
    pub block: Block,
    /// The status that told it; 0: there was no answer.
    pub status: u16,
}

impl Pause {
    /// How long it still lasts.
    pub fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

impl Destination {
    /// A destination that is spoken to through `http` and is one of `among`, which share the memory of what was accepted; `now` reads
    /// dates in answers.
    pub fn new(settings: DestinationSettings, http: reqwest::Client, among: usize, now: fn() -> SystemTime) -> Self {
        let authorization = basic(&settings);
        let gzip = (settings.compression == Compression::Gzip).then(Mutex::default);
        Self {
            drafts: Drafts::new(&settings.base_url, &authorization),
            settings,
            authorization,
            http,
            gzip,
            now,
            paused: Mutex::new(None),
            version: tokio::sync::Mutex::new(None),
            silent: AtomicBool::new(false),
            accepted: AcceptedSpans::among(among),
            kept_up: AtomicUsize::new(0),
            places: Arc::new(Semaphore::new(MOST_AT_ONCE)),
        }
    }

    /// What the operator said about it.
    pub fn settings(&self) -> &DestinationSettings {
        &self.settings
    }

    /// The body that carries this run, compressed as the operator wants.
    ///
    /// # Errors
    /// As [`request::body`].
    pub fn body(&self, run: Run<'_>, api: Api) -> Result<Body, NoBody> {
        let mut gzip = self.gzip.as_ref().map(|gzip| gzip.lock().unwrap_or_else(PoisonError::into_inner));
        request::body(run, api, gzip.as_deref_mut())
    }

    /// Sends a body and reads the whole answer, within the request time-out and `left`.
    ///
    /// # Errors
    /// Why no whole answer came.
    pub async fn post(&self, body: Body, left: Duration) -> Result<Answer, NoAnswer> {
        let request = self.drafts.request(body, self.settings.request_timeout.min(left)).ok_or(NoAnswer::Broken)?;
        self.answer(self.http.execute(request).await?).await
    }

    /// Asks for `path` with the keys of the project and reads the whole answer, within the request time-out. `None`: no answer came.
    pub async fn get(&self, path: &str) -> Option<Answer> {
        let request = self.http.get(format!("{}{path}", self.settings.base_url)).timeout(self.settings.request_timeout);
        self.answer(request.header(AUTHORIZATION, self.authorization.clone()).send().await.ok()?).await.ok()
    }

    async fn answer(&self, mut response: reqwest::Response) -> Result<Answer, NoAnswer> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            let room = MAX_ANSWER_BYTES - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        Ok(Answer::new(response.status().as_u16(), response.headers(), body, (self.now)()))
    }

    /// Which API to use, by what is wished and, where that depends on it, by the server's version. The version is asked for once in a
    /// while, so that a server that is upgraded behind a warm instance is found out.
    pub async fn plan(&self, left: Duration) -> IngestionPlan {
        if !IngestionPlan::needs_version(self.settings.api) {
            return IngestionPlan::new(self.settings.api, None);
        }
        let mut known = self.version.lock().await;
        let fresh = known.filter(|known| Instant::now() < known.until);
        let version = match fresh {
            Some(known) => known.version,
            None => {
                let version = self.ask_version(HEALTH_TIMEOUT.min(left)).await;
                let age = if version.is_some() { VERSION_AGE } else { UNKNOWN_VERSION_AGE };
                *known = Some(KnownVersion { version, until: Instant::now() + age });
                version
            }
        };
        IngestionPlan::new(self.settings.api, version)
    }

    /// Asks for the version again at the next call: the server has shown that it is not what its health page said.
    pub async fn forget_version(&self) {
        *self.version.lock().await = None;
    }

    /// Asks for the health page, which needs no key.
    ///
    /// # Errors
    /// Why no whole answer came.
    pub async fn health(&self, timeout: Duration) -> Result<Answer, NoAnswer> {
        let request = self.http.get(format!("{}{HEALTH_PATH}", self.settings.base_url)).timeout(timeout);
        self.answer(request.send().await.inspect_err(|_| self.suspect())?).await
    }

    async fn ask_version(&self, timeout: Duration) -> Option<ServerVersion> {
        ServerVersion::of_health(&self.health(timeout).await.ok()?.body)
    }

    /// Notes that it may be down: before anything else is sent, the next request finds out whether it answers at all (see `breaker`).
    pub fn suspect(&self) {
        self.silent.store(true, Relaxed);
    }

    /// Notes that it answers.
    pub fn trust(&self) {
        self.silent.store(false, Relaxed);
    }

    /// True if it has not answered as it should since it was last suspected.
    pub fn is_suspected(&self) -> bool {
        self.silent.load(Relaxed)
    }

    /// With how many requests at once it kept up in the call that was answered last.
    pub fn kept_up(&self) -> usize {
        self.kept_up.load(Relaxed)
    }

    /// Notes that it kept up with so many.
    pub fn keeps_up_with(&self, requests: usize) {
        self.kept_up.store(requests, Relaxed);
    }

    /// A place for one more request that waits for its answer, if there is one.
    pub fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    /// What it has accepted of ranges that failed.
    pub fn accepted(&self) -> &AcceptedSpans {
        &self.accepted
    }

    /// Leaves the destination alone from now on: what stands in the way goes only when a person acts, and asking again would hammer a
    /// server that has said no (`design.md` decision 5).
    pub fn pause(&self, block: &Block, status: u16) {
        *self.lock() = Some(Pause { until: Instant::now() + PAUSE, block: block.clone(), status });
    }

    /// Why the destination is being left alone, if it is.
    pub fn paused(&self) -> Option<Pause> {
        self.lock().clone().filter(|pause| !pause.left().is_zero())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Pause>> {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn basic(settings: &DestinationSettings) -> HeaderValue {
    let pair = format!("{}:{}", settings.public_key, settings.secret_key.expose());
    // Base64 is always a valid header value.
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}
