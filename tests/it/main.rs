//! The one integration-test target: each test binary links DataFusion, so there is one.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops where something is not as it must be, and says what it leaves out"
)]

mod calendar;
mod campaign;
mod crash;
mod definitions;
mod demo;
mod demo_outcomes;
mod home;
mod ledger;
mod metric;
mod metric_world;
mod pdf;
mod pdf_fonts;
mod pdf_sample;
mod report_chart;
mod report_output;
mod report_template;
mod tidy;
mod tools;
mod normalize;
mod normalize_contract;
mod normalize_formats;
mod normalize_messy;
mod normalize_properties;
mod normalize_real;
mod normalize_support;
mod check;
mod engine;
mod supervise;
mod delivery;
mod ledger_outbox;
mod ledger_tables;
mod smtp;
