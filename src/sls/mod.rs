//! Simple Log Service.

pub mod endpoint;
pub mod sign;
pub mod wire;
