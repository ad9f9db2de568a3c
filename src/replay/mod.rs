//! Dead letters → their records, once more.
pub mod ledger;
pub mod letters;
pub mod line;
pub mod plan;
pub mod state;
