//! Reads and changes the catalog of a data directory.

use crate::catalog::archive::Archive;
use crate::catalog::change::{CanaryChange, ExpectedVersion, HeadUpdate};
use crate::catalog::config_files::CheckedConfig;
use crate::catalog::detail::{Detail, FileVersion};
use crate::catalog::difference::Difference;
use crate::catalog::effect::Effect;
use crate::catalog::guard::{Compared, Concern};
use crate::catalog::image::ImageFile;
use crate::catalog::image_store::ImageStore;
use crate::catalog::{
    AuditContext, Catalog, CatalogError, Head, difference, files, guard, pause, tables,
};
use crate::cli::ops_client::OpsClient;
use crate::config::guard_settings::GuardSettings;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::region::Regions;
use crate::domain::weights::Weights;
use crate::http::ops::admin::catalog::ApplyRequest;
use std::path::Path;

/// The served documents.
#[derive(Default)]
pub(super) struct Served {
    /// The current change number; 0 when nothing was ever applied.
    pub(crate) number: u64,
    pub(crate) inventory: Option<Inventory>,
    pub(crate) weights: Option<Weights>,
    pub(crate) labels: Option<LabelTable>,
    /// What earlier versions had.
    archive: Archive,
}

/// Reads the served documents of a data directory. Creates no files.
pub(super) fn served(data: &Path) -> Result<Served, CatalogError> {
    let folder = data.join("catalog");
    if !folder.is_dir() {
        return Ok(Served::default());
    }
    let catalog = Catalog::open(&folder)?;
    let Some(head) = catalog.head()? else { return Ok(Served::default()) };
    let hashes = &head.hashes;
    Ok(Served {
        number: head.number,
        inventory: hashes.inventory.as_ref().map(|hash| catalog.inventory(hash)).transpose()?,
        weights: hashes.weights.as_ref().map(|hash| catalog.weights(hash)).transpose()?,
        labels: hashes.labels.as_ref().map(|hash| catalog.labels(hash)).transpose()?,
        archive: catalog.saved_archive(),
    })
}

impl Served {
    /// What applying `new` would change. Weights and labels that were never applied are the built-in
    /// defaults.
    pub(crate) fn difference(&self, new: &CheckedConfig) -> Difference {
        let empty = Inventory::default();
        let default = Weights::default();
        let built_in = self.labels.is_none().then(built_in_labels);
        let labels = self.labels.as_ref().or(built_in.as_ref());
        difference::between(
            new.inventory.as_ref().map(|new| (self.inventory.as_ref().unwrap_or(&empty), new)),
            new.weights.as_ref().map(|new| (self.weights.as_ref().unwrap_or(&default), new)),
            labels.zip(new.labels.as_ref()),
        )
    }

    /// `new` with manual pauses carried over: applying files resumes nothing.
    pub(crate) fn with_manual_pauses(&self, mut new: CheckedConfig) -> CheckedConfig {
        if let Some(inventory) = &mut new.inventory {
            self.carry_pauses(inventory);
        }
        new
    }

    /// Gives an inventory the present pauses.
    pub(crate) fn carry_pauses(&self, inventory: &mut Inventory) {
        if let Some(now) = &self.inventory {
            pause::carry(now, &self.archive, inventory);
        }
    }

    /// What of a change must be confirmed with `--force`. Without served weights there is nothing to compare new ones with.
    pub(crate) fn concerns(
        &self,
        new: &CheckedConfig,
        difference: &Difference,
        effect: Option<&Effect>,
        limits: &GuardSettings,
    ) -> Vec<Concern> {
        let mut difference = difference.clone();
        if self.weights.is_none() {
            difference.weights.clear();
        }
        let compared = Compared {
            inventory: self.inventory.as_ref().zip(new.inventory.as_ref()),
            weights: new.weights.as_ref().or(self.weights.as_ref()),
        };
        guard::concerns(&difference, compared, effect, limits)
    }

    /// Whether every document in `new` equals the served one.
    pub(crate) fn matches(&self, new: &CheckedConfig) -> bool {
        (new.inventory.is_none() || new.inventory == self.inventory)
            && (new.weights.is_none() || new.weights == self.weights)
            && (new.labels.is_none() || new.labels == self.labels)
    }
}

/// The compiled-in labels.
pub(super) fn built_in_labels() -> LabelTable {
    let regions = Regions::build(&[]).unwrap_or_default();
    tables::labels(files::LABELS.0, files::LABELS.1, &regions).unwrap_or_default()
}

/// Whether all of these images are stored and intact.
pub(super) fn are_images_stored(stored: &ImageStore, images: &[ImageFile]) -> bool {
    images.iter().all(|one| stored.fault(&one.address()).is_none())
}

/// How a change was confirmed, and the files that it comes from.
pub(super) struct Confirmed {
    /// Whether what the guard would stop is confirmed.
    pub(crate) force: bool,
    /// The files.
    pub(crate) files: Vec<FileVersion>,
}

/// Applies `new` through a running server. Returns the change number.
pub(super) fn apply_on_server(
    server: &OpsClient,
    new: CheckedConfig,
    seen: &Served,
    what: String,
    confirmed: Confirmed,
) -> anyhow::Result<u64> {
    for image in &new.images {
        server.send("/v1/admin/images", image.bytes())?;
    }
    let request = ApplyRequest {
        inventory: new.inventory,
        weights: new.weights,
        labels: new.labels,
        seen: Some(seen.number),
        confirm: confirmed.force,
        files: confirmed.files,
        what,
    };
    let answer = server.put("/v1/admin/inventory", &serde_json::to_value(request)?)?;
    Ok(answer["head"]["number"].as_u64().unwrap_or(0))
}

/// Applies `new` to the data directory's catalog, atomically. Fails with a conflict when the catalog
/// changed since `seen`.
pub(super) fn apply_to_directory(
    data: &Path,
    new: &CheckedConfig,
    seen: &Served,
    by: &AuditContext,
    files: Vec<FileVersion>,
) -> Result<Head, CatalogError> {
    let detail = Detail { files, ..Detail::default() };
    let parts = HeadUpdate {
        inventory: new.inventory.as_ref(),
        weights: new.weights.as_ref(),
        labels: new.labels.as_ref(),
        canary: CanaryChange::Keep,
        images: &new.images,
        detail: Some(&detail),
    };
    Catalog::open(&data.join("catalog"))?.put(&parts, ExpectedVersion::Number(seen.number), by)
}
