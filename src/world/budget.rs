//! A budget as decisions see it: the amounts billed by the ledger, and the reservations of decisions whose
//! event has not arrived or expired. A campaign has one in money; a flight has one for each goal, in amounts
//! of [`UNIT`](crate::domain::goal::UNIT).

use crate::domain::money::Micros;
use crate::domain::zone::Zone;
use crate::ledger::account::Account;
use crate::ledger::leases::Leases;
use crate::world::caller_shares::RoomOf;
use crate::world::day::Day;
use crate::world::lease::{BudgetView, CampaignLease, LeaseTerms, StoreStatus};
use crate::world::reservation::{Refused, Reservation, Reservations};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What may be spent, and what is reserved of it.
#[derive(Default)]
pub struct Budget {
    inner: Mutex<Inner>,
    /// The budget changed since the last refresh of the state.
    changed: AtomicBool,
}

#[derive(Default)]
struct Inner {
    account: Account,
    held: Reservations,
    zone: Zone,
    today: Day,
    /// This instance's lease, if a fleet shares the budget.
    lease: CampaignLease,
}

/// The balance of a budget at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetBalance {
    /// Remaining today, reservations not subtracted; `None` without a limit.
    pub(crate) remaining: Option<Micros>,
    /// Reserved by decisions.
    pub reserved: Micros,
    /// Billed today, in the advertiser's time zone.
    pub(crate) spent_today: Micros,
    /// Billed in total.
    pub(crate) spent: Micros,
    /// The current day in the advertiser's time zone.
    pub(crate) today: Day,
}

impl Budget {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves an amount if the budget covers it; atomic. A price of zero always succeeds.
    pub(crate) fn reserve(&self, reservation: &Reservation, now_ms: i64) -> bool {
        let mut inner = self.inner();
        let day = inner.day(now_ms).number;
        let left = inner.account.left(day);
        if left.is_some() && reservation.terms.is_some() {
            inner.lease.note_demand(reservation.price, now_ms);
        }
        let mut granted = inner.grant(reservation, left, now_ms);
        // First within the shares of new placements and of the publisher, then within the budget.
        for _ in 0..3 {
            if granted.is_err_and(|refused| inner.make_room(refused, reservation, left, now_ms)) {
                granted = inner.grant(reservation, left, now_ms);
            }
        }
        let granted = granted.is_ok();
        let exhausted = left
            .is_some_and(|left| left.get() - inner.held.total().get() < reservation.price.get());
        drop(inner);
        if exhausted || !granted {
            self.changed.store(true, Ordering::Release);
        }
        granted
    }

    /// Announces demand at this price, so that the next lease request includes it.
    pub(crate) fn note_demand(&self, price: Micros, now_ms: i64) {
        self.inner().lease.note_demand(price, now_ms);
    }

    /// The day and the lease amount to request, if the lease should change.
    pub(crate) fn lease_request(&self, terms: &LeaseTerms, now_ms: i64) -> Option<(i32, Micros)> {
        let mut inner = self.inner();
        let day = inner.day(now_ms).number;
        let budget = inner.view(inner.account.left(day)?);
        inner.lease.lease_request(terms, &budget, now_ms).map(|micros| (day, micros))
    }

    /// The same on shutdown: reduces the lease to the reserved amount.
    pub(crate) fn release_request(&self, incarnation: u64, now_ms: i64) -> Option<(i32, Micros)> {
        let mut inner = self.inner();
        let (day, reserved) = (inner.day(now_ms).number, inner.held.total());
        inner.lease.release_request(incarnation, reserved).map(|micros| (day, micros))
    }

    /// Cancels a lease request that could not be recorded.
    pub(crate) fn cancel_lease_request(&self) {
        self.inner().lease.cancel_request();
    }

    /// Sets the lease of a process start.
    pub(crate) fn set_lease(&self, of: u64, micros: Micros) {
        self.inner().lease.set_lease(of, micros);
        self.changed.store(true, Ordering::Release);
    }

    /// The amount that this instance could still reserve; `None` without a limit.
    pub(crate) fn available(&self, terms: Option<&LeaseTerms>, now_ms: i64) -> Option<Micros> {
        let mut inner = self.inner();
        let day = inner.day(now_ms).number;
        let left = inner.account.left(day)?;
        let budget = inner.view(left);
        let free = match terms {
            Some(terms) => inner.lease.available(terms, &budget, now_ms),
            None => left.saturating_sub(budget.reserved),
        };
        Some(match terms.is_none_or(|terms| terms.store == StoreStatus::Reachable) {
            true => inner.held.available(free),
            false => free,
        })
    }

    /// Extends a reservation until its event arrives through the shared log.
    pub(crate) fn extend(&self, decision: u128, until_ms: i64) {
        self.inner().held.extend(decision, until_ms);
    }

    /// Releases a reservation without billing.
    pub(crate) fn release(&self, decision: u128) {
        self.inner().held.release(decision);
        self.changed.store(true, Ordering::Release);
    }

    /// Notes a decision's impression, where another event is billed.
    pub(crate) fn note_impression(&self, decision: u128) {
        self.inner().held.note_impression(decision);
        self.changed.store(true, Ordering::Release);
    }

