//! daemon: what is due, when, and that it is done once.

pub mod health;
pub mod log;
pub mod metrics;
