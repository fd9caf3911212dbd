//! # Duban 督办
//!
//! ```text
//! source → archive → normalize → snapshot → metric → check → item → report → delivery
//!  bytes    sha-256    rows +     Parquet     SQL      SQL    ledger  document  outbox →
//!  arrive   file       findings   file        view     rows   entry   → html    SMTP or
//!                                                                     pdf xlsx  a folder
//!                 the ledger (SQLite) records every arrow, before and after
//! ```
//!
//! Each noun is one module, one word in the log and in the ledger. A district is data (`config/`,
//! `pipelines/`, `report_templates/`); Rust is machinery. ARCHITECTURE.md has the code map, the
//! invariants and two walkthroughs; `tests/it/tidy.rs` holds who may import whom.

// Leaf: the nouns, the clock, working days.
pub mod calendar;
pub mod clock;
pub mod diagnostic;
pub mod durable;
pub mod model;
pub mod schedule;

pub mod config;

// The stages, in the order of the flow.
pub mod archive;
pub mod check;
pub mod delivery;
pub mod engine;
pub mod metric;
pub mod normalize;
pub mod report;
pub mod snapshot;
pub mod source;
pub mod supervise;

pub mod ledger;
pub mod pipeline;

pub mod cli;
pub mod daemon;
pub mod demo;

/// Papers are made of very many small pieces, on several threads: glibc's own takes a tenth of the time more.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
