//! What a server serves first: its catalog, and the files that it was started with, as far as these may be applied
//! without confirmation.

use crate::app::options::Options;
use crate::catalog::change::{ExpectedVersion, HeadUpdate};
use crate::catalog::check::Finding;
use crate::catalog::detail::{Detail, FileVersion};
use crate::catalog::files::Loaded;
use crate::catalog::guard::{Compared, PredictEffect};
use crate::catalog::origin::Standing;
use crate::catalog::{AuditContext, Catalog, check, difference, files, guard, origin, pause};
use crate::clock::Clock;
use crate::cluster::CatalogSync;
use crate::config::settings::Activation;
use crate::config::{ConfigError, Settings};
use crate::domain::inventory::Inventory;
use crate::domain::weights::Weights;
use crate::ledger::Ledger;
use crate::publishing::currency;
use crate::publishing::file::standing;
use crate::publishing::pending::PendingChange;
use crate::publishing::source;
use crate::publishing::source::SourceFile;
use crate::selection::compile::compile_stored;
use crate::selection::snapshot::Snapshot;

/// What a start needs.
#[derive(Clone, Copy)]
pub(crate) struct Start<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) options: &'a Options,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) sync: &'a dyn CatalogSync,
    pub(crate) ledger: &'a Ledger,
    /// Predicts what the files do, for the guard.
    pub(crate) effect: &'a dyn PredictEffect,
}

/// What is served first.
pub(crate) struct First {
    pub(crate) snapshot: Snapshot,
    /// Changes of files that wait for confirmation.
    pub(crate) pending: Vec<PendingChange>,
}

/// The served documents that a file is compared with.
struct Served<'a> {
    inventory: &'a Inventory,
    weights: &'a Weights,
    weights_hash: &'a str,
}

