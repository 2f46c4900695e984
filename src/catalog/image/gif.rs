//! GIF: a logical screen, then frames and extensions, each a sequence of blocks up to an empty one.

use crate::catalog::image::ImageError;
use crate::catalog::image::cursor::Cursor;
use crate::domain::image::Format;

const FRAME: u8 = 0x2C;
const EXTENSION: u8 = 0x21;
const END: u8 = 0x3B;
/// The graphic control extension, which defines the transparent colour.
const CONTROL: u8 = 0xF9;

/// The file without comments, text and application extensions.
pub(super) fn strip(bytes: &[u8]) -> Result<Vec<u8>, ImageError> {
    let mut cursor = Cursor::new(bytes, Format::Gif);
    let mut kept = cursor.take(6)?.to_vec();
    let screen = cursor.take(7)?;
    kept.extend(screen);
    kept.extend(cursor.take(table(screen[4]))?);
    let mut control = Vec::new();
    let mut frames = 0;
    loop {
        match cursor.byte()? {
            END => {
                cursor.end()?;
                kept.push(END);
                return if frames == 1 { Ok(kept) } else { Err(cursor.invalid("it has no frame")) };
            }
            EXTENSION => {
                let label = cursor.byte()?;
                let content = blocks(&mut cursor)?;
                if label == CONTROL && content.len() == 6 {
                    // Drop the delay: there is no next frame.
                    let [_, flags, _, _, colour, _] = content[..] else { continue };
                    control = vec![EXTENSION, CONTROL, 4, flags & 1, 0, 0, colour, 0];
                }
            }
            FRAME => {
                frames += 1;
                if frames > 1 {
                    return Err(ImageError::Animated);
                }
                kept.append(&mut control);
                kept.push(FRAME);
                let head = cursor.take(9)?;
                kept.extend(head);
                kept.extend(cursor.take(table(head[8]))?);
                kept.push(cursor.byte()?);
                kept.extend(blocks(&mut cursor)?);
            }
            _ => return Err(cursor.invalid("a block does not start where the previous one ends")),
        }
    }
}

/// The length of a colour table in bytes, from the flags before it.
fn table(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Blocks with their length bytes, up to and including the empty one.
fn blocks(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, ImageError> {
    let mut all = Vec::new();
    loop {
        let length = cursor.byte()?;
        all.push(length);
        all.extend(cursor.take(usize::from(length))?);
        if length == 0 {
            return Ok(all);
        }
    }
}
