//! The one integration-test target: each test binary links DataFusion, so there is one.

mod check;
mod engine;
mod metric;
mod metric_world;
mod supervise;
