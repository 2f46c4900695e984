//! What was asked before: most pages never come back, and what they ask is not worth keeping.

use hashbrown::DefaultHashBuilder;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, Ordering};

/// Questions that are remembered: 128 KiB.
const PLACES: usize = 32_768;

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
