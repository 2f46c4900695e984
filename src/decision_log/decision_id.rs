//! Decision ids: UUIDs version 7 with the slot number in the lowest byte.

/// The request id of a decision id: without the slot number.
pub(crate) const fn request_of(decision: u128) -> u128 {
    decision & !0xFF
}

/// The slot index, from 0, of a decision id; `None` for a request id.
pub(crate) fn slot_of(decision: u128) -> Option<usize> {
    usize::try_from(decision & 0xFF).ok()?.checked_sub(1)
}

/// The creation time of a UUID version 7, in unix milliseconds.
pub(crate) fn time_of(id: u128) -> i64 {
    i64::try_from(id >> 80).unwrap_or(i64::MAX)
}
