//! Opens the catalog and loads the initial inventory, weights and labels.

use crate::app::first::{First, Start};
use crate::catalog::{Catalog, CatalogError};
use crate::cluster::SyncError;
use crate::config::settings::MetricsSettings;
use crate::config::{ConfigError, Settings, load};
use crate::ledger::Rules;
use crate::metrics::{Metrics, SeriesLimits};
use crate::publishing::pending::PendingChange;
use crate::selection::snapshot::Snapshot;
use crate::store::address::{EMBEDDED, RedisConfig};
use crate::store::{Address, StoreError, StoreErrorKind};
use crate::traffic::Datacenters;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// An opened catalog and the initial snapshot.
pub(crate) struct Opened {
    pub(crate) catalog: Catalog,
    /// The catalog's head, compiled.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Changes of files that wait for confirmation.
    pub(crate) pending: Vec<PendingChange>,
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

/// Opens the catalog. Applies the inventory from the command line; an empty catalog gets the example
/// inventory. First pulls the changes of other instances, and retries when another instance publishes
/// a change at the same time. Serves what this data directory served last if the store does not answer
/// within [`STORE_PATIENCE`]; a start that has nothing to serve yet waits as long as the store answers.
pub(crate) async fn catalog(data: &Path, start: Start<'_>) -> anyhow::Result<Opened> {
    let catalog = Catalog::open(&data.join("catalog"))?;
    let sync = start.sync;
    let deadline = Instant::now() + STORE_PATIENCE;
    let can_serve = catalog.head()?.is_some();
    for _ in 0..5 {
        let pull_deadline = can_serve.then_some(deadline);
        // Files from the command line may come with many images, which take a while to publish.
        let put_deadline = pull_deadline.filter(|_| start.options.inventory.is_none());
        let opened = match before(pull_deadline, sync.pull(&catalog)).await {
            Ok(_) => before(put_deadline, start.first(&catalog)).await,
            Err(error) => Err(error.into()),
        };
        let sync_error = opened.as_ref().err().and_then(|error| error.downcast_ref::<SyncError>());
        match sync_error {
            Some(SyncError::Catalog(CatalogError::Conflict { found, .. }))
                if found.starts_with("number") => {}
            Some(SyncError::Store(error)) if can_serve_despite(error) => {
                tracing::warn!(%error, "store unavailable; serving the last known catalog");
                let (snapshot, pending) = (Arc::new(last_served(&catalog)?), Vec::new());
                return Ok(Opened { catalog, snapshot, pending, store_deadline: deadline });
            }
            // At startup, a store that rejects commands is a configuration error.
            Some(SyncError::Store(error)) => {
                let advice = error.kind().advice();
                let reason =
                    format!("{}: {error}; {advice}", store_name(&start.settings.store.url));
                return Err(ConfigError::Usage(reason).into());
            }
            _ => {
                let First { snapshot, pending } = opened?;
                let snapshot = Arc::new(snapshot);
                pending.iter().for_each(PendingChange::log);
                let slow = put_deadline.is_none().then(|| Instant::now() + STORE_PATIENCE);
                let store_deadline = slow.unwrap_or(deadline);
                return Ok(Opened { catalog, snapshot, pending, store_deadline });
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

/// The metrics.
pub(crate) fn metrics(settings: &Settings) -> Result<Metrics, prometheus::Error> {
    let MetricsSettings { campaigns, flights, delivery_flights, delivery_placements } =
        settings.metrics;
    Metrics::new(SeriesLimits { campaigns, flights, delivery_flights, delivery_placements })
}
