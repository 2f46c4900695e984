//! What was decided and on what grounds: enough to decide it again, bit for bit.
//!
//! A file of frames (see [`crate::journal::frame`]), each a [`Line`] in postcard. A state is on
//! file before any decision made on it. Lines reach the disk within the setting `flush_ms`; a crash
//! takes what came after, never more.

#[cfg(test)]
mod laws;
pub mod line;
pub mod reader;
pub mod writer;

pub use line::DecisionLine;
pub use line::Line;
pub use line::SlotLine;
pub use line::StateChange;
pub use line::WorldLine;
pub use reader::Found;
pub use reader::find;
pub use writer::DecisionLog;
