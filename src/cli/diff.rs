//! `adjacent diff`: shows what applying files would change.

use crate::cli::access::DataArgs;
use crate::cli::output::Output;
use crate::cli::{arguments, catalog, forecast};
use crate::clock::{Clock, SystemClock};
use crate::config::ConfigError;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Diff {
    /// Files or folders to compare with the served catalog; `-` reads standard input.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    place: DataArgs,
}

impl Diff {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let new = arguments::layout(&self.paths)?.read().map_err(ConfigError::from)?;
        let now_ms = SystemClock::starting_at_least(0).now_ms();
        output.warnings(&new.warnings(now_ms));
        let data = self.place.existing()?;
        let served = catalog::served(&data)?;
        let new = served.with_manual_pauses(new);
        let difference = served.difference(&new);
        let forecasts = forecast::of_changes(&data, &served, &new);
        let mut document = serde_json::to_value(&difference)?;
        let mut text = difference.to_string();
        if let Some(forecasts) = &forecasts {
            document["forecasts"] = serde_json::to_value(forecasts)?;
            text = format!("{}\n{}", text.trim_end(), forecast::lines(forecasts));
        }
        Ok(output.result(text.trim_end(), &document)?)
    }
}
