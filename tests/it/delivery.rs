//! Delivery: faults, division, refusals.
