//! The executable, with everything failing on purpose that can: what it acknowledged is there once,
//! and nobody pays more than they agreed to. The real program over loopback, an auditor behind it.
//!
//! ```text
//! cargo test --test proof                               every scenario, three minutes
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
mod oracle;
mod races;
mod scene;

use clap::Parser;
use indicatif::ProgressBar;
use std::panic;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

/// What is asked for.
#[derive(Clone, Debug, Parser)]
#[command(about = "Proves that no event is lost, doubled or billed over its budget")]
pub struct Plan {
    /// Only this scenario; may be given more than once.
    #[arg(long)]
    scenario: Vec<String>,
    /// Where chance begins; by default another one each time, which is printed.
    #[arg(long, default_value_t = rand::random::<u32>())]
    seed: u32,
    /// Ten times as much of everything.
    #[arg(long)]
    long: bool,
}

impl Plan {
    /// How many of something: ten times as many in a long run.
    pub fn times(&self, usual: usize) -> usize {
        if self.long { usual * 10 } else { usual }
    }
}

/// One way to fail.
struct Scenario {
    name: &'static str,
    /// A program without which it cannot be tried, and how it shows that it works here.
    needs: &'static [&'static str],
    run: fn(&Plan) -> String,
}

const STRACE: &[&str] = &["strace", "-qqq", "-o", "/dev/null", "-e", "trace=none", "true"];

const MOUNT: &[&str] = &["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"];

/// In the order of what hurts most.
const SCENARIOS: &[Scenario] = &[
    Scenario { name: "kills", needs: STRACE, run: kills::run },
    Scenario { name: "races", needs: &[], run: races::run },
    Scenario { name: "failed_syncs", needs: STRACE, run: disks::failed_syncs },
    Scenario { name: "full_disk", needs: MOUNT, run: disks::full_disk },
    Scenario { name: "slow_syncs", needs: STRACE, run: disks::slow_syncs },
    Scenario { name: "flips", needs: &[], run: flips::run },
    Scenario { name: "clocks", needs: clocks::NEEDS, run: clocks::run },
    Scenario { name: "files", needs: &["prlimit", "--version"], run: disks::no_files },
];

/// Whether a program is here and may do what it is for.
fn works(command: &[&str]) -> bool {
    let Some((program, arguments)) = command.split_first() else { return true };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs one scenario beside a bar that shows that it goes on.
fn told(scenario: &Scenario, plan: &Plan) -> Result<String, ()> {
    let bar = ProgressBar::new_spinner().with_message(scenario.name);
    bar.enable_steady_tick(Duration::from_millis(200));
    let result = panic::catch_unwind(|| (scenario.run)(plan));
    bar.finish_and_clear();
    result.map_err(drop)
}

fn main() -> ExitCode {
    let plan = Plan::parse();
    let known = |name: &String| SCENARIOS.iter().any(|scenario| scenario.name == name);
    if let Some(unknown) = plan.scenario.iter().find(|name| !known(name)) {
        let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        println!("there is no scenario {unknown}: there are {}", names.join(", "));
        return ExitCode::from(64);
    }
    println!("seed {}{}", plan.seed, if plan.long { ", long" } else { "" });
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let wanted = |name: &str| plan.scenario.is_empty() || plan.scenario.iter().any(|n| n == name);
    for scenario in SCENARIOS.iter().filter(|scenario| wanted(scenario.name)) {
        if !works(scenario.needs) {
            skipped += 1;
            println!("{}: NOT TRIED, this does not work here: {:?}", scenario.name, scenario.needs);
            continue;
        }
        let began = Instant::now();
        if let Ok(said) = told(scenario, &plan) {
            passed += 1;
            println!("{}: {said}; {} s", scenario.name, began.elapsed().as_secs());
        } else {
            failed += 1;
            println!("{}: FAILED with --seed {}", scenario.name, plan.seed);
        }
    }
    let left_out = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    println!("{passed} passed, {failed} failed{left_out}");
    if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
