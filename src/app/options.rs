//! Command line options of a server.

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
}
