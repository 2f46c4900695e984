//! Stored pictures: a folder of files, each called by its address. None is ever changed or removed:
//! past decisions name them.

use crate::catalog::error::CatalogError;
use crate::catalog::picture;
use crate::catalog::picture::Picture;
use crate::catalog::versions;
use crate::domain::picture::Address;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// What is wrong with a stored picture.
#[derive(
    Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub struct Fault {
    /// Its address.
    pub address: String,
    /// What is wrong and what to do.
    pub reason: String,
}

/// The stored pictures. Reading takes no lock.
#[derive(Clone)]
pub struct Pictures {
    folder: PathBuf,
}

impl Pictures {
    /// The pictures of the catalog in a folder; theirs is made when it is not there.
    pub(super) fn open(catalog: &Path) -> Result<Pictures, CatalogError> {
        let folder = catalog.join("pictures");
        std::fs::create_dir_all(&folder)
            .and_then(|()| versions::sync(catalog))
            .map_err(|cause| CatalogError::io(&folder, cause))?;
        Ok(Pictures { folder })
    }

    /// The same to look at alone: nothing is made.
    pub fn below(data: &Path) -> Pictures {
        Pictures { folder: data.join("catalog").join("pictures") }
    }

    /// Keeps a picture; it survives a power cut when this returns. One that is there already is
    /// left as it is, unless it was damaged. Callers hold the catalog's lock.
    pub(super) fn put(&self, picture: &Picture) -> Result<(), CatalogError> {
        let path = self.path(&picture.address());
        if std::fs::read(&path).is_ok_and(|kept| kept == picture.bytes()) {
            return Ok(());
        }
        versions::replace(&path, picture.bytes()).map_err(|cause| CatalogError::io(&path, cause))
    }

    /// Whether a picture is there; not whether it is whole.
    pub fn has(&self, address: &Address) -> bool {
        self.path(address).is_file()
    }

    /// The bytes of a picture, checked against its address.
    pub fn load(&self, address: &Address) -> Result<Vec<u8>, CatalogError> {
        let path = self.path(address);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                let hash = address.to_string();
                return Err(CatalogError::NoVersion { what: "pictures", hash });
            }
            Err(cause) => return Err(CatalogError::io(&path, cause)),
        };
        if picture::is_whole(address, &bytes) {
            Ok(bytes)
        } else {
            let reason = "its content is not what was stored".to_owned();
            Err(CatalogError::Damaged { path, reason })
        }
    }

    /// What is wrong with a picture; `None` when it is whole.
    pub fn fault(&self, address: &Address) -> Option<Fault> {
        let reason = match self.load(address) {
            Ok(_) => return None,
            Err(CatalogError::NoVersion { .. }) => {
                "is not stored: apply the file that it was made of, or send it to \
                 POST /v1/admin/images"
                    .to_owned()
            }
            Err(CatalogError::Damaged { .. }) => {
                "is not what was stored: apply the file that it was made of again, or restore it \
                 from a backup"
                    .to_owned()
            }
            Err(error) => error.to_string(),
        };
        Some(Fault { address: address.to_string(), reason })
    }

    /// Every stored picture with its bytes' count, in the order of addresses.
    pub fn list(&self) -> Result<Vec<(Address, u64)>, CatalogError> {
        let refused = |cause| CatalogError::io(&self.folder, cause);
        let mut found = Vec::new();
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            // Data of a version without pictures.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(found),
            Err(cause) => return Err(refused(cause)),
        };
        for entry in entries {
            let entry = entry.map_err(refused)?;
            let name = entry.file_name();
            if let Some(address) = name.to_str().and_then(|name| name.parse().ok()) {
                found.push((address, entry.metadata().map_err(refused)?.len()));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// What is wrong with any that is stored or `named`. Reads every one of them.
    pub fn faults(&self, named: impl Iterator<Item = Address>) -> Result<Vec<Fault>, CatalogError> {
        let stored = self.list()?.into_iter().map(|(address, _)| address);
        let all: BTreeSet<Address> = stored.chain(named).collect();
        Ok(all.iter().filter_map(|address| self.fault(address)).collect())
    }

    fn path(&self, address: &Address) -> PathBuf {
        self.folder.join(address.to_string())
    }
}
