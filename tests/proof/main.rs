//! The executable, with everything failing on purpose that can: what it acknowledged is there once,
//! and nobody pays more than they agreed to. The real program over loopback, an auditor behind it.
//!
//! ```text
//! cargo test --test proof                               every scenario, two minutes
//! cargo test --test proof -- --scenario kills --seed 7  one of them, the same way again
//! cargo test --test proof -- --long                     ten times as much of each
//! ```
//!
//! Calls of the system are made to fail, wait or kill by `strace --inject`; clocks are moved by
//! libfaketime. What a scenario left behind when it failed is kept under `target/proof`.

#![allow(clippy::unwrap_used)] // in a proof a panic is the message
#![allow(clippy::print_stdout)] // what was proved is what it prints

mod clocks;
mod disks;
mod flips;
#[path = "../it/harness/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "made for the black-box tests; this needs a part of it"
)]
mod harness;
mod kills;
mod load;
mod mounted;
mod oracle;
mod races;
mod runner;
mod scene;

use runner::Plan;
use runner::Scenario;
use std::process::ExitCode;

const STRACE: &[&str] = &["strace", "-qqq", "-o", "/dev/null", "-e", "trace=none", "true"];

/// In the order of what hurts most.
const SCENARIOS: &[Scenario] = &[
    Scenario { name: "kills", needs: STRACE, run: kills::run },
    Scenario { name: "races", needs: &[], run: races::run },
    Scenario { name: "failed_syncs", needs: STRACE, run: disks::failed_syncs },
    Scenario { name: "full_disk", needs: mounted::NEEDS, run: disks::full_disk },
    Scenario { name: "slow_syncs", needs: STRACE, run: disks::slow_syncs },
    Scenario { name: "flips", needs: &[], run: flips::run },
    Scenario { name: "clocks", needs: scene::CLOCK, run: clocks::run },
    Scenario { name: "files", needs: &["prlimit", "--version"], run: disks::no_files },
];

fn main() -> ExitCode {
    runner::prove("Proves that no event is lost, doubled or billed over its budget", SCENARIOS)
}
