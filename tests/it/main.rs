//! The one integration-test target: each test binary links DataFusion, so there is one.
mod pdf;
mod pdf_fonts;
mod pdf_sample;
mod report_chart;
mod report_template;

mod calendar;
mod demo;
mod tools;
