//! Applying a new inventory, weights or labels: check, store as a version, compile, serve.

use crate::catalog::change::{ExpectedVersion, HeadUpdate};
use crate::catalog::difference::Difference;
use crate::catalog::edit::EditError;
use crate::catalog::image::ImageFile;
use crate::catalog::{AuditContext, Head, check, difference, pause};
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use crate::publishing::error::ApplyError;
use crate::publishing::follow::IMAGES_PER_SYNC;
use crate::publishing::{Publishing, currency};

/// A requested change of the catalog; absent parts stay as they are.
#[derive(Clone, Debug, Default)]
pub struct CatalogUpdate {
    /// The complete new inventory.
    pub inventory: Option<Inventory>,
    /// The new weights.
    pub weights: Option<Weights>,
    /// The new label table.
    pub labels: Option<LabelTable>,
    /// Images that the inventory refers to and that may not be stored yet.
    pub images: Vec<ImageFile>,
    /// Confirms weights that change by more than half.
    pub force: bool,
    /// Skips the checks. For pausing, which must not fail because an older inventory violates a newer
    /// check.
    pub unchecked: bool,
}

/// The outcome of an applied change.
#[derive(Clone, Debug, serde::Serialize, schemars::JsonSchema)]
pub struct AppliedChange {
    /// The catalog's head after the change.
    pub(crate) head: Head,
    /// Differences from the previous version; may be empty.
    pub(crate) difference: Difference,
}

impl Publishing {
    /// Checks, stores and serves a change, atomically. `expected` is the version that the caller has
    /// seen. Whatever an operator paused stays paused.
    pub async fn apply(
        &self,
        wanted: CatalogUpdate,
        expected: ExpectedVersion<'_>,
        by: &AuditContext,
    ) -> Result<AppliedChange, ApplyError> {
        let _one_at_a_time = self.catalog_lock.lock().await;
        self.catch_up_locked(usize::MAX).await?;
        let mut wanted = wanted;
        if let Some(inventory) = &mut wanted.inventory {
            let directory = self.parts.world.directory();
            let served = &directory.live().snapshot().inventory;
            pause::carry(served, directory.archive(), inventory);
        }
        self.apply_locked(wanted, expected, by).await
    }

    /// Edits the current inventory atomically: no other change happens in between.
    pub(crate) async fn edit(
        &self,
        change: impl FnOnce(&Inventory) -> Result<Inventory, EditError>,
        expected: ExpectedVersion<'_>,
        unchecked: bool,
        by: &AuditContext,
    ) -> Result<AppliedChange, ApplyError> {
        let _one_at_a_time = self.catalog_lock.lock().await;
        self.catch_up_locked(IMAGES_PER_SYNC).await?;
        if let Some((key, body)) = &by.request
            && let Some(entry) = self.parts.catalog.audited(key, body)?
        {
            return Ok(AppliedChange {
                head: Head::from(&entry),
                difference: Difference::default(),
            });
        }
        let inventory = change(&self.parts.world.live().snapshot().inventory)?;
        let wanted =
            CatalogUpdate { inventory: Some(inventory), unchecked, ..CatalogUpdate::default() };
        self.apply_locked(wanted, expected, by).await
    }

    async fn apply_locked(
        &self,
        wanted: CatalogUpdate,
        expected: ExpectedVersion<'_>,
        by: &AuditContext,
    ) -> Result<AppliedChange, ApplyError> {
        let live = self.parts.world.live();
        let now = live.snapshot();
        let old_weights = self.parts.catalog.weights(&now.weights_hash)?;
        let old_labels = self.parts.catalog.labels(&now.labels_hash)?;
        let new = wanted.inventory.map(|mut inventory| {
            inventory.sort();
            inventory
        });
        let inventory = new.as_ref().unwrap_or(&now.inventory);
        let labels = wanted.labels.as_ref().unwrap_or(&old_labels);
        if !wanted.unchecked {
            let mut findings = new.as_ref().map(check::inventory).unwrap_or_default();
            findings.extend(check::labels(inventory, labels));
            let settings = self.parts.settings.get();
            let commands = |new| check::commands(new, &settings.creatives.commands);
            findings.extend(new.iter().flat_map(commands));
            findings.extend(wanted.weights.iter().flat_map(check::weights));
            let weights = wanted.weights.as_ref().unwrap_or(&old_weights);
            if new.is_some() || wanted.weights.is_some() {
                let now_ms = self.parts.clock.now_ms();
                findings.extend(check::prices(inventory, weights, now_ms));
                for stale in check::stale_rates(inventory, weights, now_ms) {
                    tracing::warn!(reason = stale, "scores compare prices by an old exchange rate");
                }
            }
            if let Some(new) = &new {
                let stored = self.parts.catalog.images();
                findings.extend(stored.missing(new, &wanted.images));
            }
            if !findings.is_empty() {
                return Err(ApplyError::Invalid(findings));
            }
        }
        if let Some(new) = &new {
            let findings = currency::findings(&now.inventory, new, &self.parts.ledger);
            if !findings.is_empty() {
                return Err(ApplyError::Invalid(findings));
            }
        }
        let difference = difference::between(
            new.as_ref().map(|new| (&now.inventory, new)),
            wanted.weights.as_ref().map(|new| (&old_weights, new)),
            wanted.labels.as_ref().map(|new| (&old_labels, new)),
        );
        let moved = difference.dangerous_weights();
        if !wanted.force && !moved.is_empty() {
            let names: Vec<&str> = moved.into_iter().map(|(name, _)| name).collect();
            return Err(ApplyError::ConfirmationRequired(names.join(", ")));
        }
        let parts = HeadUpdate {
            inventory: new.as_ref(),
            weights: wanted.weights.as_ref(),
            labels: wanted.labels.as_ref(),
            images: &wanted.images,
        };
        let head = self.parts.sync.put(&self.parts.catalog, parts, expected, by).await?;
        // A missing image may have been supplied even if nothing else differs.
        if !difference.is_empty() || !live.bindings.images.missing().is_empty() {
            let inventory = new.unwrap_or_else(|| now.inventory.clone());
            let weights = wanted.weights.unwrap_or(old_weights);
            let labels = wanted.labels.unwrap_or(old_labels);
            let hash = head.hashes.inventory.clone().unwrap_or_default();
            self.serve_documents((inventory, weights, labels), hash, by.at).await?;
        }
        self.note_changes(&head);
        self.log_change(by, &head, &difference);
        Ok(AppliedChange { head, difference })
    }
}
