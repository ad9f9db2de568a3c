//! AI-gateway access logs in Alibaba Cloud SLS become traces in Langfuse.

pub mod delivery;
#[cfg(feature = "emulator")]
pub mod emulator;
pub mod secret;
pub mod sls;
pub mod trace;
