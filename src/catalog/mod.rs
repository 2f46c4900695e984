//! What can be served and by which weights: files read, checked, compared, kept as versions.

pub mod check;
pub mod files;
pub mod synth;
