//! JPEG: segments of a marker, a length and content. A scan header is followed by entropy-coded
//! data, which contains no markers.

use crate::catalog::image::ImageError;
use crate::catalog::image::cursor::Cursor;
use crate::domain::image::Format;

const START: u8 = 0xD8;
const END: u8 = 0xD9;
const SCAN: u8 = 0xDA;
/// Frames that browsers decode, Huffman tables, quantisation tables, restart intervals.
const KEPT: [u8; 6] = [0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDD];
/// Frames that browsers do not decode: lossless, arithmetic.
const UNSUPPORTED: [u8; 10] = [0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF];
const JFIF: u8 = 0xE0;
const ADOBE: u8 = 0xEE;
/// The most scans of a progressive image: more than any encoder produces only cost decoding time.
const MAX_SCANS: usize = 64;

/// The file without application segments and comments.
pub(super) fn strip(bytes: &[u8]) -> Result<Vec<u8>, ImageError> {
    let mut cursor = Cursor::new(bytes, Format::Jpeg);
    let mut kept = cursor.take(2)?.to_vec();
    debug_assert_eq!(kept, [0xFF, START]);
    let mut scans = 0;
    loop {
        if cursor.byte()? != 0xFF {
            return Err(cursor.invalid("a segment does not start where the previous one ends"));
        }
        let mut marker = 0xFF;
        while marker == 0xFF {
            marker = cursor.byte()?;
        }
        if marker == END {
            cursor.end()?;
            kept.extend([0xFF, END]);
            return Ok(kept);
        }
        let length = cursor.take(2)?;
        let count = u16::from_be_bytes([length[0], length[1]]);
        let content = cursor.take(usize::from(count).saturating_sub(2))?;
        if count < 2 || UNSUPPORTED.contains(&marker) {
            return Err(cursor.invalid("its encoding is not supported by browsers"));
        }
        // Two application segments define the interpretation of colours; only that part is kept.
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
                kept.extend(cursor.until(is_marker)?);
                scans += 1;
            }
            _ if KEPT.contains(&marker) => {
                kept.extend([0xFF, marker]);
                kept.extend(length);
                kept.extend(content);
            }
            _ => {}
        }
        if scans > MAX_SCANS {
            return Err(cursor.invalid("it has more than 64 scans"));
        }
    }
}

/// A JFIF 1.1 segment: square pixels, no thumbnail.
const FILE_HEAD: [u8; 18] =
    [0xFF, JFIF, 0, 16, b'J', b'F', b'I', b'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0];

/// Whether the entropy-coded data end here: a marker that is neither a stuffed byte nor a restart.
fn is_marker(rest: &[u8]) -> bool {
    matches!(rest, [0xFF, next, ..] if !matches!(next, 0 | 0xD0..=0xD7 | 0xFF))
}
