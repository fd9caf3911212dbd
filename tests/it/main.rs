//! The one integration-test target: each test binary links DataFusion, so there is one.
mod report_chart;
mod report_output;
mod report_template;
