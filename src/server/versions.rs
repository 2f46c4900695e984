//! Inventories that tokens and past decisions name: the one being served, and a few before it.

use crate::catalog::CatalogError;
use crate::catalog::versions::prefix_of;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use crate::selection::compile::compile;
use crate::selection::snapshot::Snapshot;
use crate::server::Server;
use crate::server::gallery::Gallery;
use crate::server::gallery::Shown;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Compiled versions kept besides the one being served.
const KEPT: usize = 4;

/// The versions most recently asked for, newest first.
#[derive(Default)]
pub struct Versions {
    recent: Mutex<Vec<Arc<Snapshot>>>,
    /// Pictures that were served until a change, the newest first.
    galleries: Mutex<Vec<Arc<Gallery>>>,
}

impl Versions {
    fn find(&self, matches: impl Fn(&Snapshot) -> bool) -> Option<Arc<Snapshot>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.iter().find(|snapshot| matches(snapshot)).cloned()
    }

    /// Keeps a version that was served until now.
    pub fn keep(&self, snapshot: Arc<Snapshot>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.insert(0, snapshot);
        recent.truncate(KEPT);
    }

    /// Keeps the pictures that were served until now: pages that were given them still ask.
    pub fn keep_pictures(&self, gallery: Arc<Gallery>) {
        let mut galleries = self.galleries.lock().unwrap_or_else(PoisonError::into_inner);
        galleries.insert(0, gallery);
        galleries.truncate(KEPT);
    }

    /// A picture that was served before the last changes.
    pub fn picture(&self, hash: u128) -> Option<Arc<Shown>> {
        let galleries = self.galleries.lock().unwrap_or_else(PoisonError::into_inner);
        galleries.iter().find_map(|gallery| gallery.find(hash).cloned())
    }
}

impl Server {
    /// The inventory that a token names, if it is in memory.
    pub fn version_in_memory(&self, prefix: u64) -> Option<Arc<Snapshot>> {
        let live = self.live();
        if live.fixtures.inventory == prefix {
            return Some(live.world.snapshot.clone());
        }
        self.versions.find(|snapshot| prefix_of(&snapshot.inventory_hash) == Some(prefix))
    }

    /// The inventory that a token names, from the catalog if need be: reads files and compiles.
    pub fn version(&self, prefix: u64) -> Result<Arc<Snapshot>, CatalogError> {
        if let Some(found) = self.version_in_memory(prefix) {
            return Ok(found);
        }
        let inventory = self.catalog.inventory_by_prefix(prefix)?;
        let live = self.live();
        // Names and landing pages do not depend on weights or labels.
        let labels = self.catalog.labels(&live.snapshot().labels_hash).unwrap_or_default();
        let snapshot = Arc::new(compile(inventory, &Weights::default(), &labels));
        self.versions.keep(snapshot.clone());
        Ok(snapshot)
    }

    /// The snapshot with exactly these three versions: reads files and compiles.
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
        let inventory = self.catalog.inventory(inventory)?;
        let weights: Weights = self.catalog.weights(weights)?;
        let labels: LabelTable = self.catalog.labels(labels)?;
        let snapshot = Arc::new(compile(inventory, &weights, &labels));
        self.versions.keep(snapshot.clone());
        Ok(snapshot)
    }
}
