pub mod calendar;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod diagnostic;
pub mod ledger;
pub mod model;
pub mod report;
