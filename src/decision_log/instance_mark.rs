//! The mark of a process start in decision ids: it tells which instance has the record of a decision.

/// Lowest bit of the mark in a decision id.
const MARK_BIT: u32 = 46;

/// The mark of a process start: its upper 16 bits.
pub(crate) fn mark_of(incarnation: u64) -> u16 {
    u16::try_from(incarnation >> 48).unwrap_or(0)
}

/// `id` with this mark in place of random bits.
pub(crate) fn with_mark(id: u128, mark: u16) -> u128 {
    let place = u128::from(u16::MAX) << MARK_BIT;
    id & !place | u128::from(mark) << MARK_BIT
}

/// Whether a process start with this mark may have made the decision `id`.
pub(crate) fn has_mark(id: u128, mark: u16) -> bool {
    with_mark(id, mark) == id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_id_preserves_time_version_and_slot_and_identifies_the_instance() {
        let id = !0xFF_u128;
        let marked = with_mark(id, 0x1234);
        assert!(has_mark(marked, 0x1234) && has_mark(marked | 3, 0x1234));
        assert!(!has_mark(marked, 0x1235));
        assert_eq!(marked | u128::from(u16::MAX) << MARK_BIT, id);
        // The mark is below the version and variant bits of the UUID.
        assert_eq!(marked >> 62, id >> 62);
    }
}
