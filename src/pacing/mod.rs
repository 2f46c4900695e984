//! Pacing: how delivery is spread over time. Pure; amounts and time are arguments.

pub(crate) mod even;
