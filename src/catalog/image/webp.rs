//! WebP: a RIFF file of chunks, each a name, a length and content padded to an even length.

use crate::catalog::image::ImageError;
use crate::catalog::image::cursor::Cursor;
use crate::domain::image::Format;

/// The transparency flag in the extended header.
const ALPHA: u8 = 0x10;
/// The length of the extended header, in bytes.
const HEAD: usize = 10;

/// The file without EXIF, XMP and colour profiles.
pub(super) fn strip(bytes: &[u8]) -> Result<Vec<u8>, ImageError> {
    let mut whole = Cursor::new(bytes, Format::Webp);
    whole.take(4)?;
    let length = length_of(whole.take(4)?);
    let mut cursor = Cursor::new(whole.take(length)?, Format::Webp);
    whole.end()?;
    cursor.take(4)?;
    let (mut head, mut alpha, mut pixels) = (None, None, None);
    while !cursor.is_empty() {
        let name = cursor.take(4)?;
        let length = length_of(cursor.take(4)?);
        let content = cursor.take(length)?;
        if length % 2 == 1 {
            cursor.byte()?;
        }
        match name {
            b"ANIM" | b"ANMF" => return Err(ImageError::Animated),
            b"VP8X" => head = Some(content).filter(|head| head.len() == HEAD),
            b"ALPH" => alpha = Some((*b"ALPH", content)),
            b"VP8 " | b"VP8L" if pixels.is_some() => {
                return Err(cursor.invalid("it contains more than one image"));
            }
            b"VP8 " => pixels = Some((*b"VP8 ", content)),
            b"VP8L" => pixels = Some((*b"VP8L", content)),
            _ => {}
        }
    }
    let pixels = pixels.ok_or_else(|| cursor.invalid("it contains no image"))?;
    // Only a separate alpha chunk needs the extended header.
    let mut chunks = vec![pixels];
    let mut extended = [0; HEAD];
    if let (Some(head), Some(alpha), b"VP8 ") = (head, alpha, &pixels.0) {
        extended.copy_from_slice(head);
        extended[..4].copy_from_slice(&[ALPHA, 0, 0, 0]);
        chunks = vec![(*b"VP8X", &extended), alpha, pixels];
    }
    let mut kept = b"RIFF\0\0\0\0WEBP".to_vec();
    for (name, content) in chunks {
        kept.extend(name);
        kept.extend(number(content.len()));
        kept.extend(content);
        kept.resize(kept.len().next_multiple_of(2), 0);
    }
    let length = number(kept.len() - 8);
    kept[4..8].copy_from_slice(&length);
    Ok(kept)
}

fn length_of(bytes: &[u8]) -> usize {
    let four = bytes.try_into().expect("four bytes were taken");
    usize::try_from(u32::from_le_bytes(four)).unwrap_or(usize::MAX)
}

fn number(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("an image is at most `MAX_BYTES` long").to_le_bytes()
}
