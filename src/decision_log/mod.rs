//! The decision log: every decision with its inputs, enough to recompute it bit for bit.
//!
//! Files of lines (see [`stored`]). A state is written before any decision made on it. Lines reach the
//! disk within the setting `flush_ms`; a crash loses at most what came after the last flush.

mod codes;
#[cfg(test)]
mod golden;
pub mod instance_mark;
pub mod line;
#[cfg(test)]
mod properties;
pub mod reader;
mod stored;
mod v1;
mod v2;
pub mod writer;

pub use line::{DecisionLine, Line, SlotLine, StateChange, WorldLine};
pub use reader::{LoggedDecision, Lookup, Unreadable, find};
pub use writer::DecisionLog;
