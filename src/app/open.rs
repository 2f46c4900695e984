//! What is kept, opened: the catalog with its first inventory, the weights, the labels.

use crate::app::Options;
use crate::app::Series;
use crate::app::stages;
use crate::catalog::By;
use crate::catalog::Catalog;
use crate::catalog::CatalogError;
use crate::catalog::change::Expected;
use crate::catalog::change::Parts;
use crate::catalog::check;
use crate::catalog::files;
use crate::catalog::files::Loaded;
use crate::catalog::stop;
use crate::catalog::tables;
use crate::clock::Clock;
use crate::config::ConfigError;
use crate::config::Settings;
use crate::config::load;
use crate::config::settings::Activation;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::region::Regions;
use crate::domain::weights::Weights;
use crate::ledger::Rules;
use crate::selection::compile::compile;
use crate::selection::snapshot::Snapshot;
use crate::server::agreed;
use crate::server::agreed::AgreedError;
use crate::store::Client;
use crate::store::StoreError;
use crate::store::Trouble;
use crate::store::address::EMBEDDED;
use crate::store::address::Place;
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
pub fn rules(settings: &Settings) -> Rules {
    let windows = &settings.windows;
    let spool_hours = if settings.store.url == EMBEDDED { 0 } else { settings.store.spool_hours };
    Rules {
        spool_ms: i64::from(spool_hours) * 3_600_000,
        impression_ms: i64::from(windows.impression_seconds) * 1_000,
        click_ms: i64::from(windows.click_seconds) * 1_000,
        viewable_after_ms: i64::from(windows.viewable_after_ms),
        click_after_ms: i64::from(windows.click_after_ms),
        grace_ms: i64::from(windows.orphan_grace_seconds) * 1_000,
    }
}

/// The store as the settings want it: with its authority, and never without a password beyond this
/// machine unless they say so. Where sentinels or a cluster lead is looked at when they are asked.
pub fn place(place: Place, settings: &Settings) -> Result<Place, ConfigError> {
    let store = &settings.store;
    if place.password().is_none() && !place.is_local() && !store.unprotected {
        return Err(ConfigError::Usage(format!(
            "store.url = {place} has no password and is not this machine: whoever reaches it can \
             change every bill; give a user and a password, or say store.unprotected = true"
        )));
    }
    let place = match &store.ca {
        None => place,
        Some(file) => place
            .trusting(Path::new(file))
            .map_err(|reason| ConfigError::Usage(format!("store.ca: {reason}")))?,
    };
    Ok(Place { guarded: !store.unprotected, ..place })
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
/// names is applied. Where machines share a store, what they have comes first; one that starts in
/// the same moment may be first, and then everything is looked at once more.
pub async fn catalog(
    data: &Path,
    settings: &Settings,
    options: &Options,
    clock: &dyn Clock,
    client: Option<&Client>,
) -> anyhow::Result<Opened> {
    let catalog = Catalog::open(&data.join("catalog"))?;
    for _ in 0..5 {
        let joined = match client {
            None => Ok(()),
            Some(client) => agreed::pull(&catalog, client).await.map(drop),
        };
        let opened = match joined {
            Ok(()) => changed(&catalog, settings, options, clock, client).await,
            Err(error) => Err(error.into()),
        };
        let common = opened.as_ref().err().and_then(|error| error.downcast_ref::<AgreedError>());
        match common {
            Some(AgreedError::Catalog(CatalogError::Conflict { found, .. }))
                if found.starts_with("number") => {}
            Some(AgreedError::Store(error)) if passes(error) => {
                tracing::warn!(%error, "what was known last is served");
                let snapshot = Arc::new(known(&catalog)?);
                return Ok(Opened { catalog, snapshot });
            }
            // Before anything is served, a store that refuses is the operator's to mend.
            Some(AgreedError::Store(error)) => {
                let store = client.map(|client| client.place().to_string()).unwrap_or_default();
                let advice = error.trouble().advice();
                let reason = format!("store.url = {store}: {error}; {advice}");
                return Err(ConfigError::Usage(reason).into());
            }
            _ => return opened.map(|snapshot| Opened { catalog, snapshot: Arc::new(snapshot) }),
        }
    }
    Err(anyhow::anyhow!("others change the shared catalog all the time: start again"))
}

/// Whether a store that fails like this is no reason not to serve: it is away, or takes nothing more.
fn passes(error: &StoreError) -> bool {
    matches!(error, StoreError::Away(_)) || matches!(error.trouble(), Trouble::Full | Trouble::Disk)
}

/// What this data directory served last.
fn known(catalog: &Catalog) -> anyhow::Result<Snapshot> {
    let hashes = catalog.head()?.map(|head| head.hashes).unwrap_or_default();
    let (Some(inventory), Some(weights), Some(labels)) =
        (hashes.inventory, hashes.weights, hashes.labels)
    else {
        let why = "the store does not answer, and this data directory knows nothing yet to serve";
        return Err(ConfigError::Usage(why.to_owned()).into());
    };
    let (weights, labels) = (catalog.weights(&weights)?, catalog.labels(&labels)?);
    Ok(compile(catalog.inventory(&inventory)?, &weights, &labels))
}

async fn changed(
    catalog: &Catalog,
    settings: &Settings,
    options: &Options,
    clock: &dyn Clock,
    client: Option<&Client>,
) -> anyhow::Result<Snapshot> {
    let by =
        |what: &str| By { who: "serve".into(), what: what.into(), at: clock.now(), request: None };
    let put = async |parts: Parts<'_>, what: &str| {
        agreed::put(catalog, client, &parts, Expected::Anything, &by(what)).await.map(drop)
    };
    // An inventory comes with its pictures.
    let keep = async |loaded: Loaded, what: &str| {
        let Loaded { inventory, pictures } = loaded;
        let parts = Parts { inventory: Some(&inventory), pictures: &pictures, ..Parts::default() };
        put(parts, what).await.map(|()| inventory)
    };
    let hashes = catalog.head()?.map(|head| head.hashes).unwrap_or_default();
    let inventory = match (&options.inventory, &hashes.inventory) {
        (Some(path), _) => {
            let texts = files::read(path).map_err(ConfigError::from)?;
            let mut loaded =
                files::load(&texts, Some(catalog.pictures())).map_err(ConfigError::from)?;
            if let Some(hash) = &hashes.inventory {
                stop::carry(&catalog.inventory(hash)?, &mut loaded.inventory);
            }
            keep(loaded, "inventory named at the start").await?
        }
        (None, Some(hash)) => catalog.inventory(hash)?,
        (None, None) => keep(files::example_loaded(), "the example inventory").await?,
    };
    let weights = match (settings.weights.activation, &hashes.weights) {
        (Activation::Command, Some(hash)) => catalog.weights(hash)?,
        _ => {
            let weights = weights(options)?;
            let parts = Parts { weights: Some(&weights), ..Parts::default() };
            put(parts, "weights of the file").await?;
            weights
        }
    };
    let labels = labels(&inventory)?;
    let findings = check::labels(&inventory, &labels);
    if let Some(finding) = findings.first() {
        return Err(ConfigError::Usage(format!(
            "labels: {} `{}` {}",
            finding.list, finding.id, finding.reason
        ))
        .into());
    }
    let parts = Parts { labels: Some(&labels), ..Parts::default() };
    put(parts, "labels of the file").await?;
    Ok(compile(inventory, &weights, &labels))
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
