//! The embedded catalog: a folder that is the source of truth for what is served.
//!
//! | file | content |
//! |---|---|
//! | `inventory/HASH.json`, `weights/HASH.json`, `labels/HASH.json` | immutable versions, never deleted: explain and replay need old ones |
//! | `pictures/ADDRESS` | logos and images that versions refer to, never deleted |
//! | `head.json` | the versions that are served |
//! | `archive.json` | documents that are in earlier versions only, derived from those |
//! | `audit.log` | who changed the head, when, and the hashes before and after |
//! | `lock` | locked during a write, by this process or another |
//!
//! A change writes its images, then the versions that refer to them, then its line in the audit log
//! (the commit point), then the head. If a crash left the head behind the log, the next `open` or
//! change recovers it.
//! Readers take no lock.

use crate::catalog::audit::{AuditLog, Entry};
use crate::catalog::change::{
    AuditContext, CanaryChange, ExpectedVersion, FORMAT, Head, HeadUpdate,
};
use crate::catalog::detail::{ChangeKind, FileVersion};
use crate::catalog::error::CatalogError;
use crate::catalog::image::ImageFile;
use crate::catalog::image_store::ImageStore;
use crate::catalog::versions::StoredVersions;
use crate::catalog::{origin, upgrade, versions};
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::lists;
use crate::domain::weights::Weights;
use crate::selection::compile::compile_stored;
use crate::selection::snapshot::Snapshot;
use serde::Deserialize;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The effect of a change on the head.
pub(super) enum Plan {
    /// None: the head stays, or the request was applied before with this result.
    Unchanged(Head),
    /// The entry to commit.
    Change(Entry),
}

/// A catalog in a folder. Cheap to open, `Send + Sync`; several threads and processes may use the
/// same folder concurrently.
pub struct Catalog {
    pub(super) folder: PathBuf,
    audit: AuditLog,
    pub(super) inventories: StoredVersions,
    pub(super) weights: StoredVersions,
    pub(super) labels: StoredVersions,
    images: ImageStore,
}

impl Catalog {
    /// Opens the catalog in `folder`; creates the folder if it does not exist.
    pub fn open(folder: &Path) -> Result<Catalog, CatalogError> {
        std::fs::create_dir_all(folder).map_err(|cause| CatalogError::io(folder, cause))?;
        let catalog = Catalog {
            folder: folder.to_owned(),
            audit: AuditLog::new(folder.join("audit.log")),
            inventories: StoredVersions::open(folder, "inventory")?,
            weights: StoredVersions::open(folder, "weights")?,
            labels: StoredVersions::open(folder, "labels")?,
            images: ImageStore::open(folder)?,
        };
        let _lock = catalog.lock()?;
        catalog.recover_head()?;
        Ok(catalog)
    }

