//! Changes as machines hand them to each other: an entry of the audit log with the versions it brought.

use crate::catalog::audit::Entry;
use crate::catalog::change::By;
use crate::catalog::change::Expected;
use crate::catalog::change::Hashes;
use crate::catalog::change::Head;
use crate::catalog::change::Parts;
use crate::catalog::error::CatalogError;
use crate::catalog::store::Catalog;
use crate::catalog::store::Next;

/// A change, whole: another machine needs nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What was changed, by whom.
    pub entry: Entry,
    /// The versions that are served after it.
    pub documents: Vec<Document>,
}

/// A version.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// `inventory`, `weights` or `labels`, and its hash: `weights:0123…`.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// What a change would do.
#[derive(Debug)]
pub enum Prepared {
    /// Nothing: this is served already.
    Same(Head),
    /// This, once it is adopted.
    Changes(Change),
}

/// The names of what a head serves.
pub fn names(hashes: &Hashes) -> Vec<String> {
    let of = |what: &str, hash: &Option<String>| hash.as_ref().map(|hash| format!("{what}:{hash}"));
    let all = [
        of("inventory", &hashes.inventory),
        of("weights", &hashes.weights),
        of("labels", &hashes.labels),
    ];
    all.into_iter().flatten().collect()
}

impl Catalog {
    /// What a change would be, without making it.
    pub fn prepare(
        &self,
        parts: &Parts<'_>,
        expected: Expected<'_>,
        by: &By,
    ) -> Result<Prepared, CatalogError> {
        let _held = self.lock()?;
        match self.next(parts, expected, by)? {
            Next::Same(head) => Ok(Prepared::Same(head)),
            Next::Changed(entry) => self.whole(entry).map(Prepared::Changes),
        }
    }

    /// Makes the next change, which may be another machine's. One that was made already is no
    /// error; one that is not the next is.
    pub fn adopt(&self, change: &Change) -> Result<Head, CatalogError> {
        let _held = self.lock()?;
        let head = self.caught_up()?;
        let number = head.as_ref().map_or(0, |head| head.number);
        let entry = &change.entry;
        let before = head.as_ref().map(|head| head.hashes.clone()).unwrap_or_default();
        if let Some(head) = head.filter(|head| *head == Head::from(entry)) {
            return Ok(head);
        }
        if entry.number != number + 1 || entry.before != before {
            return Err(CatalogError::Conflict {
                expected: format!("a change of number {number}"),
                found: format!("number {} of another history", entry.number),
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

    /// Every change after a number, oldest first.
    pub fn changes_after(&self, number: u64) -> Result<Vec<Change>, CatalogError> {
        let entries = self.history()?.into_iter().filter(|entry| entry.number > number);
        entries.map(|entry| self.whole(entry)).collect()
    }

    /// Whether a version is here.
    pub fn has(&self, name: &str) -> bool {
        self.bytes(name).is_ok()
    }

    fn whole(&self, entry: Entry) -> Result<Change, CatalogError> {
        let document = |name: String| Ok(Document { bytes: self.bytes(&name)?, name });
        let documents: Result<_, CatalogError> =
            names(&entry.after).into_iter().map(document).collect();
        Ok(Change { entry, documents: documents? })
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
