//! A folder that a scenario runs in, kept when the scenario fails, and how calls are made to fail.

use crate::Plan;
use crate::harness::inventory::pictures_into;
use crate::harness::process::Place;
use crate::mounted::Mounted;
use std::ops::Deref;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// The library that moves a process's clock.
pub const CLOCK: &[&str] = &["bash", "-c", "ls /usr/lib/*/faketime/libfaketimeMT.so.1"];

/// A place that is copied to `target/proof` when its scenario panics.
pub struct Scene {
    /// Unmounted before its folder is removed.
    disk: Option<Mounted>,
    place: Place,
    keep: PathBuf,
}

impl Scene {
    /// A folder for one part of a scenario: small segments, a busy bookkeeper, nothing too fast.
    pub fn new(plan: &Plan, name: &str) -> Scene {
        let place = Place::new()
            .set("ADJACENT__STORE__SEGMENT_BYTES", "65536")
            .set("ADJACENT__STORE__BOOKKEEPING_SECONDS", "1")
            .set("ADJACENT__WINDOWS__VIEWABLE_AFTER_MS", "0")
            .set("ADJACENT__WINDOWS__CLICK_AFTER_MS", "0");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        Scene {
            disk: None,
            place,
            keep: target.join("proof").join(format!("{name}-{}", plan.seed)),
        }
    }

    /// With another setting.
    pub fn set(mut self, name: &str, value: &str) -> Scene {
        self.place.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Its data directory is on a disk of this size, such as `8m`.
    pub fn on_a_disk_of(mut self, size: &str) -> Scene {
        self.disk = Some(Mounted::over(&self.place, size));
        self
    }

    /// The disk of its own.
    pub fn disk(&self) -> &Mounted {
        self.disk.as_ref().expect("it is on a disk of its own")
    }

    /// Its clock is moved by [`clock_says`](Scene::clock_says).
    pub fn on_a_clock_of_its_own(self) -> Scene {
        let clock = self.path("clock").display().to_string();
        self.clock_says("+0");
        self.set("LD_PRELOAD", library().to_str().unwrap())
            .set("FAKETIME_TIMESTAMP_FILE", &clock)
            .set("FAKETIME_NO_CACHE", "1")
            .set("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }

    /// Moves the clock, by `+1h`, say, also while the process lives.
    pub fn clock_says(&self, time: &str) {
        std::fs::write(self.path("clock"), format!("{time}\n")).unwrap();
    }

    /// This inventory in place of the example's files.
    pub fn sells(&self, inventory: &str) {
        let folder = self.place.path("config/inventory");
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("all.toml"), inventory).unwrap();
        pictures_into(&folder);
    }
}

impl Deref for Scene {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.place
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::fs::create_dir_all(self.keep.parent().unwrap()).ok();
            let mut copy = Command::new("cp");
            copy.args(["-r", "--no-target-directory"]).arg(self.place.path("")).arg(&self.keep);
            let copied = copy.status();
            println!("kept in {}: {}", self.keep.display(), copied.is_ok_and(|s| s.success()));
        }
    }
}

fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let mut found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    found.find(|path| path.exists()).unwrap()
}

/// `strace` with one injection, such as `fdatasync:signal=KILL:when=3`. The tracer is a grandchild:
/// the executable stays ours, with its own process id.
pub fn injecting(injection: &str) -> Vec<String> {
    let (call, _) = injection.split_once(':').unwrap();
    let trace = format!("trace={call}");
    let inject = format!("inject={injection}");
    // Without `--seccomp-bpf`: with it, only the first thread's calls are counted (strace 6.1).
    let options = ["strace", "-D", "-f", "-qqq", "-o", "/dev/null"];
    let all = options.into_iter().chain(["-e", &trace, "-e", &inject]);
    all.map(str::to_owned).collect()
}
