//! The embedded catalog: a folder that holds the truth about what can be served.
//!
//! | file | holds |
//! |---|---|
//! | `inventory/HASH.json`, `weights/HASH.json`, `labels/HASH.json` | immutable versions, all kept: explaining and replaying go back |
//! | `pictures/ADDRESS` | logos and images that versions name, all kept |
//! | `head.json` | which of them are served |
//! | `audit.log` | who changed the head, when, from what to what |
//! | `lock` | held while somebody writes, in this process or another |
//!
//! A change writes its pictures, then the versions that name them, then its line in the audit log
//! (that commits it), then the head. A head that a crash left behind the log is brought up to it by
//! the next `open` or change.
//! Readers take no lock.

use crate::catalog::audit::AuditLog;
use crate::catalog::audit::Entry;
use crate::catalog::change::By;
use crate::catalog::change::Expected;
use crate::catalog::change::FORMAT;
use crate::catalog::change::Head;
use crate::catalog::change::Parts;
use crate::catalog::error::CatalogError;
use crate::catalog::listed;
use crate::catalog::picture::Picture;
use crate::catalog::pictures::Pictures;
use crate::catalog::versions;
use crate::catalog::versions::Versions;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use serde::Deserialize;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// What a change makes of the head.
pub(super) enum Next {
    /// Nothing.
    Same(Head),
    /// This.
    Changed(Entry),
}

/// A catalog in a folder. Cheap to open, `Send + Sync`; several threads and processes may use the
/// same folder.
pub struct Catalog {
    folder: PathBuf,
    audit: AuditLog,
    pub(super) inventories: Versions,
    pub(super) weights: Versions,
    pub(super) labels: Versions,
    pictures: Pictures,
}

impl Catalog {
    /// Opens the catalog in `folder`, which is made when it is not there.
    pub fn open(folder: &Path) -> Result<Catalog, CatalogError> {
        std::fs::create_dir_all(folder).map_err(|cause| CatalogError::io(folder, cause))?;
        let catalog = Catalog {
            folder: folder.to_owned(),
            audit: AuditLog::at(folder.join("audit.log")),
            inventories: Versions::open(folder, "inventory")?,
            weights: Versions::open(folder, "weights")?,
            labels: Versions::open(folder, "labels")?,
            pictures: Pictures::open(folder)?,
        };
        let _held = catalog.lock()?;
        catalog.caught_up()?;
        Ok(catalog)
    }

