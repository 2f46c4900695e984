//! Opens the catalog and loads the initial inventory, weights and labels.

use crate::app::options::Options;
use crate::catalog::change::{ExpectedVersion, HeadUpdate};
use crate::catalog::files::Loaded;
use crate::catalog::{AuditContext, Catalog, CatalogError, check, files, pause, tables};
use crate::clock::Clock;
use crate::cluster::{CatalogSync, SyncError};
use crate::config::settings::{Activation, MetricsSettings};
use crate::config::{ConfigError, Settings, load};
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::region::Regions;
use crate::domain::weights::Weights;
use crate::ledger::{Ledger, Rules};
use crate::metrics::{Metrics, SeriesLimits};
use crate::publishing::currency;
use crate::selection::compile::compile;
use crate::selection::snapshot::Snapshot;
use crate::store::address::{EMBEDDED, RedisConfig};
use crate::store::{Address, StoreError, StoreErrorKind};
use crate::traffic::Datacenters;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// An opened catalog and the initial snapshot.
pub(crate) struct Opened {
    pub(crate) catalog: Catalog,
    /// The catalog's head, compiled.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Until when this start may wait for a shared store.
    pub(crate) store_deadline: Instant,
}

/// How long a start waits for a shared store if it can serve what this data directory has.
const STORE_PATIENCE: Duration = Duration::from_secs(3);

