//! The disk under the journal, and one in memory that fails on purpose.

use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

/// A folder that holds segments.
///
/// What `append` wrote may be lost, whole or from any byte on, until a `sync` after it has
/// returned `Ok`. A failed `sync` is final for the segment: never retry it, never append again.
pub trait Disk: Send {
    /// Begins a segment that was never used; from here on the others go there. What an attempt that
    /// failed left of it is gone.
    fn begin(&mut self, name: &str) -> io::Result<()>;
    /// Adds bytes at the end. On an error some of them may be there: `cut` them off.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns when all that was appended, and the segment's name, would survive a power cut.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the segment to `length` bytes.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// A folder of the file system.
pub struct Folder {
    path: PathBuf,
    segment: Option<File>,
    /// The folder itself while the segment's name is not durable. Opened before anything is written:
    /// a sync that could not open it would be a sync that failed.
    unnamed: Option<File>,
}

impl Folder {
    /// The folder at `path`; it must exist.
    pub fn new(path: &Path) -> Folder {
        Folder { path: path.to_owned(), segment: None, unnamed: None }
    }

    fn segment(&mut self) -> io::Result<&mut File> {
        self.segment.as_mut().ok_or_else(|| io::Error::other("no segment has begun"))
    }
}

impl Disk for Folder {
    fn begin(&mut self, name: &str) -> io::Result<()> {
        let folder = File::open(&self.path)?;
        let path = self.path.join(name);
        // A name has its process in it: only an attempt of our own can have left it.
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
        self.segment()?.set_len(length)
    }
}
