//! AI-gateway access logs in Alibaba Cloud SLS become traces in Langfuse.

pub mod assembly;
pub mod config;
pub mod convert;
pub mod dead_letter;
pub mod deadline;
pub mod delivery;
#[cfg(feature = "emulator")]
pub mod emulator;
pub mod error;
pub mod export;
pub mod gateway;
pub mod handler;
pub mod invocation;
pub mod logging;
pub mod report;
pub mod runtime;
pub mod secret;
pub mod sls;
pub mod start;
pub mod tls;
pub mod trace;
pub mod work;
