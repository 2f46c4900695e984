//! Free space on the disk that holds the journal.

use std::io;
use std::path::Path;

/// Space available to this process: blocks reserved for root are not free.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DiskSpace {
    /// Free bytes.
    pub(crate) bytes: u64,
    /// Free share of the file system, 0 to 1.
    pub(crate) ratio: f64,
}

/// Reads the free space of the folder's file system: `f_bavail` and `f_blocks` of `statvfs`
/// (POSIX.1-2024).
pub(crate) fn disk_space(folder: &Path) -> io::Result<DiskSpace> {
    let disk = rustix::fs::statvfs(folder)?;
    // Some in-memory file systems report no blocks: treat them as unlimited.
    if disk.f_blocks == 0 {
        return Ok(DiskSpace { bytes: u64::MAX, ratio: 1.0 });
    }
    Ok(DiskSpace {
        bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
        ratio: disk.f_bavail as f64 / disk.f_blocks as f64,
    })
}
