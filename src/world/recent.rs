//! A cache of recent inventory versions, to which tokens and past decisions refer.

use crate::selection::snapshot::Snapshot;
use crate::world::images::{ImageSet, ServedImage};
use std::sync::{Arc, Mutex, PoisonError};

/// Compiled versions cached besides the current one.
const CACHED: usize = 4;

/// Cache of recent versions, newest first.
#[derive(Default)]
pub(crate) struct RecentVersions {
    recent: Mutex<Vec<Arc<Snapshot>>>,
    /// Images of previous inventories, newest first.
    image_sets: Mutex<Vec<Arc<ImageSet>>>,
}

impl RecentVersions {
    /// A cached version.
    pub(crate) fn find(&self, matches: impl Fn(&Snapshot) -> bool) -> Option<Arc<Snapshot>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.iter().find(|snapshot| matches(snapshot)).cloned()
    }

    /// Adds a version to the cache.
    pub(crate) fn remember(&self, snapshot: Arc<Snapshot>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.insert(0, snapshot);
        recent.truncate(CACHED);
    }

    /// Adds the images of a replaced inventory: pages that received their URLs still request them.
    pub(crate) fn remember_images(&self, images: Arc<ImageSet>) {
        let mut image_sets = self.image_sets.lock().unwrap_or_else(PoisonError::into_inner);
        image_sets.insert(0, images);
        image_sets.truncate(CACHED);
    }

    /// An image of a recent inventory.
    pub(crate) fn image(&self, hash: u128) -> Option<Arc<ServedImage>> {
        let image_sets = self.image_sets.lock().unwrap_or_else(PoisonError::into_inner);
        image_sets.iter().find_map(|images| images.find(hash).cloned())
    }
}
