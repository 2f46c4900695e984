//! Following the catalog: an instance applies and serves the changes of the others.

use crate::publishing::Publishing;
use crate::publishing::error::ApplyError;

/// Maximum images to replicate between two catalog syncs, so that a pause does not wait for a large
/// image library.
pub(super) const IMAGES_PER_SYNC: usize = 32;

impl Publishing {
    /// Applies and serves changes of other instances since the last call.
    pub(crate) async fn catch_up(&self) -> Result<(), ApplyError> {
        let _one_at_a_time = self.catalog_lock.lock().await;
        self.catch_up_locked(IMAGES_PER_SYNC).await
    }

    /// The same for a caller that has the lock; replicates at most `most` images.
    pub(super) async fn catch_up_locked(&self, most: usize) -> Result<(), ApplyError> {
        self.sync_locked().await?;
        self.replicate_images_locked(most).await
    }

    async fn sync_locked(&self) -> Result<(), ApplyError> {
        let moved = self.parts.sync.pull(&self.parts.catalog).await?;
        let now_ms = self.parts.clock.now_ms();
        self.parts.world.note_catalog_reached(now_ms);
        self.follow_versions();
        if !moved {
            return Ok(());
        }
        let Some(head) = self.parts.catalog.head()? else { return Ok(()) };
        let hash = |hash: &Option<String>| hash.clone().unwrap_or_default();
        let inventory_hash = hash(&head.hashes.inventory);
        let inventory = self.parts.catalog.inventory(&inventory_hash)?;
        let weights = self.parts.catalog.weights(&hash(&head.hashes.weights))?;
        let labels = self.parts.catalog.labels(&hash(&head.hashes.labels))?;
        let documents = (inventory, weights, labels);
        let lag_ms = self
            .serve_documents(documents, inventory_hash, (head.at, head.hashes.canary()))
            .await?;
        self.note_changes(&head);
        self.clear_served();
        tracing::info!(
            number = head.number,
            who = head.who,
            lag_ms,
            "serving a catalog change of another instance"
        );
        Ok(())
    }
}
