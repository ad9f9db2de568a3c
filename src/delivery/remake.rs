//! Batches of which nobody keeps a copy while they wait for their answer: most of them are taken, so a copy mostly costs memory for nothing.
//!
//! Such a batch is held by its request until the last byte of that has left. If it must be sent again, it is made again where its records
//! came from, and held from then on.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use super::call::CallDelivery;
use super::failures;
use super::job::{Job, Shipment};
use crate::budget::Allowance;
use crate::error::Failure;
use crate::export::batch::{Batch, Encoded};

/// A batch's encoded observations, and the right to hold them.
pub type Remade = Result<(Encoded, Allowance), Failure>;

/// Makes the encoded observations of a batch once more.
pub trait Remake: fmt::Debug + Send + Sync {
    /// The same bytes as before for the same sources; their memory is counted.
    fn remake<'r>(&'r self, batch: &'r Batch) -> Pin<Box<dyn Future<Output = Remade> + Send + 'r>>;
}

/// Whether a copy of a batch waits with it for its answer.
#[derive(Debug)]
pub enum Keeping {
    /// One does, and is counted as one.
    Copy(Allowance),
    /// None does. Only for batches that this can make again, and only of a request by OTLP.
    Nothing(Arc<dyn Remake>),
}

/// A copy that nobody counts.
impl Default for Keeping {
    fn default() -> Self {
        Self::Copy(Allowance::default())
    }
}

impl CallDelivery {
    /// Makes sure that the observations of a job are here, of which nobody may have kept a copy.
    ///
    /// # Errors
    /// When they cannot be made again: then they are undone.
    pub(super) async fn bring_back(&self, shipment: &mut Shipment, job: &Job) -> Result<(), Failure> {
        let Some(remake) = shipment.gone(job) else { return Ok(()) };
        let (encoded, allowance) = remake.remake(shipment.batch()).await?;
        match shipment.hold(encoded, allowance) {
            true => Ok(()),
            false => Err(failures::not_the_same()),
        }
    }
}
