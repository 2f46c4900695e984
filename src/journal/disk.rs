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
    /// Begins a new segment and makes its name durable; from here on the others go there.
    fn begin(&mut self, name: &str) -> io::Result<()>;
    /// Adds bytes at the end. On an error some of them may be there: `cut` them off.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns when all that was appended would survive a power cut.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the segment to `length` bytes.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// A folder of the file system.
pub struct Folder {
    path: PathBuf,
    segment: Option<File>,
}

impl Folder {
    /// The folder at `path`; it must exist.
    pub fn new(path: &Path) -> Folder {
        Folder { path: path.to_owned(), segment: None }
    }

    fn segment(&mut self) -> io::Result<&mut File> {
        self.segment.as_mut().ok_or_else(|| io::Error::other("no segment has begun"))
    }
}

impl Disk for Folder {
    fn begin(&mut self, name: &str) -> io::Result<()> {
        let file = File::options().create_new(true).append(true).open(self.path.join(name))?;
        File::open(&self.path)?.sync_all()?;
        self.segment = Some(file);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.segment()?.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.segment()?.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.segment()?.set_len(length)
    }
}
