//! A new inventory, weights or labels: kept as a version, compiled, served.

use crate::catalog::By;
use crate::catalog::CatalogError;
use crate::catalog::check;
use crate::catalog::check::Finding;
use crate::catalog::difference;
use crate::catalog::difference::Difference;
use crate::domain::inventory::Inventory;
use crate::domain::weights::Weights;
use crate::journal::JournalError;
use crate::selection::compile::compile;
use crate::selection::snapshot::Snapshot;
use crate::server::Server;
use std::sync::Arc;

/// Why a change was not applied; nothing changed then.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The documents contradict themselves or each other.
    #[error("{} problems", .0.len())]
    Invalid(Vec<Finding>),
    /// Weights that move by more than half need `force`.
    #[error("moves {0}: more than half at once needs `force`")]
    Dangerous(String),
    /// The catalog did not take it.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Budgets could not be recorded.
    #[error("budgets cannot be recorded: {0}")]
    Journal(#[from] JournalError),
}

impl Server {
    /// Keeps and serves an inventory. Says what changed; `None` when nothing did.
    pub async fn apply_inventory(
        self: &Arc<Self>,
        mut inventory: Inventory,
        expected: Option<&str>,
        by: &By,
    ) -> Result<Option<Difference>, ApplyError> {
        inventory.sort();
        let live = self.live();
        let labels = self.catalog.labels(&live.snapshot().labels_hash)?;
        let weights = self.catalog.weights(&live.snapshot().weights_hash)?;
        let mut findings = check::inventory(&inventory);
        findings.extend(check::labels(&inventory, &labels));
        if !findings.is_empty() {
            return Err(ApplyError::Invalid(findings));
        }
        let before = &live.snapshot().inventory;
        let changed = difference::between(Some((before, &inventory)), None, None);
        let head = self.catalog.put_inventory(&inventory, expected, by)?;
        if head.hashes.inventory.as_deref() == Some(&live.snapshot().inventory_hash) {
            return Ok(None);
        }
        let snapshot = compiled(move || compile(inventory, &weights, &labels)).await;
        self.serve(snapshot).await?;
        self.note_lag(by);
        Ok(Some(changed))
    }

    /// Keeps and serves weights. A change of more than half of any needs `force`.
    pub async fn apply_weights(
        self: &Arc<Self>,
        weights: Weights,
        expected: Option<&str>,
        force: bool,
        by: &By,
    ) -> Result<Option<Difference>, ApplyError> {
        let live = self.live();
        let before = self.catalog.weights(&live.snapshot().weights_hash)?;
        let changed = difference::between(None, Some((&before, &weights)), None);
        let moved: Vec<String> =
            changed.dangerous_weights().iter().map(|(name, _)| (*name).to_owned()).collect();
        if !force && !moved.is_empty() {
            return Err(ApplyError::Dangerous(moved.join(", ")));
        }
        let labels = self.catalog.labels(&live.snapshot().labels_hash)?;
        self.catalog.put_weights(&weights, expected, by)?;
        if changed.is_empty() {
            return Ok(None);
        }
        let inventory = live.snapshot().inventory.clone();
        let snapshot = compiled(move || compile(inventory, &weights, &labels)).await;
        self.serve(snapshot).await?;
        self.note_lag(by);
        Ok(Some(changed))
    }

    fn note_lag(&self, by: &By) {
        let lag_ms = self.clock.now_ms() - by.at.as_millisecond();
        self.metrics.snapshot_lag.set(lag_ms as f64 / 1_000.0);
    }
}

/// Compiles away from the workers.
async fn compiled(work: impl FnOnce() -> Snapshot + Send + 'static) -> Arc<Snapshot> {
    let done = tokio::task::spawn_blocking(work).await;
    Arc::new(done.unwrap_or_else(|broken| std::panic::resume_unwind(broken.into_panic())))
}
