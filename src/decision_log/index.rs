//! The index of a segment: where its chunks begin, and of which times their decisions are.
//!
//! Looking for a decision reads a chunk and not a segment. What follows a world is read without what is
//! before it: a decision that was found is read from the last chunk on that begins with one. The index of
//! a finished segment is in a file beside it; it is built again from the segment when it is missing,
//! damaged, or of another length of the segment. All integers are little-endian:
//!
//! ```text
//! file    magic "ADJIDX02" | length of the segment u64 | chunks | CRC-32 of all before u32
//! chunk   offset u64, its highest bit set if it begins with a world | first time i64 | last time i64
//! ```

use crate::decision_log::decision_id::time_of;
use std::ops::Range;

const MAGIC: &[u8; 8] = b"ADJIDX02";
const CHUNK: usize = 24;
const WORLD: u64 = 1 << 63;

/// A part of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Where it begins, in bytes.
    offset: u64,
    /// Whether it begins with a world.
    has_world: bool,
    /// Times of its decisions, from their ids, in unix milliseconds. Without any, the first is later.
    first_ms: i64,
    last_ms: i64,
}

/// The chunks of a segment, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// Length of the segment, in bytes.
    length: u64,
    chunks: Vec<Chunk>,
}

impl Index {
    /// Starts a chunk at `offset`, with a world or a decision.
    pub(super) fn begin(&mut self, offset: u64, has_world: bool) {
        self.chunks.push(Chunk { offset, has_world, first_ms: i64::MAX, last_ms: i64::MIN });
    }

