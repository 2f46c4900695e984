//! The audit log: append-only, one JSON object per line. An entry is on disk before its change
//! becomes visible; recovery uses the log to complete a change that a crash interrupted.

use crate::catalog::change::{FORMAT, Hashes, Head};
use crate::catalog::error::CatalogError;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// One change of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Entry {
    /// The head's number after the change.
    pub(crate) number: u64,
    /// When the change was requested.
    #[schemars(with = "String")]
    pub(crate) at: jiff::Timestamp,
    /// Who requested it, such as a key's id.
    pub(crate) who: String,
    /// A description of the change: `apply config/`, `pause flight x`.
    pub(crate) what: String,
    /// The head's hashes before the change.
    pub(crate) before: Hashes,
    /// The head's hashes after the change.
    pub(crate) after: Hashes,
    /// The request's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// The hash of the request's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
}

impl From<&Entry> for Head {
    fn from(entry: &Entry) -> Head {
        Head {
            format: FORMAT,
            number: entry.number,
            hashes: entry.after.clone(),
            at: entry.at,
            who: entry.who.clone(),
        }
    }
}

pub(super) struct AuditLog {
    path: PathBuf,
}

impl AuditLog {
    pub(crate) fn new(path: PathBuf) -> AuditLog {
        AuditLog { path }
    }

    /// Every entry, oldest first. A last line without a line end is skipped: a crash interrupted
    /// the write, so its change was never made.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, CatalogError> {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(cause) => return Err(CatalogError::io(&self.path, cause)),
        };
        let mut entries = Vec::new();
        for (index, line) in whole_lines(&text).split_inclusive(|b| *b == b'\n').enumerate() {
            let entry = serde_json::from_slice(line).map_err(|error| CatalogError::Corrupt {
                path: self.path.clone(),
                reason: format!("line {}: {error}", index + 1),
            })?;
            entries.push(entry);
        }
        Ok(entries)
    }

    /// The entry with this idempotency key. Scans the whole log, since administrative changes are
    /// rare.
    pub(crate) fn find_by_key(&self, key: &str) -> Result<Option<Entry>, CatalogError> {
        Ok(self.entries()?.into_iter().find(|entry| entry.key.as_deref() == Some(key)))
    }

    /// Appends an entry; it is durable when this returns. A partial line that a crash left at the
    /// end is truncated first. The caller must hold the catalog's lock.
    pub(crate) fn append(&self, entry: &Entry) -> Result<(), CatalogError> {
        let io_error = |cause| CatalogError::io(&self.path, cause);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut line = serde_json::to_vec(entry).expect("an entry is plain data");
        line.push(b'\n');
        let length = match std::fs::read(&self.path) {
            Ok(text) => whole_lines(&text).len(),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => 0,
            Err(cause) => return Err(io_error(cause)),
        };
        let length = u64::try_from(length).expect("a file's length fits in u64");
        let write = || {
            let options = &mut File::options();
            let mut file =
                options.create(true).truncate(false).read(true).write(true).open(&self.path)?;
            file.set_len(length)?;
            file.seek(SeekFrom::End(0))?;
            let written = file.write_all(&line).and_then(|()| file.sync_all());
            if written.is_err() {
                // Remove a partial line, so that the log stays readable. If this fails too, the
                // next append truncates it.
                file.set_len(length).ok();
            }
            written?;
            super::versions::sync(folder)
        };
        write().map_err(io_error)
    }
}

/// The text up to and including its last line end.
fn whole_lines(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    &text[..end]
}
