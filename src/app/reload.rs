//! Reloads changed files. An invalid file changes nothing, is counted and logged.

use crate::app::open;
use crate::app::options::Options;
use crate::app::services::Services;
use crate::catalog::change::ExpectedVersion;
use crate::catalog::difference::Difference;
use crate::catalog::{AuditContext, origin};
use crate::config::settings::Activation;
use crate::config::{Settings, changed_keys, load};
use crate::http::AppState;
use crate::metrics::ReloadResult;
use crate::publishing::Publishing;
use crate::publishing::apply::CatalogUpdate;
use crate::publishing::error::ApplyError;
use crate::publishing::file::FileOutcome;
use crate::publishing::pending::PendingChange;
use crate::publishing::source;
use crate::publishing::source::SourceFile;
use crate::publishing::weights_versions::WeightsView;
use std::sync::Arc;

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
        ReloadTarget::Config => config(app, options).map(Outcome::from),
        ReloadTarget::Datacenters => datacenters(app).map(Outcome::from),
    };
    match result {
        Ok(Outcome::Applied(summary)) => {
            app.metrics.count_reload(what.as_str(), ReloadResult::Applied);
            tracing::info!(file = what.as_str(), changes = summary, "file reloaded");
        }
        Ok(Outcome::Pending(change)) => {
            app.metrics.count_reload(what.as_str(), ReloadResult::Pending);
            change.log();
        }
        Ok(Outcome::Same) => {}
        Err(error) => {
            app.metrics.count_reload(what.as_str(), ReloadResult::Refused);
            tracing::warn!(
                file = what.as_str(),
                error = format!("{error:#}"),
                "invalid file not reloaded; keeping the previous version"
            );
        }
    }
}

/// What became of a file.
enum Outcome {
    /// It is in effect; a summary of what changed.
    Applied(String),
    /// It waits for confirmation.
    Pending(Box<PendingChange>),
    /// Nothing changed.
    Same,
}

impl From<Option<String>> for Outcome {
    fn from(summary: Option<String>) -> Outcome {
        summary.map_or(Outcome::Same, Outcome::Applied)
    }
}

async fn inventory(
    app: &AppState,
    publishing: &Publishing,
    options: &Options,
) -> anyhow::Result<Outcome> {
    let Some(path) = options.inventory.clone() else { return Ok(Outcome::Same) };
    let commands = app.settings.get().creatives.commands.clone();
    let file = SourceFile::inventory(&path, publishing.images(), &commands)?;
    apply_file(app, publishing, file).await
}

async fn weights(
    app: &AppState,
    publishing: &Publishing,
    options: &Options,
) -> anyhow::Result<Outcome> {
    let file = SourceFile::weights(options.weights.as_deref())?;
    if app.settings.get().weights.activation == Activation::Command {
        let draft = publishing.draft_file(file, &saved(app)).await.map_err(in_words)?;
        let said = |view: WeightsView| {
            let name = view.id();
            format!("draft `{name}` is checked; serve it with `adjacent weights activate {name}`")
        };
        return Ok(Outcome::from(draft.map(said)));
    }
    apply_file(app, publishing, file).await
}

async fn apply_file(
    app: &AppState,
    publishing: &Publishing,
    file: SourceFile,
) -> anyhow::Result<Outcome> {
    match publishing.apply_file(file, false, &saved(app)).await {
        Ok(FileOutcome::Served(difference)) => Ok(Outcome::from(summary(&difference))),
        Ok(FileOutcome::Pending(change)) => Ok(Outcome::Pending(Box::new(change))),
        Ok(FileOutcome::Same) => Ok(Outcome::Same),
        Err(error) => Err(in_words(error)),
    }
}

async fn labels(app: &AppState, services: &Services) -> anyhow::Result<Outcome> {
    let labels = source::labels(&services.world.live().snapshot().inventory)?;
    let wanted = CatalogUpdate { labels: Some(labels), ..CatalogUpdate::default() };
    let applied = services.publishing.apply(wanted, ExpectedVersion::Any, &saved(app)).await;
    Ok(Outcome::from(summary(&applied.map_err(in_words)?.difference)))
}

/// Who saved a file, for the audit log.
fn saved(app: &AppState) -> AuditContext {
    let (who, what) = (origin::SAVED.into(), "file changed".into());
    AuditContext { who, what, at: app.clock.now(), request: None }
}

fn summary(difference: &Difference) -> Option<String> {
    (!difference.is_empty()).then(|| difference.to_string().trim_end().to_owned())
}

fn in_words(error: ApplyError) -> anyhow::Error {
    match error {
        ApplyError::Invalid(findings) => {
            let messages: Vec<String> = findings.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("{}", messages.join("; "))
        }
        other => other.into(),
    }
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
    hot.guard = read.guard;
    hot.canary = read.canary;
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
