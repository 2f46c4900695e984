//! Several instances on one Redis while that Redis fails: every acknowledged event is in the ordered
//! log exactly once, all instances report the same totals, and no campaign exceeds its budget.
//!
//! ```text
//! cargo test --test chaos                                  all scenarios, a few minutes
//! cargo test --test chaos -- --scenario failover --seed 7  repeat one scenario
//! cargo test --test chaos -- --long                        ten times as many rounds
//! ```
//!
//! Runs the executable with real `redis-server` processes, a Redis Cluster and Sentinel, all on
//! loopback. The files of a failed scenario are copied to `target/proof`.

#![allow(clippy::unwrap_used)] // in a test a panic is the message
#![allow(clippy::print_stdout)] // prints its results

mod budgets;
mod fleet;
#[path = "../it/harness/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with the black-box tests; only a part is used here"
)]
mod harness;
#[path = "../proof/mounted.rs"]
mod mounted;
mod nemesis;
#[path = "../proof/oracle.rs"]
#[allow(dead_code, reason = "shared with the single-instance scenarios; only a part is used here")]
mod oracle;
mod proxy;
#[path = "../proof/runner.rs"]
mod runner;
#[path = "../proof/scene.rs"]
#[allow(dead_code, reason = "shared with the single-instance scenarios; only a part is used here")]
mod scene;

use runner::{Plan, Scenario};
use std::process::ExitCode;

/// Most severe failures first.
const SCENARIOS: &[Scenario] = &[
    Scenario { name: "partition", probe: &[], run: nemesis::partition },
    Scenario { name: "failover", probe: &[], run: nemesis::failover },
    Scenario { name: "sentinels", probe: &[], run: nemesis::sentinels },
    Scenario { name: "restore", probe: &[], run: nemesis::restore },
    Scenario { name: "flush", probe: &[], run: nemesis::flush },
    Scenario { name: "reshard", probe: &[], run: nemesis::reshard },
    Scenario { name: "instances", probe: &[], run: nemesis::instances },
    Scenario { name: "network", probe: &[], run: nemesis::network },
    Scenario { name: "disks", probe: mounted::PROBE, run: nemesis::disks },
    Scenario { name: "clocks", probe: scene::CLOCK_PROBE, run: nemesis::clocks },
    Scenario { name: "budgets", probe: &[], run: budgets::budgets },
];

fn main() -> ExitCode {
    let about = "Checks that a fleet loses, duplicates and overbills no event during failures";
    runner::run_scenarios(about, SCENARIOS)
}
