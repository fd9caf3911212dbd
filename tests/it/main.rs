//! The one integration-test target: each test binary links DataFusion, so there is one.

mod home;
mod calendar;
mod demo;
mod demo_outcomes;
mod tools;

mod calendar;
mod campaign;
mod crash;
mod definitions;
mod demo;
mod pdf;
mod pdf_fonts;
mod pdf_sample;
mod report_chart;
mod report_template;
mod tidy;
mod ledger;
mod metric;
mod metric_world;
