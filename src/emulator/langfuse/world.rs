//! The server that the stand-in plays: release, write mode, keys, front end. Plain data; all of it may change while it runs.

use super::version::{ServerVersion, since};
use crate::secret::Secret;

/// Where a server stores what it accepts (`reference/langfuse.md` §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// `events_full` only; the batch API is refused event by event. The default of major version 4.
    EventsOnly,
    /// The old tables and `events_full`.
    Dual,
    /// The old tables only. The default of major version 3.
    Legacy,
}

/// What `GET /api/public/health` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// The truth.
    Open,
    /// 200 with another version than the one that answers.
    Reports(String),
    /// 404.
    NotFound,
    /// 401.
    Unauthorized,
    /// 200 with a page.
    Page,
    /// 503 with another status text.
    Unavailable,
}

/// A key pair and the project it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectKey {
    /// Public key, `pk-lf-…`.
    pub public: String,
    /// Secret key, `sk-lf-…`.
    pub secret: Secret,
    /// Id of the project.
    pub project_id: String,
    /// Name of the project.
    pub project_name: String,
}

impl ProjectKey {
    /// A key of a project whose name is its id.
    pub fn new(public: &str, secret: &str, project_id: &str) -> Self {
        Self { public: public.into(), secret: Secret::new(secret), project_id: project_id.into(), project_name: project_id.into() }
    }
}

/// The server that the stand-in plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LangfuseWorld {
    /// Its release.
    pub version: ServerVersion,
    /// Its write mode. Releases before 3.179 have no modes and act as [`WriteMode::Legacy`] whatever stands here.
    pub mode: WriteMode,
    /// The keys it knows.
    pub keys: Vec<ProjectKey>,
    /// What its health answer says.
    pub health: Health,
    /// Ingestion is suspended by plan usage: 403 (`reference/langfuse.md` §2).
    pub suspended: bool,
    /// Largest request body in bytes on the wire that the front end lets through; a larger one gets 413 with a page
    /// (`reference/langfuse.md` §3: 5 MB published for Cloud, often 1 MB for nginx).
    pub body_limit: Option<usize>,
    /// Whether recorded requests keep their decoded bodies.
    pub keep_bodies: bool,
    /// Whether spans are kept as they were sent, for the page.
    pub keep_sources: bool,
    /// How many of the newest requests and arrivals are remembered, with the rows they belong to; nothing: all. For stand-ins that run
    /// for days. Up to a quarter more may be there, so that forgetting is rare.
    pub keep: Option<usize>,
}

impl LangfuseWorld {
    /// Public key of the default world.
    pub const PUBLIC_KEY: &'static str = "pk-lf-emulator";
    /// Secret key of the default world.
    pub const SECRET_KEY: &'static str = "sk-lf-emulator";
    /// Project of the default world.
    pub const PROJECT: &'static str = "project-emulator";

    /// A server of this release with the write mode that it has by default.
    pub fn of_version(version: ServerVersion) -> Self {
        let mode = if version.major() >= 4 { WriteMode::EventsOnly } else { WriteMode::Legacy };
        Self { version, mode, ..Self::default() }
    }

    /// The write mode in force.
    pub(super) fn effective_mode(&self) -> WriteMode {
        if self.version < since::WRITE_MODES { WriteMode::Legacy } else { self.mode }
    }
}

impl Default for LangfuseWorld {
    fn default() -> Self {
        Self {
            version: ServerVersion::new(4, 16, 0),
            mode: WriteMode::EventsOnly,
            keys: vec![ProjectKey::new(Self::PUBLIC_KEY, Self::SECRET_KEY, Self::PROJECT)],
            health: Health::Open,
            suspended: false,
            body_limit: None,
            keep_bodies: true,
            keep_sources: false,
            keep: None,
        }
    }
}
