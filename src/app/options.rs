//! Command line options of a server.

use crate::config::Settings;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Command line options besides the settings.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The settings file, if given.
    pub(crate) config: Option<PathBuf>,
    /// The weights file, if given.
    pub(crate) weights: Option<PathBuf>,
    /// The inventory file or folder to apply at startup.
    pub inventory: Option<PathBuf>,
    /// Whether to apply the inventory again whenever it changes.
    pub(crate) watch: bool,
    /// Settings that the command line overrides, also when the file is read again.
    pub(crate) overrides: Overrides,
}

/// Settings that the command line overrides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) ops_listen: Option<SocketAddr>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) store: Option<String>,
}

impl Overrides {
    /// Overrides the settings of the file and the environment.
    pub(crate) fn apply(&self, settings: &mut Settings) {
        settings.server.listen = self.listen.unwrap_or(settings.server.listen);
        settings.server.ops_listen = self.ops_listen.unwrap_or(settings.server.ops_listen);
        if let Some(data) = &self.data {
            settings.store.data = data.display().to_string();
        }
        if let Some(store) = &self.store {
            settings.store.url.clone_from(store);
        }
    }
}
