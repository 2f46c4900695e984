//! The settings in effect, shared by everything that reads them while serving.

use crate::config::Settings;
use arc_swap::{ArcSwap, Guard};
use std::sync::Arc;

/// The settings in effect. A reload replaces them as a whole.
pub struct CurrentSettings {
    settings: ArcSwap<Settings>,
    /// Keys whose saved value takes effect at the next start.
    waiting: ArcSwap<Vec<String>>,
}

impl CurrentSettings {
    /// Starts with these settings.
    pub(crate) fn new(settings: Settings) -> CurrentSettings {
        CurrentSettings { settings: ArcSwap::from_pointee(settings), waiting: ArcSwap::default() }
    }

    /// The settings now; a consistent view, even if they are replaced meanwhile.
    pub fn get(&self) -> Guard<Arc<Settings>> {
        self.settings.load()
    }

    /// Replaces the settings that can change while serving. `waiting`: the keys whose saved value takes effect
    /// at the next start.
    pub(crate) fn replace(&self, settings: Settings, waiting: Vec<String>) {
        self.settings.store(Arc::new(settings));
        self.waiting.store(Arc::new(waiting));
    }

    /// Keys whose saved value takes effect at the next start, such as `server.listen`.
    pub(crate) fn waiting(&self) -> Arc<Vec<String>> {
        self.waiting.load_full()
    }
}
