//! The last LSNs of finished segments: what their records are in the log up to.

use std::collections::BTreeMap;

/// An incarnation and a partition.
pub(super) type LogKey = (u64, u8);

/// The last LSNs of each finished segment that was read, by its number.
pub(super) type SegmentEnds = BTreeMap<u64, BTreeMap<LogKey, u64>>;
