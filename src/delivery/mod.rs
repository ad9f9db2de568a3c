//! Delivery.

pub mod destination;
