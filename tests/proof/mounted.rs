//! A disk that is as small as a scenario wants it.

use crate::harness::process::Place;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// Whether a file system may be mounted here.
pub const NEEDS: &[&str] = &["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"];

/// A file system in memory over a place's data directory.
pub struct Mounted {
    data: PathBuf,
}

impl Mounted {
    /// One of this size, such as `8m`.
    pub fn over(place: &Place, size: &str) -> Mounted {
        let data = place.path("data");
        std::fs::create_dir(&data).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&data);
        assert!(mount.status().unwrap().success(), "a file system can be mounted");
        Mounted { data }
    }

    /// Not a byte is left.
    pub fn fill(&self) {
        let ballast =
            std::fs::File::options().create(true).append(true).open(self.data.join("ballast"));
        let mut ballast = ballast.unwrap();
        for size in [65_536, 4_096, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// What filled it is gone.
    pub fn make_room(&self) {
        std::fs::remove_file(self.data.join("ballast")).unwrap();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(&self.data).status().ok();
    }
}
