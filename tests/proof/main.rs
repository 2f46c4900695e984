//! Fault injection into the executable: every acknowledged event is recorded exactly once, and no
//! campaign exceeds its budget. Runs the executable over loopback and audits its files afterwards.
//!
//! ```text
//! cargo test --test proof                               all scenarios, two minutes
//! cargo test --test proof -- --scenario kills --seed 7  repeat one scenario
//! cargo test --test proof -- --long                     ten times as many rounds
//! ```
//!
//! `strace --inject` makes system calls fail, wait or kill the process; libfaketime moves the clock.
//! The files of a failed scenario are copied to `target/proof`.

#![allow(clippy::unwrap_used)] // in a test a panic is the message
#![allow(clippy::print_stdout)] // prints its results

mod clocks;
mod disks;
mod flips;
#[path = "../it/harness/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with the black-box tests; only a part is used here"
)]
mod harness;
mod kills;
mod load;
mod mounted;
mod oracle;
mod races;
mod runner;
mod scene;

use runner::{Plan, Scenario};
use std::process::ExitCode;

const STRACE_PROBE: &[&str] = &["strace", "-qqq", "-o", "/dev/null", "-e", "trace=none", "true"];

/// Most severe failures first.
const SCENARIOS: &[Scenario] = &[
    Scenario { name: "kills", probe: STRACE_PROBE, run: kills::run },
    Scenario { name: "races", probe: &[], run: races::run },
    Scenario { name: "failed_syncs", probe: STRACE_PROBE, run: disks::failed_syncs },
    Scenario { name: "full_disk", probe: mounted::PROBE, run: disks::full_disk },
    Scenario { name: "slow_syncs", probe: STRACE_PROBE, run: disks::slow_syncs },
    Scenario { name: "flips", probe: &[], run: flips::run },
    Scenario { name: "clocks", probe: scene::CLOCK_PROBE, run: clocks::run },
    Scenario { name: "files", probe: &["prlimit", "--version"], run: disks::no_files },
];

fn main() -> ExitCode {
    let about = "Checks that no event is lost, duplicated or billed over budget during failures";
    runner::run_scenarios(about, SCENARIOS)
}
