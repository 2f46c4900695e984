//! What is kept, opened: the catalog with its first inventory, the weights, the labels.

use crate::app::Options;
use crate::app::Series;
use crate::app::stages;
use crate::catalog::By;
use crate::catalog::Catalog;
use crate::catalog::files;
use crate::catalog::stop;
use crate::catalog::tables;
use crate::clock::Clock;
use crate::config::ConfigError;
use crate::config::Settings;
use crate::config::load;
use crate::config::settings::Activation;
use crate::config::settings::Windows;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::region::Regions;
use crate::domain::weights::Weights;
use crate::ledger::Rules;
use crate::selection::compile::compile;
use crate::selection::snapshot::Snapshot;
use crate::traffic::Datacenters;
use crate::traffic::review::Sign;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// An opened catalog with what is served first.
pub struct Opened {
    /// The catalog.
    pub catalog: Catalog,
    /// Its head, compiled.
    pub snapshot: Arc<Snapshot>,
}

/// The ledger's windows from the settings.
pub fn rules(windows: &Windows) -> Rules {
    Rules {
        impression_ms: i64::from(windows.impression_seconds) * 1_000,
        click_ms: i64::from(windows.click_seconds) * 1_000,
        viewable_after_ms: i64::from(windows.viewable_after_ms),
        click_after_ms: i64::from(windows.click_after_ms),
        grace_ms: i64::from(windows.orphan_grace_seconds) * 1_000,
    }
}

/// The networks of datacenters; none where no file is named.
pub fn datacenters(settings: &Settings) -> Result<Datacenters, ConfigError> {
    let Some(path) = &settings.traffic.datacenters else { return Ok(Datacenters::default()) };
    let text = load::text_of(Path::new(path))?;
    Datacenters::parse(&text).map_err(|wrong| {
        let lines: Vec<String> =
            wrong.iter().map(|wrong| format!("{path}:{}: {}", wrong.line, wrong.reason)).collect();
        ConfigError::Usage(lines.join("\n"))
    })
}

/// The file of a table: the one named, the one in its usual place, or the one compiled in.
pub fn table_text(
    named: Option<&Path>,
    usual: &str,
    built_in: (&str, &str),
) -> Result<(String, String), ConfigError> {
    let usual = PathBuf::from(usual);
    match named.or_else(|| usual.exists().then_some(usual.as_path())) {
        Some(path) => Ok((path.display().to_string(), load::text_of(path)?)),
        None => Ok((built_in.0.to_owned(), built_in.1.to_owned())),
    }
}

/// The weights of the file in force.
pub fn weights(options: &Options) -> Result<Weights, ConfigError> {
    let (name, text) =
        table_text(options.weights.as_deref(), "config/weights.toml", files::WEIGHTS)?;
    Ok(tables::weights(&name, &text)?)
}

/// The labels of the file in force.
pub fn labels(inventory: &Inventory) -> Result<LabelTable, ConfigError> {
    let (name, text) = table_text(None, "config/labels.toml", files::LABELS)?;
    let regions = Regions::build(&inventory.regions).unwrap_or_default();
    Ok(tables::labels(&name, &text, &regions)?)
}

/// Opens the catalog. An empty one gets the example inventory; an inventory that the command line
/// names is applied.
pub fn catalog(
    data: &Path,
    settings: &Settings,
    options: &Options,
    clock: &dyn Clock,
) -> anyhow::Result<Opened> {
    let catalog = Catalog::open(&data.join("catalog"))?;
    let by =
        |what: &str| By { who: "serve".into(), what: what.into(), at: clock.now(), request: None };
    let hashes = catalog.head()?.map(|head| head.hashes).unwrap_or_default();
    let inventory = match (&options.inventory, &hashes.inventory) {
        (Some(path), _) => {
            let texts = files::read(path).map_err(ConfigError::from)?;
            let mut inventory = files::parse(&texts).map_err(ConfigError::from)?;
            if let Some(hash) = &hashes.inventory {
                stop::carry(&catalog.inventory(hash)?, &mut inventory);
            }
            catalog.put_inventory(&inventory, None, &by("inventory named at the start"))?;
            inventory
        }
        (None, Some(hash)) => catalog.inventory(hash)?,
        (None, None) => {
            let inventory = files::example();
            catalog.put_inventory(&inventory, None, &by("the example inventory"))?;
            inventory
        }
    };
    let weights = match (settings.weights.activation, &hashes.weights) {
        (Activation::Command, Some(hash)) => catalog.weights(hash)?,
        _ => {
            let weights = weights(options)?;
            catalog.put_weights(&weights, None, &by("weights of the file"))?;
            weights
        }
    };
    let labels = labels(&inventory)?;
    let findings = crate::catalog::check::labels(&inventory, &labels);
    if let Some(finding) = findings.first() {
        return Err(ConfigError::Usage(format!(
            "labels: {} `{}` {}",
            finding.list, finding.id, finding.reason
        ))
        .into());
    }
    catalog.put_labels(&labels, None, &by("labels of the file"))?;
    let snapshot = Arc::new(compile(inventory, &weights, &labels));
    Ok(Opened { catalog, snapshot })
}

/// The series, with those campaigns and flights that have some of their own: the first by id.
pub fn metrics(snapshot: &Snapshot, settings: &Settings) -> Result<Series, prometheus::Error> {
    let inventory = &snapshot.inventory;
    let campaigns: Vec<(String, String)> = inventory
        .campaigns
        .iter()
        .take(settings.metrics.campaigns)
        .map(|campaign| {
            let owner = inventory.advertisers.iter().find(|a| a.id == campaign.advertiser);
            let currency = owner.map_or_else(String::new, |owner| owner.currency.to_string());
            (campaign.id.to_string(), currency)
        })
        .collect();
    let paced = inventory.flights.iter().filter(|flight| {
        flight.pacing == crate::domain::campaign::Pacing::Even
            && flight.tier != crate::domain::event::Tier::House
    });
    let flights: Vec<String> =
        paced.take(settings.metrics.flights).map(|flight| flight.id.to_string()).collect();
    let signs: Vec<&str> = Sign::ALL.iter().map(|sign| sign.as_str()).collect();
    Series::new(&stages(), &signs, &campaigns, &flights)
}
