//! Is everything as it must be, so that model calls show up in Langfuse? One finding after the other, each with what to do.
//!
//! `check` is what a finding is. `sls` asks the source (`refusal` says what its refusals mean, `sample` reads its newest records, `quality`
//! counts what they lack), `langfuse` asks a destination (`canary` writes an observation and reads it back), `manifest` judges an `s.yaml`,
//! `clock` compares clocks and `estimate` reckons what a month brings and costs. Nothing here prints, reads the environment, or knows the
//! command line; no finding holds a secret, a logged text or a text of a server.

pub mod canary;
pub mod check;
pub mod clock;
pub mod estimate;
pub mod langfuse;
pub mod manifest;
pub mod quality;
pub mod refusal;
pub mod sample;
pub mod sls;

pub use check::{Check, Diagnosis, Status};
