//! How much room the disk has that the journal is written to.

use std::io;
use std::path::Path;

/// What this process may still fill: blocks kept for root are not free.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Room {
    /// Free bytes.
    pub bytes: u64,
    /// Their share of the file system, 0 to 1.
    pub ratio: f64,
}

/// Asks the file system of a folder: `f_bavail` and `f_blocks` of `statvfs` (POSIX.1-2024).
pub fn room(folder: &Path) -> io::Result<Room> {
    let disk = rustix::fs::statvfs(folder)?;
    // A file system without blocks, as some mounts in memory are, has no end to reach.
    if disk.f_blocks == 0 {
        return Ok(Room { bytes: u64::MAX, ratio: 1.0 });
    }
    Ok(Room {
        bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
        ratio: disk.f_bavail as f64 / disk.f_blocks as f64,
    })
}
