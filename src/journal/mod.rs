//! The local, durable record of everything that counts: append, sync, acknowledge, recover.
//!
//! It knows nothing of what it keeps. A payload belongs to one of 64 partitions and gets the next
//! log sequence number (lsn) of that partition in this incarnation, without gaps.

pub mod chain;
pub mod disk;
pub mod frame;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod power;
pub mod recover;
pub mod room;
#[cfg(test)]
mod simulated;
pub mod writer;

pub use recover::Recovery;
pub use recover::Segment;
pub use recover::recover;
pub use recover::segments;
pub use room::room;
pub use writer::Ack;
pub use writer::Journal;
pub use writer::JournalError;
pub use writer::Start;

/// How many partitions there are: frozen in the format.
pub const PARTITIONS: u8 = 64;

/// One payload with its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The process start that wrote it.
    pub incarnation: u64,
    /// Which of the 64 partitions.
    pub partition: u8,
    /// Its number in (incarnation, partition), from 1, dense.
    pub lsn: u64,
    /// What was recorded.
    pub payload: Vec<u8>,
}
