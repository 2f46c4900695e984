//! `adjacent synth`: generates a realistic inventory of any size.

use crate::catalog::{synth, toml_writer};
use crate::cli::output::Output;
use crate::domain::inventory::Inventory;
use crate::domain::lists;
use crate::domain::lists::ListItem;
use indicatif::{ProgressBar, ProgressStyle};
use std::io;
use std::io::IsTerminal;

/// Below this many items no progress bar is shown.
const PROGRESS_THRESHOLD: usize = 5_000;

#[derive(Debug, clap::Args)]
pub(super) struct Synth {
    /// Number of flights.
    #[arg(long, value_name = "N")]
    flights: usize,
    /// Random seed; the same seed generates the same inventory.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
}

impl Synth {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let generating = bar(self.flights, "generating flights");
        let inventory = synth::with_progress(self.flights, self.seed, || generating.inc(1));
        generating.finish_and_clear();
        if output.json {
            return Ok(output.json(&inventory)?);
        }
        let documents = lists::visit_all(&mut Count(&inventory)).into_iter().sum();
        let writing = bar(documents, "writing documents");
        let out = io::BufWriter::new(io::stdout().lock());
        let written = toml_writer::write(&inventory, out, || writing.inc(1));
        writing.finish_and_clear();
        Ok(written?)
    }
}

struct Count<'a>(&'a Inventory);

impl lists::ListVisitor for Count<'_> {
    type Out = usize;
    fn visit<T: ListItem>(&mut self) -> usize {
        T::of(self.0).len()
    }
}

/// A progress bar on standard error; hidden without a terminal or for short runs.
fn bar(length: usize, what: &'static str) -> ProgressBar {
    if length < PROGRESS_THRESHOLD || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}")
        .expect("the template is well formed");
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    ProgressBar::new(length).with_style(style).with_message(what)
}