    /// Settles a reservation with the amount that the ledger billed; `of` is the process start that
    /// made the decision.
    pub(crate) fn settle(&self, decision: u128, of: u64, day: i32, price: Micros) {
        let mut inner = self.inner();
        inner.held.settle(decision);
        inner.account.bill(day, price);
        inner.lease.leases.deduct(of, price);
        self.changed.store(true, Ordering::Release);
    }

    /// Sets the limits and the time zone of the inventory.
    pub(crate) fn set_limits(
        &self,
        (lifetime, daily): (Option<Micros>, Option<Micros>),
        zone: &Zone,
    ) {
        let mut inner = self.inner();
        (inner.account.lifetime, inner.account.daily) = (lifetime, daily);
        if inner.zone != *zone {
            inner.zone = zone.clone();
            inner.today = Day::default();
        }
        self.changed.store(true, Ordering::Release);
    }

    /// Whether there is a limit.
    pub(crate) fn is_limited(&self) -> bool {
        let inner = self.inner();
        inner.account.lifetime.is_some() || inner.account.daily.is_some()
    }

    /// Replaces spend and leases with the ledger's; limits set by the inventory are preserved.
    pub(crate) fn recover(&self, account: &Account, leases: Leases) {
        let mut inner = self.inner();
        inner.lease.replace_leases(leases);
        let (lifetime, daily) = (inner.account.lifetime, inner.account.daily);
        inner.account = account.clone();
        if lifetime.is_some() || daily.is_some() {
            (inner.account.lifetime, inner.account.daily) = (lifetime, daily);
        }
        self.changed.store(true, Ordering::Release);
    }

    /// Adds a credit or refund back to the budget.
    pub(crate) fn credit(&self, day: i32, micros: Micros) {
        self.inner().account.credit(day, micros);
        self.changed.store(true, Ordering::Release);
    }

    /// Expires overdue reservations if this instance has `caught_up` with the others; otherwise an
    /// unsent event of another instance may still settle them. Returns whether anything changed since
    /// the last call.
    pub(crate) fn expire(&self, now_ms: i64, caught_up: bool) -> bool {
        let mut inner = self.inner();
        let before = (inner.held.total(), inner.today);
        if caught_up {
            inner.held.expire(now_ms);
        }
        let today = inner.day(now_ms);
        let changed = before != (inner.held.total(), today);
        self.changed.swap(false, Ordering::AcqRel) || changed
    }

    /// The balance at `now_ms`.
    pub fn balance(&self, now_ms: i64) -> BudgetBalance {
        let mut inner = self.inner();
        let today = inner.day(now_ms);
        BudgetBalance {
            remaining: inner.account.left(today.number),
            reserved: inner.held.total(),
            spent_today: inner.account.by_day.get(&today.number).copied().unwrap_or_default(),
            spent: inner.account.spent,
            today,
        }
    }
}

impl Inner {
    fn day(&mut self, now_ms: i64) -> Day {
        if !(self.today.starts_ms..self.today.ends_ms).contains(&now_ms) {
            self.today = Day::of(&self.zone, now_ms);
        }
        self.today
    }

    /// Makes a reservation within the budget and the lease.
    fn grant(
        &mut self,
        reservation: &Reservation,
        left: Option<Micros>,
        now_ms: i64,
    ) -> Result<(), Refused> {
        let Some((terms, left)) = reservation.terms.as_ref().zip(left) else {
            return self.held.reserve(reservation, left);
        };
        let (price, budget) = (reservation.price, self.view(left));
        let source = self.lease.funding_source(terms, price, &budget, now_ms);
        let source = source.ok_or(Refused::Full)?;
        self.held.reserve(reservation, Some(left))?;
        self.lease.note_reservation(source, terms, price, &budget, now_ms);
        Ok(())
    }

    fn make_room(
        &mut self,
        refused: Refused,
        reservation: &Reservation,
        left: Option<Micros>,
        now_ms: i64,
    ) -> bool {
        let (needed, of) = match refused {
            Refused::Caller => return false,
            Refused::UnknownPlacements(needed) => (Some(needed), RoomOf::UnknownPlacements),
            Refused::Publisher(needed) => (Some(needed), RoomOf::Publisher(reservation.publisher)),
            Refused::Full => {
                (left.and_then(|left| self.shortage(reservation, left, now_ms)), RoomOf::All)
            }
        };
        needed.is_some_and(|needed| self.held.make_room(reservation, needed, of))
    }

    /// What a reservation lacks although nothing more can be had than what callers have reserved.
    fn shortage(&self, reservation: &Reservation, left: Micros, now_ms: i64) -> Option<Micros> {
        let (price, budget) = (reservation.price, self.view(left));
        match &reservation.terms {
            Some(terms) => self.lease.shortage(terms, price, &budget, now_ms),
            None => {
                budget.reserved.checked_add(price)?.get().checked_sub(left.get())?.try_into().ok()
            }
        }
    }

    fn view(&self, remaining: Micros) -> BudgetView {
        let Account { lifetime, daily, .. } = self.account;
        let limit = daily.or(lifetime).unwrap_or(remaining);
        BudgetView { reserved: self.held.total(), remaining, limit }
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
