//! What readers report about units (article 16 of the Digital Services Act): a private file in the data
//! directory, of bounded size, with one JSON object per line. A notice stays until an operator removes it;
//! what remains of it then says who removed it and when, and nothing of the reader.

use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Name of the file in the data directory.
pub(crate) const FILE: &str = "notices.jsonl";

/// Most bytes of the file; a notice that does not fit is refused.
pub(crate) const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Removals that are kept; older ones are forgotten.
const MAX_REMOVALS: usize = 10_000;

/// Version of the lines.
const FORMAT: u32 = 1;

string_enum! {
    /// What is wrong with a unit.
    NoticeReason {
        /// Its content is illegal.
        IllegalContent = "illegal_content",
        /// It shows or promotes sexual abuse of children: the notice needs no name.
        ChildAbuse = "child_abuse",
        /// It is misleading.
        Misleading = "misleading",
        /// It is not recognisable as advertising.
        NotLabelled = "not_labelled",
        /// Something else.
        Other = "other",
    }
}

/// A reader's notice about a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Notice {
    /// Identifies it; the reader has it, too.
    pub(crate) reference: String,
    /// When it was received.
    #[schemars(with = "String")]
    pub(crate) at: jiff::Timestamp,
    /// The decision that showed the unit.
    pub(crate) decision: String,
    /// The unit's publisher.
    pub(crate) publisher: String,
    /// The unit's advertiser.
    pub(crate) advertiser: String,
    /// The unit's creative.
    pub(crate) creative: String,
    /// What is wrong with it.
    pub(crate) reason: NoticeReason,
    /// Why, in the reader's words: plain text, at most 2,000 characters.
    pub(crate) explanation: String,
    /// The reader's name, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The reader's email address, if given: where the decision about the notice is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
}

/// A notice that was handled and removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct Removal {
    /// The notice's reference.
    pub(crate) reference: String,
    /// The decision that it was about.
    pub(crate) decision: String,
    /// What was wrong.
    pub(crate) reason: NoticeReason,
    /// When it was received.
    #[schemars(with = "String")]
    pub(crate) received: jiff::Timestamp,
    /// When it was removed.
    #[schemars(with = "String")]
    pub(crate) removed: jiff::Timestamp,
    /// Id of the key that removed it.
    pub(crate) by: String,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    format: u32,
    #[serde(flatten)]
    entry: Entry,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Notice(Notice),
    Removal(Removal),
}

/// All entries, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Listed {
    pub(crate) notices: Vec<Notice>,
    pub(crate) removals: Vec<Removal>,
    /// Lines that this version cannot read; they stay as they are.
    pub(crate) unreadable: usize,
    /// Size of the file.
    pub(crate) bytes: u64,
}

/// Why a notice was not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoticeError {
    /// The file has its largest size.
    #[error("{FILE} has its largest size of {MAX_BYTES} bytes: handle and remove notices")]
    Full,
    #[error("{FILE}: {0}")]
    Io(#[from] io::Error),
}

/// The notices of this instance.
pub(crate) struct Notices {
    path: PathBuf,
    writing: Mutex<()>,
}

