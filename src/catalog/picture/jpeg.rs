//! JPEG: segments of a marker, a length and content; after a scan's head its pixels, in which a
//! marker cannot stand.

use crate::catalog::picture::Refused;
use crate::catalog::picture::parts::Parts;
use crate::domain::picture::Format;

const START: u8 = 0xD8;
const END: u8 = 0xD9;
const SCAN: u8 = 0xDA;
/// Frames as browsers decode them, Huffman tables, quantisation, restart intervals.
const KEPT: [u8; 6] = [0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDD];
/// Frames of other kinds: lossless, arithmetic.
const FOREIGN: [u8; 10] = [0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF];
const JFIF: u8 = 0xE0;
const ADOBE: u8 = 0xEE;
/// More passes over the pixels than any encoder makes are work without a picture.
const MOST_SCANS: usize = 64;

/// The file without what is not seen: application segments and comments go.
pub(super) fn bare(bytes: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut parts = Parts::of(bytes, Format::Jpeg);
    let mut kept = parts.take(2)?.to_vec();
    debug_assert_eq!(kept, [0xFF, START]);
    let mut scans = 0;
    loop {
        if parts.byte()? != 0xFF {
            return Err(parts.broken("a segment does not begin where the one before ends"));
        }
        let mut marker = 0xFF;
        while marker == 0xFF {
            marker = parts.byte()?;
        }
        if marker == END {
            parts.end()?;
            kept.extend([0xFF, END]);
            return Ok(kept);
        }
        let length = parts.take(2)?;
        let count = u16::from_be_bytes([length[0], length[1]]);
        let content = parts.take(usize::from(count).saturating_sub(2))?;
        if count < 2 || FOREIGN.contains(&marker) {
            return Err(parts.broken("it is encoded in a way that browsers do not read"));
        }
        // Two of the application segments say how colours are meant; nothing else of them stays.
        match marker {
            JFIF if content.starts_with(b"JFIF\0") => kept.extend(FILE_HEAD),
            ADOBE if content.starts_with(b"Adobe") && content.len() >= 12 => {
                kept.extend([0xFF, ADOBE, 0, 14]);
                kept.extend(b"Adobe\0\x64\0\0\0\0");
                kept.push(content[11]);
            }
            SCAN => {
                kept.extend([0xFF, SCAN]);
                kept.extend(length);
                kept.extend(content);
                kept.extend(parts.until(is_marker)?);
                scans += 1;
            }
            _ if KEPT.contains(&marker) => {
                kept.extend([0xFF, marker]);
                kept.extend(length);
                kept.extend(content);
            }
            _ => {}
        }
        if scans > MOST_SCANS {
            return Err(parts.broken("it has more passes than a picture needs"));
        }
    }
}

/// JFIF 1.1, square pixels, no preview.
const FILE_HEAD: [u8; 18] =
    [0xFF, JFIF, 0, 16, b'J', b'F', b'I', b'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0];

/// Whether pixels end here: a marker that is neither a stuffed byte nor a restart.
fn is_marker(left: &[u8]) -> bool {
    matches!(left, [0xFF, next, ..] if !matches!(next, 0 | 0xD0..=0xD7 | 0xFF))
}
