//! Pacing: how delivery is spread over time. Pure; amounts and time are arguments.

mod average;
pub(crate) mod forecast;
pub(crate) mod plan;
pub(crate) mod voice;
