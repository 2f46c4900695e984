//! The words of the trade, one file each; no I/O, no clock, no chance.

#[macro_use]
mod closed;

pub mod event;
pub mod id;
pub mod money;
