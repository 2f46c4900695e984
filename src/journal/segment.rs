//! Segment files and their names.

use std::path::PathBuf;

/// A segment file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Segment number, from the file name.
    pub(crate) number: u64,
    /// The incarnation that wrote it, from the file name.
    pub(crate) incarnation: u64,
    /// Path of the file.
    pub path: PathBuf,
    /// It is sealed, or its incarnation wrote a later one: its end cannot be torn.
    pub(crate) is_complete: bool,
    /// Its length when it was sealed, in bytes.
    pub(crate) sealed_bytes: Option<u64>,
    /// Its acknowledged bytes, as far as known: what is unreadable among them is no torn end.
    pub(crate) acknowledged_bytes: u64,
}

impl Segment {
    /// The file name.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// The file name of a segment: names sort in write order.
pub(crate) fn segment_name(incarnation: u64, number: u64) -> String {
    format!("{number:010}-{incarnation:016x}.journal")
}
