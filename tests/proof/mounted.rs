//! A data directory on a file system of a given size.

use crate::harness::process::Installation;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// Succeeds where a file system can be mounted.
pub const PROBE: &[&str] = &["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"];

/// A tmpfs mounted on the data directory of a place; unmounted on drop.
pub struct Mounted {
    data: PathBuf,
}

impl Mounted {
    /// Mounts a tmpfs of this size, such as `8m`.
    pub fn over(place: &Installation, size: &str) -> Mounted {
        let data = place.path("data");
        std::fs::create_dir_all(&data).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&data);
        assert!(mount.status().unwrap().success(), "cannot mount a tmpfs");
        Mounted { data }
    }

    /// Fills the file system to the last byte.
    pub fn fill(&self) {
        let ballast =
            std::fs::File::options().create(true).append(true).open(self.data.join("ballast"));
        let mut ballast = ballast.unwrap();
        for size in [65_536, 4_096, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Removes the file written by `fill`.
    pub fn free_space(&self) {
        std::fs::remove_file(self.data.join("ballast")).unwrap();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(&self.data).status().ok();
    }
}
