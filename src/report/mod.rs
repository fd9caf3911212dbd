//! report → document → html, pdf, xlsx.
pub mod document;
pub mod fonts;
pub mod pdf;
