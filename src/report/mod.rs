//! report → document → html, pdf, xlsx.
pub mod document;