impl Start<'_> {
    /// Applies the files and compiles what is served. The catalog is up to date with that of other instances.
    pub(crate) async fn first(&self, catalog: &Catalog) -> anyhow::Result<First> {
        let mut pending = Vec::new();
        // Weights first: the prices of an inventory are checked against them.
        let hashes = catalog.head()?.map(|head| head.hashes).unwrap_or_default();
        let stored = hashes.inventory.as_deref().map(|hash| catalog.inventory(hash)).transpose()?;
        let (weights, file) = self.weights(catalog, stored.as_ref(), &mut pending)?;
        let inventory = self.inventory(catalog, stored, &weights, &mut pending).await?;
        if let Some(file) = file {
            let detail = Detail { files: vec![file], ..Detail::default() };
            let parts = HeadUpdate {
                weights: Some(&weights),
                detail: Some(&detail),
                ..HeadUpdate::default()
            };
            self.put(catalog, parts, "weights file").await?;
        }
        let now_ms = self.clock.now_ms();
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
        let labels = source::labels(&inventory)?;
        let findings = check::labels(&inventory, &labels);
        if let Some(finding) = findings.first() {
            return Err(ConfigError::Usage(format!(
                "labels: {} `{}` {}",
                finding.list, finding.id, finding.reason
            ))
            .into());
        }
        let parts = HeadUpdate { labels: Some(&labels), ..HeadUpdate::default() };
        self.put(catalog, parts, "labels file").await?;
        let hash = catalog.head()?.and_then(|head| head.hashes.inventory).unwrap_or_default();
        let snapshot = compile_stored(inventory, hash, &weights, &labels);
        Ok(First { snapshot, pending })
    }

    /// The weights to serve, and the file that they are from if it is to be applied.
    fn weights(
        &self,
        catalog: &Catalog,
        inventory: Option<&Inventory>,
        pending: &mut Vec<PendingChange>,
    ) -> anyhow::Result<(Weights, Option<FileVersion>)> {
        let hashes = catalog.head()?.map(|head| head.hashes).unwrap_or_default();
        let served = hashes.weights.as_deref().map(|hash| catalog.weights(hash)).transpose()?;
        if let (Activation::Command, Some(served)) = (self.settings.weights.activation, &served) {
            return Ok((served.clone(), None));
        }
        let file = SourceFile::weights(self.options.weights.as_deref())?;
        if let (Some(weights), Some(weights_hash)) = (&served, &hashes.weights) {
            let none = Inventory::default();
            let inventory = inventory.unwrap_or(&none);
            let served = Served { inventory, weights, weights_hash };
            if let Some(waits) = self.judge(catalog, &file, &served)? {
                pending.extend(waits);
                return Ok((weights.clone(), None));
            }
        }
        Ok((file.weights.unwrap_or_default(), Some(file.version)))
    }

    /// The inventory to serve: that of the command line, else the `stored` one, else the example.
    async fn inventory(
        &self,
        catalog: &Catalog,
        mut stored: Option<Inventory>,
        weights: &Weights,
        pending: &mut Vec<PendingChange>,
    ) -> anyhow::Result<Inventory> {
        let Some(path) = &self.options.inventory else {
            return match stored {
                Some(stored) => Ok(stored),
                None => {
                    let Loaded { inventory, images } = files::example_with_images();
                    let parts = HeadUpdate {
                        inventory: Some(&inventory),
                        images: &images,
                        ..HeadUpdate::default()
                    };
                    self.put(catalog, parts, origin::EXAMPLE).await?;
                    Ok(inventory)
                }
            };
        };
        let commands = &self.settings.creatives.commands;
        let mut file = SourceFile::inventory(path, catalog.images(), commands)?;
        // The same content, with what is paused.
        let same = stored.take_if(|stored| pause::content_hash(stored) == file.version.hash);
        let is_served = same.is_some();
        if let Some(inventory) = stored.take() {
            let weights_hash = catalog.head()?.and_then(|head| head.hashes.weights);
            let weights_hash = &weights_hash.unwrap_or_default();
            let served = Served { inventory: &inventory, weights, weights_hash };
            if let Some(waits) = self.judge(catalog, &file, &served)? {
                pending.extend(waits);
                return Ok(inventory);
            }
            stored = Some(inventory);
        }
        let mut inventory = same.or(file.inventory.take()).unwrap_or_default();
        let mut findings = check::prices(&inventory, weights, self.clock.now_ms());
        if let Some(stored) = &stored {
            pause::carry(stored, &catalog.saved_archive(), &mut inventory);
            findings.extend(currency::findings(stored, &inventory, self.ledger));
        }
        refuse(&findings)?;
        let compared = stored.as_ref().map(|stored| (stored, &inventory));
        if is_served || compared.is_some() {
            let changes = difference::between(compared, None, None).to_string();
            tracing::info!(changes = changes.trim_end(), "inventory from the command line");
        }
        let detail = Detail { files: vec![file.version], ..Detail::default() };
        let parts = HeadUpdate {
            inventory: Some(&inventory),
            images: &file.images,
            detail: Some(&detail),
            ..HeadUpdate::default()
        };
        self.put(catalog, parts, "inventory from the command line").await?;
        Ok(inventory)
    }

    /// Whether a file must wait: `None` if it may be applied, else what waits; nothing of what is compiled in.
    fn judge(
        &self,
        catalog: &Catalog,
        file: &SourceFile,
        served: &Served<'_>,
    ) -> anyhow::Result<Option<Option<PendingChange>>> {
        let judged = standing(catalog, &file.version, served.inventory, served.weights_hash)?;
        if matches!(judged, Standing::Served | Standing::OverExample) {
            return Ok(None);
        }
        let inventory = file.inventory.clone().map(|mut new| {
            pause::carry(served.inventory, &catalog.saved_archive(), &mut new);
            new.sort();
            new
        });
        let changes = difference::between(
            inventory.as_ref().map(|new| (served.inventory, new)),
            file.weights.as_ref().map(|new| (served.weights, new)),
            None,
        );
        let (version, now) = (file.version.clone(), self.clock.now());
        if let Standing::Behind(by) = &judged {
            return Ok(Some(PendingChange::behind(version, now, by.as_deref(), changes)));
        }
        let weights = file.weights.as_ref().unwrap_or(served.weights);
        let proposed = inventory.as_ref().unwrap_or(served.inventory);
        let effect = self.effect.effect(proposed, weights, &source::labels(proposed)?);
        let compared = Compared {
            inventory: inventory.as_ref().map(|new| (served.inventory, new)),
            weights: Some(weights),
        };
        let limits = &self.settings.guard;
        let concerns = guard::concerns(&changes, compared, effect.as_ref(), limits);
        if concerns.is_empty() {
            return Ok(None);
        }
        Ok(Some(Some(PendingChange::guarded(version, now, concerns, changes))))
    }

    async fn put(
        &self,
        catalog: &Catalog,
        parts: HeadUpdate<'_>,
        what: &str,
    ) -> anyhow::Result<()> {
        let by = AuditContext {
            who: origin::START.into(),
            what: what.into(),
            at: self.clock.now(),
            request: None,
        };
        self.sync.put(catalog, parts, ExpectedVersion::Any, &by).await?;
        Ok(())
    }
}

/// Fails with all findings, if there are any.
fn refuse(findings: &[Finding]) -> Result<(), ConfigError> {
    if findings.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    Err(ConfigError::Usage(lines.join("\n")))
}
