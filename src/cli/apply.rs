//! `adjacent apply`: apply files to the served catalog, after showing the diff.

use crate::catalog::config_files::{CheckedConfig, ConfigFiles};
use crate::catalog::detail::FileVersion;
use crate::catalog::difference::Difference;
use crate::catalog::guard::Concern;
use crate::catalog::image_store::ImageStore;
use crate::catalog::{AuditContext, check};
use crate::cli::access::ServerAccess;
use crate::cli::catalog::{Confirmed, Served};
use crate::cli::confirm::confirmed;
use crate::cli::output::Output;
use crate::cli::{arguments, catalog, forecast, replay, replay_text};
use crate::clock::{Clock, SystemClock};
use crate::config::ConfigError;
use crate::publishing::source;
use crate::replay::ReplayReport;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Apply {
    /// Files or folders to apply; `-` reads standard input.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    access: ServerAccess,
    /// Apply without asking. Without a terminal, the answer is read from standard input otherwise.
    #[arg(long)]
    yes: bool,
    /// Apply, without asking, also what needs confirmation: removed documents, and prices, budgets, goals, weights,
    /// fill or shares that move by more than the limits under `[guard]` in the settings.
    #[arg(long)]
    force: bool,
    /// The name to record in the audit log.
    #[arg(long, env = "USER", default_value = "command line", hide_env_values = true)]
    who: String,
}

impl Apply {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        let data = self.access.data()?;
        let served = catalog::served(&data)?;
        let stored = ImageStore::read_only(&data);
        let weights = served.weights.clone().unwrap_or_default();
        let now_ms = SystemClock::starting_at_least(0).now_ms();
        let layout = arguments::layout(&self.paths)?;
        let read = layout.read_with(Some(&stored), Some((&weights, now_ms)));
        let new = served.with_manual_pauses(read.map_err(ConfigError::from)?);
        check_served_prices(&served, &new, now_ms)?;
        let difference = served.difference(&new);
        output.warnings(&new.warnings(now_ms));
        output.line(difference.to_string().trim_end())?;
        let forecasts = forecast::of_changes(&data, &served, &new);
        if let Some(forecasts) = &forecasts {
            output.line(forecast::lines(forecasts))?;
        }
        let predicted = match difference.is_empty() {
            true => None,
            false => replay::of_changes(&data, &served, &new),
        };
        if let Some(report) = &predicted {
            output.line(replay_text::summary(report).trim_end())?;
        }
        let outcome = |applied: bool, number: u64, difference: &Difference| {
            let forecasts = forecasts.as_ref();
            serde_json::json!({
                "applied": applied, "number": number, "difference": difference, "forecasts": forecasts,
                "replay": predicted,
            })
        };
        // The served inventory may still lack an image that is in these files.
        if served.matches(&new) && catalog::are_images_stored(&stored, &new.images) {
            return Ok(output.json_only(&outcome(false, served.number, &difference))?);
        }
        if !self.force {
            let limits = self.access.place.settings()?.guard;
            let effect = predicted.as_ref().map(ReplayReport::effect);
            refuse(&served.concerns(&new, &difference, effect.as_ref(), &limits))?;
        }
        if !self.yes && !self.force && !confirmed("apply?")? {
            output.line("not applied")?;
            return Ok(output.json_only(&outcome(false, served.number, &difference))?);
        }
        let versions = versions(&layout, &new);
        let names: Vec<String> = self.paths.iter().map(|path| path.display().to_string()).collect();
        let what = format!("apply {}", names.join(" "));
        let number = match self.access.find()? {
            Some(server) => {
                let confirmed = Confirmed { force: self.force, files: versions };
                catalog::apply_on_server(&server, new, &served, what, confirmed)?
            }
            None => {
                let at = SystemClock::starting_at_least(0).now();
                let by = AuditContext { who: self.who, what, at, request: None };
                catalog::apply_to_directory(&data, &new, &served, &by, versions)?.number
            }
        };
        output.line(format_args!("applied as change {number}"))?;
        Ok(output.json_only(&outcome(true, number, &difference))?)
    }
}

/// Checks new weights against the prices of an inventory that stays.
fn check_served_prices(
    served: &Served,
    new: &CheckedConfig,
    now_ms: i64,
) -> Result<(), ConfigError> {
    let (Some(weights), None, Some(inventory)) = (&new.weights, &new.inventory, &served.inventory)
    else {
        return Ok(());
    };
    let findings = check::prices(inventory, weights, now_ms);
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    if lines.is_empty() { Ok(()) } else { Err(ConfigError::Usage(lines.join("\n"))) }
}

/// Fails if anything needs confirmation, with every reason.
fn refuse(concerns: &[Concern]) -> Result<(), ConfigError> {
    if concerns.is_empty() {
        return Ok(());
    }
    let mut lines: Vec<&str> = vec!["the change needs confirmation:"];
    lines.extend(concerns.iter().map(|one| one.text.as_str()));
    lines.push("nothing was applied; use --force to apply it");
    Err(ConfigError::Usage(lines.join("\n")))
}

/// The files that the new documents were read from, for the audit log.
fn versions(layout: &ConfigFiles, new: &CheckedConfig) -> Vec<FileVersion> {
    let inventory = layout.inventory_path().zip(new.inventory.as_ref());
    let inventory = inventory.map(|(path, new)| source::inventory_version(path, new));
    let weights = layout.weights_path().zip(new.weights.as_ref());
    let weights = weights.map(|(path, new)| source::weights_version(path, new));
    inventory.into_iter().chain(weights).collect()
}
