//! The one integration-test target: each test binary links DataFusion, so there is one.

mod calendar;
mod demo;
mod demo_outcomes;
mod tools;
