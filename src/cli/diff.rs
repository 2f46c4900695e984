//! `adjacent diff`: shows what applying files would change.

use crate::cli::access::DataArgs;
use crate::cli::output::Output;
use crate::cli::{arguments, catalog, forecast, replay, replay_text};
use crate::clock::{Clock, SystemClock};
use crate::config::ConfigError;
use crate::replay::ReplayReport;
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
        let predicted = match difference.is_empty() {
            true => None,
            false => replay::of_changes(&data, &served, &new),
        };
        let (effect, limits) =
            (predicted.as_ref().map(ReplayReport::effect), self.place.settings()?.guard);
        let concerns = served.concerns(&new, &difference, effect.as_ref(), &limits);
        if !concerns.is_empty() {
            document["concerns"] = serde_json::to_value(&concerns)?;
            text.push_str("needs confirmation (apply --force)\n");
            concerns.iter().for_each(|concern| text.push_str(&format!("  ! {concern}\n")));
        }
        if let Some(forecasts) = &forecasts {
            document["forecasts"] = serde_json::to_value(forecasts)?;
            text = format!("{}\n{}", text.trim_end(), forecast::lines(forecasts));
        }
        if let Some(report) = predicted {
            text = format!("{}\n{}", text.trim_end(), replay_text::summary(&report));
            document["replay"] = serde_json::to_value(report)?;
        }
        Ok(output.result(text.trim_end(), &document)?)
    }
}