/// The ledger's windows from the settings.
pub(crate) fn rules(settings: &Settings) -> Rules {
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

/// Applies `store.ca` and `store.unprotected` to a Redis address. A store that is not on loopback needs a
/// password unless unprotected. Hosts that sentinels or a cluster announce are checked on connecting.
pub(crate) fn store_config(
    config: RedisConfig,
    settings: &Settings,
) -> Result<RedisConfig, ConfigError> {
    let store = &settings.store;
    if config.password().is_none() && !config.is_local() && !store.unprotected {
        return Err(ConfigError::Usage(format!(
            "store.url = {config} is not on loopback and has no password: anyone who can connect can \
             change billing; set a user and a password, or store.unprotected = true"
        )));
    }
    let config = match &store.ca {
        None => config,
        Some(file) => config
            .with_ca_file(Path::new(file))
            .map_err(|reason| ConfigError::Usage(format!("store.ca: {reason}")))?,
    };
    Ok(RedisConfig { require_password: !store.unprotected, ..config })
}

/// The datacenter networks; empty when no file is configured.
pub(crate) fn datacenters(settings: &Settings) -> Result<Datacenters, ConfigError> {
    let Some(path) = &settings.traffic.datacenters else { return Ok(Datacenters::default()) };
    let text = load::read_text(Path::new(path))?;
    Datacenters::parse(&text).map_err(|invalid| {
        let lines: Vec<String> =
            invalid.iter().map(|line| format!("{path}:{}: {}", line.line, line.reason)).collect();
        ConfigError::Usage(lines.join("\n"))
    })
}

/// Name and text of a table: the given file, else the default path, else the built-in text.
pub(crate) fn table_text(
    given: Option<&Path>,
    default_path: &str,
    built_in: (&str, &str),
) -> Result<(String, String), ConfigError> {
    let default_path = PathBuf::from(default_path);
    match given.or_else(|| default_path.exists().then_some(default_path.as_path())) {
        Some(path) => Ok((path.display().to_string(), load::read_text(path)?)),
        None => Ok((built_in.0.to_owned(), built_in.1.to_owned())),
    }
}

/// The weights from the file in effect.
pub(crate) fn weights(options: &Options) -> Result<Weights, ConfigError> {
    let (name, text) =
        table_text(options.weights.as_deref(), "config/weights.toml", files::WEIGHTS)?;
    Ok(tables::weights(&name, &text)?)
}

/// The labels from the file in effect.
pub(crate) fn labels(inventory: &Inventory) -> Result<LabelTable, ConfigError> {
    let (name, text) = table_text(None, "config/labels.toml", files::LABELS)?;
    let regions = Regions::build(&inventory.regions).unwrap_or_default();
    Ok(tables::labels(&name, &text, &regions)?)
}

/// Opens the catalog. Applies the inventory from the command line; an empty catalog gets the example
/// inventory. First pulls the changes of other instances, and retries when another instance publishes
/// a change at the same time. Serves what this data directory served last if the store does not answer
/// within [`STORE_PATIENCE`]; a start that has nothing to serve yet waits as long as the store answers.
pub(crate) async fn catalog(
    data: &Path,
    settings: &Settings,
    options: &Options,
    clock: &dyn Clock,
    sync: &dyn CatalogSync,
    ledger: &Ledger,
) -> anyhow::Result<Opened> {
    let catalog = Catalog::open(&data.join("catalog"))?;
    let deadline = Instant::now() + STORE_PATIENCE;
    let can_serve = catalog.head()?.is_some();
    for _ in 0..5 {
        let pull_deadline = can_serve.then_some(deadline);
        // Files from the command line may come with many images, which take a while to publish.
        let put_deadline = pull_deadline.filter(|_| options.inventory.is_none());
        let opened = match before(pull_deadline, sync.pull(&catalog)).await {
            Ok(_) => {
                let opened = initial_snapshot(&catalog, settings, options, clock, sync, ledger);
                before(put_deadline, opened).await
            }
            Err(error) => Err(error.into()),
        };
        let sync_error = opened.as_ref().err().and_then(|error| error.downcast_ref::<SyncError>());
        match sync_error {
            Some(SyncError::Catalog(CatalogError::Conflict { found, .. }))
                if found.starts_with("number") => {}
            Some(SyncError::Store(error)) if can_serve_despite(error) => {
                tracing::warn!(%error, "store unavailable; serving the last known catalog");
                let snapshot = Arc::new(last_served(&catalog)?);
                return Ok(Opened { catalog, snapshot, store_deadline: deadline });
            }
            // At startup, a store that rejects commands is a configuration error.
            Some(SyncError::Store(error)) => {
                let advice = error.kind().advice();
                let reason = format!("{}: {error}; {advice}", store_name(&settings.store.url));
                return Err(ConfigError::Usage(reason).into());
            }
            _ => {
                let snapshot = Arc::new(opened?);
                let slow = put_deadline.is_none().then(|| Instant::now() + STORE_PATIENCE);
                return Ok(Opened { catalog, snapshot, store_deadline: slow.unwrap_or(deadline) });
            }
        }
    }
    Err(anyhow::anyhow!("the fleet's catalog changed during each of 5 attempts: start again"))
}

/// The result of `request`, or an error if it does not come before the deadline.
async fn before<T, E: From<SyncError>>(
    deadline: Option<Instant>,
    request: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match deadline {
        None => request.await,
        Some(deadline) => match tokio::time::timeout_at(deadline, request).await {
            Ok(result) => result,
            Err(_) => Err(SyncError::Store(StoreError::timed_out()).into()),
        },
    }
}

/// The setting of the store, without user and password.
fn store_name(url: &str) -> String {
    match url.parse() {
        Ok(Address::Redis(config)) => format!("store.url = {config}"),
        _ => "store.url".to_owned(),
    }
}

/// Whether to serve despite this store error: the store is unavailable, or accepts no more writes.
fn can_serve_despite(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(_))
        || matches!(error.kind(), StoreErrorKind::OutOfMemory | StoreErrorKind::DiskError)
}

/// The snapshot that this data directory served last.
fn last_served(catalog: &Catalog) -> anyhow::Result<Snapshot> {
    let hashes = catalog.head()?.map(|head| head.hashes).unwrap_or_default();
    let (Some(inventory), Some(weights), Some(labels)) =
        (hashes.inventory, hashes.weights, hashes.labels)
    else {
        let reason = "the store is unavailable and this data directory has no catalog to serve yet: \
                      start the store first";
        return Err(ConfigError::Usage(reason.to_owned()).into());
    };
    Ok(catalog.snapshot(&inventory, &weights, &labels)?)
}

