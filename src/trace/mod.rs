//! The neutral model.

pub mod settings;
