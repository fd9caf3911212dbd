//! The one integration-test target: each test binary links DataFusion, so there is one.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops where something is not as it must be, and says what it leaves out"
)]

mod again;
mod calendar;
mod campaign;
mod check;
mod crash;
mod definitions;
mod delivery;
mod demo;
mod demo_outcomes;
mod engine;
mod home;
mod intake;
mod ledger;
mod ledger_outbox;
mod ledger_tables;
mod metric;
mod metric_world;
mod normalize;
mod normalize_contract;
mod normalize_formats;
mod normalize_messy;
mod normalize_properties;
mod normalize_real;
mod normalize_support;
mod pdf;
mod pdf_fonts;
mod pdf_sample;
mod realdata;
mod report_chart;
mod report_output;
mod report_template;
mod satisfaction;
mod satisfaction_attack;
mod satisfaction_reference;
mod satisfaction_report;
mod satisfaction_wave;
mod smtp;
mod supervise;
mod tidy;
mod tools;