async fn initial_snapshot(
    catalog: &Catalog,
    settings: &Settings,
    options: &Options,
    clock: &dyn Clock,
    sync: &dyn CatalogSync,
    ledger: &Ledger,
) -> anyhow::Result<Snapshot> {
    let by = |what: &str| AuditContext {
        who: "serve".into(),
        what: what.into(),
        at: clock.now(),
        request: None,
    };
    let put = async |parts: HeadUpdate<'_>, what: &str| {
        sync.put(catalog, parts, ExpectedVersion::Any, &by(what)).await.map(drop)
    };
    // An inventory is stored with its images.
    let put_inventory = async |loaded: Loaded, what: &str| {
        let Loaded { inventory, images } = loaded;
        let parts =
            HeadUpdate { inventory: Some(&inventory), images: &images, ..HeadUpdate::default() };
        put(parts, what).await.map(|()| inventory)
    };
    let hashes = catalog.head()?.map(|head| head.hashes).unwrap_or_default();
    // Weights first: the prices of an inventory are checked against them.
    let (weights, is_new) = match (settings.weights.activation, &hashes.weights) {
        (Activation::Command, Some(hash)) => (catalog.weights(hash)?, false),
        _ => (weights(options)?, true),
    };
    let now_ms = clock.now_ms();
    let inventory = match (&options.inventory, &hashes.inventory) {
        (Some(path), _) => {
            let texts = files::read(path).map_err(ConfigError::from)?;
            let commands = &settings.creatives.commands;
            let loaded = files::load(&texts, Some(catalog.images()), commands);
            let mut loaded = loaded.map_err(ConfigError::from)?;
            let mut findings = check::prices(&loaded.inventory, &weights, now_ms);
            if let Some(hash) = &hashes.inventory {
                let stored = catalog.inventory(hash)?;
                pause::carry(&stored, &catalog.saved_archive(), &mut loaded.inventory);
                findings.extend(currency::findings(&stored, &loaded.inventory, ledger));
            }
            refuse(&findings)?;
            put_inventory(loaded, "inventory from the command line").await?
        }
        (None, Some(hash)) => catalog.inventory(hash)?,
        (None, None) => put_inventory(files::example_with_images(), "example inventory").await?,
    };
    // An inventory that is served already goes on, whatever the weights are now.
    for finding in check::prices(&inventory, &weights, now_ms) {
        tracing::error!(
            %finding,
            "inventory and weights do not fit; prices in other currencies are compared as they are, and a bound \
             of an unknown topic has no effect"
        );
    }
    for stale in check::stale_rates(&inventory, &weights, now_ms) {
        tracing::warn!(reason = stale, "scores compare prices by an old exchange rate");
    }
    if is_new {
        let parts = HeadUpdate { weights: Some(&weights), ..HeadUpdate::default() };
        put(parts, "weights file").await?;
    }
    let labels = labels(&inventory)?;
    let findings = check::labels(&inventory, &labels);
    if let Some(finding) = findings.first() {
        return Err(ConfigError::Usage(format!(
            "labels: {} `{}` {}",
            finding.list, finding.id, finding.reason
        ))
        .into());
    }
    let parts = HeadUpdate { labels: Some(&labels), ..HeadUpdate::default() };
    put(parts, "labels file").await?;
    let hash = catalog.head()?.and_then(|head| head.hashes.inventory).unwrap_or_default();
    Ok(compile(inventory, &weights, &labels).stored_as(hash))
}

/// Fails with all findings, if there are any.
fn refuse(findings: &[check::Finding]) -> Result<(), ConfigError> {
    if findings.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    Err(ConfigError::Usage(lines.join("\n")))
}

/// The metrics.
pub(crate) fn metrics(settings: &Settings) -> Result<Metrics, prometheus::Error> {
    let MetricsSettings { campaigns, flights, delivery_flights, delivery_placements } =
        settings.metrics;
    Metrics::new(SeriesLimits { campaigns, flights, delivery_flights, delivery_placements })
}
