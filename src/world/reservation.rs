//! Amounts reserved by decisions until their event is billed or comes no more: per process and budget.
//!
//! A decision reserves its price, or less where most units are never seen: twice the learnt chance that its
//! event still comes, at most the whole price. That is judged again as the decision grows older; when its
//! window ends, nothing is reserved any more. What awaits a click ends after `windows.reservation_seconds`.

use crate::domain::money::Micros;
use crate::world::caller_shares::{CallerShares, KeylessCaller, OverShare, RoomOf};
use crate::world::lease::LeaseTerms;
use crate::world::show_chance;
use crate::world::show_chance::{Awaited, CERTAIN, FIRST_SPAN, ShowChance};
use hashbrown::HashMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many times the expected amount is reserved, since more events than expected may come.
const MARGIN: u64 = 2;

/// Open decisions of a campaign beyond which those past `full_until_ms` reserve nothing; bounds memory.
const MAX_OPEN: usize = 50_000;

/// A decision's reservation.
#[derive(Clone, Debug)]
pub(crate) struct Reservation {
    /// The decision's id.
    pub(crate) decision: u128,
    /// The amount to reserve.
    pub(crate) price: Micros,
    /// The publisher's number.
    pub(crate) publisher: u32,
    /// The largest share of the remaining budget that one publisher may reserve, in per cent.
    pub(crate) publisher_percent: u8,
    /// The same of one address without a key.
    pub(crate) address_percent: u8,
    /// The caller, if it has no key.
    pub(crate) caller: Option<KeylessCaller>,
    /// How long it lasts.
    pub(crate) term: Term,
    /// Lease terms, if a fleet shares the budget.
    pub(crate) terms: Option<LeaseTerms>,
}

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

/// Why a reservation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// What is left is reserved.
    Full,
    /// The publisher would have this much more than its share.
    Publisher(Micros),
    /// The caller has its share.
    Caller,
    /// Placements of which few units have been seen would have this much more than their share.
    UnknownPlacements(Micros),
}

/// Reservations in one budget.
#[derive(Debug, Default)]
pub(crate) struct Reservations {
    total: i64,
    by_publisher: HashMap<u32, i64>,
    by_caller: CallerShares,
    open: HashMap<u128, Open>,
    /// When each is judged again, in unix milliseconds.
    due: BTreeSet<(i64, u128)>,
}

#[derive(Clone, Debug)]
struct Open {
    price: Micros,
    /// Reserved now, in micros.
    held: i64,
    due_ms: i64,
    publisher: u32,
    caller: Option<KeylessCaller>,
    term: Term,
    span: u8,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Unseen,
    /// Its impression counted; another event is billed.
    Seen,
    /// Its billed event is recorded and not billed yet.
    Recorded,
}

impl Reservations {
    /// Makes a reservation if `left` covers the price beside the other reservations. Once a second
    /// publisher has requested one, no publisher may reserve more than its share of `left`, so that
    /// requests without impressions cannot exhaust a budget for other publishers; nor may a caller without
    /// a key. A share is at least one unit. A price of zero always fits.
    pub(crate) fn reserve(
        &mut self,
        reservation: &Reservation,
        left: Option<Micros>,
    ) -> Result<(), Refused> {
        let Some(left) = left else { return Ok(()) };
        let Reservation { decision, price, publisher, caller, .. } = *reservation;
        let publisher_total = *self.by_publisher.entry(publisher).or_default();
        if price == Micros::ZERO {
            return Ok(());
        }
        let instances = reservation.terms.as_ref().map_or(1, |terms| terms.instances.max(1));
        let instances = i64::try_from(instances).unwrap_or(i64::MAX);
        let alone = self.by_publisher.len() == 1;
        let (price_micros, left) = (price.get(), left.get());
        let open = Open {
            price,
            held: 0,
            due_ms: 0,
            publisher,
            caller,
            term: reservation.term.clone(),
            span: FIRST_SPAN,
            stage: Stage::Unseen,
        };
        let held = open.share();
        let share = (left / 100 * i64::from(reservation.publisher_percent)).max(price_micros);
        let limits = (price_micros, left / instances, reservation.address_percent);
        let checked = caller.map_or(Ok(()), |own| self.by_caller.check(own, held, limits));
        checked.map_err(|over| match over {
            OverShare::Caller => Refused::Caller,
            OverShare::UnknownPlacements(more) => Refused::UnknownPlacements(at_most(more)),
        })?;
        let more = publisher_total + held - share;
        if more > 0 && !alone {
            return Err(Refused::Publisher(at_most(more)));
        }
        if self.total + price_micros > left {
            return Err(Refused::Full);
        }
        let due_ms = open.next_ms();
        self.put(decision, open, held, due_ms);
        Ok(())
    }

    /// Releases `needed` of what callers without a key have reserved, for a reservation that was refused
    /// because everything is reserved, or the share of its publisher or of new placements: as long as they
    /// have much more than this caller.
    pub(crate) fn make_room(
        &mut self,
        reservation: &Reservation,
        needed: Micros,
        room_of: RoomOf,
    ) -> bool {
        let most = self.total - needed.get();
        while self.total > most {
            let price = reservation.price.get();
            let Some((level, hash)) = self.by_caller.yields_to(reservation.caller, price, room_of)
            else {
                return false;
            };
            let of = |open: &Open| {
                open.caller.is_some_and(|own| {
                    own.hashes[level] == hash && room_of.includes(open.publisher, own)
                })
            };
            let unseen = |(_, id): &&(i64, u128)| {
                self.open.get(id).is_some_and(|open| open.stage == Stage::Unseen && of(open))
            };
            let Some((_, id)) = self.due.iter().find(unseen).copied() else { return false };
            self.release(id);
        }
        true
    }

