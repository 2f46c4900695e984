//! Attacks on the server, as click fraud and intrusion would go about it, with the settings as delivered.
//! A table says what each of them gains, and what is promised; the run fails when an attack gains more.
//!
//! ```text
//! cargo test --test attack                       all attacks, a minute
//! cargo test --test attack -- --scenario tokens  repeat one
//! cargo test --test attack -- --long             with ten times as many changed click URLs
//! ```
//!
//! Everything runs on loopback, over sockets. The promised rates come from the server's own
//! `GET /v1/limits`. Where a clock matters, the test sets it, so that a day takes seconds.

#![allow(clippy::unwrap_used)] // in a test a panic is the message
#![allow(clippy::print_stdout)] // prints its results

mod agents;
mod callers;
mod connections;
mod fleet;
#[path = "../it/harness/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with the black-box tests; only a part is used here"
)]
mod harness;
mod money;
mod networks;
mod objects;
mod reads;
mod redirects;
#[path = "../proof/runner.rs"]
#[allow(dead_code, reason = "shared with the proofs; only a part is used here")]
mod runner;
mod table;
mod target;
mod tokens;

use runner::Scenario;
use std::process::ExitCode;

const REDIS_PROBE: &[&str] = &["redis-server", "--version"];
const ALWAYS: &[&str] = &[];

/// In the order of the table.
const SCENARIOS: &[Scenario] = &[
    Scenario { name: "one_address", probe: ALWAYS, run: networks::one_address },
    Scenario { name: "networks", probe: ALWAYS, run: networks::networks },
    Scenario { name: "batches", probe: ALWAYS, run: networks::batches },
    Scenario { name: "fleet", probe: REDIS_PROBE, run: fleet::three_instances },
    Scenario { name: "publisher_key", probe: ALWAYS, run: networks::publisher_key },
    Scenario { name: "reservations", probe: ALWAYS, run: money::reservations },
    Scenario { name: "late_views", probe: ALWAYS, run: money::late_views },
    Scenario { name: "small_amounts", probe: ALWAYS, run: money::small_amounts },
    Scenario { name: "idle_decisions", probe: ALWAYS, run: callers::idle_decisions },
    Scenario { name: "programs", probe: ALWAYS, run: agents::programs },
    Scenario { name: "prefetch", probe: ALWAYS, run: agents::prefetch },
    Scenario { name: "tokens", probe: ALWAYS, run: tokens::tokens },
    Scenario { name: "redirects", probe: ALWAYS, run: redirects::redirects },
    Scenario { name: "host_names", probe: ALWAYS, run: objects::host_names },
    Scenario { name: "foreign_objects", probe: ALWAYS, run: objects::foreign_objects },
    Scenario { name: "key_guesses", probe: ALWAYS, run: objects::key_guesses },
    Scenario { name: "cheap_reads", probe: ALWAYS, run: reads::cheap_reads },
    Scenario { name: "reports", probe: REDIS_PROBE, run: fleet::slow_reports },
    Scenario { name: "connections", probe: ALWAYS, run: connections::slow_clients },
];

fn main() -> ExitCode {
    let about =
        "Attacks a server on loopback and prints what each attack gains, and what is promised";
    let result = runner::run_scenarios(about, SCENARIOS);
    table::print(SCENARIOS);
    result
}
