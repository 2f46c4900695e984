//! One open reservation: what it reserves at its age, and when that is judged again.

use crate::domain::money::Micros;
use crate::world::caller_shares::KeylessCaller;
use crate::world::show_chance;
use crate::world::show_chance::{Awaited, CERTAIN, ShowChance};
use std::sync::Arc;

/// How many times the expected amount is reserved, since more events than expected may come.
const MARGIN: u64 = 2;

/// The whole price.
pub(super) const WHOLE: u32 = 1_000_000;
const _: () = assert!(WHOLE as u64 == CERTAIN);

/// How long a reservation lasts. All times in unix milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    /// The decision.
    pub(crate) decided_ms: i64,
    /// Until then, it is kept however many are open.
    pub(crate) full_until_ms: i64,
    /// End without an impression.
    pub(crate) until_ms: i64,
    /// End after an impression that is not billed.
    pub(crate) seen_until_ms: i64,
    /// The chance of the placement; `None` keeps the whole price until the end.
    pub(crate) chance: Option<Arc<ShowChance>>,
    /// Whether a viewable impression uses it up: its chance is learnt, too.
    pub(crate) awaits_viewable: bool,
    /// Whether the chance is learnt from it: once for a decision that reserves in several budgets.
    pub(crate) teaches: bool,
}

impl Term {
    /// Keeps the whole price until the end.
    #[cfg(test)]
    pub(crate) fn whole_price(decided_ms: i64, until_ms: i64) -> Term {
        Term {
            decided_ms,
            full_until_ms: until_ms,
            until_ms,
            seen_until_ms: until_ms,
            chance: None,
            awaits_viewable: false,
            teaches: true,
        }
    }
}

/// An open reservation.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) price: Micros,
    /// What is reserved now of the price, in parts of [`CERTAIN`].
    pub(super) parts: u32,
    pub(super) due_ms: i64,
    pub(super) publisher: u32,
    pub(super) caller: Option<KeylessCaller>,
    pub(super) term: Term,
    pub(super) span: u8,
    pub(super) stage: Stage,
}

/// What is known of its decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    Unseen,
    /// Its impression counted; another event is billed.
    Seen,
    /// Its billed event is recorded and not billed yet.
    Recorded,
}

impl Open {
    /// What is learnt about its placement now, if anything.
    fn learning(&self) -> Option<(&ShowChance, Awaited)> {
        let awaited = match self.stage {
            Stage::Unseen => Awaited::Impression,
            Stage::Seen if self.term.awaits_viewable => Awaited::Viewable,
            Stage::Seen | Stage::Recorded => return None,
        };
        Some((self.term.chance.as_deref()?, awaited))
    }

    /// Notes what came of it at its age.
    pub(super) fn learn(&self, came: bool) {
        if let Some((chance, awaited)) = self.learning().filter(|_| self.term.teaches) {
            chance.note(awaited, self.span, came);
        }
    }

    /// What to reserve of the price at its age, in parts of [`CERTAIN`].
    pub(super) fn parts_now(&self) -> u32 {
        let Some((chance, awaited)) = self.learning() else { return WHOLE };
        let last = show_chance::span_of(self.end_ms() - self.term.decided_ms);
        let parts = chance.within(awaited, self.span..=last) * MARGIN;
        u32::try_from(parts).unwrap_or(WHOLE).min(WHOLE)
    }

    /// The amount reserved now, in micros: at least one, so that it shows in every sum.
    pub(super) fn held(&self) -> i64 {
        let price = self.price.get();
        let held = i128::from(price) * i128::from(self.parts) / i128::from(WHOLE);
        i64::try_from(held).unwrap_or(price).max(1)
    }

    pub(super) fn end_ms(&self) -> i64 {
        match self.stage {
            Stage::Unseen => self.term.until_ms,
            _ => self.term.seen_until_ms,
        }
    }

    /// When it is judged again.
    pub(super) fn next_ms(&self) -> i64 {
        let end_ms = self.end_ms();
        match show_chance::span_end_ms(self.span).filter(|_| self.term.chance.is_some()) {
            Some(age_ms) => (self.term.decided_ms + age_ms).min(end_ms),
            None => end_ms,
        }
    }
}
