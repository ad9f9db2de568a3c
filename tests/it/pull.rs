//! Reading: pages, ends, damage.
