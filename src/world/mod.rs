//! The world being served, and recent versions of it: what decisions are made on, and what event tokens
//! and past decisions refer to.

pub(crate) mod budget;
pub(crate) mod budgets;
pub(crate) mod caller_shares;
pub(crate) mod canary_arms;
pub(crate) mod canary_guard;
pub(crate) mod day;
pub(crate) mod directory;
pub(crate) mod images;
pub(crate) mod lease;
pub(crate) mod leasing;
pub(crate) mod live;
pub(crate) mod live_feed;
pub(crate) mod open_reservation;
mod open_reservations;
pub(crate) mod pace;
pub(crate) mod recent_stages;
pub(crate) mod reservation;
pub(crate) mod shadow;
mod shared_values;
pub(crate) mod show_chance;
pub(crate) mod slot_counts;
pub(crate) mod topic_shares;
pub(crate) mod traffic_history;

mod recent;
pub(crate) mod rotation;
#[cfg(test)]
mod simulation;

use crate::catalog::archive::Archive;
use crate::catalog::image_store::ImageFault;
use crate::catalog::versions::prefix_of;
use crate::catalog::{Catalog, CatalogError};
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use crate::selection::compile::compile_stored;
use crate::selection::snapshot::Snapshot;
use crate::world::directory::Directory;
use crate::world::images::ServedImage;
use crate::world::live::Live;
use crate::world::recent::RecentVersions;
use arc_swap::{ArcSwap, Guard};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// The world being served and recent versions. Services share it; publishing replaces the world.
pub struct Worlds {
    live: ArcSwap<Live>,
    archive: ArcSwap<Archive>,
    recent: RecentVersions,
    catalog: Arc<Catalog>,
    /// When the catalog was last reached, in unix milliseconds.
    catalog_reached_ms: AtomicI64,
}

impl Worlds {
    /// Starts with the world `live`, made from the catalog at `now_ms`.
    pub(crate) fn new(live: Live, archive: Archive, catalog: Arc<Catalog>, now_ms: i64) -> Worlds {
        Worlds {
            live: ArcSwap::from_pointee(live),
            archive: ArcSwap::from_pointee(archive),
            recent: RecentVersions::default(),
            catalog,
            catalog_reached_ms: AtomicI64::new(now_ms),
        }
    }

    /// The world in use; a consistent view for the caller, even if it is replaced meanwhile.
    pub fn live(&self) -> Arc<Live> {
        Guard::into_inner(self.live.load())
    }

    /// The documents of the world in use, and of earlier ones.
    pub(crate) fn directory(&self) -> Directory {
        // A world without a document is served only after the archive has the document.
        let live = self.live();
        Directory::new(live, self.archive.load_full())
    }

    /// Includes what changes of the catalog have removed, before their inventory is served. `next` is
    /// that inventory. Reads files.
    pub(crate) fn update_archive(&self, next: &Snapshot) {
        let (live, archive) = (self.live(), self.archive.load());
        let known = [live.snapshot(), next].map(|one| (&*one.inventory_hash, &one.inventory));
        match self.catalog.archive_from(&archive, &known) {
            Ok(archive) => self.archive.store(Arc::new(archive)),
            Err(error) => tracing::error!(
                %error,
                "cannot archive removed documents; their reports are missing until the next change"
            ),
        }
    }

    /// Serves the same inventory with another state.
    pub(crate) fn update(&self, live: Live) {
        self.live.store(Arc::new(live));
    }

    /// Serves another inventory. The one before stays in memory for tokens, explanations and images.
    pub(crate) fn replace(&self, live: Live) {
        let before = self.live();
        self.recent.remember(before.world.snapshot.clone());
        self.recent.remember_images(before.bindings.images.clone());
        self.live.store(Arc::new(live));
    }

