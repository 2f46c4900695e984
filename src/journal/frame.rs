//! The file format of a segment.
//!
//! A segment is a header and frames. All integers are little-endian; checksums are CRC-32 with the
//! IEEE polynomial.
//!
//! ```text
//! header  magic "ADJLOG02" | incarnation u64 | segment number u64 | store u64 | crc32 of all before
//! frame   length u32 | crc32 u32 | partition u8 | lsn u64 | payload (length − 9 bytes)
//! ```
//!
//! A frame's checksum covers everything after it. `store` is the random id of the data directory:
//! segments with another id are rejected. "ADJLOG01" headers have no `store` field and are still read.

use crate::journal::{Entry, PARTITIONS};

/// The format version that is written, and the newest one that is read.
pub(crate) const VERSION: u8 = 2;
const MAGIC: &[u8; 8] = b"ADJLOG02";
const MAGIC_1: &[u8; 8] = b"ADJLOG01";
/// Header length, in bytes.
pub(crate) const HEADER: usize = 36;
/// Header length of the first format, in bytes.
const HEADER_1: usize = 28;
/// Length of a frame before its payload, in bytes.
const PREFIX: usize = 17;
/// Longest payload of a frame, in bytes.
pub(crate) const MAX_PAYLOAD: usize = 4 * 1024 * 1024;

/// A parsed segment header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The incarnation that wrote the segment.
    pub(crate) incarnation: u64,
    /// The segment number.
    pub(crate) number: u64,
    /// Id of the data directory it was written in; absent in the first format.
    pub(crate) store: Option<u64>,
    /// Length of the header, in bytes.
    pub(crate) length: usize,
}

/// Encodes a segment header.
pub(crate) fn header(incarnation: u64, number: u64, store: u64) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&incarnation.to_le_bytes());
    bytes[16..24].copy_from_slice(&number.to_le_bytes());
    bytes[24..32].copy_from_slice(&store.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..HEADER - 4]);
    bytes[HEADER - 4..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Parses a header; `None` when the magic or the checksum does not match.
pub(crate) fn read_header(bytes: &[u8]) -> Option<Header> {
    let length = match bytes.first_chunk()? {
        MAGIC => HEADER,
        MAGIC_1 => HEADER_1,
        _ => return None,
    };
    let (fields, crc) = bytes.get(..length)?.split_last_chunk()?;
    if crc32fast::hash(fields) != u32::from_le_bytes(*crc) {
        return None;
    }
    let at = |from: usize| fields[from..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    Some(Header { incarnation: at(8)?, number: at(16)?, store: at(24), length })
}

/// The format version in a magic of this family, such as 2 in `ADJLOG02`; `None` for any other magic.
pub(crate) fn version_of(magic: &[u8; 8], family: &[u8; 6]) -> Option<u8> {
    let digits = magic.strip_prefix(family).filter(|rest| rest.iter().all(u8::is_ascii_digit))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The format of a segment that a newer version of this program wrote. A header that is only damaged
/// still has the checksum of its own format.
pub(crate) fn newer_format(bytes: &[u8]) -> Option<u8> {
    let magic = bytes.first_chunk()?;
    let version = version_of(magic, b"ADJLOG").filter(|version| *version > VERSION)?;
    let is_known = |magic: &[u8; 8], length: usize| {
        let fields = bytes.get(8..length);
        fields.is_some_and(|fields| read_header(&[magic, fields].concat()).is_some())
    };
    (!is_known(MAGIC, HEADER) && !is_known(MAGIC_1, HEADER_1)).then_some(version)
}

/// Whether `bytes` hold as many bytes as the frame at their start says, right or wrong.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    let length = bytes.first_chunk().map(|length| u32::from_le_bytes(*length) as usize);
    length
        .is_some_and(|length| (9..=MAX_PAYLOAD + 9).contains(&length) && bytes.len() >= 8 + length)
}

/// Adds a frame to `out`. The payload must be at most [`MAX_PAYLOAD`] bytes long.
pub(crate) fn write(out: &mut Vec<u8>, partition: u8, lsn: u64, payload: &[u8]) {
    let length = u32::try_from(payload.len() + 9).expect("the writer rejects long payloads");
    let start = out.len();
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.push(partition);
    out.extend_from_slice(&lsn.to_le_bytes());
    out.extend_from_slice(payload);
    let crc = crc32fast::hash(&out[start + 8..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// Parses the frame at the start of `bytes` and returns its length; `None` when it is incomplete or
/// invalid.
pub(crate) fn read(bytes: &[u8], incarnation: u64) -> Option<(Entry, usize)> {
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
        fn a_written_frame_is_read_back(partition in 0..PARTITIONS, lsn in 1u64.., payload: Vec<u8>) {
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
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = read(&bytes, 0);
            let _ = read_header(&bytes);
        }
    }

    #[test]
    fn a_header_with_a_wrong_checksum_is_rejected() {
        let mut bytes = header(5, 6, 7);
        let read = Header { incarnation: 5, number: 6, store: Some(7), length: HEADER };
        assert_eq!(read_header(&bytes), Some(read));
        bytes[9] ^= 1;
        assert_eq!(read_header(&bytes), None);
    }

    #[test]
    fn a_damaged_magic_is_no_newer_format() {
        let mut damaged = header(5, 6, 7);
        damaged[7] ^= 1;
        assert_eq!((read_header(&damaged), newer_format(&damaged)), (None, None));
        let mut newer = header(5, 6, 8);
        newer[7] = b'3';
        newer[30] = 1;
        assert_eq!((read_header(&newer), newer_format(&newer)), (None, Some(3)));
        assert_eq!(newer_format(&header(5, 6, 7)), None);
    }

    #[test]
    fn a_header_of_the_first_format_is_accepted() {
        let mut bytes = header(5, 6, 7)[..HEADER_1].to_vec();
        bytes[..8].copy_from_slice(MAGIC_1);
        let crc = crc32fast::hash(&bytes[..24]);
        bytes[24..].copy_from_slice(&crc.to_le_bytes());
        let read = Header { incarnation: 5, number: 6, store: None, length: HEADER_1 };
        assert_eq!(read_header(&bytes), Some(read));
    }
}
