//! What everything costs, in one table, on this machine, in one run of less than six minutes:
//!
//! ```text
//! cargo bench --bench table                  the whole table
//! cargo bench --bench table -- choose events some parts of it
//! cargo bench --bench allocations            what one choice allocates
//! ```
//!
//! | part | what is measured |
//! |---|---|
//! | `choose` | one choice, against a scan of everything |
//! | `events`, `recovery` | durable events of one machine; a start on a million of them |
//! | `shipping` | our function of Redis against a command for each event |
//! | `http` | whole decisions against a bare handler |
//! | `black-hole` | decisions while Redis answers, and while it is stopped |
//! | `drain` | how fast goes to Redis what came while it was away |
//! | `lag` | a change on one machine until another serves it |
//! | `sizing` | what a million events cost Redis and a machine |
//!
//! Numbers of one machine say little: what counts are ratios, and both sides of each are measured
//! in turns in the same process. The bare handler parses the same body with serde into a small
//! struct and answers as many bytes; our server has everything on. Servers run in a process of
//! their own, so that their clients cost them nothing; load goes to the loopback address alone, and
//! so do questions to a Redis, which is the benchmark's own (`redis-server` must be installed).

#![allow(clippy::unwrap_used)] // in a benchmark a panic is the message
#![allow(clippy::print_stdout)] // the table is what it is for
#![allow(clippy::cast_possible_truncation)] // the counts of a benchmark are small

mod black_hole;
mod choosing;
mod client;
mod draining;
mod events;
mod http;
mod lag;
mod machine;
mod pages;
#[path = "../../tests/it/harness/ports.rs"]
mod ports;
mod readers;
mod served;
mod shipper;
mod shipping;
mod sizing;
mod store;
mod threads;

use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use std::time::Duration;

/// The allocator of the executable.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One line of the table.
pub struct Row {
    what: String,
    found: String,
    goal: &'static str,
}

impl Row {
    /// A line.
    pub fn new(what: impl Into<String>, found: impl Into<String>, goal: &'static str) -> Row {
        Row { what: what.into(), found: found.into(), goal }
    }
}

/// Makes the rows of one part.
type Part = fn(&ProgressBar) -> Vec<Row>;

/// The parts of the table and what makes each.
const PARTS: [(&str, Part); 9] = [
    ("choose", choosing::rows),
    ("events", events::rows),
    ("recovery", events::recovery),
    ("shipping", shipping::rows),
    ("http", http::rows),
    ("black-hole", black_hole::rows),
    ("drain", draining::rows),
    ("lag", lag::rows),
    ("sizing", sizing::rows),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["served", ..] => return served::run(&arguments[1..]),
        ["shipper", url, data] => return shipper::run(url, data.as_ref()),
        _ => {}
    }
    let wanted: Vec<_> = PARTS
        .iter()
        .filter(|(name, _)| arguments.is_empty() || arguments.iter().any(|a| a == name))
        .collect();
    let progress = ProgressBar::new(0)
        .with_style(ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}").unwrap());
    progress.enable_steady_tick(Duration::from_millis(200));
    let rows: Vec<Row> = wanted.iter().flat_map(|(_, part)| part(&progress)).collect();
    progress.finish_and_clear();
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["what", "found", "goal"]);
    for row in rows {
        table.add_row([row.what, row.found, row.goal.to_owned()]);
    }
    println!("{table}");
}

/// The middle one; the upper of two.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
