//! Items of supervision (督办事项): from what checks found to what becomes of each item. Pure: no
//! IO, no clock.
//!
//! ## Design notes
//! - [`reconcile`] compares what is (the items) with what should be (the violations) and says only
//!   what changes. It keeps no memory, so applying its changes and asking again gives none.
//! - Silence is no acquittal: an item passes only if its check ran for the period and says that it
//!   could judge the subject (see [`crate::model::Judged`]).
//! - An item is one matter with episodes. What was withdrawn, closed or archived opens again as the
//!   next episode of the same item, with a new deadline.

mod light;
mod reconcile;

pub use light::{NEAR_DUE_WORKDAYS, light};
pub use reconcile::{Setting, reconcile};
