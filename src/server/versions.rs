//! Inventory versions that tokens and past decisions refer to: the current one and a cache of recent
//! ones.

use crate::catalog::CatalogError;
use crate::catalog::versions::prefix_of;
use crate::domain::weights::Weights;
use crate::selection::compile::compile;
use crate::selection::snapshot::Snapshot;
use crate::server::Server;
use crate::server::images::{ImageSet, ServedImage};
use std::sync::{Arc, Mutex, PoisonError};

/// Compiled versions cached besides the current one.
const CACHED: usize = 4;

/// Cache of recent versions, newest first.
#[derive(Default)]
pub struct RecentVersions {
    recent: Mutex<Vec<Arc<Snapshot>>>,
    /// Images of previous inventories, newest first.
    image_sets: Mutex<Vec<Arc<ImageSet>>>,
}

impl RecentVersions {
    fn find(&self, matches: impl Fn(&Snapshot) -> bool) -> Option<Arc<Snapshot>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.iter().find(|snapshot| matches(snapshot)).cloned()
    }

    /// Adds a version to the cache.
    pub fn remember(&self, snapshot: Arc<Snapshot>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.insert(0, snapshot);
        recent.truncate(CACHED);
    }

    /// Adds the images of a replaced inventory: pages that received their URLs still request them.
    pub fn remember_images(&self, images: Arc<ImageSet>) {
        let mut image_sets = self.image_sets.lock().unwrap_or_else(PoisonError::into_inner);
        image_sets.insert(0, images);
        image_sets.truncate(CACHED);
    }

    /// An image of a recent inventory.
    pub fn image(&self, hash: u128) -> Option<Arc<ServedImage>> {
        let image_sets = self.image_sets.lock().unwrap_or_else(PoisonError::into_inner);
        image_sets.iter().find_map(|images| images.find(hash).cloned())
    }
}

impl Server {
    /// The inventory version of a token, if in memory.
    pub fn version_in_memory(&self, prefix: u64) -> Option<Arc<Snapshot>> {
        let live = self.live();
        if live.bindings.inventory == prefix {
            return Some(live.world.snapshot.clone());
        }
        self.versions.find(|snapshot| prefix_of(&snapshot.inventory_hash) == Some(prefix))
    }

    /// The inventory version of a token; if not in memory, reads files and compiles.
    pub fn version(&self, prefix: u64) -> Result<Arc<Snapshot>, CatalogError> {
        if let Some(found) = self.version_in_memory(prefix) {
            return Ok(found);
        }
        let hash = self.catalog.hash_by_prefix(prefix)?;
        let inventory = self.catalog.inventory(&hash)?;
        let live = self.live();
        // Ids and landing pages do not depend on weights or labels.
        let labels = self.catalog.labels(&live.snapshot().labels_hash).unwrap_or_default();
        let snapshot = compile(inventory, &Weights::default(), &labels).stored_as(hash);
        let snapshot = Arc::new(snapshot);
        self.versions.remember(snapshot.clone());
        Ok(snapshot)
    }

    /// The snapshot of exactly these three versions; if not in memory, reads files and compiles.
    pub fn snapshot_of(
        &self,
        inventory: &str,
        weights: &str,
        labels: &str,
    ) -> Result<Arc<Snapshot>, CatalogError> {
        let same = |snapshot: &Snapshot| {
            snapshot.inventory_hash == inventory
                && snapshot.weights_hash == weights
                && snapshot.labels_hash == labels
        };
        let live = self.live();
        if same(live.snapshot()) {
            return Ok(live.world.snapshot.clone());
        }
        if let Some(found) = self.versions.find(same) {
            return Ok(found);
        }
        let snapshot = Arc::new(self.catalog.snapshot(inventory, weights, labels)?);
        self.versions.remember(snapshot.clone());
        Ok(snapshot)
    }
}