    /// The versions that are served; `None` if nothing was stored yet.
    pub(crate) fn head(&self) -> Result<Option<Head>, CatalogError> {
        let path = self.head_path();
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(CatalogError::io(&path, cause)),
        };
        /// Parsed first, because a newer format may have different fields.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let corrupt = |error: serde_json::Error| CatalogError::Corrupt {
            path: path.clone(),
            reason: error.to_string(),
        };
        let Format { format } = serde_json::from_slice(&text).map_err(corrupt)?;
        if format > FORMAT {
            return Err(CatalogError::Newer { path, format, newest: FORMAT });
        }
        serde_json::from_slice(&text).map(Some).map_err(corrupt)
    }

    pub(crate) fn inventory(&self, hash: &str) -> Result<Inventory, CatalogError> {
        self.inventories.load_with(hash, upgrade::inventory)
    }

    /// The full hash of an inventory, by its first eight bytes (big-endian) as in event tokens.
    pub(crate) fn hash_by_prefix(&self, prefix: u64) -> Result<String, CatalogError> {
        self.inventories.by_prefix(prefix)
    }

    /// Loads and compiles the three versions with these hashes.
    pub(crate) fn snapshot(
        &self,
        inventory: &str,
        weights: &str,
        labels: &str,
    ) -> Result<Snapshot, CatalogError> {
        let (weights, labels) = (self.weights(weights)?, self.labels(labels)?);
        let (inventory, hash) = (self.inventory(inventory)?, inventory.to_owned());
        Ok(compile_stored(inventory, hash, &weights, &labels))
    }

    pub(crate) fn weights(&self, hash: &str) -> Result<Weights, CatalogError> {
        self.weights.load(hash)
    }

    pub(crate) fn labels(&self, hash: &str) -> Result<LabelTable, CatalogError> {
        self.labels.load(hash)
    }

    pub(crate) fn images(&self) -> &ImageStore {
        &self.images
    }

    /// Stores an image that no version refers to yet.
    pub(crate) fn put_image(&self, image: &ImageFile) -> Result<(), CatalogError> {
        let _lock = self.lock()?;
        self.images.put(image)
    }

    /// Stores an inventory and serves it. `expected`: the hash of the version it replaces, if the
    /// change depends on it.
    pub fn put_inventory(
        &self,
        inventory: &Inventory,
        expected: Option<&str>,
        by: &AuditContext,
    ) -> Result<Head, CatalogError> {
        let parts = HeadUpdate { inventory: Some(inventory), ..HeadUpdate::default() };
        self.put(&parts, expected.map_or(ExpectedVersion::Any, ExpectedVersion::Inventory), by)
    }

    /// Changes the head atomically and returns it once it is durable.
    ///
    /// A request that is in the audit log already (same key, same body) changes nothing and returns
    /// the head that it produced then. A change without effect writes nothing, unless it has an
    /// idempotency key to record.
    pub(crate) fn put(
        &self,
        parts: &HeadUpdate<'_>,
        expected: ExpectedVersion<'_>,
        by: &AuditContext,
    ) -> Result<Head, CatalogError> {
        let _lock = self.lock()?;
        match self.plan(parts, expected, by)? {
            Plan::Unchanged(head) => Ok(head),
            Plan::Change(entry) => self.commit(&entry),
        }
    }

    /// Plans a change of the head. Stores the new versions already; they are unreachable until a
    /// head refers to them. The caller must hold the lock.
    pub(super) fn plan(
        &self,
        parts: &HeadUpdate<'_>,
        expected: ExpectedVersion<'_>,
        by: &AuditContext,
    ) -> Result<Plan, CatalogError> {
        if let Some((key, body)) = &by.request
            && let Some(entry) = self.audited(key, body)?
        {
            return Ok(Plan::Unchanged(Head::from(&entry)));
        }
        let head = self.recover_head()?;
        let before = head.as_ref().map(|head| head.hashes.clone()).unwrap_or_default();
        let number = head.as_ref().map_or(0, |head| head.number);
        expected.check(number, &before)?;
        parts.images.iter().try_for_each(|image| self.images.put(image))?;
        let mut after = before.clone();
        if let Some(inventory) = parts.inventory {
            after.inventory = Some(self.put_sorted(inventory)?);
        }
        if let Some(weights) = parts.weights {
            after.weights = Some(self.weights.put(weights)?);
        }
        if let Some(labels) = parts.labels {
            after.labels = Some(self.labels.put(labels)?);
        }
        match parts.canary {
            CanaryChange::Set(canary) => after.canary = Some(Box::new(canary.clone())),
            CanaryChange::End => after.canary = None,
            // It was compared with weights that are served no longer.
            CanaryChange::Keep if after.weights != before.weights => after.canary = None,
            CanaryChange::Keep => {}
        }
        let mut detail = parts.detail.cloned().unwrap_or_default();
        let is_recorded = after == before && by.request.is_none() && self.knows(&detail.files)?;
        if let Some(head) = head.filter(|_| is_recorded) {
            return Ok(Plan::Unchanged(head));
        }
        detail.kind.get_or_insert(ChangeKind::Content);
        let (key, body) = by.request.clone().unzip();
        let (at, who, what) = (by.at, by.who.clone(), by.what.clone());
        let detail = Box::new(detail);
        let number = number + 1;
        Ok(Plan::Change(Entry { number, at, who, what, before, after, key, body, detail }))
    }

    /// Commits a change and serves it. The caller must hold the lock.
    pub(super) fn commit(&self, entry: &Entry) -> Result<Head, CatalogError> {
        self.audit.append(entry)?;
        let head = Head::from(entry);
        self.write_head(&head)?;
        Ok(head)
    }

    /// The entry of a request with this idempotency key; `None` if the key is new. Fails with
    /// [`CatalogError::KeyReused`] if that request had another body.
    pub(crate) fn audited(&self, key: &str, body: &str) -> Result<Option<Entry>, CatalogError> {
        match self.audit.find_by_key(key)? {
            Some(entry) if entry.body.as_deref() != Some(body) => {
                Err(CatalogError::KeyReused(key.to_owned()))
            }
            found => Ok(found),
        }
    }

    /// Whether the audit log says that what is served came from these files, as far as a later start asks.
    fn knows(&self, files: &[FileVersion]) -> Result<bool, CatalogError> {
        if files.is_empty() {
            return Ok(true);
        }
        let entries = self.history()?;
        Ok(files.iter().all(|file| origin::is_known(&entries, file)))
    }

    /// Every change, oldest first.
    pub(crate) fn history(&self) -> Result<Vec<Entry>, CatalogError> {
        self.audit.entries()
    }

    /// Stores an inventory with its lists in id order: the order has no meaning and must not affect
    /// the hash, which tokens and logs contain.
    fn put_sorted(&self, inventory: &Inventory) -> Result<String, CatalogError> {
        if lists::are_sorted(inventory) {
            return self.inventories.put(inventory);
        }
        let mut sorted = inventory.clone();
        sorted.sort();
        self.inventories.put(&sorted)
    }

    fn head_path(&self) -> PathBuf {
        self.folder.join("head.json")
    }

    /// Locks the catalog until the result is dropped; other processes wait.
    pub(super) fn lock(&self) -> Result<File, CatalogError> {
        let path = self.folder.join("lock");
        File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|cause| CatalogError::io(&path, cause))
    }

    /// The head, after completing a change that is in the audit log only. The caller must hold the
    /// lock.
    pub(super) fn recover_head(&self) -> Result<Option<Head>, CatalogError> {
        let head = self.head()?;
        let number = head.as_ref().map_or(0, |head| head.number);
        match self.audit.last()? {
            Some(last) if last.number > number => {
                let head = Head::from(&last);
                self.write_head(&head)?;
                Ok(Some(head))
            }
            _ => Ok(head),
        }
    }

    fn write_head(&self, head: &Head) -> Result<(), CatalogError> {
        let path = self.head_path();
        let mut text = serde_json::to_vec_pretty(head).expect("a head is plain data");
        text.push(b'\n');
        versions::replace(&path, &text).map_err(|cause| CatalogError::io(&path, cause))
    }
}

#[cfg(test)]
#[path = "store_properties.rs"]
mod properties;
