//! What everything costs, in one table, on this machine, in one run of less than four minutes:
//!
//! ```text
//! cargo bench --bench table                  the whole table
//! cargo bench --bench table -- choose events some parts of it
//! cargo bench --bench allocations            what one choice allocates
//! ```
//!
//! Numbers of one machine say little: what counts are ratios, and both sides of each are measured
//! in turns in the same process. The bare handler parses the same body with serde into a small
//! struct and answers as many bytes; our server has everything on. Servers run in a process of
//! their own, so that their clients cost them nothing; load goes to the loopback address alone.

#![allow(clippy::unwrap_used)] // in a benchmark a panic is the message
#![allow(clippy::print_stdout)] // the table is what it is for

mod choosing;
mod client;
mod events;
mod http;
mod pages;
mod served;
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
const PARTS: [(&str, Part); 4] = [
    ("choose", choosing::rows),
    ("events", events::rows),
    ("recovery", events::recovery),
    ("http", http::rows),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [verb, flights, data] = arguments.as_slice()
        && verb == "served"
    {
        return served::run(flights.parse().unwrap(), data.as_ref());
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
