//! `adjacent check`: validates files and prints a summary of their content.

use crate::app::open;
use crate::catalog::check;
use crate::catalog::config_files::CheckedConfig;
use crate::catalog::image_store::ImageStore;
use crate::cli::access::DataArgs;
use crate::cli::output::{Output, counted};
use crate::cli::{arguments, catalog};
use crate::clock::{Clock, SystemClock};
use crate::config::geo::CountryDatabase;
use crate::config::{ConfigError, Settings, load, unreachable};
use crate::domain::image::Address;
use crate::domain::weights::Weights;
use crate::selection::compile::content_hash;
use crate::telemetry;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// Files or folders to check; `-` reads standard input [default: config/]
    paths: Vec<PathBuf>,
    /// Exit with 64 if there are warnings, too.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    place: DataArgs,
}

impl Check {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        // Without a data directory, images referenced by address are not verified.
        let data = self.place.optional()?;
        let stored = data.as_deref().map(ImageStore::read_only);
        // Without weights among the files, prices are compared by the served ones, else the default ones.
        let served = data.as_deref().map(catalog::served).transpose()?;
        let served = served.and_then(|served| served.weights).unwrap_or_default();
        let now_ms = SystemClock::starting_at_least(0).now_ms();
        let layout = arguments::layout(&self.paths)?;
        let read = layout.read_with(stored.as_ref(), Some((&served, now_ms)));
        let checked = read.map_err(ConfigError::from)?;
        if let Some(settings) = &checked.settings {
            check_settings(settings)?;
        }
        let weights = checked.weights.as_ref().unwrap_or(&served);
        let warnings = warnings(&checked, weights, now_ms);
        if self.strict && !warnings.is_empty() {
            let lines: Vec<String> = warnings.iter().map(|one| format!("warning: {one}")).collect();
            return Err(ConfigError::Usage(lines.join("\n")).into());
        }
        let mut text = summary(&checked);
        warnings.iter().for_each(|reason| text.push_str(&format!("\nwarning: {reason}")));
        Ok(output.result(text, &json_summary(&checked, &warnings))?)
    }
}

/// Checks what settings refer to: files, and the filter of the log.
fn check_settings(settings: &Settings) -> Result<(), ConfigError> {
    open::datacenters(settings)?;
    telemetry::check_filter(&settings.logs.level)
        .map_err(|error| ConfigError::Usage(format!("logs.level: {error}")))?;
    if let Some(file) = settings.store.ca.as_deref().filter(|file| !Path::new(file).is_file()) {
        return Err(ConfigError::Usage(format!("store.ca: there is no file `{file}`")));
    }
    let geoip = settings.server.geoip.iter();
    geoip.map(Path::new).try_for_each(|file| CountryDatabase::open(file).map(drop))
}

/// What is allowed and may not be meant.
fn warnings(checked: &CheckedConfig, weights: &Weights, now_ms: i64) -> Vec<String> {
    let settings = checked.settings.iter();
    let settings = settings.flat_map(|one| unreachable::warnings(one, load::environment()));
    let documents = checked.warnings(now_ms);
    let documents = documents.iter().map(ToString::to_string);
    let inventory = checked.inventory.iter();
    let rates = inventory.flat_map(|one| check::stale_rates(one, weights, now_ms));
    settings.chain(documents).chain(rates).collect()
}

fn summary(checked: &CheckedConfig) -> String {
    let mut parts = Vec::new();
    if checked.settings.is_some() {
        parts.push("settings".to_owned());
    }
    if checked.weights.is_some() {
        parts.push("weights".to_owned());
    }
    if let Some(table) = &checked.labels {
        parts.push(counted(table.label.len(), "label"));
    }
    if let Some(inventory) = &checked.inventory {
        parts.extend([
            counted(inventory.topics.len(), "topic"),
            counted(inventory.advertisers.len(), "advertiser"),
            counted(inventory.flights.len(), "flight"),
            counted(inventory.creatives.len(), "creative"),
            counted(inventory.publishers.len(), "publisher"),
        ]);
        let images: BTreeSet<Address> = inventory.images().collect();
        if !images.is_empty() {
            parts.push(counted(images.len(), "image"));
        }
    }
    format!("valid: {}", parts.join(", "))
}

fn json_summary(checked: &CheckedConfig, warnings: &[String]) -> serde_json::Value {
    let inventory = checked.inventory.as_ref().map(|inventory| {
        serde_json::json!({
            "hash": content_hash(inventory),
            "topics": inventory.topics.len(),
            "entities": inventory.entities.len(),
            "advertisers": inventory.advertisers.len(),
            "campaigns": inventory.campaigns.len(),
            "flights": inventory.flights.len(),
            "creatives": inventory.creatives.len(),
            "publishers": inventory.publishers.len(),
        })
    });
    serde_json::json!({
        "valid": true,
        "settings": checked.settings.is_some(),
        "weights": checked.weights.as_ref().map(content_hash_of),
        "labels": checked.labels.as_ref().map(content_hash_of),
        "inventory": inventory,
        "warnings": warnings,
    })
}

fn content_hash_of(document: &impl serde::Serialize) -> serde_json::Value {
    serde_json::json!({ "hash": content_hash(document) })
}
