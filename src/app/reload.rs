//! Changed files: read, checked, served. What is not valid changes nothing, is counted and said.

use crate::app::Options;
use crate::app::open;
use crate::catalog::By;
use crate::catalog::change::Expected;
use crate::catalog::files;
use crate::catalog::files::Loaded;
use crate::config::ConfigError;
use crate::config::Settings;
use crate::config::load;
use crate::config::settings::Activation;
use crate::http::Face;
use crate::server::apply::ApplyError;
use crate::server::apply::Wanted;
use actix_web::web::Data;
use std::sync::Arc;

/// Who changes things by saving a file.
const WHO: &str = "file";

/// What a file is to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The folder of the inventory.
    Inventory,
    /// The weights.
    Weights,
    /// The labels.
    Labels,
    /// The settings.
    Config,
    /// The networks of datacenters.
    Datacenters,
}

impl What {
    /// Everything that can be reloaded.
    pub const ALL: [What; 5] =
        [What::Config, What::Datacenters, What::Labels, What::Weights, What::Inventory];

    /// As a label.
    pub const fn as_str(self) -> &'static str {
        match self {
            What::Inventory => "inventory",
            What::Weights => "weights",
            What::Labels => "labels",
            What::Config => "config",
            What::Datacenters => "datacenters",
        }
    }
}

/// Reloads one thing and counts it.
pub async fn reload(face: &Data<Face>, options: &Options, what: What) {
    let result = match what {
        What::Inventory => inventory(face, options).await,
        What::Weights => weights(face, options).await,
        What::Labels => labels(face).await,
        What::Config => config(face, options),
        What::Datacenters => datacenters(face),
    };
    match result {
        Ok(Some(said)) => {
            face.server.metrics.reloaded(what.as_str(), true);
            tracing::info!("{} reloaded: {said}", what.as_str());
        }
        Ok(None) => {}
        Err(error) => {
            face.server.metrics.reloaded(what.as_str(), false);
            tracing::warn!("{} not reloaded, the version before stays: {error:#}", what.as_str());
        }
    }
}

async fn inventory(face: &Data<Face>, options: &Options) -> anyhow::Result<Option<String>> {
    let Some(path) = &options.inventory else { return Ok(None) };
    let texts = files::read(path).map_err(ConfigError::from)?;
    let stored = face.server.catalog.pictures();
    let loaded = files::load(&texts, Some(stored)).map_err(ConfigError::from)?;
    let Loaded { inventory, pictures } = loaded;
    apply(face, Wanted { inventory: Some(inventory), pictures, ..Wanted::default() }).await
}

async fn weights(face: &Data<Face>, options: &Options) -> anyhow::Result<Option<String>> {
    let weights = open::weights(options)?;
    if face.server.settings().weights.activation == Activation::Command {
        return Ok(Some("the draft is valid; it becomes active by command".into()));
    }
    // Whoever saves a file means it: a large step is served, and said.
    apply(face, Wanted { weights: Some(weights), force: true, ..Wanted::default() }).await
}

async fn labels(face: &Data<Face>) -> anyhow::Result<Option<String>> {
    let labels = open::labels(&face.server.live().snapshot().inventory)?;
    apply(face, Wanted { labels: Some(labels), ..Wanted::default() }).await
}

async fn apply(face: &Data<Face>, wanted: Wanted) -> anyhow::Result<Option<String>> {
    let by = By {
        who: WHO.into(),
        what: "a file changed".into(),
        at: face.server.clock.now(),
        request: None,
    };
    let applied = match face.server.apply(wanted, Expected::Anything, &by).await {
        Ok(applied) => applied,
        Err(ApplyError::Invalid(findings)) => {
            let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
            anyhow::bail!("{}", said.join("; "));
        }
        Err(error) => return Err(error.into()),
    };
    let moved = applied.difference.dangerous_weights();
    if !moved.is_empty() {
        let names: Vec<&str> = moved.into_iter().map(|(name, _)| name).collect();
        tracing::warn!("moved by more than half at once: {}", names.join(", "));
    }
    let changed = !applied.difference.is_empty();
    Ok(changed.then(|| applied.difference.to_string().trim_end().to_owned()))
}

fn datacenters(face: &Data<Face>) -> anyhow::Result<Option<String>> {
    let settings = face.server.settings();
    if settings.traffic.datacenters.is_none() {
        return Ok(None);
    }
    let networks = open::datacenters(&settings)?;
    let said = format!("{} networks", networks.len());
    face.server.datacenters.store(Arc::new(networks));
    Ok(Some(said))
}

/// Settings that can change while serving are taken over; the others wait for a restart.
fn config(face: &Data<Face>, options: &Options) -> anyhow::Result<Option<String>> {
    let read = load::settings(options.config.as_deref(), load::environment())?;
    let now = face.server.settings();
    let mut hot: Settings = Settings::clone(&now);
    hot.weights = read.weights.clone();
    hot.request = read.request;
    hot.review = read.review;
    hot.snapshot = read.snapshot;
    hot.store.keep_days = read.store.keep_days;
    hot.store.log_hours = read.store.log_hours;
    hot.store.house_only_below_percent = read.store.house_only_below_percent;
    hot.store.house_only_below_mib = read.store.house_only_below_mib;
    hot.adapters = read.adapters.clone();
    hot.server.trusted_proxies = read.server.trusted_proxies.clone();
    hot.server.country_header = read.server.country_header.clone();
    hot.server.drain_delay_ms = read.server.drain_delay_ms;
    if hot == **now {
        return Ok((read != hot).then(|| "what changed needs a restart".into()));
    }
    // The command line's overrides of addresses and data stay what they are.
    let rest = Settings { server: hot.server.clone(), store: hot.store.clone(), ..read.clone() };
    let waits = rest != hot;
    face.server.take_settings(hot);
    let said = if waits { "taken over; some of it needs a restart" } else { "taken over" };
    Ok(Some(said.into()))
}
