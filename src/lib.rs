pub mod calendar;
pub mod clock;
pub mod config;
pub mod diagnostic;
pub mod engine;
pub mod model;
pub mod report;
