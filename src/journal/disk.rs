//! File operations of the journal, as a trait that tests replace with a failing disk.

use crate::journal::end;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A folder that holds segments.
///
/// Appended bytes may be lost, all of them or from any byte on, until a later `sync` has returned
/// `Ok`. A failed `sync` is final for the segment: never retry it and never append again.
pub trait Disk: Send {
    /// Creates a segment under a name never used before; later calls apply to it. Replaces what a
    /// failed attempt left under that name.
    fn begin(&mut self, name: &str) -> io::Result<()>;
    /// Appends bytes. After an error some of them may be on disk: `cut` them off.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns when all appended bytes and the segment's name survive a power loss.
    fn sync(&mut self) -> io::Result<()>;
    /// Truncates the segment to `length` bytes.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// Overwrites one of the two marks of what was acknowledged. It survives the death of the process at
    /// once; after a power loss it is the old one, this one, or unreadable.
    fn mark(&mut self, slot: usize, mark: &[u8]) -> io::Result<()>;
    /// Returns when the marks survive a power loss. A failure is final, as that of `sync`.
    fn sync_mark(&mut self) -> io::Result<()>;
    /// Appends a line to the manifest; returns when it survives a power loss. After an error the
    /// manifest is as it was.
    fn note(&mut self, line: &str) -> io::Result<()>;
}

/// A folder of the file system.
pub struct Folder {
    path: PathBuf,
    segment: Option<File>,
    /// The folder itself, until the segment's name is durable. Opened before anything is written,
    /// because failing to open it later would count as a failed sync.
    unnamed: Option<File>,
    marks: Option<File>,
}

impl Folder {
    /// The folder at `path`; it must exist.
    pub fn new(path: &Path) -> Folder {
        Folder { path: path.to_owned(), segment: None, unnamed: None, marks: None }
    }

    fn segment(&mut self) -> io::Result<&mut File> {
        self.segment.as_mut().ok_or_else(|| io::Error::other("no segment is open"))
    }
}

impl Disk for Folder {
    fn begin(&mut self, name: &str) -> io::Result<()> {
        let folder = File::open(&self.path)?;
        let path = self.path.join(name);
        // The name contains the incarnation: only a failed attempt of this process can have left it.
        File::options().create(true).write(true).truncate(true).open(&path)?;
        self.segment = Some(File::options().append(true).open(&path)?);
        self.unnamed = Some(folder);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.segment()?.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.segment()?.sync_data()?;
        match self.unnamed.take() {
            Some(folder) => folder.sync_all(),
            None => Ok(()),
        }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let segment = self.segment()?;
        // A file system that has become read-only rejects this as well, and has taken nothing.
        if segment.metadata()?.len() == length {
            return Ok(());
        }
        segment.set_len(length)
    }

    fn mark(&mut self, slot: usize, mark: &[u8]) -> io::Result<()> {
        let marks = match self.marks.take() {
            Some(marks) => marks,
            None => end::open_marks(&self.path)?,
        };
        end::write_mark(self.marks.insert(marks), slot, mark)
    }

    fn sync_mark(&mut self) -> io::Result<()> {
        self.marks.as_ref().map_or(Ok(()), File::sync_data)
    }

    fn note(&mut self, line: &str) -> io::Result<()> {
        end::append_line(&self.path, line)
    }
}
