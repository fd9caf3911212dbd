//! Definitions and settings: what was written, read with file and line, and proven before it is used.

pub mod check;
pub mod definition;
pub mod files;
pub mod metric;
pub mod targets;
