//! Definitions and settings: what was written, read with file and line, and proven before it is used.

pub mod contract;
pub mod definition;
