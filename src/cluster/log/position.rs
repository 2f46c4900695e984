//! How far a partition's log was read.

use crate::store::log::LogPage;
use serde::{Deserialize, Serialize};

/// A place in a partition's log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogPosition {
    /// Number of the last batch read.
    pub(crate) number: u64,
    /// The log's chain hash at that batch.
    pub(crate) chain: Vec<u8>,
}

impl LogPosition {
    /// Whether a page follows this position, each batch after the one before: a gap in the answer is
    /// reported and never skipped.
    pub(crate) fn is_continued_by(&self, page: &LogPage) -> bool {
        let mut end = (self.number, &self.chain);
        for batch in &page.batches {
            if (batch.number, &batch.before) != (end.0 + 1, end.1) {
                return false;
            }
            end = (batch.number, &batch.chain);
        }
        !page.batches.is_empty() || (page.length, &page.chain) == end
    }
}
