//! GIF: a screen, then frames and extensions, each a row of blocks that ends with an empty one.

use crate::catalog::picture::Refused;
use crate::catalog::picture::parts::Parts;
use crate::domain::picture::Format;

const FRAME: u8 = 0x2C;
const EXTENSION: u8 = 0x21;
const END: u8 = 0x3B;
/// The extension that says which colour is transparent.
const CONTROL: u8 = 0xF9;

/// The file without what is not seen: comments, texts and application data go.
pub(super) fn bare(bytes: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut parts = Parts::of(bytes, Format::Gif);
    let mut kept = parts.take(6)?.to_vec();
    let screen = parts.take(7)?;
    kept.extend(screen);
    kept.extend(parts.take(table(screen[4]))?);
    let mut control = Vec::new();
    let mut frames = 0;
    loop {
        match parts.byte()? {
            END => {
                parts.end()?;
                kept.push(END);
                return if frames == 1 { Ok(kept) } else { Err(parts.broken("it has no frame")) };
            }
            EXTENSION => {
                let label = parts.byte()?;
                let content = blocks(&mut parts)?;
                if label == CONTROL && content.len() == 6 {
                    // Without its delay: nothing comes after it.
                    let [_, flags, _, _, colour, _] = content[..] else { continue };
                    control = vec![EXTENSION, CONTROL, 4, flags & 1, 0, 0, colour, 0];
                }
            }
            FRAME => {
                frames += 1;
                if frames > 1 {
                    return Err(Refused::Animated);
                }
                kept.append(&mut control);
                kept.push(FRAME);
                let head = parts.take(9)?;
                kept.extend(head);
                kept.extend(parts.take(table(head[8]))?);
                kept.push(parts.byte()?);
                kept.extend(blocks(&mut parts)?);
            }
            _ => return Err(parts.broken("a block does not begin where the one before ends")),
        }
    }
}

/// The bytes of a table of colours by the flags before it.
fn table(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Blocks with their lengths, up to the empty one and with it.
fn blocks(parts: &mut Parts<'_>) -> Result<Vec<u8>, Refused> {
    let mut all = Vec::new();
    loop {
        let length = parts.byte()?;
        all.push(length);
        all.extend(parts.take(usize::from(length))?);
        if length == 0 {
            return Ok(all);
        }
    }
}
