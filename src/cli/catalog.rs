//! What is served from a data directory, and how it is changed: both by way of the catalog in it.

use crate::catalog::By;
use crate::catalog::Catalog;
use crate::catalog::CatalogError;
use crate::catalog::Head;
use crate::catalog::change::Expected;
use crate::catalog::change::Parts;
use crate::catalog::difference;
use crate::catalog::difference::Difference;
use crate::catalog::files;
use crate::catalog::layout::Checked;
use crate::catalog::picture::Picture;
use crate::catalog::pictures::Pictures;
use crate::catalog::stop;
use crate::catalog::tables;
use crate::cli::running::Running;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::region::Regions;
use crate::domain::weights::Weights;
use crate::http::ops::admin::catalog::ApplyRequest;
use std::path::Path;

/// What is served.
#[derive(Default)]
pub(super) struct Served {
    /// Counts changes; 0 when nothing was ever applied.
    pub number: u64,
    pub inventory: Option<Inventory>,
    pub weights: Option<Weights>,
    pub labels: Option<LabelTable>,
}

/// What a data directory serves. Looking makes no file.
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
    })
}

impl Served {
    /// What applying `new` would change. Weights and labels that were never applied are those
    /// compiled in.
    pub fn against(&self, new: &Checked) -> Difference {
        let nothing = Inventory::default();
        let usual = Weights::default();
        let built_in = self.labels.is_none().then(|| {
            let regions = Regions::build(&[]).unwrap_or_default();
            tables::labels(files::LABELS.0, files::LABELS.1, &regions).unwrap_or_default()
        });
        let labels = self.labels.as_ref().or(built_in.as_ref());
        difference::between(
            new.inventory.as_ref().map(|new| (self.inventory.as_ref().unwrap_or(&nothing), new)),
            new.weights.as_ref().map(|new| (self.weights.as_ref().unwrap_or(&usual), new)),
            labels.zip(new.labels.as_ref()),
        )
    }

    /// `new` with what was stopped by hand: applying files resumes nothing.
    pub fn carried(&self, mut new: Checked) -> Checked {
        if let (Some(now), Some(inventory)) = (&self.inventory, &mut new.inventory) {
            stop::carry(now, inventory);
        }
        new
    }

    /// Whether `new` is what is served, to the last byte.
    pub fn is(&self, new: &Checked) -> bool {
        (new.inventory.is_none() || new.inventory == self.inventory)
            && (new.weights.is_none() || new.weights == self.weights)
            && (new.labels.is_none() || new.labels == self.labels)
    }
}

/// Whether all of these pictures are stored, each whole.
pub(super) fn are_stored(stored: &Pictures, pictures: &[Picture]) -> bool {
    pictures.iter().all(|one| stored.fault(&one.address()).is_none())
}

/// Has a running server make `new` what it serves; says the change's number.
pub(super) fn hand_over(
    server: &Running,
    new: Checked,
    seen: &Served,
    what: String,
) -> anyhow::Result<u64> {
    for picture in &new.pictures {
        server.send("/v1/admin/images", picture.bytes())?;
    }
    let asked = ApplyRequest {
        inventory: new.inventory,
        weights: new.weights,
        labels: new.labels,
        seen: Some(seen.number),
        // The caller was asked already.
        force: true,
        what,
    };
    let answer = server.put("/v1/admin/inventory", &serde_json::to_value(asked)?)?;
    Ok(answer["head"]["number"].as_u64().unwrap_or(0))
}

/// Makes `new` what is served, all of it or nothing; refused when something else than `seen` is
/// served by now.
pub(super) fn activate(
    data: &Path,
    new: &Checked,
    seen: &Served,
    by: &By,
) -> Result<Head, CatalogError> {
    let parts = Parts {
        inventory: new.inventory.as_ref(),
        weights: new.weights.as_ref(),
        labels: new.labels.as_ref(),
        pictures: &new.pictures,
    };
    Catalog::open(&data.join("catalog"))?.put(&parts, Expected::Number(seen.number), by)
}
