//! The audit log: append-only, one JSON object per line. An entry is on disk before its change
//! becomes visible; recovery uses the log to complete a change that a crash interrupted.

use crate::catalog::change::{FORMAT, Hashes, Head};
use crate::catalog::detail;
use crate::catalog::detail::{ChangeKind, Detail, PauseDetail};
use crate::catalog::error::CatalogError;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
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
    /// What it is about; empty in entries of older versions.
    #[serde(flatten)]
    pub(crate) detail: Box<Detail>,
}

impl Entry {
    /// The kind of change; of an entry that states none, the one that its description means.
    pub(crate) fn kind(&self) -> ChangeKind {
        self.detail.kind.unwrap_or_else(|| detail::kind_of_older(&self.what))
    }

    /// What a pause is about, if it says so.
    pub(crate) fn pause(&self) -> Option<PauseDetail> {
        self.detail.pause.clone().or_else(|| detail::pause_of_older(&self.what))
    }

    /// The number whose content a rollback serves again.
    pub(crate) fn restores(&self) -> Option<u64> {
        self.detail.restores.or_else(|| detail::restored_by_older(&self.what))
    }

    /// Whether both are the same change. An instance of an older version drops the fields that it does not know.
    pub(crate) fn is_same_change(&self, other: &Entry) -> bool {
        let without = |entry: &Entry| Entry { detail: Box::default(), ..entry.clone() };
        without(self) == without(other)
    }
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

/// Bytes read from the end of the log to find its last line.
const END_BYTES: u64 = 16 * 1024;

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
        let text = self.text()?;
        let lines = whole_lines(&text).split_inclusive(|b| *b == b'\n').enumerate();
        lines.map(|(index, line)| self.parse(line, || format!("line {}", index + 1))).collect()
    }

    /// The newest entry. Reads the end of the log, however long it is.
    pub(crate) fn last(&self) -> Result<Option<Entry>, CatalogError> {
        let (_, line) = self.end()?;
        line.map(|line| self.parse(&line, || "the last line".to_owned())).transpose()
    }

    /// The length of all whole lines, and the last one.
    fn end(&self) -> Result<(u64, Option<Vec<u8>>), CatalogError> {
        let io_error = |cause| CatalogError::io(&self.path, cause);
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok((0, None)),
            Err(cause) => return Err(io_error(cause)),
        };
        let length = file.metadata().map_err(io_error)?.len();
        let mut count = END_BYTES;
        loop {
            let start = length.saturating_sub(count);
            let mut text = vec![0; usize::try_from(length - start).unwrap_or(0)];
            file.read_exact_at(&mut text, start).map_err(io_error)?;
            let whole = whole_lines(&text);
            let before_last = whole_lines(whole.strip_suffix(b"\n").unwrap_or_default());
            if start == 0 || !before_last.is_empty() {
                let last = Some(&whole[before_last.len()..]).filter(|line| !line.is_empty());
                return Ok((start + whole.len() as u64, last.map(<[u8]>::to_vec)));
            }
            // The last line is longer than what was read.
            count = count.saturating_mul(4);
        }
    }

    /// The entry with this idempotency key. Searches the whole log, and reads only entries that have
    /// the key somewhere.
    pub(crate) fn find_by_key(&self, key: &str) -> Result<Option<Entry>, CatalogError> {
        let quoted = serde_json::to_string(key).expect("text is plain data");
        let text = self.text()?;
        for (index, line) in whole_lines(&text).split_inclusive(|b| *b == b'\n').enumerate() {
            if str::from_utf8(line).is_ok_and(|line| line.contains(&quoted)) {
                let entry = self.parse(line, || format!("line {}", index + 1))?;
                if entry.key.as_deref() == Some(key) {
                    return Ok(Some(entry));
                }
            }
        }
        Ok(None)
    }

    fn text(&self) -> Result<Vec<u8>, CatalogError> {
        match std::fs::read(&self.path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read.map_err(|cause| CatalogError::io(&self.path, cause)),
        }
    }

    fn parse(&self, line: &[u8], place: impl FnOnce() -> String) -> Result<Entry, CatalogError> {
        serde_json::from_slice(line).map_err(|error| CatalogError::Corrupt {
            path: self.path.clone(),
            reason: format!("{}: {error}", place()),
        })
    }

    /// Appends an entry; it is durable when this returns. A partial line that a crash left at the
    /// end is truncated first. The caller must hold the catalog's lock.
    pub(crate) fn append(&self, entry: &Entry) -> Result<(), CatalogError> {
        let io_error = |cause| CatalogError::io(&self.path, cause);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut line = serde_json::to_vec(entry).expect("an entry is plain data");
        line.push(b'\n');
        let (length, _) = self.end()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64, what: String) -> Entry {
        let (before, after) = (Hashes::default(), Hashes::default());
        let key = Some(format!("key-{number}"));
        let at = jiff::Timestamp::UNIX_EPOCH;
        Entry {
            number,
            at,
            who: "test".into(),
            what,
            before,
            after,
            key,
            body: None,
            detail: Box::default(),
        }
    }

    #[test]
    fn the_form_of_an_entry_is_frozen_and_entries_of_older_versions_are_read() {
        let older = "{\"number\":7,\"at\":\"2026-11-01T00:00:00Z\",\"who\":\"anna\",\"what\":\"pause flight x\",\
            \"before\":{\"inventory\":\"a\"},\"after\":{\"inventory\":\"b\"}";
        let read: Entry = serde_json::from_str(&format!("{older}}}")).unwrap();
        assert_eq!((read.kind(), read.restores()), (ChangeKind::Pause, None));
        assert_eq!(read.pause().unwrap().id, "x");
        assert_eq!(serde_json::to_string(&read).unwrap(), format!("{older}}}"));
        let newer = format!(
            "{older},\"kind\":\"pause\",\"pause\":{{\"what\":\"publisher\",\"id\":\"p\",\"path\":\"/x/\",\
             \"paused\":true,\"reason\":\"r\"}},\"restores\":3,\"files\":[{{\"part\":\"inventory\",\
             \"path\":\"/srv\",\"hash\":\"h\"}}]}}"
        );
        let with_detail: Entry = serde_json::from_str(&newer).unwrap();
        assert_eq!(serde_json::to_string(&with_detail).unwrap(), newer);
        assert!(read.is_same_change(&with_detail), "an older instance drops the rest");
    }

    #[test]
    fn the_end_of_the_log_is_that_of_all_entries_however_long_the_lines_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        let log = AuditLog::new(path.clone());
        assert_eq!(log.last().unwrap(), None);
        for (number, length) in (1..).zip([0, 10, 20_000, 5, 16_384, 70_000, 1]) {
            let entry = entry(number, "x".repeat(length));
            log.append(&entry).unwrap();
            // A crash interrupted the next write.
            let mut text = std::fs::read(&path).unwrap();
            text.extend_from_slice(b"{\"number\":");
            std::fs::write(&path, text).unwrap();
            assert_eq!(log.last().unwrap().as_ref(), Some(&entry));
            assert_eq!(log.entries().unwrap().last(), Some(&entry));
            assert_eq!(log.find_by_key(&format!("key-{number}")).unwrap(), Some(entry));
        }
        assert_eq!(log.entries().unwrap().len(), 7);
        assert_eq!(log.find_by_key("key").unwrap(), None);
    }
}
