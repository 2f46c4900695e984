//! Three machines on one store while that store fails: what any of them acknowledged is in the one
//! order once, all say the same, and nobody pays more than they agreed to.
//!
//! ```text
//! cargo test --test chaos                                  every scenario, a few minutes
//! cargo test --test chaos -- --scenario failover --seed 7  one of them, the same way again
//! cargo test --test chaos -- --long                        ten times as long
//! ```
//!
//! Real redis-servers, a real cluster, real sentinels, the real program, all on loopback. What a
//! scenario left behind when it failed is kept under `target/proof`.

#![allow(clippy::unwrap_used)] // in a proof a panic is the message
#![allow(clippy::print_stdout)] // what was proved is what it prints

mod budgets;
mod crowd;
#[path = "../it/harness/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "made for the black-box tests; this needs a part of it"
)]
mod harness;
#[path = "../proof/mounted.rs"]
mod mounted;
mod nemesis;
#[path = "../proof/oracle.rs"]
#[allow(dead_code, reason = "made for one machine; this needs a part of it")]
mod oracle;
mod proxy;
#[path = "../proof/runner.rs"]
mod runner;
#[path = "../proof/scene.rs"]
#[allow(dead_code, reason = "made for one machine; this needs a part of it")]
mod scene;

use runner::Plan;
use runner::Scenario;
use std::process::ExitCode;

/// In the order of what hurts most.
const SCENARIOS: &[Scenario] = &[
    Scenario { name: "partition", needs: &[], run: nemesis::partition },
    Scenario { name: "failover", needs: &[], run: nemesis::failover },
    Scenario { name: "sentinels", needs: &[], run: nemesis::sentinels },
    Scenario { name: "restore", needs: &[], run: nemesis::restore },
    Scenario { name: "machines", needs: &[], run: nemesis::machines },
    Scenario { name: "network", needs: &[], run: nemesis::network },
    Scenario { name: "disks", needs: mounted::NEEDS, run: nemesis::disks },
    Scenario { name: "clocks", needs: scene::CLOCK, run: nemesis::clocks },
    Scenario { name: "budgets", needs: &[], run: budgets::budgets },
];

fn main() -> ExitCode {
    let about = "Proves that many machines lose, double and overbill nothing, whatever fails";
    runner::prove(about, SCENARIOS)
}