    /// Notes that the catalog was reached at `now_ms`.
    pub(crate) fn note_catalog_reached(&self, now_ms: i64) {
        self.catalog_reached_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Milliseconds since the catalog was last reached.
    pub(crate) fn age_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.catalog_reached_ms.load(Ordering::Relaxed)).max(0)
    }

    /// The image with this hash, from the current inventory or a recent one in memory, since pages
    /// still refer to images of units that they received earlier.
    pub(crate) fn image(&self, hash: u128) -> Option<Arc<ServedImage>> {
        let live = self.live();
        live.bindings.images.find(hash).cloned().or_else(|| self.recent.image(hash))
    }

    /// The bytes of an image, read from disk and verified; `None` if that fails. Blocks.
    pub(crate) fn image_bytes(&self, shown: &ServedImage) -> Option<Vec<u8>> {
        shown.bytes(self.catalog.images())
    }

    /// Logs the images of the current inventory that cannot be served.
    pub(crate) fn log_image_faults(&self) {
        for fault in &self.live().bindings.images.faults {
            let ImageFault { address, reason } = fault;
            tracing::error!(image = address, "serving a unit without its image, which {reason}");
        }
    }

    /// The inventory version of an event token; if not in memory, reads files and compiles. Logs why
    /// it is unavailable.
    pub(crate) async fn token_version(self: &Arc<Self>, prefix: u64) -> Option<Arc<Snapshot>> {
        if let Some(found) = self.version_in_memory(prefix) {
            return Some(found);
        }
        let worlds = self.clone();
        match tokio::task::spawn_blocking(move || worlds.version(prefix)).await {
            Ok(Ok(snapshot)) => Some(snapshot),
            Ok(Err(error)) => {
                tracing::warn!(
                    %error,
                    "inventory version of an event token not in the catalog; event not recorded"
                );
                None
            }
            Err(_) => None,
        }
    }

    fn version_in_memory(&self, prefix: u64) -> Option<Arc<Snapshot>> {
        let live = self.live();
        if live.bindings.inventory == prefix {
            return Some(live.world.snapshot.clone());
        }
        self.recent.find(|snapshot| prefix_of(&snapshot.inventory_hash) == Some(prefix))
    }

    fn version(&self, prefix: u64) -> Result<Arc<Snapshot>, CatalogError> {
        if let Some(found) = self.version_in_memory(prefix) {
            return Ok(found);
        }
        let hash = self.catalog.hash_by_prefix(prefix)?;
        let inventory = self.catalog.inventory(&hash)?;
        let live = self.live();
        // Ids and landing pages do not depend on weights or labels.
        let labels = self.catalog.labels(&live.snapshot().labels_hash).unwrap_or_default();
        let snapshot = compile_stored(inventory, hash, &Weights::default(), &labels);
        let snapshot = Arc::new(snapshot);
        self.recent.remember(snapshot.clone());
        Ok(snapshot)
    }

    /// The weights and the labels being served. Reads files.
    pub(crate) fn weights_and_labels(&self) -> Result<(Weights, LabelTable), CatalogError> {
        let live = self.live();
        let snapshot = live.snapshot();
        let labels = self.catalog.labels(&snapshot.labels_hash)?;
        Ok((self.catalog.weights(&snapshot.weights_hash)?, labels))
    }

    fn snapshot_in_memory(
        &self,
        inventory: &str,
        weights: &str,
        labels: &str,
    ) -> Option<Arc<Snapshot>> {
        let same = |snapshot: &Snapshot| {
            snapshot.inventory_hash == inventory
                && snapshot.weights_hash == weights
                && snapshot.labels_hash == labels
        };
        let live = self.live();
        let canary = live.canary.as_ref().map(|canary| &canary.live.world.snapshot);
        let served = std::iter::once(&live.world.snapshot).chain(canary);
        let found = served.into_iter().find(|snapshot| same(snapshot)).cloned();
        found.or_else(|| self.recent.find(same))
    }

    /// The snapshot of exactly these three versions; if not in memory, reads files and compiles.
    pub(crate) fn snapshot_of(
        &self,
        inventory: &str,
        weights: &str,
        labels: &str,
    ) -> Result<Arc<Snapshot>, CatalogError> {
        if let Some(found) = self.snapshot_in_memory(inventory, weights, labels) {
            return Ok(found);
        }
        let snapshot = Arc::new(self.catalog.snapshot(inventory, weights, labels)?);
        self.recent.remember(snapshot.clone());
        Ok(snapshot)
    }

    /// The same for a pass over many versions, which must not displace those that tokens need.
    pub(crate) fn snapshot_in_passing(
        &self,
        (inventory, weights, labels): (&str, &str, &str),
    ) -> Result<Arc<Snapshot>, CatalogError> {
        match self.snapshot_in_memory(inventory, weights, labels) {
            Some(found) => Ok(found),
            None => Ok(Arc::new(self.catalog.snapshot(inventory, weights, labels)?)),
        }
    }
}
