//! What was asked before: most pages never come back, and what they ask is not worth keeping.

use hashbrown::DefaultHashBuilder;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};

/// Questions that are remembered: 128 KiB.
const PLACES: usize = 32_768;

/// All that an answer depends on, as bytes: what is hashed into it. Different questions have different bytes; of one that
/// is longer than this, no answer is kept.
pub(crate) struct Question {
    bytes: [u8; 512],
    length: usize,
}

impl Default for Question {
    fn default() -> Question {
        Question { bytes: [0; 512], length: 0 }
    }
}

impl Hasher for Question {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.copy_from_slice(bytes);
        }
        self.length = end;
    }

    fn finish(&self) -> u64 {
        0
    }
}

impl Question {
    /// Replaces the first byte.
    pub(crate) fn set_first(&mut self, byte: u8) {
        self.bytes[0] = byte;
    }

    /// `None` if it is too long.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        self.bytes.get(..self.length)
    }
}

/// Recognises a question that is repeated, unless others came between at its place.
pub(crate) struct Repeats {
    /// The last question at each place, by its hash.
    asked: Box<[AtomicU32]>,
    hashes: DefaultHashBuilder,
}

impl Default for Repeats {
    fn default() -> Repeats {
        let asked = (0..PLACES).map(|_| AtomicU32::new(0)).collect();
        Repeats { asked, hashes: DefaultHashBuilder::default() }
    }
}

impl Repeats {
    /// Whether a question was asked before, as far as it is remembered; remembers it.
    pub(crate) fn has(&self, question: &[u8]) -> bool {
        let hash = self.hashes.hash_one(question);
        let [place, mark] = [hash >> 32, hash & u64::from(u32::MAX)]
            .map(|half| u32::try_from(half).unwrap_or_default());
        self.asked[place as usize % PLACES].swap(mark, Ordering::Relaxed) == mark
    }
}
