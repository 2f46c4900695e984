//! Images: restored ones appear in units again, and every instance of a fleet receives them.

use crate::blocking::run_blocking;
use crate::catalog::image::ImageFile;
use crate::catalog::image_store::ImageStore;
use crate::publishing::Publishing;
use crate::publishing::error::ApplyError;
use crate::selection::snapshot::Snapshot;
use crate::world::images::ImageSet;
use std::sync::Arc;

impl Publishing {
    /// The stored images, to read.
    pub(crate) fn images(&self) -> &ImageStore {
        self.parts.catalog.images()
    }

    /// Stores an image that this instance received from `who`, and publishes it to units that already
    /// refer to it and to the other instances.
    pub(crate) async fn store_image(&self, image: ImageFile, who: &str) -> Result<(), ApplyError> {
        let (catalog, address) = (self.parts.catalog.clone(), image.address());
        run_blocking(move || catalog.put_image(&image)).await?;
        tracing::info!(image = %address, who, "image stored");
        let _one_at_a_time = self.catalog_lock.lock().await;
        if let Err(error) = self.parts.sync.share_image(&self.parts.catalog, address).await {
            // It is on disk: the next replication uploads it.
            tracing::warn!(image = %address, %error, "cannot upload an image; retrying later");
        }
        self.restore_images_locked().await
    }

    /// Serves images again that were missing or altered and are available now.
    pub(crate) async fn restore_images(&self) -> Result<(), ApplyError> {
        let _one_at_a_time = self.catalog_lock.lock().await;
        self.restore_images_locked().await
    }

    /// Replicates at most `most` images and restores missing ones; for a caller that has the lock.
    pub(super) async fn replicate_images_locked(&self, most: usize) -> Result<(), ApplyError> {
        if self.parts.sync.replicate_images(&self.parts.catalog, most).await? {
            self.restore_images_locked().await?;
        }
        Ok(())
    }

    /// The images of a snapshot; reads those that are not served yet.
    pub(super) async fn open_images(&self, snapshot: &Arc<Snapshot>) -> ImageSet {
        let (snapshot, live) = (snapshot.clone(), self.parts.world.live());
        let (stored, base) = (self.parts.catalog.images().clone(), self.parts.public_url.clone());
        run_blocking(move || {
            ImageSet::open(&snapshot.inventory, &stored, &base, &live.bindings.images)
        })
        .await
    }

    async fn restore_images_locked(&self) -> Result<(), ApplyError> {
        let live = self.parts.world.live();
        let missing = live.bindings.images.missing();
        if missing.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.parts.sync.fetch_images(&self.parts.catalog, &missing).await {
            tracing::debug!(%error, "cannot query the store for missing images");
        }
        let snapshot = live.world.snapshot.clone();
        let images = self.open_images(&snapshot).await;
        let still_missing = images.missing().len();
        if still_missing < missing.len() {
            let canary = live.canary.as_ref();
            let canary = canary.map(|one| (one.head.clone(), one.live.world.snapshot.clone()));
            self.serve(snapshot, images, canary).await?;
            tracing::info!(
                restored = missing.len() - still_missing,
                missing = still_missing,
                "serving restored images again"
            );
        }
        Ok(())
    }
}
