//! The folder in which a scenario runs, preserved on failure, and system call fault injection.

use crate::Plan;
use crate::harness::inventory::copy_images_into;
use crate::harness::process::Installation;
use crate::mounted::Mounted;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Succeeds where libfaketime, which moves the clock of a process, is installed.
pub const CLOCK_PROBE: &[&str] = &["bash", "-c", "ls /usr/lib/*/faketime/libfaketimeMT.so.1"];

/// A place whose files are copied to `target/proof` if its scenario panics.
pub struct Scene {
    /// Unmounted before its folder is removed.
    disk: Option<Mounted>,
    place: Installation,
    failure_copy: PathBuf,
}

impl Scene {
    /// A place for one part of a scenario, with small segments, frequent reconciliation and no
    /// minimum time before viewable and click events.
    pub fn new(plan: &Plan, name: &str) -> Scene {
        let place = Installation::new()
            .set("ADJACENT__STORE__SEGMENT_BYTES", "65536")
            .set("ADJACENT__STORE__RECONCILE_INTERVAL_SECONDS", "1")
            .set("ADJACENT__WINDOWS__VIEWABLE_AFTER_MS", "0")
            .set("ADJACENT__WINDOWS__CLICK_AFTER_MS", "0");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        Scene {
            disk: None,
            place,
            failure_copy: target.join("proof").join(format!("{name}-{}", plan.seed)),
        }
    }

    /// Adds a setting as an environment variable.
    pub fn set(mut self, name: &str, value: &str) -> Scene {
        self.place.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts the data directory on a file system of this size, such as `8m`.
    pub fn on_disk_of(mut self, size: &str) -> Scene {
        self.disk = Some(Mounted::over(&self.place, size));
        self
    }

    /// The file system of the data directory.
    pub fn disk(&self) -> &Mounted {
        self.disk.as_ref().expect("made by `on_disk_of`")
    }

    /// Makes the clock of the process settable by [`set_clock`](Scene::set_clock).
    pub fn with_fake_clock(self) -> Scene {
        let clock = self.path("clock").display().to_string();
        self.set_clock("+0");
        self.set("LD_PRELOAD", faketime_library().to_str().unwrap())
            .set("FAKETIME_TIMESTAMP_FILE", &clock)
            .set("FAKETIME_NO_CACHE", "1")
            .set("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }

    /// Sets the clock to an offset such as `+1h`, also while the process runs.
    pub fn set_clock(&self, time: &str) {
        std::fs::write(self.path("clock"), format!("{time}\n")).unwrap();
    }

    /// Replaces the example inventory.
    pub fn use_inventory(&self, inventory: &str) {
        let folder = self.place.path("config/inventory");
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("all.toml"), inventory).unwrap();
        copy_images_into(&folder);
    }
}

impl Deref for Scene {
    type Target = Installation;

    fn deref(&self) -> &Installation {
        &self.place
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::fs::create_dir_all(self.failure_copy.parent().unwrap()).ok();
            let mut copy = Command::new("cp");
            copy.args(["-r", "--no-target-directory"])
                .arg(self.place.path(""))
                .arg(&self.failure_copy);
            let copied = copy.status().is_ok_and(|status| status.success());
            let path = self.failure_copy.display();
            println!("{} {path}", if copied { "files copied to" } else { "cannot copy files to" });
        }
    }
}

fn faketime_library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let mut found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    found.find(|path| path.exists()).unwrap()
}

/// The `strace` command line for an injection such as `fdatasync:signal=KILL:when=3`. The tracer runs
/// as a grandchild, so that the executable remains our direct child.
pub fn strace_injecting(injection: &str) -> Vec<String> {
    let (call, _) = injection.split_once(':').unwrap();
    let trace = format!("trace={call}");
    let inject = format!("inject={injection}");
    // Not `--seccomp-bpf`: with it, only calls of the first thread are counted (strace 6.1).
    let options = ["strace", "-D", "-f", "-qqq", "-o", "/dev/null"];
    let all = options.into_iter().chain(["-e", &trace, "-e", &inject]);
    all.map(str::to_owned).collect()
}
