//! The files that a server applies: the inventory that it was started with, weights and labels.

use crate::catalog::detail::{FilePart, FileVersion};
use crate::catalog::files::Loaded;
use crate::catalog::image::ImageFile;
use crate::catalog::image_store::ImageStore;
use crate::catalog::{files, pause, tables};
use crate::config::{ConfigError, load};
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::region::Regions;
use crate::domain::weights::Weights;
use crate::selection::compile::content_hash;
use std::path::Path;

/// The path of weights that are compiled in.
pub(crate) const BUILT_IN: &str = "built-in";

/// The weights file that is read if no other one is named.
pub(crate) const DEFAULT_WEIGHTS: &str = "config/weights.toml";

/// What was read from a file or folder.
pub(crate) struct SourceFile {
    /// Its path and the hash of its content.
    pub(crate) version: FileVersion,
    /// The inventory, sorted.
    pub(crate) inventory: Option<Inventory>,
    /// The images that it refers to by path.
    pub(crate) images: Vec<ImageFile>,
    /// The weights.
    pub(crate) weights: Option<Weights>,
}

/// The absolute path of a file or folder, as the audit log has it.
pub(crate) fn absolute(path: &Path) -> String {
    let absolute = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path));
    absolute.unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// The recorded version of an inventory that was read from `path`.
pub(crate) fn inventory_version(path: &Path, inventory: &Inventory) -> FileVersion {
    let hash = pause::content_hash(inventory);
    FileVersion { part: FilePart::Inventory, path: absolute(path), hash }
}

/// The recorded version of weights that were read from `path`.
pub(crate) fn weights_version(path: &Path, weights: &Weights) -> FileVersion {
    FileVersion { part: FilePart::Weights, path: absolute(path), hash: content_hash(weights) }
}

impl SourceFile {
    /// Reads an inventory file or folder. Creatives may offer the approved `commands`.
    pub(crate) fn inventory(
        path: &Path,
        stored: &ImageStore,
        commands: &[String],
    ) -> Result<SourceFile, ConfigError> {
        let texts = files::read(path)?;
        let Loaded { inventory, images } = files::load(&texts, Some(stored), commands)?;
        let version = inventory_version(path, &inventory);
        Ok(SourceFile { version, inventory: Some(inventory), images, weights: None })
    }

    /// Reads the weights: the given file, else the default one, else those that are compiled in.
    pub(crate) fn weights(given: Option<&Path>) -> Result<SourceFile, ConfigError> {
        let default = Path::new(DEFAULT_WEIGHTS);
        let file = given.or_else(|| default.exists().then_some(default));
        let (path, weights) = match file {
            Some(path) => {
                let name = path.display().to_string();
                (absolute(path), tables::weights(&name, &load::read_text(path)?)?)
            }
            None => {
                let (name, text) = files::WEIGHTS;
                (BUILT_IN.to_owned(), tables::weights(name, text)?)
            }
        };
        let version = FileVersion { part: FilePart::Weights, path, hash: content_hash(&weights) };
        Ok(SourceFile { version, inventory: None, images: Vec::new(), weights: Some(weights) })
    }
}

/// The labels: the file `config/labels.toml`, else those that are compiled in.
pub(crate) fn labels(inventory: &Inventory) -> Result<LabelTable, ConfigError> {
    let path = Path::new("config/labels.toml");
    let (name, text) = match path.exists() {
        true => (path.display().to_string(), load::read_text(path)?),
        false => (files::LABELS.0.to_owned(), files::LABELS.1.to_owned()),
    };
    let regions = Regions::build(&inventory.regions).unwrap_or_default();
    Ok(tables::labels(&name, &text, &regions)?)
}
