//! Reloads changed files. An invalid file changes nothing, is counted and logged.

use crate::app::open;
use crate::app::options::Options;
use crate::app::services::Services;
use crate::catalog::change::ExpectedVersion;
use crate::catalog::files::Loaded;
use crate::catalog::{AuditContext, files};
use crate::config::settings::Activation;
use crate::config::{ConfigError, Settings, changed_keys, load};
use crate::http::AppState;
use crate::publishing::Publishing;
use crate::publishing::apply::CatalogUpdate;
use crate::publishing::error::ApplyError;
use std::sync::Arc;

/// The actor in the audit log for file changes.
const ACTOR: &str = "file";

/// A reloadable file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReloadTarget {
    /// The inventory file or folder.
    Inventory,
    Weights,
    Labels,
    /// The settings.
    Config,
    /// The datacenter networks.
    Datacenters,
}

impl ReloadTarget {
    /// All reloadable files.
    pub(crate) const ALL: [ReloadTarget; 5] = [
        ReloadTarget::Config,
        ReloadTarget::Datacenters,
        ReloadTarget::Labels,
        ReloadTarget::Weights,
        ReloadTarget::Inventory,
    ];

    /// The metric label.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            ReloadTarget::Inventory => "inventory",
            ReloadTarget::Weights => "weights",
            ReloadTarget::Labels => "labels",
            ReloadTarget::Config => "config",
            ReloadTarget::Datacenters => "datacenters",
        }
    }
}

/// Reloads one file; counts and logs the result.
pub(crate) async fn reload(
    app: &AppState,
    services: &Services,
    options: &Options,
    what: ReloadTarget,
) {
    let result = match what {
        ReloadTarget::Inventory => inventory(app, &services.publishing, options).await,
        ReloadTarget::Weights => weights(app, &services.publishing, options).await,
        ReloadTarget::Labels => labels(app, services).await,
        ReloadTarget::Config => config(app, options),
        ReloadTarget::Datacenters => datacenters(app),
    };
    match result {
        Ok(Some(summary)) => {
            app.metrics.count_reload(what.as_str(), true);
            tracing::info!(file = what.as_str(), changes = summary, "file reloaded");
        }
        Ok(None) => {}
        Err(error) => {
            app.metrics.count_reload(what.as_str(), false);
            tracing::warn!(
                file = what.as_str(),
                error = format!("{error:#}"),
                "invalid file not reloaded; keeping the previous version"
            );
        }
    }
}

async fn inventory(
    app: &AppState,
    publishing: &Publishing,
    options: &Options,
) -> anyhow::Result<Option<String>> {
    let Some(path) = &options.inventory else { return Ok(None) };
    let texts = files::read(path).map_err(ConfigError::from)?;
    let stored = publishing.images();
    let settings = app.settings.get();
    let loaded = files::load(&texts, Some(stored), &settings.creatives.commands);
    let loaded = loaded.map_err(ConfigError::from)?;
    let Loaded { inventory, images } = loaded;
    let wanted = CatalogUpdate { inventory: Some(inventory), images, ..CatalogUpdate::default() };
    apply(app, publishing, wanted).await
}

async fn weights(
    app: &AppState,
    publishing: &Publishing,
    options: &Options,
) -> anyhow::Result<Option<String>> {
    let weights = open::weights(options)?;
    if app.settings.get().weights.activation == Activation::Command {
        return Ok(Some("draft is valid; activate it by command".into()));
    }
    // Saving the file confirms it: large changes are applied and logged.
    let wanted = CatalogUpdate { weights: Some(weights), force: true, ..CatalogUpdate::default() };
    apply(app, publishing, wanted).await
}

async fn labels(app: &AppState, services: &Services) -> anyhow::Result<Option<String>> {
    let labels = open::labels(&services.world.live().snapshot().inventory)?;
    let wanted = CatalogUpdate { labels: Some(labels), ..CatalogUpdate::default() };
    apply(app, &services.publishing, wanted).await
}

async fn apply(
    app: &AppState,
    publishing: &Publishing,
    wanted: CatalogUpdate,
) -> anyhow::Result<Option<String>> {
    let by = AuditContext {
        who: ACTOR.into(),
        what: "file changed".into(),
        at: app.clock.now(),
        request: None,
    };
    let applied = match publishing.apply(wanted, ExpectedVersion::Any, &by).await {
        Ok(applied) => applied,
        Err(ApplyError::Invalid(findings)) => {
            let messages: Vec<String> = findings.iter().map(ToString::to_string).collect();
            anyhow::bail!("{}", messages.join("; "));
        }
        Err(error) => return Err(error.into()),
    };
    let large_changes = applied.difference.dangerous_weights();
    if !large_changes.is_empty() {
        let names: Vec<&str> = large_changes.into_iter().map(|(name, _)| name).collect();
        tracing::warn!(weights = names.join(", "), "weights changed by more than half in one step");
    }
    let changed = !applied.difference.is_empty();
    Ok(changed.then(|| applied.difference.to_string().trim_end().to_owned()))
}

fn datacenters(app: &AppState) -> anyhow::Result<Option<String>> {
    let settings = app.settings.get();
    if settings.traffic.datacenters.is_none() {
        return Ok(None);
    }
    let networks = open::datacenters(&settings)?;
    let summary = format!("{} networks", networks.len());
    app.datacenters.store(Arc::new(networks));
    Ok(Some(summary))
}

/// Applies the settings that can change while serving; the others need a restart.
fn config(app: &AppState, options: &Options) -> anyhow::Result<Option<String>> {
    let mut read = load::settings(options.config.as_deref(), load::environment())?;
    options.overrides.apply(&mut read);
    let now = app.settings.get();
    let mut hot: Settings = Settings::clone(&now);
    hot.weights = read.weights.clone();
    hot.request = read.request;
    hot.review = read.review;
    hot.snapshot = read.snapshot;
    hot.store.keep_days = read.store.keep_days;
    hot.store.log_hours = read.store.log_hours;
    hot.store.low_disk_percent = read.store.low_disk_percent;
    hot.store.low_disk_mib = read.store.low_disk_mib;
    hot.creatives = read.creatives.clone();
    hot.adapters = read.adapters.clone();
    hot.limits.wrong_key_delay_ms = read.limits.wrong_key_delay_ms;
    hot.limits.connections_per_address = read.limits.connections_per_address;
    hot.server.hosts = read.server.hosts.clone();
    hot.server.security_contact = read.server.security_contact.clone();
    hot.server.seller_domain = read.server.seller_domain.clone();
    hot.server.trial = read.server.trial;
    hot.server.trusted_proxies = read.server.trusted_proxies.clone();
    hot.server.country_header = read.server.country_header.clone();
    hot.server.report_url = read.server.report_url.clone();
    hot.server.drain_delay_ms = read.server.drain_delay_ms;
    let (applied, waiting) = (changed_keys(&now, &hot), changed_keys(&hot, &read));
    let mut summary = Vec::new();
    if !applied.is_empty() {
        summary.push(format!("applied: {}", applied.join(", ")));
    }
    if !waiting.is_empty() {
        summary.push(format!("takes effect at the next start: {}", waiting.join(", ")));
    }
    if !applied.is_empty() || waiting != *app.settings.waiting() {
        app.settings.replace(hot, waiting);
    }
    Ok((!summary.is_empty()).then(|| summary.join("; ")))
}
