//! Twenty-four months of invented submissions of the 30 镇街 and the bureau, to show the whole job on.
//!
//! Everything is invented and says so (示例数据（虚构）); the names of the 镇街 are real, no figure is.
//!
//! ## Design notes
//! - Deterministic: a small seeded generator, no clock; the same bytes on every machine. What a
//!   workbook says of its own saving is the instant at which it arrives.
//! - A slip is made in the clerk's form before it is written ([`Fault`]), never in the bytes: so
//!   each faulty file is a workbook that Excel opens, as it is in life.
//! - Each office has its habits (merged cells, subtotals, own words for headings, a cover sheet),
//!   and all of them are right.
//! - People act on items too (`desk`), and bring matters of their own (`matters`); `replay` lets them.
//! - [`campaign`] says of each file what should become of it ([`Expected`]); the tests hold the
//!   pipeline to that.

mod bureau;
mod campaign;
mod community;
mod desk;
mod fault;
mod form;
mod forms;
mod groups;
mod home;
mod incidents;
mod matters;
mod months;
mod office;
mod past;
mod points;
mod premises;
mod prng;
mod replay;
mod server;
mod sheet;
mod slips;
mod staff;
mod survey;
mod terms;
mod world;

pub use campaign::{Arrival, CampaignError, MonthRun, Occasion, Span, campaign, story};
pub use fault::{Expected, Fault};
pub use form::Form;
pub use home::{MakeError, make, span_of};
pub use replay::{ReplayError, Reported, replay};
pub use survey::survey_files;
