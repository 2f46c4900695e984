//! The audit log: one JSON object a line, only ever appended to, each on disk before its change
//! is visible. It is also what completes a change that a crash interrupted.

use crate::catalog::change::Hashes;
use crate::catalog::error::CatalogError;
use serde::Deserialize;
use serde::Serialize;
use std::fs::File;
use std::io;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Entry {
    /// The head's number after it.
    pub number: u64,
    /// When it was asked for.
    #[schemars(with = "String")]
    pub at: jiff::Timestamp,
    /// Who asked, such as a key's id.
    pub who: String,
    /// What was asked, in words: `apply config/`, `stop flight x`.
    pub what: String,
    /// The head's hashes before.
    pub before: Hashes,
    /// The head's hashes after.
    pub after: Hashes,
    /// The request's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The hash of the request's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

pub(super) struct AuditLog {
    path: PathBuf,
}

impl AuditLog {
    pub fn at(path: PathBuf) -> AuditLog {
        AuditLog { path }
    }

    /// Every entry, oldest first. The end of a line that a crash cut short is no entry: its change
    /// was never made.
    pub fn entries(&self) -> Result<Vec<Entry>, CatalogError> {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(cause) => return Err(CatalogError::io(&self.path, cause)),
        };
        let mut entries = Vec::new();
        for (at, line) in whole_lines(&text).split_inclusive(|b| *b == b'\n').enumerate() {
            let entry = serde_json::from_slice(line).map_err(|error| CatalogError::Damaged {
                path: self.path.clone(),
                reason: format!("line {}: {error}", at + 1),
            })?;
            entries.push(entry);
        }
        Ok(entries)
    }

    /// The entry that used this idempotency key. Looks at every entry: administration is rare.
    pub fn of_key(&self, key: &str) -> Result<Option<Entry>, CatalogError> {
        Ok(self.entries()?.into_iter().find(|entry| entry.key.as_deref() == Some(key)))
    }

    /// Appends an entry; it survives a power cut when this returns. What a crash left behind the
    /// last whole line is cut off first. Callers hold the catalog's lock.
    pub fn append(&self, entry: &Entry) -> Result<(), CatalogError> {
        let refused = |cause| CatalogError::io(&self.path, cause);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut line = serde_json::to_vec(entry).expect("an entry is plain data");
        line.push(b'\n');
        let kept = match std::fs::read(&self.path) {
            Ok(text) => whole_lines(&text).len(),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => 0,
            Err(cause) => return Err(refused(cause)),
        };
        let kept = u64::try_from(kept).expect("a file's length fits");
        let write = || {
            let options = &mut File::options();
            let mut file =
                options.create(true).truncate(false).read(true).write(true).open(&self.path)?;
            file.set_len(kept)?;
            file.seek(SeekFrom::End(0))?;
            let written = file.write_all(&line).and_then(|()| file.sync_all());
            if written.is_err() {
                // Half a line must not stand in the way of the next one; the next append cuts
                // again, should this fail, too.
                file.set_len(kept).ok();
            }
            written?;
            super::versions::sync(folder)
        };
        write().map_err(refused)
    }
}

/// The text up to its last line end.
fn whole_lines(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    &text[..end]
}
