//! Stored images: a folder of files, each named by its content address. None is ever changed or
//! removed, because past decisions refer to them.

use crate::catalog::check::Finding;
use crate::catalog::error::CatalogError;
use crate::catalog::image::ImageFile;
use crate::catalog::{image, versions};
use crate::config::files;
use crate::domain::image::{Address, Source};
use crate::domain::inventory::Inventory;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// A stored image that is missing or corrupt.
#[derive(
    Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub(crate) struct ImageFault {
    /// The image's address.
    pub(crate) address: String,
    /// What is wrong and what to do.
    pub(crate) reason: String,
}

/// The stored images. Reading takes no lock.
#[derive(Clone)]
pub(crate) struct ImageStore {
    folder: PathBuf,
}

impl ImageStore {
    /// The images of the catalog in a folder. Creates their folder if it does not exist.
    pub(super) fn open(catalog: &Path) -> Result<ImageStore, CatalogError> {
        let folder = catalog.join("pictures");
        std::fs::create_dir_all(&folder)
            .and_then(|()| versions::sync(catalog))
            .map_err(|cause| CatalogError::io(&folder, cause))?;
        Ok(ImageStore { folder })
    }

    /// The images below a data directory, for reading only: creates nothing.
    pub(crate) fn read_only(data: &Path) -> ImageStore {
        ImageStore { folder: data.join("catalog").join("pictures") }
    }

    /// Stores an image; it is durable when this returns. An existing file is left alone unless it is
    /// corrupt. The caller must hold the catalog's lock.
    pub(super) fn put(&self, image: &ImageFile) -> Result<(), CatalogError> {
        let path = self.path(&image.address());
        if std::fs::read(&path).is_ok_and(|stored| stored == image.bytes()) {
            return Ok(());
        }
        versions::replace(&path, image.bytes()).map_err(|cause| CatalogError::io(&path, cause))
    }

    /// The bytes of an image, verified against its address.
    pub(crate) fn load(&self, address: &Address) -> Result<Vec<u8>, CatalogError> {
        let path = self.path(address);
        let bytes = match files::read_regular(&path) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                let hash = address.to_string();
                return Err(CatalogError::NoVersion { what: "images", hash });
            }
            Err(cause) => return Err(CatalogError::io(&path, cause)),
        };
        if image::matches_address(address, &bytes) {
            Ok(bytes)
        } else {
            let reason = "its content does not match its address".to_owned();
            Err(CatalogError::Corrupt { path, reason })
        }
    }

    /// What is wrong with an image; `None` if it is intact.
    pub(crate) fn fault(&self, address: &Address) -> Option<ImageFault> {
        let reason = match self.load(address) {
            Ok(_) => return None,
            Err(CatalogError::NoVersion { .. }) => {
                "is not stored: apply the original file, or upload it with POST /v1/admin/images"
                    .to_owned()
            }
            Err(CatalogError::Corrupt { .. }) => {
                "is corrupt: apply the original file again, or restore it from a backup".to_owned()
            }
            Err(error) => error.to_string(),
        };
        Some(ImageFault { address: address.to_string(), reason })
    }

    /// Every stored image with its size in bytes, in address order.
    pub(crate) fn list(&self) -> Result<Vec<(Address, u64)>, CatalogError> {
        let io_error = |cause| CatalogError::io(&self.folder, cause);
        let mut found = Vec::new();
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            // The data directory has no image folder yet.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(found),
            Err(cause) => return Err(io_error(cause)),
        };
        for entry in entries {
            let entry = entry.map_err(io_error)?;
            let name = entry.file_name();
            if let Some(address) = name.to_str().and_then(|name| name.parse().ok()) {
                found.push((address, entry.metadata().map_err(io_error)?.len()));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The faults of every image that is stored or `named`. Reads all of them.
    pub(crate) fn faults(
        &self,
        named: impl Iterator<Item = Address>,
    ) -> Result<Vec<ImageFault>, CatalogError> {
        let stored = self.list()?.into_iter().map(|(address, _)| address);
        let all: BTreeSet<Address> = stored.chain(named).collect();
        Ok(all.iter().filter_map(|address| self.fault(address)).collect())
    }

    /// Images that an inventory refers to and that are neither in `new` nor stored intact.
    pub(crate) fn missing(&self, inventory: &Inventory, new: &[ImageFile]) -> Vec<Finding> {
        let logos = inventory.advertisers.iter().filter_map(|advertiser| {
            Some(("advertisers", advertiser.id.as_str(), "logo", advertiser.logo.as_ref()?))
        });
        let images = inventory.creatives.iter().filter_map(|creative| {
            let image = creative.image.as_ref()?;
            Some(("creatives", creative.id.as_str(), "image.file", &image.file))
        });
        let problem = |source: &Source| match source {
            Source::Stored(address) if new.iter().any(|new| new.address() == *address) => None,
            Source::Stored(address) => self.fault(address).map(|fault| fault.reason),
            Source::File(path) => Some(format!(
                "must be the address of a stored image (got the path `{path}`): upload the file with \
                 POST /v1/admin/images and use the address in the response"
            )),
        };
        logos
            .chain(images)
            .filter_map(|(list, id, field, source)| {
                let (id, field) = (id.to_owned(), field.to_owned());
                Some(Finding { list, id, field, reason: problem(source)?, help: None })
            })
            .collect()
    }

    fn path(&self, address: &Address) -> PathBuf {
        self.folder.join(address.to_string())
    }
}
