//! The bytes of a segment.
//!
//! A segment is a header and frames. All integers are little-endian; checksums are CRC-32 with the
//! IEEE polynomial.
//!
//! ```text
//! header  magic "ADJLOG02" | incarnation u64 | segment number u64 | store u64 | crc32 of all before
//! frame   length u32 | crc32 u32 | partition u8 | lsn u64 | payload (length − 9 bytes)
//! ```
//!
//! A frame's checksum covers everything after it. The store is the data directory's own random
//! number: a segment from another one is not ours. Headers of "ADJLOG01" have none, and are read.

use crate::journal::Entry;
use crate::journal::PARTITIONS;

const MAGIC: &[u8; 8] = b"ADJLOG02";
const MAGIC_1: &[u8; 8] = b"ADJLOG01";
/// Bytes of a header.
pub const HEADER: usize = 36;
/// Bytes of a header of the first format.
const HEADER_1: usize = 28;
/// Bytes of a frame before its payload.
const PREFIX: usize = 17;
/// Bytes of a frame's payload at the most.
pub const MAX_PAYLOAD: usize = 4 * 1024 * 1024;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The process start that wrote it.
    pub incarnation: u64,
    /// Its number.
    pub number: u64,
    /// The data directory it was written in; the first format did not say.
    pub store: Option<u64>,
    /// Bytes it takes.
    pub length: usize,
}

/// The header of a segment.
pub fn header(incarnation: u64, number: u64, store: u64) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&incarnation.to_le_bytes());
    bytes[16..24].copy_from_slice(&number.to_le_bytes());
    bytes[24..32].copy_from_slice(&store.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..HEADER - 4]);
    bytes[HEADER - 4..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Reads a header, or `None` when it is not one of ours.
pub fn read_header(bytes: &[u8]) -> Option<Header> {
    let length = match bytes.first_chunk()? {
        MAGIC => HEADER,
        MAGIC_1 => HEADER_1,
        _ => return None,
    };
    let (told, crc) = bytes.get(..length)?.split_last_chunk()?;
    if crc32fast::hash(told) != u32::from_le_bytes(*crc) {
        return None;
    }
    let at = |from: usize| told[from..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    Some(Header { incarnation: at(8)?, number: at(16)?, store: at(24), length })
}

/// Adds a frame to `out`. The payload must be at most [`MAX_PAYLOAD`] bytes long.
pub fn write(out: &mut Vec<u8>, partition: u8, lsn: u64, payload: &[u8]) {
    let length = u32::try_from(payload.len() + 9).expect("the writer refuses long payloads");
    let start = out.len();
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.push(partition);
    out.extend_from_slice(&lsn.to_le_bytes());
    out.extend_from_slice(payload);
    let crc = crc32fast::hash(&out[start + 8..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// The frame at the start of `bytes` and its length, or `None` when none stands there whole.
pub fn read(bytes: &[u8], incarnation: u64) -> Option<(Entry, usize)> {
    let length = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
    if !(9..=MAX_PAYLOAD + 9).contains(&length) {
        return None;
    }
    let body = bytes.get(8..8 + length)?;
    let crc = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
    let (partition, lsn) = (body[0], u64::from_le_bytes(*body.get(1..)?.first_chunk()?));
    if crc32fast::hash(body) != crc || partition >= PARTITIONS || lsn == 0 {
        return None;
    }
    let payload = bytes[PREFIX..8 + length].to_vec();
    Some((Entry { incarnation, partition, lsn, payload }, 8 + length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(partition in 0..PARTITIONS, lsn in 1u64.., payload: Vec<u8>) {
            let mut bytes = Vec::new();
            write(&mut bytes, partition, lsn, &payload);
            let length = bytes.len();
            bytes.extend_from_slice(b"and more");
            let entry = Entry { incarnation: 7, partition, lsn, payload };
            prop_assert_eq!(read(&bytes, 7), Some((entry, length)));
        }

        #[test]
        fn a_flipped_bit_is_never_accepted(payload in prop::collection::vec(any::<u8>(), 0..200), at: prop::sample::Index, bit in 0u8..8) {
            let mut bytes = Vec::new();
            write(&mut bytes, 3, 9, &payload);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(read(&bytes, 7), None);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = read(&bytes, 0);
            let _ = read_header(&bytes);
        }
    }

    #[test]
    fn a_header_is_ours_or_not() {
        let mut bytes = header(5, 6, 7);
        let read = Header { incarnation: 5, number: 6, store: Some(7), length: HEADER };
        assert_eq!(read_header(&bytes), Some(read));
        bytes[9] ^= 1;
        assert_eq!(read_header(&bytes), None);
    }

    #[test]
    fn a_header_of_the_first_format_is_read() {
        let mut bytes = header(5, 6, 7)[..HEADER_1].to_vec();
        bytes[..8].copy_from_slice(MAGIC_1);
        let crc = crc32fast::hash(&bytes[..24]);
        bytes[24..].copy_from_slice(&crc.to_le_bytes());
        let read = Header { incarnation: 5, number: 6, store: None, length: HEADER_1 };
        assert_eq!(read_header(&bytes), Some(read));
    }
}
