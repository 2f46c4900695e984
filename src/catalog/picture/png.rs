//! PNG: a signature, then chunks of a length, a name, content and a sum.

use crate::catalog::picture::Refused;
use crate::catalog::picture::parts::Parts;
use crate::domain::picture::Format;

/// Chunks that pixels are made of. Gamma and profiles go, too: pages are sRGB, which is what is
/// meant where nothing is said.
const KEPT: [&[u8]; 5] = [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"];
/// Chunks of a picture that moves.
const MOVING: [&[u8]; 3] = [b"acTL", b"fcTL", b"fdAT"];

/// The file without what is not seen. The decoder checks order, sums and content.
pub(super) fn bare(bytes: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut parts = Parts::of(bytes, Format::Png);
    let mut kept = parts.take(8)?.to_vec();
    loop {
        let length = parts.take(4)?;
        let name = parts.take(4)?;
        let count = u32::from_be_bytes(length.try_into().expect("four bytes were taken"));
        let content = parts.take(usize::try_from(count).unwrap_or(usize::MAX))?;
        let sum = parts.take(4)?;
        if MOVING.contains(&name) {
            return Err(Refused::Animated);
        }
        if KEPT.contains(&name) {
            for part in [length, name, content, sum] {
                kept.extend_from_slice(part);
            }
        } else if name[0].is_ascii_uppercase() {
            return Err(parts.broken("it has a part that must be understood and is not known"));
        }
        if name == b"IEND" {
            parts.end()?;
            return Ok(kept);
        }
    }
}
