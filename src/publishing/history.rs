//! The history of the catalog, and rolling back to an earlier change.

use crate::blocking::run_blocking;
use crate::catalog::audit::Entry;
use crate::catalog::change::ExpectedVersion;
use crate::catalog::detail::{ChangeKind, Detail};
use crate::catalog::difference::Difference;
use crate::catalog::pause_list::PauseRow;
use crate::catalog::{AuditContext, CatalogError, Head, pause_list};
use crate::domain::weights::Weights;
use crate::publishing::Publishing;
use crate::publishing::apply::{AppliedChange, CatalogUpdate};
use crate::publishing::error::ApplyError;

impl Publishing {
    /// The catalog's head; reads a file.
    pub fn head(&self) -> Result<Option<Head>, CatalogError> {
        self.parts.catalog.head()
    }

    /// All changes, oldest first; reads a file.
    pub fn history(&self) -> Result<Vec<Entry>, CatalogError> {
        let mut entries = self.parts.catalog.history()?;
        for entry in &mut entries {
            entry.detail.kind = Some(entry.kind());
        }
        Ok(entries)
    }

    /// Shows in the metrics which change is served, and who made those since the last call.
    pub(super) fn note_changes(&self, head: &Head) {
        let metrics = &self.parts.metrics;
        let shown = metrics.catalog_version();
        if head.number > shown + 1 {
            // Several changes of other instances at once; unreadable ones are not counted.
            let entries = self.parts.catalog.history().unwrap_or_default();
            let new =
                entries.iter().filter(|entry| (shown + 1..=head.number).contains(&entry.number));
            new.for_each(|entry| metrics.count_catalog_change(&entry.who));
        } else if head.number > shown {
            metrics.count_catalog_change(&head.who);
        }
        metrics.set_catalog_version(head.number);
    }

    /// The weights with this hash; reads a file.
    pub(crate) fn weights(&self, hash: &str) -> Result<Weights, CatalogError> {
        self.parts.catalog.weights(hash)
    }

    /// Applies the content of change `number` as a new change, else that before the last change of content. It was
    /// checked when it was new. What is paused stays as it is.
    pub(crate) async fn rollback(
        &self,
        number: Option<u64>,
        mut by: AuditContext,
    ) -> Result<AppliedChange, ApplyError> {
        let _one_at_a_time = self.catalog_lock.lock().await;
        self.catch_up_locked(usize::MAX).await?;
        if let Some((key, body)) = &by.request
            && let Some(entry) = self.parts.catalog.audited(key, body)?
        {
            let difference = Difference::default();
            return Ok(AppliedChange { head: Head::from(&entry), difference });
        }
        let catalog = self.parts.catalog.clone();
        let earlier = run_blocking(move || catalog.earlier(number)).await?;
        by.what = format!("roll back to number {}", earlier.number);
        let restores = Some(earlier.number);
        let mut wanted = CatalogUpdate {
            inventory: earlier.inventory,
            weights: earlier.weights,
            labels: earlier.labels,
            confirm: true,
            unchecked: true,
            detail: Detail { restores, ..Detail::of(ChangeKind::Rollback) },
            ..CatalogUpdate::default()
        };
        self.carry_pauses(&mut wanted);
        match self.apply_locked(wanted, ExpectedVersion::Any, &by, None).await {
            // Only what was billed can stand in its way.
            Err(ApplyError::Invalid(findings)) => {
                let reasons: Vec<String> = findings.iter().map(ToString::to_string).collect();
                Err(ApplyError::CannotRollBack(reasons.join("; ")))
            }
            done => done,
        }
    }

    /// What is paused, by whom, since when and why; reads the history.
    pub(crate) fn pauses(&self) -> Result<Vec<PauseRow>, CatalogError> {
        let entries = self.parts.catalog.history()?;
        Ok(pause_list::list(&self.parts.world.live().snapshot().inventory, &entries))
    }
}
