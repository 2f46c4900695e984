//! Prints one table of benchmark results. A complete run takes a quarter of an hour, and a part two minutes at
//! most:
//!
//! ```text
//! cargo bench --bench table                  complete table
//! cargo bench --bench table -- choose events selected parts
//! cargo bench --bench allocations            heap allocations of one selection
//! ```
//!
//! | part | measures |
//! |---|---|
//! | `choose` | one selection compared with a linear scan |
//! | `events`, `recovery` | durable events on one instance; a start on a million of them |
//! | `shipping` | batches by our Redis function compared with one command per event |
//! | `http`, `http-large` | complete decisions compared with a bare handler; start and memory, at 10,000 and 100,000 flights |
//! | `reports` | impressions and clicks over HTTP compared with a bare handler |
//! | `counts` | instructions and allocations of decisions, impressions and clicks; needs valgrind |
//! | `latency` | decisions over one connection, and at half of what a core serves |
//! | `workers` | decisions on two cores compared with one |
//! | `reservations` | memory of decisions whose events do not come |
//! | `floods` | decisions while 60 clients read old decisions or reports |
//! | `black-hole` | decisions while Redis responds, and while it is frozen |
//! | `drain` | shipping rate of the backlog after a Redis outage |
//! | `lag` | time until a change on one instance is served by another |
//! | `sizing` | cost of a million events in Redis and in an instance |
//!
//! Absolute numbers depend on the computer; compare the ratios. Both sides of a ratio are measured
//! alternately in the same process, and a result is the median with the smallest and the largest value. The bare handler parses the same body with serde into a small
//! struct and responds with as many bytes; adjacent runs with everything enabled. Servers run in a
//! separate process, so that clients are not counted. All traffic, including that to a dedicated
//! Redis, stays on the loopback interface (`redis-server` must be installed).

#![allow(clippy::unwrap_used)] // in a benchmark a panic is the message
#![allow(clippy::print_stdout)] // prints a table
#![allow(clippy::cast_possible_truncation)] // the counts of a benchmark are small

mod black_hole;
mod choosing;
mod client;
mod counts;
mod draining;
mod events;
mod floods;
mod http;
mod instance;
mod lag;
mod load;
mod pages;
#[path = "../../tests/it/harness/ports.rs"]
mod ports;
mod readers;
mod reports;
mod server_process;
mod shipper;
mod shipping;
mod sizing;
mod store;
mod threads;

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// The same allocator as in the executable.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One row of the table.
pub struct Row {
    measurement: String,
    result: String,
    goal: &'static str,
}

impl Row {
    /// A row; `goal` is empty for figures without a target.
    pub fn new(
        measurement: impl Into<String>,
        result: impl Into<String>,
        goal: &'static str,
    ) -> Row {
        Row { measurement: measurement.into(), result: result.into(), goal }
    }
}

/// Measures one part of the table.
type Part = fn(&ProgressBar) -> Vec<Row>;

const PARTS: [(&str, Part); 16] = [
    ("choose", choosing::rows),
    ("events", events::rows),
    ("recovery", events::recovery),
    ("shipping", shipping::rows),
    ("http", http::rows),
    ("http-large", http::large),
    ("reports", reports::rows),
    ("counts", counts::rows),
    ("latency", http::latency),
    ("workers", http::workers),
    ("reservations", http::reservations),
    ("floods", floods::rows),
    ("black-hole", black_hole::rows),
    ("drain", draining::rows),
    ("lag", lag::rows),
    ("sizing", sizing::rows),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["server", ..] => return server_process::run(&arguments[1..]),
        ["shipper", url, data] => return shipper::run(url, data.as_ref()),
        _ => {}
    }
    let selected: Vec<_> = PARTS
        .iter()
        .filter(|(name, _)| arguments.is_empty() || arguments.iter().any(|a| a == name))
        .collect();
    let progress = ProgressBar::new(0)
        .with_style(ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}").unwrap());
    progress.enable_steady_tick(Duration::from_millis(200));
    let rows = selected.iter().flat_map(|(_, part)| {
        load::leave_cores(0);
        part(&progress)
    });
    let rows: Vec<Row> = rows.collect();
    progress.finish_and_clear();
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["measurement", "result", "goal"]);
    for row in rows {
        table.add_row([row.measurement, row.result, row.goal.to_owned()]);
    }
    println!("{table}");
}

/// The median; of an even number of values, the upper of the middle two.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The median, with the smallest and the largest value if there are several.
pub fn median_and_range(values: Vec<f64>, decimals: usize) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{:.decimals$} ({least:.decimals$} to {most:.decimals$})", median(values))
}
