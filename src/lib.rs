//! AI-gateway access logs in Alibaba Cloud SLS become traces in Langfuse, by a function that keeps no state.
//!
//! # One record on its way
//!
//! ```text
//! runtime/fc ─▶ invocation ─▶ handler ─▶ work ─┬─▶ sls/reader ─▶ sls/calls ─▶ sls/page ─▶ sls/decode      bytes → LogRecord
//!  (answer)  ◀──── report ◀────────────────────┤   convert ─▶ gateway ─▶ trace/map ─▶ policy ─▶ export/otlp LogRecord → encoded span
//!                                              └─▶ delivery/call ─▶ delivery/request ─▶ destination        batch → outcomes
//! runtime/lambda ─▶ handler/lines ─▶ work ───────▶ lines                                                      text → LogRecord
//! ```
//!
//! [`runtime`] turns a platform's call into an [`invocation`]; [`handler`] says the order of the steps; [`work`] runs them side by side:
//! [`feed`] gives what there is to read, piece by piece: pages that [`sls`] pulls and divides, or [`lines`] that came with the event.
//! [`gateway`] sorts the fields of a record, [`trace`] decides what they mean, [`policy`] what of it may leave,
//! [`export`] writes bytes, [`delivery`] sends them and settles every record, [`report`] counts. Everything between "bytes came in" and "bytes go out"
//! borrows from the page and takes values only: no client, clock, environment or log is needed to call it.
//!
//! # Who may know whom
//!
//! Imports go one way. `sls` knows nothing of gateways; `gateway` knows log records alone; `trace` knows gateway calls; `policy` and `export` know
//! traces, and not each other; `delivery` knows encoded batches and their source positions. [`secret`], [`error`], [`deadline`], [`budget`], [`spare`],
//! [`json_string`] and [`masking`], which know texts alone, are leaves. [`config`] is
//! the only reader of the environment. A new gateway dialect is a table of the configuration file (`gateway/dialect`), a new destination a
//! file in `export`, a new platform one in `runtime`. `backfill` finds the ranges of a window of time, and `replay` what dead letters point at;
//! both hand them to the same [`handler`]. `explain` stands beside the flow: it runs `gateway`, `trace`, `policy` and `export` on one record to
//! say what became of it. `doctor` asks both ends whether all is well.
//!
//! Rules that the code follows are cited by page and section, as `reference/sls.md` §2 or `design.md` decision 1; these pages are the project's
//! collected facts about the outside world and its contract.

pub mod assembly;
#[cfg(feature = "cli")]
pub mod backfill;
pub mod budget;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod convert;
pub mod dead_letter;
pub mod deadline;
pub mod delivery;
#[cfg(feature = "cli")]
pub mod doctor;
#[cfg(feature = "emulator")]
pub mod emulator;
pub mod error;
#[cfg(feature = "cli")]
pub mod explain;
pub mod export;
pub mod feed;
pub mod gateway;
pub mod handler;
pub mod invocation;
pub mod json_string;
pub mod judge;
pub mod letters;
pub mod lines;
pub mod logging;
pub mod masking;
pub mod origin;
pub mod pace;
pub mod policy;
pub mod progress;
pub mod pull;
#[cfg(feature = "cli")]
pub mod replay;
pub mod report;
pub mod resume;
pub mod runtime;
pub mod secret;
pub mod select;
pub mod settlement;
pub mod sls;
pub mod spare;
pub mod spent;
pub mod start;
pub mod survey;
pub mod tls;
pub mod trace;
pub mod work;
