//! The stored forms of the log, one module per format version. They are types of their own, so that the
//! rules' types can change: a change of what is stored is a new version, and old segments stay readable.
//!
//! A segment is a header and frames (see [`crate::journal::frame`]); a frame's payload is one postcard
//! line: a world, a change of state, or a decision. The version is in the header, as a line of
//! version 1 begins with its kind. All integers of the header are little-endian.
//!
//! | version | header | page of a decision |
//! |---|---|---|
//! | 1 | a journal's: `ADJLOG01` or `ADJLOG02` | [`v1::Page`] |
//! | 2 | magic `ADJDEC02`, incarnation u64, CRC-32 of all before | [`v2::Page`]: adds sentiment and verified |
//! | 3 | as 2, with magic `ADJDEC03` | [`v3::Page`]: adds custom context |
//! | 4 | as 2, with magic `ADJDEC04` | as 3; [`v4::Line`]: the state has tickets |
//! | 5 | as 2, with magic `ADJDEC05` | as 3; [`v5::Line`]: the state has rotations and closed topics |

use crate::decision_log::line::{DecisionLine, Line, StateChange, WorldLine};
use crate::decision_log::{v1, v2, v3, v4, v5};
use crate::journal::frame;
use serde::Deserialize;

/// The format version that is written, and the newest one that is read.
pub(crate) const VERSION: u8 = 5;
const FAMILY: &[u8; 6] = b"ADJDEC";
const MAGIC: &[u8; 8] = b"ADJDEC05";
/// Magics of earlier versions with the same header.
const EARLIER: [(u8, &[u8; 8]); 3] = [(2, b"ADJDEC02"), (3, b"ADJDEC03"), (4, b"ADJDEC04")];
/// Length of the header that is written, in bytes.
pub(crate) const HEADER: usize = 20;

/// A parsed segment header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Format version of the lines.
    pub(crate) version: u8,
    /// The process start that wrote the segment.
    pub(crate) incarnation: u64,
    /// Length of the header, in bytes.
    pub(crate) length: usize,
}

/// Encodes the header of a segment in the written format.
pub(crate) fn header(incarnation: u64) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&incarnation.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..16]);
    bytes[16..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Parses a segment header, or returns why the segment cannot be read.
pub(crate) fn read_header(bytes: &[u8]) -> Result<Header, String> {
    let incomplete = "the header is incomplete; a crash interrupted its first write";
    let magic = bytes.first_chunk::<8>().ok_or(incomplete)?;
    let earlier = EARLIER.iter().find(|(_, of)| magic == *of).map(|(version, _)| *version);
    if let Some(version) = earlier.or((magic == MAGIC).then_some(VERSION)) {
        let header = bytes.get(..HEADER).and_then(<[u8]>::split_last_chunk);
        let (fields, crc) = header.ok_or(incomplete)?;
        if crc32fast::hash(fields) != u32::from_le_bytes(*crc) {
            let reason =
                "the checksum of the header does not match; restore the file from a backup";
            return Err(reason.to_owned());
        }
        let incarnation = u64::from_le_bytes(*fields[8..].first_chunk().ok_or(incomplete)?);
        return Ok(Header { version, incarnation, length: HEADER });
    }
    if let Some(frame::Header { incarnation, length, .. }) = frame::read_header(bytes) {
        return Ok(Header { version: 1, incarnation, length });
    }
    let newer = frame::version_of(magic, FAMILY).filter(|version| *version > VERSION);
    Err(match newer {
        Some(version) => format!(
            "its format is {version} and this version reads formats up to {VERSION}; use a newer version \
             of adjacent"
        ),
        None => {
            "the header is not one of a decision log; restore the file from a backup".to_owned()
        }
    })
}

/// The kind of a line, which begins every line of every version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A world: later decisions refer to it.
    World,
    /// A change of state: the world before it, changed.
    Change,
    /// The decision with this request id.
    Decision(u128),
}

