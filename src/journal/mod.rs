//! The local, durable write-ahead journal: append, sync, acknowledge, recover.
//!
//! Payloads are opaque bytes. Each belongs to one of 64 partitions and gets that partition's next log
//! sequence number (LSN) of this incarnation, without gaps.

pub mod chain;
pub mod disk;
pub(crate) mod disk_space;
pub(crate) mod end;
pub(crate) mod frame;
pub(crate) mod losses;
#[cfg(test)]
mod losses_properties;
#[cfg(test)]
mod power_loss;
#[cfg(test)]
mod properties;
pub mod recover;
pub(crate) mod repair;
pub(crate) mod segment;
#[cfg(test)]
mod simulated_disk;
mod status;
pub(crate) mod writer;

pub(crate) use disk_space::disk_space;
pub use recover::{Recovery, recover, segments};
pub(crate) use segment::Segment;
pub use status::JournalError;
pub(crate) use status::JournalStatus;
pub use writer::{Journal, JournalOptions};

/// Number of partitions; fixed by the file format.
pub const PARTITIONS: u8 = 64;

/// One payload with its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The incarnation (one start of a process) that wrote it.
    pub incarnation: u64,
    /// The partition, 0 to 63.
    pub partition: u8,
    /// Its LSN within (incarnation, partition): dense, from 1.
    pub lsn: u64,
    /// The recorded bytes.
    pub payload: Vec<u8>,
}
