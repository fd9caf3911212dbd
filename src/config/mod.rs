//! Definitions and settings: what was written, read with file and line, and proven before it is used.

pub mod contract;
pub mod definition;
pub mod mail;
pub mod fonts;
pub mod report;
pub mod targets;
pub mod check;
pub mod files;
pub mod metric;
