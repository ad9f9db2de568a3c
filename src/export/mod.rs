//! Observations → request bytes within limits, for one API of a destination. No sockets, no retries.
//!
//! An exporter is a writer: it puts an observation into a reused buffer, and the buffer into a [`batch::Batch`], which knows for every
//! byte which source position it came from. A new destination is a new file here.

pub mod batch;
pub mod cut;
pub mod ingestion;
pub mod json;
pub mod number;
pub mod otlp;
pub mod protobuf;
pub mod server_version;
pub mod wire;
