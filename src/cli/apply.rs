//! `adjacent apply`: apply files to the served catalog, after showing the diff.

use crate::catalog::config_files::CheckedConfig;
use crate::catalog::difference::Difference;
use crate::catalog::image_store::ImageStore;
use crate::catalog::{AuditContext, check};
use crate::cli::access::ServerAccess;
use crate::cli::catalog::Served;
use crate::cli::output::Output;
use crate::cli::{arguments, catalog, forecast};
use crate::clock::{Clock, SystemClock};
use crate::config::ConfigError;
use std::io;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Apply {
    /// Files or folders to apply; `-` reads standard input.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    access: ServerAccess,
    /// Apply without asking for confirmation.
    #[arg(long)]
    yes: bool,
    /// Apply even if a weight changes by more than half.
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
        let outcome = |applied: bool, number: u64, difference: &Difference| {
            let forecasts = forecasts.as_ref();
            serde_json::json!({
                "applied": applied, "number": number, "difference": difference, "forecasts": forecasts,
            })
        };
        // The served inventory may still lack an image that is in these files.
        if served.matches(&new) && catalog::are_images_stored(&stored, &new.images) {
            return Ok(output.json_only(&outcome(false, served.number, &difference))?);
        }
        // Without served weights there is nothing to compare with.
        if served.weights.is_some() && !self.force {
            check_weight_changes(&difference)?;
        }
        if !self.yes && !confirmed()? {
            output.line("not applied")?;
            return Ok(output.json_only(&outcome(false, served.number, &difference))?);
        }
        let names: Vec<String> = self.paths.iter().map(|path| path.display().to_string()).collect();
        let what = format!("apply {}", names.join(" "));
        let number = match self.access.find()? {
            Some(server) => catalog::apply_on_server(&server, new, &served, what)?,
            None => {
                let at = SystemClock::starting_at_least(0).now();
                let by = AuditContext { who: self.who, what, at, request: None };
                catalog::apply_to_directory(&data, &new, &served, &by)?.number
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

/// Requires `--force` for large weight changes: a typo in a weight is usually a factor of ten.
fn check_weight_changes(difference: &Difference) -> Result<(), ConfigError> {
    let changes = difference.dangerous_weights();
    if changes.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = changes
        .iter()
        .map(|(path, change)| {
            if change.is_finite() {
                format!("{path} by {:.0} %", change * 100.0)
            } else {
                format!("{path} from 0")
            }
        })
        .collect();
    let reason = format!("large weight changes: {}; use --force to apply them", named.join(", "));
    Err(ConfigError::Usage(reason))
}

/// Asks for confirmation on a terminal; without a terminal the answer is yes.
fn confirmed() -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(true);
    }
    write!(io::stderr(), "apply? [y/N] ")?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(["y", "yes"].contains(&line.trim().to_ascii_lowercase().as_str()))
}
