//! The decision log: every decision with its inputs, enough to recompute it bit for bit.
//!
//! Files of lines (see [`stored`]). A state is written before any decision made on it. Lines reach the
//! disk within the setting `flush_ms`; a crash loses at most what came after the last flush.

pub(crate) mod again;
#[cfg(test)]
mod bounds;
mod codes;
pub(crate) mod decision_id;
#[cfg(test)]
mod golden;
mod index;
pub(crate) mod instance_mark;
pub(crate) mod line;
#[cfg(test)]
pub(crate) mod properties;
pub(crate) mod reader;
mod recent_worlds;
pub(crate) mod scan;
mod segment_file;
mod segments;
pub(crate) mod slots;
mod stored;
mod v1;
mod v2;
mod v3;
mod v4;
mod v5;
pub(crate) mod writer;

pub(crate) use line::{DecisionLine, SlotLine, WorldLine};
pub use reader::{LoggedDecision, Lookup, find};
pub use segment_file::Unreadable;
pub(crate) use segments::{DecisionLogOptions, log_start};
pub(crate) use writer::DecisionLog;
