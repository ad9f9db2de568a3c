//! Stand-ins for the outside world, for people without an account and for the tests. Never part of `bootstrap`.
//!
//! They refuse what the real services refuse (`reference/sls.md` §7, `reference/langfuse.md` §2–§4, §8); a stand-in that is kinder than
//! the real service is a defect. They bind to 127.0.0.1 only and treat what they get as hostile.

pub mod langfuse;
pub mod server;
pub mod sls;
