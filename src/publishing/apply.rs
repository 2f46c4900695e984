//! Applying a new inventory, weights or labels: check, store as a version, compile, serve.

use crate::blocking::run_blocking;
use crate::catalog::change::{CanaryChange, ExpectedVersion, HeadUpdate};
use crate::catalog::detail::{ChangeKind, Detail, PauseDetail};
use crate::catalog::difference::Difference;
use crate::catalog::edit::EditError;
use crate::catalog::effect::Effect;
use crate::catalog::guard::Compared;
use crate::catalog::image::ImageFile;
use crate::catalog::{AuditContext, Head, check, difference, guard, pause};
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
    /// Confirms what the guard would stop.
    pub confirm: bool,
    /// Skips the checks. For pausing, which must not fail because an older inventory violates a newer
    /// check.
    pub unchecked: bool,
    /// What the audit log says about it.
    pub detail: Detail,
}

/// How one document is edited.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    /// As content: checked, and guarded unless it is confirmed. Pauses stay.
    Content {
        /// Confirms what the guard would stop.
        confirm: bool,
    },
    /// As a pause or resumption, which nothing delays; with what it is about.
    Pause(Option<PauseDetail>),
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
        // Before the lock: a pause does not wait for a prediction.
        let (mut wanted, effect) = self.predicted(wanted).await;
        let _one_at_a_time = self.catalog_lock.lock().await;
        self.catch_up_locked(usize::MAX).await?;
        self.carry_pauses(&mut wanted);
        self.apply_locked(wanted, expected, by, effect).await
    }

    /// Edits the current inventory atomically: no other change happens in between. `change` may be called twice.
    pub(crate) async fn edit(
        &self,
        change: impl Fn(&Inventory) -> Result<Inventory, EditError>,
        expected: ExpectedVersion<'_>,
        how: Edit,
        by: &AuditContext,
    ) -> Result<AppliedChange, ApplyError> {
        let effect = match how {
            Edit::Content { confirm: false } => {
                let inventory = change(&self.parts.world.live().snapshot().inventory).ok();
                self.predicted(CatalogUpdate { inventory, ..CatalogUpdate::default() }).await.1
            }
            _ => None,
        };
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
        let inventory = Some(change(&self.parts.world.live().snapshot().inventory)?);
        let wanted = match how {
            Edit::Content { confirm } => {
                let mut wanted = CatalogUpdate { inventory, confirm, ..CatalogUpdate::default() };
                self.carry_pauses(&mut wanted);
                wanted
            }
            Edit::Pause(pause) => {
                let detail = Detail { pause, ..Detail::of(ChangeKind::Pause) };
                CatalogUpdate { inventory, unchecked: true, detail, ..CatalogUpdate::default() }
            }
        };
        self.apply_locked(wanted, expected, by, effect).await
    }

    /// Gives a new inventory the present pauses.
    pub(super) fn carry_pauses(&self, wanted: &mut CatalogUpdate) {
        if let Some(inventory) = &mut wanted.inventory {
            let directory = self.parts.world.directory();
            let served = &directory.live().snapshot().inventory;
            pause::carry(served, directory.archive(), inventory);
        }
    }

    /// Predicts the effect of a change that the guard will judge.
    async fn predicted(&self, wanted: CatalogUpdate) -> (CatalogUpdate, Option<Effect>) {
        let is_judged = wanted.inventory.is_some() || wanted.weights.is_some();
        if wanted.confirm || wanted.unchecked || !is_judged {
            return (wanted, None);
        }
        let (effect, catalog) = (self.parts.effect.clone(), self.parts.catalog.clone());
        let directory = self.parts.world.directory();
        let predict = move || {
            let mut wanted = wanted;
            let served = directory.live().snapshot();
            if let Some(inventory) = &mut wanted.inventory {
                pause::carry(&served.inventory, directory.archive(), inventory);
                inventory.sort();
            }
            let weights = match &wanted.weights {
                Some(weights) => Ok(weights.clone()),
                None => catalog.weights(&served.weights_hash),
            };
            let labels = match &wanted.labels {
                Some(labels) => Ok(labels.clone()),
                None => catalog.labels(&served.labels_hash),
            };
            let inventory = wanted.inventory.as_ref().unwrap_or(&served.inventory);
            let predicted = match (weights, labels) {
                (Ok(weights), Ok(labels)) => effect.effect(inventory, &weights, &labels),
                _ => None,
            };
            (wanted, predicted)
        };
        run_blocking(predict).await
    }

    /// The same for a caller that has the lock, with the predicted effect.
    pub(super) async fn apply_locked(
        &self,
        wanted: CatalogUpdate,
        expected: ExpectedVersion<'_>,
        by: &AuditContext,
        effect: Option<Effect>,
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
        let settings = self.parts.settings.get();
        if !wanted.unchecked {
            let mut findings = new.as_ref().map(check::inventory).unwrap_or_default();
            findings.extend(check::labels(inventory, labels));
            let table = wanted.labels.iter();
            findings.extend(table.flat_map(|table| check::label_table(inventory, table)));
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
        if !wanted.confirm && !wanted.unchecked {
            let compared = Compared {
                inventory: new.as_ref().map(|new| (&now.inventory, new)),
                weights: Some(wanted.weights.as_ref().unwrap_or(&old_weights)),
            };
            let limits = &settings.guard;
            let concerns = guard::concerns(&difference, compared, effect.as_ref(), limits);
            if !concerns.is_empty() {
                return Err(ApplyError::ConfirmationRequired(concerns));
            }
        }
        let parts = HeadUpdate {
            inventory: new.as_ref(),
            weights: wanted.weights.as_ref(),
            labels: wanted.labels.as_ref(),
            canary: CanaryChange::Keep,
            images: &wanted.images,
            detail: Some(&wanted.detail),
        };
        let head = self.parts.sync.put(&self.parts.catalog, parts, expected, by).await?;
        // A missing image may have been supplied even if nothing else differs.
        if !difference.is_empty() || !live.bindings.images.missing().is_empty() {
            let inventory = new.unwrap_or_else(|| now.inventory.clone());
            let weights = wanted.weights.unwrap_or(old_weights);
            let labels = wanted.labels.unwrap_or(old_labels);
            let hash = head.hashes.inventory.clone().unwrap_or_default();
            let canary = head.hashes.canary();
            self.serve_documents((inventory, weights, labels), hash, (by.at, canary)).await?;
        }
        self.note_changes(&head);
        self.log_change(by, &head, &difference);
        self.pending.clear_files(&wanted.detail.files);
        self.clear_served();
        Ok(AppliedChange { head, difference })
    }
}
