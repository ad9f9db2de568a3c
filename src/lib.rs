//! AI-gateway access logs in Alibaba Cloud SLS become traces in Langfuse.

pub mod config;
pub mod deadline;
pub mod error;
pub mod delivery;
#[cfg(feature = "emulator")]
pub mod emulator;
pub mod export;
pub mod gateway;
pub mod secret;
pub mod sls;
pub mod tls;
pub mod trace;
