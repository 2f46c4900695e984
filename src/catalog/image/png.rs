//! PNG: a signature, then chunks of a length, a name, content and a checksum.

use crate::catalog::image::ImageError;
use crate::catalog::image::cursor::Cursor;
use crate::domain::image::Format;

/// Chunks that define the pixels. Gamma and colour profiles are dropped: pages are sRGB, which is
/// also the default without them.
const KEPT: [&[u8]; 5] = [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"];
/// Chunks of an animated PNG.
const ANIMATION: [&[u8]; 3] = [b"acTL", b"fcTL", b"fdAT"];

/// The file without metadata. The decoder checks order, checksums and content.
pub(super) fn strip(bytes: &[u8]) -> Result<Vec<u8>, ImageError> {
    let mut cursor = Cursor::new(bytes, Format::Png);
    let mut kept = cursor.take(8)?.to_vec();
    loop {
        let length = cursor.take(4)?;
        let name = cursor.take(4)?;
        let count = u32::from_be_bytes(length.try_into().expect("four bytes were taken"));
        let content = cursor.take(usize::try_from(count).unwrap_or(usize::MAX))?;
        let checksum = cursor.take(4)?;
        if ANIMATION.contains(&name) {
            return Err(ImageError::Animated);
        }
        if KEPT.contains(&name) {
            for part in [length, name, content, checksum] {
                kept.extend_from_slice(part);
            }
        } else if name[0].is_ascii_uppercase() {
            return Err(cursor.invalid("it has an unknown critical chunk"));
        }
        if name == b"IEND" {
            cursor.end()?;
            return Ok(kept);
        }
    }
}
