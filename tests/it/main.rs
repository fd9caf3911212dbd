//! The one integration-test target: each test binary links DataFusion, so there is one.
mod delivery;
mod ledger;
mod ledger_outbox;
mod ledger_tables;
mod smtp;
