pub mod calendar;
pub mod clock;
pub mod config;
pub mod demo;
pub mod diagnostic;
pub mod model;
pub mod normalize;
pub mod report;
