//! How a flight spreads what it has over time: money and time are arguments.

pub mod even;
