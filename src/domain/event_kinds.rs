//! A set of event kinds.

use crate::domain::event::EventKind;

/// A set of event kinds, one bit each in the order of [`EventKind::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventKinds(u8);

impl EventKinds {
    /// No kinds.
    pub(crate) const NONE: EventKinds = EventKinds(0);

    /// The kinds of a list.
    pub fn of(kinds: &[EventKind]) -> EventKinds {
        kinds.iter().fold(EventKinds::NONE, |set, kind| EventKinds(set.0 | 1 << *kind as u8))
    }

    /// The kinds of either set.
    #[must_use]
    pub(crate) fn or(self, other: EventKinds) -> EventKinds {
        EventKinds(self.0 | other.0)
    }

    /// Whether the sets have a kind in common.
    pub(crate) fn meets(self, other: EventKinds) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is none.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set as a number.
    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    /// The set with this number; bits of unknown kinds are dropped.
    pub(crate) fn from_bits(bits: u32) -> EventKinds {
        EventKinds(bits.to_le_bytes()[0] & EventKinds::of(EventKind::ALL).0)
    }
}
