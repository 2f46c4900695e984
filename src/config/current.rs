//! The settings in effect, shared by everything that reads them while serving.

use crate::config::Settings;
use arc_swap::{ArcSwap, Guard};
use std::sync::Arc;

/// The settings in effect. A reload replaces them as a whole.
pub struct CurrentSettings(ArcSwap<Settings>);

impl CurrentSettings {
    /// Starts with these settings.
    pub(crate) fn new(settings: Settings) -> CurrentSettings {
        CurrentSettings(ArcSwap::from_pointee(settings))
    }

    /// The settings now; a consistent view, even if they are replaced meanwhile.
    pub fn get(&self) -> Guard<Arc<Settings>> {
        self.0.load()
    }

    /// Replaces the settings that can change while serving.
    pub(crate) fn replace(&self, settings: Settings) {
        self.0.store(Arc::new(settings));
    }
}
