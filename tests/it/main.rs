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
mod collection;
mod collection_remind;
mod collection_report;
mod collection_support;
mod crash;
mod daemon;
mod daemon_model;
mod definitions;
mod delivery;
mod demo;
mod demo_outcomes;
mod durable;
mod engine;
mod home;
mod http;
mod http_definitions;
mod http_ledger;
mod http_many;
mod http_support;
mod http_tls;
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
mod schedule;
mod schedule_cron;
mod serve;
mod serve_home;
mod serve_status;
mod small;
mod smtp;
mod smtp_run;
mod story;
mod supervise;
mod tidy;
mod tools;
