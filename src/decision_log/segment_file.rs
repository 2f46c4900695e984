//! A segment that is read: its lines in order, with some kilobytes of it in memory.

use crate::decision_log::index::Index;
use crate::decision_log::segments::CHUNK_BYTES;
use crate::decision_log::stored;
use crate::decision_log::stored::{Header, Kind};
use crate::journal::frame;
use std::fs::File;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::{fmt, io};

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// Longest header of any version, in bytes.
const MAX_HEADER: usize = 64;

/// Why a line with no known kind cannot be read.
pub(super) const UNKNOWN_KIND: &str = "the line has an unknown kind";

/// A place of the log that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unreadable {
    /// File name of the segment.
    pub(crate) segment: String,
    /// Where it begins, in bytes.
    pub(crate) offset: usize,
    /// Why it cannot be read.
    pub(crate) reason: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unreadable { segment, offset, reason } = self;
        write!(f, "decisions/{segment}, byte {offset}: {reason}")
    }
}

/// An open segment with a readable header.
pub(super) struct SegmentFile {
    name: String,
    file: File,
    length: u64,
    header: Header,
    /// The bytes from `window_start` on.
    window: Vec<u8>,
    window_start: u64,
}

/// A line with its place in the segment; `Err` is why there is none.
pub(super) type Line<'a> = Result<&'a [u8], &'static str>;

impl SegmentFile {
    /// Opens a segment. `Ok(None)`: its header is not written yet, or it was removed.
    pub(super) fn open(
        folder: &Path,
        name: &str,
    ) -> io::Result<Result<Option<SegmentFile>, Unreadable>> {
        let file = match File::open(folder.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ok(None)),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        let mut head = vec![0; usize::try_from(length).unwrap_or(MAX_HEADER).min(MAX_HEADER)];
        file.read_exact_at(&mut head, 0)?;
        if head.len() < stored::HEADER {
            return Ok(Ok(None));
        }
        let name = name.to_owned();
        Ok(match stored::read_header(&head) {
            Ok(header) => {
                let (window, window_start) = (Vec::new(), 0);
                Ok(Some(SegmentFile { name, file, length, header, window, window_start }))
            }
            Err(reason) => Err(Unreadable { segment: name, offset: 0, reason }),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its length when it was opened, in bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Where its lines are.
    pub(super) fn content(&self) -> Range<u64> {
        self.header.length as u64..self.length
    }

    /// Format version of its lines.
    pub(super) fn version(&self) -> u8 {
        self.header.version
    }

    /// The place of a line that cannot be read.
    pub(super) fn place(&self, offset: u64, reason: impl Into<String>) -> Unreadable {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        Unreadable { segment: self.name.clone(), offset, reason: reason.into() }
    }

    /// Passes the lines of a range to `each` until it breaks. A line at the end of the segment that is
    /// not whole was being written, now or at a crash, and is left out.
    pub(super) fn lines(
        &mut self,
        range: Range<u64>,
        mut each: impl FnMut(u64, Line<'_>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let mut at = range.start;
        while at < range.end {
            if let Some((line, length)) = self.frame(at, range.end)? {
                if each(at, Ok(&line)).is_break() {
                    return Ok(());
                }
                at += length;
                continue;
            }
            let mut next = at + 1;
            while next < range.end && self.frame(next, range.end)?.is_none() {
                next += 1;
            }
            let is_torn = next >= range.end
                && range.end >= self.length
                && !frame::is_whole(self.bytes(at, range.end, frame::MAX_PAYLOAD)?);
            let reason = "the checksum of the line does not match; restore the file from a backup";
            if !is_torn && each(at, Err(reason)).is_break() {
                return Ok(());
            }
            at = next;
        }
        Ok(())
    }

    /// The line at this offset, and the length of its frame.
    fn frame(&mut self, at: u64, end: u64) -> io::Result<Option<(Vec<u8>, u64)>> {
        let incarnation = self.header.incarnation;
        let start = self.bytes(at, end, 8)?.first_chunk().copied();
        let Some(length) = start.map(|length| u32::from_le_bytes(length) as usize) else {
            return Ok(None);
        };
        if length > frame::MAX_PAYLOAD + 9 {
            return Ok(None);
        }
        let read = frame::read(self.bytes(at, end, 8 + length)?, incarnation);
        Ok(read.map(|(entry, length)| (entry.payload, length as u64)))
    }

    /// The bytes from `at` on: at least `count`, or all up to `end`.
    fn bytes(&mut self, at: u64, end: u64, count: usize) -> io::Result<&[u8]> {
        let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
        let count = count.min(left);
        let skip = at.checked_sub(self.window_start).and_then(|skip| usize::try_from(skip).ok());
        if skip.is_none_or(|skip| self.window.len() < skip + count) {
            let size = count.max(READ_BYTES.min(left));
            self.window.resize(size, 0);
            self.window_start = at;
            self.file.read_exact_at(&mut self.window, at)?;
        }
        let skip = usize::try_from(at - self.window_start).unwrap_or(usize::MAX);
        Ok(&self.window[skip..(skip + left).min(self.window.len())])
    }

    /// Whether a decision of this request is in a range, and what cannot be read of the range before it.
    pub(super) fn has(
        &mut self,
        range: Range<u64>,
        request: u128,
    ) -> io::Result<(bool, Vec<Unreadable>)> {
        let (mut is_there, mut unreadable) = (false, Vec::new());
        self.lines(range, |at, line| {
            match line.map(stored::kind_of) {
                Ok(Some(Kind::Decision(id))) => is_there |= id == request,
                Ok(Some(Kind::World | Kind::Change)) => {}
                Ok(None) => unreadable.push((at, UNKNOWN_KIND)),
                Err(reason) => unreadable.push((at, reason)),
            }
            if is_there { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let places = unreadable.into_iter().map(|(at, reason)| self.place(at, reason));
        Ok((is_there, places.collect()))
    }

    /// Builds the index: reads the whole segment.
    pub(super) fn build_index(&mut self) -> io::Result<Index> {
        let mut index = Index::default();
        self.lines(self.content(), |at, line| {
            let kind = line.ok().and_then(stored::kind_of);
            let has_world = kind == Some(Kind::World);
            if has_world || index.last_offset().is_none_or(|last| at - last >= CHUNK_BYTES) {
                index.begin(at, has_world);
            }
            match kind {
                Some(Kind::Decision(id)) => index.add(id),
                Some(Kind::World | Kind::Change) => {}
                None => index.add_unreadable(),
            }
            ControlFlow::Continue(())
        })?;
        index.end(self.length);
        Ok(index)
    }
}