/// The kind of an encoded line, without decoding the rest; `None` if there is no such kind.
pub(crate) fn kind_of(line: &[u8]) -> Option<Kind> {
    match line.first()? {
        0 => Some(Kind::World),
        1 => Some(Kind::Change),
        2 => postcard::take_from_bytes(&line[1..]).ok().map(|(id, _)| Kind::Decision(id)),
        _ => None,
    }
}

/// Decodes a line of a segment in format `version`, or returns why that is not possible.
pub(crate) fn decode(version: u8, line: &[u8]) -> Result<Line, String> {
    match version {
        1 => v1::Line::<v1::Page<'_>>::try_into(from_bytes(line)?),
        2 => v1::Line::<v2::Page<'_>>::try_into(from_bytes(line)?),
        3 => v1::Line::<v3::Page<'_>>::try_into(from_bytes(line)?),
        4 => v4::Line::try_into(from_bytes(line)?),
        _ => v5::Line::try_into(from_bytes(line)?),
    }
}

/// Decodes a value that must take up all of the bytes.
fn from_bytes<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(format!("the line is {} bytes too long", rest.len())),
        Err(error) => Err(format!(
            "the line cannot be decoded: {error}; use the version of adjacent that wrote it"
        )),
    }
}

/// Appends an encoded line to `out`.
fn encode(line: &v5::Line<'_>, out: Vec<u8>) -> Vec<u8> {
    postcard::to_extend(line, out).expect("a line is plain data")
}

/// Appends the line of a world to `out`.
pub(crate) fn encode_world(line: &WorldLine, out: Vec<u8>) -> Vec<u8> {
    encode(&v5::Line::World(line.into()), out)
}

/// Appends the line of a change of state to `out`.
pub(crate) fn encode_change(line: &StateChange, out: Vec<u8>) -> Vec<u8> {
    encode(&v5::Line::Change(line.into()), out)
}

/// Appends the line of a decision to `out`. Only a page with more topics, entities, keywords or
/// creatives than usual allocates.
pub(crate) fn encode_decision(line: &DecisionLine, out: Vec<u8>) -> Vec<u8> {
    encode(&line.into(), out)
}

/// Encodes the record of a decision, in format [`VERSION`], after `out`.
pub(crate) fn encode_record(line: &DecisionLine, world: &WorldLine, out: Vec<u8>) -> Vec<u8> {
    let line = v1::Decision::new(line, v3::Page::from(&*line.page));
    postcard::to_extend(&(line, v5::World::from(world)), out).expect("a record is plain data")
}

/// Decodes the record of a decision in format `version`, or returns why that is not possible.
pub(crate) fn decode_record(
    version: u8,
    bytes: &[u8],
) -> Result<(DecisionLine, WorldLine), String> {
    type Record<'a, P, W = v1::World<'a>> = (v1::Decision<'a, P>, W);
    match version {
        1 => {
            let (line, world): Record<'_, v1::Page<'_>> = from_bytes(bytes)?;
            Ok((line.try_into()?, world.into()))
        }
        2 => {
            let (line, world): Record<'_, v2::Page<'_>> = from_bytes(bytes)?;
            Ok((line.try_into()?, world.into()))
        }
        3 => {
            let (line, world): Record<'_, v3::Page<'_>> = from_bytes(bytes)?;
            Ok((line.try_into()?, world.into()))
        }
        4 => {
            let (line, world): Record<'_, v3::Page<'_>, v4::World<'_>> = from_bytes(bytes)?;
            Ok((line.try_into()?, world.into()))
        }
        5 => {
            let (line, world): Record<'_, v3::Page<'_>, v5::World<'_>> = from_bytes(bytes)?;
            Ok((line.try_into()?, world.try_into()?))
        }
        _ => {
            Err(format!("its format is {version}, and this version reads formats up to {VERSION}"))
        }
    }
}
