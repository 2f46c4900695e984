//! Amounts reserved by decisions until their event is billed or comes no more: per process and budget.
//!
//! A decision reserves its price, or less where most units are never seen: twice the learnt chance that its
//! event still comes, at most the whole price. That is judged again as the decision grows older; when its
//! window ends, nothing is reserved any more. What awaits a click ends after `windows.reservation_seconds`.

use crate::domain::money::Micros;
use crate::world::caller_shares::{CallerShares, KeylessCaller, OverShare, RoomOf};
use crate::world::lease::LeaseTerms;
use crate::world::open_reservation::{Open, Stage, Term, WHOLE};
use crate::world::open_reservations::OpenReservations;
use crate::world::show_chance::FIRST_SPAN;
use hashbrown::HashMap;

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
    open: OpenReservations,
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
        let mut open = Open {
            price,
            parts: WHOLE,
            due_ms: 0,
            publisher,
            caller,
            term: reservation.term.clone(),
            span: FIRST_SPAN,
            stage: Stage::Unseen,
        };
        open.parts = open.parts_now();
        let held = open.held();
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
        open.due_ms = open.next_ms();
        self.put(decision, open);
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
            let first = self.open.first(Stage::Unseen, |publisher, own| {
                own.hashes[level] == hash && room_of.includes(publisher, own)
            });
            let Some(id) = first else { return false };
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
        open.due_ms = until_ms.max(open.term.full_until_ms);
        open.parts = WHOLE;
        self.put(decision, open);
    }

    /// Notes a decision's impression, where another event is billed.
    pub(crate) fn note_impression(&mut self, decision: u128) {
        let Some(mut open) = self.take(decision) else { return };
        if open.stage != Stage::Unseen {
            return self.put(decision, open);
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
        loop {
            let due = self.open.take_due(now_ms);
            if due.is_empty() {
                return;
            }
            due.into_iter().for_each(|decision| self.judge_again(decision));
        }
    }

    /// Judges a reservation that is due.
    fn judge_again(&mut self, decision: u128) {
        let Some(mut open) = self.take(decision) else { return };
        let is_crowded = self.open.len() >= MAX_OPEN && open.due_ms >= open.term.full_until_ms;
        if open.stage == Stage::Recorded || is_crowded {
            return;
        }
        open.learn(false);
        if open.due_ms < open.end_ms() {
            open.span += 1;
            self.judge(decision, open);
        }
    }

    fn judge(&mut self, decision: u128, mut open: Open) {
        (open.parts, open.due_ms) = (open.parts_now(), open.next_ms());
        self.put(decision, open);
    }

    fn take(&mut self, decision: u128) -> Option<Open> {
        let open = self.open.remove(decision)?;
        self.add(&open, -open.held());
        Some(open)
    }

    fn put(&mut self, decision: u128, open: Open) {
        self.add(&open, open.held());
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
