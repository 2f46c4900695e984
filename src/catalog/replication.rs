//! Changes as instances replicate them: an entry of the audit log with the versions it introduced.

use crate::catalog::audit::Entry;
use crate::catalog::change::{AuditContext, ExpectedVersion, Hashes, Head, HeadUpdate};
use crate::catalog::error::CatalogError;
use crate::catalog::store::{Catalog, Plan};

/// A complete change: another instance needs nothing else to apply it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CatalogChange {
    /// The entry in the audit log.
    pub(crate) entry: Entry,
    /// The versions that are served after the change.
    pub(crate) documents: Vec<VersionBlob>,
}

/// A stored version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VersionBlob {
    /// The kind (`inventory`, `weights` or `labels`) and the hash: `weights:0123…`.
    pub(crate) name: String,
    /// Its content.
    pub(crate) bytes: Vec<u8>,
}

/// The effect that a change would have.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// None: this head is served already.
    Unchanged(Head),
    /// The change to pass to [`Catalog::adopt`].
    Changed(CatalogChange),
}

/// The names of the versions that a head serves.
pub(crate) fn version_names(hashes: &Hashes) -> Vec<String> {
    let of = |what: &str, hash: &Option<String>| hash.as_ref().map(|hash| format!("{what}:{hash}"));
    let all = [
        of("inventory", &hashes.inventory),
        of("weights", &hashes.weights),
        of("labels", &hashes.labels),
        hashes.canary.as_ref().map(|canary| format!("weights:{}", canary.weights)),
    ];
    all.into_iter().flatten().collect()
}

impl Catalog {
    /// Prepares a change without making it.
    pub(crate) fn prepare(
        &self,
        parts: &HeadUpdate<'_>,
        expected: ExpectedVersion<'_>,
        by: &AuditContext,
    ) -> Result<Prepared, CatalogError> {
        let _lock = self.lock()?;
        match self.plan(parts, expected, by)? {
            Plan::Unchanged(head) => Ok(Prepared::Unchanged(head)),
            Plan::Change(entry) => self.with_documents(entry).map(Prepared::Changed),
        }
    }

    /// Applies the next change, which another instance may have made. Applying the current change
    /// again succeeds; any other change that does not follow the head is a
    /// [`CatalogError::Conflict`].
    pub(crate) fn adopt(&self, change: &CatalogChange) -> Result<Head, CatalogError> {
        let _lock = self.lock()?;
        let head = self.recover_head()?;
        let number = head.as_ref().map_or(0, |head| head.number);
        let entry = &change.entry;
        let before = head.as_ref().map(|head| head.hashes.clone()).unwrap_or_default();
        if let Some(head) = head.filter(|head| *head == Head::from(entry)) {
            return Ok(head);
        }
        if entry.number != number + 1 || entry.before != before {
            return Err(CatalogError::Conflict {
                expected: format!("a change that follows number {number}"),
                found: format!("number {} with another predecessor", entry.number),
            });
        }
        for document in &change.documents {
            let (what, hash) = document.name.split_once(':').unwrap_or_default();
            match what {
                "inventory" => self.inventories.put_bytes(hash, &document.bytes)?,
                "weights" => self.weights.put_bytes(hash, &document.bytes)?,
                _ => self.labels.put_bytes(hash, &document.bytes)?,
            }
        }
        self.commit(entry)
    }

    /// Every change with a higher number than `number`, oldest first.
    pub(crate) fn changes_after(&self, number: u64) -> Result<Vec<CatalogChange>, CatalogError> {
        let entries = self.history()?.into_iter().filter(|entry| entry.number > number);
        entries.map(|entry| self.with_documents(entry)).collect()
    }

    /// Whether a version is stored here and intact.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.bytes(name).is_ok()
    }

    fn with_documents(&self, entry: Entry) -> Result<CatalogChange, CatalogError> {
        let document = |name: String| self.version_blob(name);
        let documents: Result<_, CatalogError> =
            version_names(&entry.after).into_iter().map(document).collect();
        Ok(CatalogChange { entry, documents: documents? })
    }

    /// A stored version by its name: `weights:0123…`.
    pub(crate) fn version_blob(&self, name: String) -> Result<VersionBlob, CatalogError> {
        Ok(VersionBlob { bytes: self.bytes(&name)?, name })
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, CatalogError> {
        let (what, hash) = name.split_once(':').unwrap_or_default();
        match what {
            "inventory" => self.inventories.bytes(hash),
            "weights" => self.weights.bytes(hash),
            _ => self.labels.bytes(hash),
        }
    }
}