impl Notices {
    /// The notices in a data directory. The file is made with the first notice.
    pub(crate) fn of(data: &Path) -> Notices {
        Notices { path: data.join(FILE), writing: Mutex::new(()) }
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores a notice; it is on disk when this returns. Blocks.
    pub(crate) fn add(&self, notice: Notice) -> Result<(), NoticeError> {
        let line = line(Entry::Notice(notice));
        let _writing = self.lock();
        let is_new = !self.path.exists();
        let mut file = private().create(true).truncate(false).read(true).open(&self.path)?;
        let end = end_of_lines(&mut file)?;
        if end + line.len() as u64 > MAX_BYTES {
            return Err(NoticeError::Full);
        }
        // Without what a crash left of a line.
        file.set_len(end)?;
        file.seek(SeekFrom::End(0))?;
        let written = file.write_all(&line).and_then(|()| file.sync_all());
        if written.is_err() {
            file.set_len(end).ok();
        }
        written?;
        if is_new {
            self.sync_folder()?;
        }
        Ok(())
    }

    /// Reads all entries. Blocks.
    pub(crate) fn list(&self) -> io::Result<Listed> {
        let text = self.read()?;
        let mut listed = Listed { bytes: text.len() as u64, ..Listed::default() };
        for line in lines(&text) {
            match parse(line) {
                Some(Entry::Notice(notice)) => listed.notices.push(notice),
                Some(Entry::Removal(removal)) => listed.removals.push(removal),
                None => listed.unreadable += 1,
            }
        }
        Ok(listed)
    }

    /// Removes a notice; `None` if there is none with this reference. Blocks.
    pub(crate) fn remove(
        &self,
        reference: &str,
        by: &str,
        now: jiff::Timestamp,
    ) -> io::Result<Option<Removal>> {
        let _writing = self.lock();
        let text = self.read()?;
        let mut kept: Vec<(bool, &[u8])> = Vec::new();
        let mut removed = None;
        for line in lines(&text) {
            match parse(line) {
                Some(Entry::Notice(notice)) if notice.reference == reference => {
                    removed = Some(Removal {
                        reference: notice.reference,
                        decision: notice.decision,
                        reason: notice.reason,
                        received: notice.at,
                        removed: now,
                        by: by.to_owned(),
                    });
                }
                entry => kept.push((matches!(entry, Some(Entry::Removal(_))), line)),
            }
        }
        let Some(removal) = removed else { return Ok(None) };
        let removals = kept.iter().filter(|(is_removal, _)| *is_removal).count();
        let mut forgotten = (removals + 1).saturating_sub(MAX_REMOVALS);
        let mut new = Vec::with_capacity(text.len());
        for (is_removal, line) in kept {
            if is_removal && forgotten > 0 {
                forgotten -= 1;
            } else {
                new.extend_from_slice(line);
            }
        }
        new.extend(line(Entry::Removal(removal.clone())));
        self.replace(&new)?;
        Ok(Some(removal))
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        match fs::read(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        }
    }

    fn replace(&self, text: &[u8]) -> io::Result<()> {
        let temporary = self.path.with_extension("new");
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {} // a crash may have left one
        }
        let mut file = private().create_new(true).open(&temporary)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        self.sync_folder()
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// A file that only its owner may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

fn line(entry: Entry) -> Vec<u8> {
    let mut line =
        serde_json::to_vec(&Line { format: FORMAT, entry }).expect("an entry is plain data");
    line.push(b'\n');
    line
}

/// The entry of a line; `None` if it is of another version or damaged.
fn parse(line: &[u8]) -> Option<Entry> {
    let line: Line = serde_json::from_slice(line).ok()?;
    (line.format == FORMAT).then_some(line.entry)
}

/// The complete lines, each with its end.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"))
}

/// Where the last complete line ends.
fn end_of_lines(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(0);
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(length - 1))?;
    file.read_exact(&mut last)?;
    if last == *b"\n" {
        return Ok(length);
    }
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(MAX_BYTES).read_to_end(&mut text)?;
    Ok(text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at as u64 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn notice(reference: &str, explanation: String) -> Notice {
        Notice {
            reference: reference.to_owned(),
            at: jiff::Timestamp::UNIX_EPOCH,
            decision: "d".to_owned(),
            publisher: "p".to_owned(),
            advertiser: "a".to_owned(),
            creative: "c".to_owned(),
            reason: NoticeReason::Misleading,
            explanation,
            name: Some("Jo".to_owned()),
            email: None,
        }
    }

    #[test]
    fn a_line_of_the_written_format_is_read_and_written_byte_for_byte() {
        let golden = "{\"format\":1,\"notice\":{\"reference\":\"r\",\"at\":\"1970-01-01T00:00:00Z\",\"decision\":\"d\",\
                      \"publisher\":\"p\",\"advertiser\":\"a\",\"creative\":\"c\",\"reason\":\"misleading\",\
                      \"explanation\":\"x\",\"name\":\"Jo\"}}\n";
        let entry = Entry::Notice(notice("r", "x".to_owned()));
        assert_eq!(String::from_utf8(line(entry.clone())).unwrap(), golden);
        assert_eq!(parse(golden.as_bytes()), Some(entry));
        let removal = "{\"format\":1,\"removal\":{\"reference\":\"r\",\"decision\":\"d\",\"reason\":\"other\",\
                       \"received\":\"1970-01-01T00:00:00Z\",\"removed\":\"1970-01-01T00:00:00Z\",\"by\":\"k\"}}\n";
        let read = parse(removal.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(line(read)).unwrap(), removal);
    }

    #[test]
    fn a_notice_is_kept_until_it_is_removed_and_what_is_left_names_no_reader() {
        let folder = tempfile::tempdir().unwrap();
        let notices = Notices::of(folder.path());
        assert_eq!(notices.list().unwrap(), Listed::default());
        for reference in ["1", "2", "3"] {
            notices.add(notice(reference, "<b>\n\u{202e}x".to_owned())).unwrap();
        }
        let removal = notices.remove("2", "key", jiff::Timestamp::UNIX_EPOCH).unwrap().unwrap();
        assert_eq!((&*removal.reference, &*removal.by), ("2", "key"));
        assert_eq!(notices.remove("2", "key", jiff::Timestamp::UNIX_EPOCH).unwrap(), None);

        let listed = Notices::of(folder.path()).list().unwrap();
        let left: Vec<&str> = listed.notices.iter().map(|one| &*one.reference).collect();
        assert_eq!((left, listed.removals), (vec!["1", "3"], vec![removal]));
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert_eq!(text.matches("Jo").count(), 2);
        assert_eq!(fs::metadata(folder.path().join(FILE)).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_a_crash_or_another_version_left_is_no_notice_and_stops_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let notices = Notices::of(folder.path());
        fs::write(&path, "{\"format\":2,\"notice\":{}}\n{\"format\":1,\"noti").unwrap();
        notices.add(notice("1", "x".to_owned())).unwrap();
        fs::write(folder.path().join("notices.new"), "left by a crash").unwrap();
        notices.remove("1", "key", jiff::Timestamp::UNIX_EPOCH).unwrap().unwrap();

        let listed = notices.list().unwrap();
        assert_eq!((listed.unreadable, listed.notices.len(), listed.removals.len()), (1, 0, 1));
        assert!(fs::read_to_string(&path).unwrap().starts_with("{\"format\":2,"));
    }

    #[test]
    fn the_file_never_exceeds_its_size_and_old_removals_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let notices = Notices::of(folder.path());
        let old = "{\"format\":1,\"removal\":{\"reference\":\"r\",\"decision\":\"d\",\"reason\":\"other\",\
                   \"received\":\"1970-01-01T00:00:00Z\",\"removed\":\"1970-01-01T00:00:00Z\",\"by\":\"k\"}}\n";
        fs::write(folder.path().join(FILE), old.repeat(MAX_REMOVALS)).unwrap();
        notices.add(notice("1", "x".repeat(4_000_000))).unwrap();
        let refused = notices.add(notice("2", "x".repeat(4_000_000)));
        assert!(matches!(refused, Err(NoticeError::Full)), "{refused:?}");
        notices.add(notice("3", "x".to_owned())).unwrap();

        notices.remove("1", "key", jiff::Timestamp::UNIX_EPOCH).unwrap().unwrap();
        let listed = notices.list().unwrap();
        assert_eq!((listed.removals.len(), listed.notices.len()), (MAX_REMOVALS, 1));
        assert_eq!(listed.removals.last().unwrap().by, "key");
        assert!(listed.bytes < MAX_BYTES);
    }
}