    /// Adds a decision to the last chunk.
    pub(super) fn add(&mut self, request: u128) {
        let at_ms = time_of(request);
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.first_ms = chunk.first_ms.min(at_ms);
            chunk.last_ms = chunk.last_ms.max(at_ms);
        }
    }

    /// The last chunk has a line that cannot be read: it may be any decision.
    pub(super) fn add_unreadable(&mut self) {
        if let Some(chunk) = self.chunks.last_mut() {
            (chunk.first_ms, chunk.last_ms) = (i64::MIN, i64::MAX);
        }
    }

    /// Sets the length of the segment.
    pub(super) fn end(&mut self, length: u64) {
        self.length = length;
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Where the last chunk begins.
    pub(super) fn last_offset(&self) -> Option<u64> {
        self.chunks.last().map(|chunk| chunk.offset)
    }

    /// Numbers of the chunks that may have a decision of this time.
    pub(super) fn at(&self, at_ms: i64) -> impl Iterator<Item = usize> {
        let chunks = self.chunks.iter().enumerate();
        chunks
            .filter(move |(_, chunk)| (chunk.first_ms..=chunk.last_ms).contains(&at_ms))
            .map(|(number, _)| number)
    }

    /// The bytes of a chunk.
    pub(super) fn range(&self, number: usize) -> Range<u64> {
        let end = self.chunks.get(number + 1).map_or(self.length, |next| next.offset);
        self.chunks[number].offset..end
    }

    /// The bytes of a chunk and of those before it, from the last world at a beginning.
    pub(super) fn since_world(&self, number: usize) -> Range<u64> {
        self.chunks[self.world(number)].offset..self.range(number).end
    }

    /// The same of the chunks before these.
    pub(super) fn before(&self, number: usize) -> Option<Range<u64>> {
        Some(self.since_world(self.world(number).checked_sub(1)?))
    }

    /// The same of the last chunk.
    pub(super) fn last(&self) -> Option<Range<u64>> {
        Some(self.since_world(self.chunks.len().checked_sub(1)?))
    }

    /// Where the last chunk with a world begins.
    pub(super) fn last_world(&self) -> Option<u64> {
        Some(self.chunks[self.world(self.chunks.len().checked_sub(1)?)].offset)
    }

    /// Number of the last chunk with a world, of those up to `number`.
    fn world(&self, number: usize) -> usize {
        self.chunks[..=number].iter().rposition(|chunk| chunk.has_world).unwrap_or(0)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(20 + self.chunks.len() * CHUNK);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.length.to_le_bytes());
        for Chunk { offset, has_world, first_ms, last_ms } in &self.chunks {
            let offset = offset | if *has_world { WORLD } else { 0 };
            bytes.extend_from_slice(&offset.to_le_bytes());
            bytes.extend_from_slice(&first_ms.to_le_bytes());
            bytes.extend_from_slice(&last_ms.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Decodes the index of a segment of this length; `None` if it is another one's, or damaged.
    pub(super) fn decode(bytes: &[u8], length: u64) -> Option<Index> {
        let (fields, crc) = bytes.split_last_chunk()?;
        let chunks = fields.strip_prefix(MAGIC)?.strip_prefix(&length.to_le_bytes())?;
        if crc32fast::hash(fields) != u32::from_le_bytes(*crc) || chunks.len() % CHUNK != 0 {
            return None;
        }
        let chunk = |bytes: &[u8]| -> Option<Chunk> {
            let word = |at: usize| bytes[at..].first_chunk().copied();
            let offset = u64::from_le_bytes(word(0)?);
            Some(Chunk {
                offset: offset & !WORLD,
                has_world: offset & WORLD != 0,
                first_ms: i64::from_le_bytes(word(8)?),
                last_ms: i64::from_le_bytes(word(16)?),
            })
        };
        let chunks: Option<Vec<Chunk>> = chunks.chunks_exact(CHUNK).map(chunk).collect();
        Some(Index { length, chunks: chunks? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three chunks: with a world and decisions of 5 and 7 ms, without both, and with a world.
    fn index() -> Index {
        let mut index = Index::default();
        index.begin(20, true);
        index.add(7 << 80);
        index.add(5 << 80);
        index.begin(200, false);
        index.begin(300, true);
        index.end(400);
        index
    }

    #[test]
    fn the_format_of_an_index_is_frozen() {
        let bytes = index().encode();
        assert_eq!(bytes.len(), 8 + 8 + 3 * 24 + 4);
        assert_eq!(&bytes[..8], b"ADJIDX02");
        let words: Vec<i64> = bytes[8..88]
            .chunks_exact(8)
            .map(|word| i64::from_le_bytes(*word.first_chunk().unwrap()))
            .collect();
        let world = i64::MIN;
        assert_eq!(words[..4], [400, 20 | world, 5, 7]);
        assert_eq!(words[4..7], [200, i64::MAX, i64::MIN]);
        assert_eq!(words[7..], [300 | world, i64::MAX, i64::MIN]);
        assert_eq!(Index::decode(&bytes, 400), Some(index()));
    }

    #[test]
    fn a_damaged_index_and_that_of_another_segment_are_rejected() {
        let bytes = index().encode();
        assert_eq!(Index::decode(&bytes, 401), None);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(Index::decode(&damaged, 400), None, "byte {at}");
            assert_eq!(Index::decode(&bytes[..at], 400), None, "{at} bytes");
        }
    }

    #[test]
    fn a_time_leads_to_the_chunks_that_may_have_it() {
        let mut index = index();
        let at = |index: &Index, at_ms| index.at(at_ms).collect::<Vec<_>>();
        assert_eq!([4, 5, 6, 7, 8].map(|ms| at(&index, ms).len()), [0, 1, 1, 1, 0]);
        assert_eq!((index.range(0), index.range(2)), (20..200, 300..400));
        index.add_unreadable();
        assert_eq!((at(&index, 6), at(&index, 8)), (vec![0, 2], vec![2]));
    }

    #[test]
    fn a_chunk_is_read_from_the_last_world_before_it() {
        let index = index();
        assert_eq!([0, 1, 2].map(|number| index.since_world(number)), [20..200, 20..300, 300..400]);
        assert_eq!([0, 1, 2].map(|number| index.before(number)), [None, None, Some(20..300)]);
        assert_eq!((index.last(), index.last_world()), (Some(300..400), Some(300)));
        assert_eq!((Index::default().last(), Index::default().last_world()), (None, None));
    }
}
