//! `adjacent diff`: shows what applying files would change.

use crate::cli::output::Output;
use crate::cli::{arguments, catalog, forecast, replay, replay_text};
use crate::config::ConfigError;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Diff {
    /// Files or folders to compare with the served catalog; `-` reads standard input.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The data directory.
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
}

impl Diff {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let new = arguments::layout(&self.paths)?.read().map_err(ConfigError::from)?;
        output.warnings(&new.warnings());
        let served = catalog::served(&self.data)?;
        let new = served.with_manual_pauses(new);
        let difference = served.difference(&new);
        let forecasts = forecast::of_changes(&self.data, &served, &new);
        let mut document = serde_json::to_value(&difference)?;
        let mut text = difference.to_string();
        let concerns = served.concerns(&new, &difference, None);
        if !concerns.is_empty() {
            document["concerns"] = serde_json::to_value(&concerns)?;
            text.push_str("needs confirmation (apply --force)\n");
            concerns.iter().for_each(|concern| text.push_str(&format!("  ! {concern}\n")));
        }
        if let Some(forecasts) = &forecasts {
            document["forecasts"] = serde_json::to_value(forecasts)?;
            text = format!("{}\n{}", text.trim_end(), forecast::lines(forecasts));
        }
        if !difference.is_empty()
            && let Some(report) = replay::of_changes(&self.data, &served, &new)
        {
            text = format!("{}\n{}", text.trim_end(), replay_text::summary(&report));
            document["replay"] = serde_json::to_value(report)?;
        }
        Ok(output.result(text.trim_end(), &document)?)
    }
}
