//! Which API of Langfuse a run of observations goes to, by the operator's wish and the server's version (`design.md` §2 "auto"). Pure.
//!
//! The plan says where to go first and where after a refusal. That nothing is changed any more within a call once something was accepted,
//! save for events that are refused one by one, is the caller's to keep: the plan does not know what was sent.

use super::destination::IngestionApi;
use super::request::OTLP_PATH;
use crate::export::ingestion::BatchDialect;
use crate::export::server_version::ServerVersion;

/// Path of the batch endpoint (`reference/langfuse.md` §8).
pub const BATCH_PATH: &str = "/api/public/ingestion";

/// The first version that reads all the span attributes that we send (`reference/langfuse.md` §1, §13).
const OTLP_SINCE: ServerVersion = ServerVersion::new(3, 63, 0);

/// The last version without an OTLP endpoint (`reference/langfuse.md` §1).
const LAST_WITHOUT_OTLP: ServerVersion = ServerVersion::new(3, 21, u32::MAX);

/// The last major version whose servers all store what comes by the batch API (`reference/langfuse.md` §1).
const LAST_MAJOR_WITH_BATCH: u32 = 3;

/// One of the two APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// OTLP over HTTP with protobuf.
    Otlp,
    /// The older batch API, in the words of the server.
    Batch(BatchDialect),
}

/// The choice of API for one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IngestionPlan {
    wish: IngestionApi,
    version: Option<ServerVersion>,
}

impl Api {
    /// Path below the base URL.
    pub fn path(self) -> &'static str {
        match self {
            Self::Otlp => OTLP_PATH,
            Self::Batch(_) => BATCH_PATH,
        }
    }

    /// `Content-Type`, exactly (`reference/langfuse.md` §3).
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Otlp => "application/x-protobuf",
            Self::Batch(_) => "application/json",
        }
    }
}

impl IngestionPlan {
    /// True if the plan depends on the version, so that the server should be asked for it first.
    pub fn needs_version(wish: IngestionApi) -> bool {
        wish != IngestionApi::Otlp
    }

    /// The plan for a server; `None`: its version is not known.
    pub fn new(wish: IngestionApi, version: Option<ServerVersion>) -> Self {
        Self { wish, version }
    }

    /// Where to send first.
    pub fn first(self) -> Api {
        match self.wish {
            IngestionApi::Otlp => Api::Otlp,
            IngestionApi::Batch => self.batch(),
            IngestionApi::Auto if self.version.is_some_and(|version| version < OTLP_SINCE) => self.batch(),
            IngestionApi::Auto => Api::Otlp,
        }
    }

    /// Where to go after a 404 of the OTLP endpoint. `None`: nowhere, it is an error.
    pub fn after_missing_otlp(self) -> Option<Api> {
        let told = self.version.filter(|version| self.wish == IngestionApi::Auto && version.major <= LAST_MAJOR_WITH_BATCH)?;
        // Whatever its page says, a server without the endpoint is older than the endpoint.
        Some(Api::Batch(BatchDialect::of(Some(told.min(LAST_WITHOUT_OTLP)))))
    }

    /// Where events go that the batch API refused one by one because the server is in mode `events_only`. `None`: nowhere, the operator
    /// has demanded the batch API.
    pub fn after_events_only(self) -> Option<Api> {
        (self.wish == IngestionApi::Auto).then_some(Api::Otlp)
    }

    fn batch(self) -> Api {
        Api::Batch(BatchDialect::of(self.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(wish: IngestionApi, version: &str) -> IngestionPlan {
        IngestionPlan::new(wish, ServerVersion::parse(version))
    }

    fn batch(version: &str) -> Api {
        Api::Batch(BatchDialect::of(ServerVersion::parse(version)))
    }

    #[test]
    fn auto_goes_by_the_version() {
        for (version, first, after_404) in [
            ("2.95.11", batch("2.95.11"), Some(batch("2.95.11"))),
            ("3.22.0", batch("3.22.0"), Some(batch("3.22.0"))),
            ("3.62.9", batch("3.62.9"), Some(batch("3.21.0"))),
            ("v3.63.0-rc.1", Api::Otlp, Some(batch("3.21.0"))),
            ("3.63.0", Api::Otlp, Some(batch("3.21.0"))),
            ("3.98.2", Api::Otlp, Some(batch("3.21.0"))),
            ("3.214.0", Api::Otlp, Some(batch("3.21.0"))),
            ("4.0.0", Api::Otlp, None),
            ("4.16.0", Api::Otlp, None),
            ("unknown", Api::Otlp, None),
        ] {
            let plan = plan(IngestionApi::Auto, version);
            assert_eq!(
                (plan.first(), plan.after_missing_otlp(), plan.after_events_only()),
                (first, after_404, Some(Api::Otlp)),
                "{version}"
            );
        }
    }

    #[test]
    fn a_wish_is_never_overruled() {
        for version in ["2.95.11", "3.63.0", "4.16.0", "unknown"] {
            let (otlp, wanted) = (plan(IngestionApi::Otlp, version), plan(IngestionApi::Batch, version));
            assert_eq!((otlp.first(), otlp.after_missing_otlp(), otlp.after_events_only()), (Api::Otlp, None, None), "{version}");
            assert_eq!(
                (wanted.first(), wanted.after_missing_otlp(), wanted.after_events_only()),
                (batch(version), None, None),
                "{version}"
            );
        }
    }

    #[test]
    fn only_otlp_by_wish_asks_nobody() {
        let asks = [IngestionApi::Auto, IngestionApi::Otlp, IngestionApi::Batch].map(IngestionPlan::needs_version);
        assert_eq!(asks, [true, false, true]);
    }

    #[test]
    fn an_api_is_a_path_and_a_content_type() {
        assert_eq!((Api::Otlp.path(), Api::Otlp.content_type()), ("/api/public/otel/v1/traces", "application/x-protobuf"));
        assert_eq!((batch("3.0.0").path(), batch("3.0.0").content_type()), ("/api/public/ingestion", "application/json"));
    }
}
