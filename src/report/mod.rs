//! report → document → html, pdf, xlsx.
pub mod chart;
pub mod document;
pub mod numbers;
