//! The history of the catalog, and rolling back to an earlier change.

use crate::catalog::audit::Entry;
use crate::catalog::change::ExpectedVersion;
use crate::catalog::{AuditContext, CatalogError, Head};
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
        self.parts.catalog.history()
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

    /// Applies inventory, weights and labels of change `number`, else of the change before the last, as
    /// a new change. They were checked when they were new.
    pub(crate) async fn rollback(
        &self,
        number: Option<u64>,
        mut by: AuditContext,
    ) -> Result<AppliedChange, ApplyError> {
        let catalog = &self.parts.catalog;
        let entries = catalog.history()?;
        let newest = entries.last().map_or(0, |entry| entry.number);
        let number = number.unwrap_or(newest.saturating_sub(1));
        let entry = entries.iter().find(|entry| entry.number == number);
        let hashes = &entry.ok_or(ApplyError::NoChange(number))?.after;
        let inventory = hashes.inventory.as_deref().map(|hash| catalog.inventory(hash));
        let weights = hashes.weights.as_deref().map(|hash| catalog.weights(hash));
        let labels = hashes.labels.as_deref().map(|hash| catalog.labels(hash));
        by.what = format!("roll back to number {number}");
        let wanted = CatalogUpdate {
            inventory: inventory.transpose()?,
            weights: weights.transpose()?,
            labels: labels.transpose()?,
            force: true,
            unchecked: true,
            ..CatalogUpdate::default()
        };
        self.apply(wanted, ExpectedVersion::Any, &by).await
    }
}
