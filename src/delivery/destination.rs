//! One Langfuse project: where it is and how to speak to it.

use std::time::Duration;

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

/// What the operator says about one Langfuse project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationSettings {
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
    /// `SSL_CERT_FILE`: further trusted roots as DER, beside the bundled ones.
    pub extra_roots: Vec<Vec<u8>>,
}