    /// What is served; `None` when nothing was ever put.
    pub fn head(&self) -> Result<Option<Head>, CatalogError> {
        let path = self.head_path();
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(CatalogError::io(&path, cause)),
        };
        /// Read first, and alone: the rest of a newer format may look different.
        #[derive(Deserialize)]
        struct Form {
            format: u32,
        }
        let damaged = |error: serde_json::Error| CatalogError::Damaged {
            path: path.clone(),
            reason: error.to_string(),
        };
        let Form { format } = serde_json::from_slice(&text).map_err(damaged)?;
        if format > FORMAT {
            return Err(CatalogError::Newer { path, format });
        }
        serde_json::from_slice(&text).map(Some).map_err(damaged)
    }

    /// The inventory of this hash.
    pub fn inventory(&self, hash: &str) -> Result<Inventory, CatalogError> {
        self.inventories.load(hash)
    }

    /// The hash of an inventory by its first eight bytes (big-endian), as event tokens carry them.
    pub fn hash_by_prefix(&self, prefix: u64) -> Result<String, CatalogError> {
        self.inventories.by_prefix(prefix)
    }

    /// The inventory whose hash begins with these eight bytes.
    pub fn inventory_by_prefix(&self, prefix: u64) -> Result<Inventory, CatalogError> {
        self.inventory(&self.hash_by_prefix(prefix)?)
    }

    /// The weights of this hash.
    pub fn weights(&self, hash: &str) -> Result<Weights, CatalogError> {
        self.weights.load(hash)
    }

    /// The label table of this hash.
    pub fn labels(&self, hash: &str) -> Result<LabelTable, CatalogError> {
        self.labels.load(hash)
    }

    /// The stored pictures.
    pub fn pictures(&self) -> &Pictures {
        &self.pictures
    }

    /// Stores a picture that no version names yet.
    pub fn put_picture(&self, picture: &Picture) -> Result<(), CatalogError> {
        let _held = self.lock()?;
        self.pictures.put(picture)
    }

    /// Makes an inventory the one that is served. `expected` is the hash the caller has seen.
    pub fn put_inventory(
        &self,
        inventory: &Inventory,
        expected: Option<&str>,
        by: &By,
    ) -> Result<Head, CatalogError> {
        let parts = Parts { inventory: Some(inventory), ..Parts::default() };
        self.put(&parts, expected.map_or(Expected::Anything, Expected::Inventory), by)
    }

    /// Makes weights the ones that are served. `expected` is the hash the caller has seen.
    pub fn put_weights(
        &self,
        weights: &Weights,
        expected: Option<&str>,
        by: &By,
    ) -> Result<Head, CatalogError> {
        let parts = Parts { weights: Some(weights), ..Parts::default() };
        self.put(&parts, expected.map_or(Expected::Anything, Expected::Weights), by)
    }

    /// Makes a label table the one that is served. `expected` is the hash the caller has seen.
    pub fn put_labels(
        &self,
        labels: &LabelTable,
        expected: Option<&str>,
        by: &By,
    ) -> Result<Head, CatalogError> {
        let parts = Parts { labels: Some(labels), ..Parts::default() };
        self.put(&parts, expected.map_or(Expected::Anything, Expected::Labels), by)
    }

    /// Changes the head, all parts at once or none, and returns it when it survives a power cut.
    ///
    /// A request that was audited already (same key, same body) changes nothing and returns the
    /// head it made then. What changes nothing writes nothing, unless it has a key to remember.
    pub fn put(
        &self,
        parts: &Parts<'_>,
        expected: Expected<'_>,
        by: &By,
    ) -> Result<Head, CatalogError> {
        let _held = self.lock()?;
        match self.next(parts, expected, by)? {
            Next::Same(head) => Ok(head),
            Next::Changed(entry) => self.commit(&entry),
        }
    }

    /// What a change would make of the head. Versions it brings are kept already: nobody finds them
    /// without a head. Callers hold the lock.
    pub(super) fn next(
        &self,
        parts: &Parts<'_>,
        expected: Expected<'_>,
        by: &By,
    ) -> Result<Next, CatalogError> {
        if let Some((key, body)) = &by.request
            && let Some(entry) = self.audited(key, body)?
        {
            return Ok(Next::Same(Head::from(&entry)));
        }
        let head = self.caught_up()?;
        let before = head.as_ref().map(|head| head.hashes.clone()).unwrap_or_default();
        let number = head.as_ref().map_or(0, |head| head.number);
        expected.agrees(number, &before)?;
        parts.pictures.iter().try_for_each(|picture| self.pictures.put(picture))?;
        let mut after = before.clone();
        if let Some(inventory) = parts.inventory {
            after.inventory = Some(self.put_in_order(inventory)?);
        }
        if let Some(weights) = parts.weights {
            after.weights = Some(self.weights.put(weights)?);
        }
        if let Some(labels) = parts.labels {
            after.labels = Some(self.labels.put(labels)?);
        }
        if let Some(head) = head.filter(|_| after == before && by.request.is_none()) {
            return Ok(Next::Same(head));
        }
        let (key, body) = by.request.clone().unzip();
        let (at, who, what) = (by.at, by.who.clone(), by.what.clone());
        Ok(Next::Changed(Entry { number: number + 1, at, who, what, before, after, key, body }))
    }

    /// Makes a change the one that is served. Callers hold the lock.
    pub(super) fn commit(&self, entry: &Entry) -> Result<Head, CatalogError> {
        self.audit.append(entry)?;
        let head = Head::from(entry);
        self.write_head(&head)?;
        Ok(head)
    }

    /// What a request with this idempotency key did; `None` when it is new. With another body it
    /// is refused.
    pub fn audited(&self, key: &str, body: &str) -> Result<Option<Entry>, CatalogError> {
        match self.audit.of_key(key)? {
            Some(entry) if entry.body.as_deref() != Some(body) => {
                Err(CatalogError::KeyReused(key.to_owned()))
            }
            found => Ok(found),
        }
    }

    /// Every change, oldest first.
    pub fn history(&self) -> Result<Vec<Entry>, CatalogError> {
        self.audit.entries()
    }

    /// The order of lists means nothing and must not change a hash: tokens and logs carry it.
    fn put_in_order(&self, inventory: &Inventory) -> Result<String, CatalogError> {
        if listed::in_order(inventory) {
            return self.inventories.put(inventory);
        }
        let mut sorted = inventory.clone();
        sorted.sort();
        self.inventories.put(&sorted)
    }

    fn head_path(&self) -> PathBuf {
        self.folder.join("head.json")
    }

    /// Held until dropped; other processes wait.
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

    /// The head, brought up to the audit log. Callers hold the lock.
    pub(super) fn caught_up(&self) -> Result<Option<Head>, CatalogError> {
        let head = self.head()?;
        let number = head.as_ref().map_or(0, |head| head.number);
        match self.audit.entries()?.last() {
            Some(last) if last.number > number => {
                let head = Head::from(last);
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
#[path = "store_laws.rs"]
mod laws;
