//! source: the doors by which files come in.
//!
//! The drop folder ([`scan_inbox`]) is looked at; servers are asked ([`ask_all`]). Neither decides anything:
//! they give bytes with a name, or say in a typed way why there are none.

mod http;
mod http_error;
mod http_name;
mod http_tls;
mod inbox;

pub use http::{Answer, Ask, FileReply, Reply, ask_all};
pub use http_error::FetchError;
pub use inbox::{Arrived, Misplaced, scan_inbox};