    /// What a caller who has reserved nothing could have: `free`, or what others would give up.
    pub(crate) fn available(&self, free: Micros) -> Micros {
        match free > self.total() {
            true => free,
            false => Micros::try_from(self.by_caller.contestable()).unwrap_or_default().max(free),
        }
    }

    /// Extends a decision's reservation to `until_ms`: its event is recorded here and not billed yet.
    pub(crate) fn extend(&mut self, decision: u128, until_ms: i64) {
        let Some(mut open) = self.take(decision) else { return };
        open.learn(true);
        open.stage = Stage::Recorded;
        let due_ms = until_ms.max(open.term.full_until_ms);
        let held = open.price.get();
        self.put(decision, open, held, due_ms);
    }

    /// Notes a decision's impression, where another event is billed.
    pub(crate) fn note_impression(&mut self, decision: u128) {
        let Some(mut open) = self.take(decision) else { return };
        if open.stage != Stage::Unseen {
            let (held, due_ms) = (open.held, open.due_ms);
            return self.put(decision, open, held, due_ms);
        }
        open.learn(true);
        open.stage = Stage::Seen;
        self.judge(decision, open);
    }

    /// Settles a decision's reservation: its event was billed.
    pub(crate) fn settle(&mut self, decision: u128) {
        if let Some(open) = self.take(decision) {
            open.learn(true);
        }
    }

    /// Releases a decision's reservation: its event counts for nothing.
    pub(crate) fn release(&mut self, decision: u128) {
        self.take(decision);
    }

    /// Judges every reservation that is due at `now_ms` or earlier, and releases those that end.
    pub(crate) fn expire(&mut self, now_ms: i64) {
        while let Some((_, decision)) =
            self.due.first().copied().filter(|(due_ms, _)| *due_ms <= now_ms)
        {
            let Some(mut open) = self.take(decision) else { continue };
            let is_crowded = self.open.len() >= MAX_OPEN && open.due_ms >= open.term.full_until_ms;
            if open.stage == Stage::Recorded || is_crowded {
                continue;
            }
            open.learn(false);
            if open.due_ms < open.end_ms() {
                open.span += 1;
                self.judge(decision, open);
            }
        }
    }

    fn judge(&mut self, decision: u128, open: Open) {
        let (held, due_ms) = (open.share(), open.next_ms());
        self.put(decision, open, held, due_ms);
    }

    /// Removes a reservation; its `held` still says what it had reserved.
    fn take(&mut self, decision: u128) -> Option<Open> {
        let open = self.open.remove(&decision)?;
        self.due.remove(&(open.due_ms, decision));
        self.add(&open, -open.held);
        Some(open)
    }

    fn put(&mut self, decision: u128, mut open: Open, held: i64, due_ms: i64) {
        (open.held, open.due_ms) = (held, due_ms);
        self.due.insert((due_ms, decision));
        self.add(&open, held);
        self.open.insert(decision, open);
    }

    fn add(&mut self, open: &Open, micros: i64) {
        self.total += micros;
        *self.by_publisher.entry(open.publisher).or_default() += micros;
        // What is seen was no pretence, and cannot be taken back.
        if open.stage == Stage::Unseen {
            self.by_caller.add(open.caller, open.publisher, micros);
        }
    }

    /// The reserved total, capped at the largest amount.
    pub(crate) fn total(&self) -> Micros {
        at_most(self.total)
    }
}

/// The amount, capped at the largest one.
fn at_most(micros: i64) -> Micros {
    Micros::try_from(micros).unwrap_or(Micros::MAX)
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
    fn learn(&self, came: bool) {
        if let Some((chance, awaited)) = self.learning().filter(|_| self.term.teaches) {
            chance.note(awaited, self.span, came);
        }
    }

    /// The amount to reserve at its age, in micros: at least one, so that it shows in every sum.
    fn share(&self) -> i64 {
        let price = self.price.get();
        let Some((chance, awaited)) = self.learning() else { return price };
        let last = show_chance::span_of(self.end_ms() - self.term.decided_ms);
        let parts = (chance.within(awaited, self.span..=last) * MARGIN).min(CERTAIN);
        let share = i128::from(price) * i128::from(parts) / i128::from(CERTAIN);
        i64::try_from(share).unwrap_or(price).max(1)
    }

    fn end_ms(&self) -> i64 {
        match self.stage {
            Stage::Unseen => self.term.until_ms,
            _ => self.term.seen_until_ms,
        }
    }

    /// When it is judged again.
    fn next_ms(&self) -> i64 {
        let end_ms = self.end_ms();
        match show_chance::span_end_ms(self.span).filter(|_| self.term.chance.is_some()) {
            Some(age_ms) => (self.term.decided_ms + age_ms).min(end_ms),
            None => end_ms,
        }
    }
}
