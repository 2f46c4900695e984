//! How much room the disk has that the journal is written to.

use std::io;
use std::path::Path;

/// The share of a file system's blocks that this process may still fill, 0 to 1: blocks kept for
/// root are not free. As `f_bavail / f_blocks` of `statvfs` (POSIX.1-2024).
pub fn free_ratio(folder: &Path) -> io::Result<f64> {
    let disk = rustix::fs::statvfs(folder)?;
    // A file system without blocks, as some mounts in memory are, has no end to reach.
    Ok(if disk.f_blocks == 0 { 1.0 } else { disk.f_bavail as f64 / disk.f_blocks as f64 })
}
