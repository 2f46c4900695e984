//! Rules for an instance's lease of a campaign budget that a fleet shares; time and numbers are
//! arguments.
//!
//! While the store is reachable, decisions reserve within this instance's lease. It grows in slices on
//! demand and is released near the end of the budget when idle. During an outage the rest of the lease
//! remains usable until the store may have granted it to others, and beside it a one-time allowance per
//! outage. Both are released over time, so that a small budget sells a little all the time instead of
//! everything at once.

use crate::domain::money::Micros;
use crate::ledger::leases::Leases;

/// A campaign without demand for this long gets no larger lease, in milliseconds.
const BUSY_MS: i64 = 2_000;

/// A campaign without demand for this long releases what others may need, in milliseconds; and for three
/// times the time between its last demands, if that is longer. Otherwise one with a demand a minute would
/// release each lease before it could use it.
const IDLE_MS: i64 = 5_000;
const IDLE_GAPS: i64 = 3;
const MAX_IDLE_MS: i64 = 600_000;

/// Half of the allowance is released after this time without the store, three quarters after three times
/// as long, and so on. A campaign whose allowance is 15 minutes of reservations is not slowed down for
/// 14 minutes.
const ALLOWANCE_HALF_MS: i64 = 60_000;

/// Milliseconds per minute.
const MINUTE_MS: i64 = 60_000;

/// Reachability of the store, as far as leases are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreStatus {
    /// The store answers.
    Reachable,
    /// No answer for a while; leases are still valid.
    Unreachable,
    /// No answer for so long that this instance's leases may have been granted to others.
    LeaseExpired,
}

/// The terms on which this instance shares budgets with the fleet.
#[derive(Clone, Copy, Debug)]
pub struct LeaseTerms {
    /// This process start.
    pub(crate) incarnation: u64,
    /// Number of instances in the fleet, and the index of this one.
    pub(crate) instances: usize,
    pub(crate) index: usize,
    /// Reachability of the store.
    pub(crate) store: StoreStatus,
    /// Time since the store last answered, in milliseconds.
    pub(crate) silence_ms: i64,
    /// For how much longer the lease may be used without the store, in milliseconds.
    pub(crate) lease_left_ms: i64,
    /// How much the whole fleet may oversell in one outage, in per cent of the budget.
    pub(crate) allowance_percent: u8,
}

/// What a reservation draws on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FundingSource {
    /// The lease of this instance.
    Lease,
    /// The outage allowance; may oversell.
    Allowance,
}

/// The lease state of one campaign on this instance.
#[derive(Default)]
pub(crate) struct CampaignLease {
    /// Leases of all instances.
    pub(crate) leases: Leases,
    /// Pending request: process start and requested lease.
    requested: Option<(u64, Micros)>,
    /// Highest price of recent demand, and the time of the last demand.
    price: Micros,
    last_demand_ms: Option<i64>,
    /// Time between the last demands: the longest, of which earlier ones count less and less.
    gap_ms: i64,
    /// Time of the last reservation.
    last_reservation_ms: Option<i64>,
    rate: ReservationRate,
    outage: Option<Outage>,
}

/// Micros reserved in the current and the previous minute.
#[derive(Clone, Copy, Default)]
struct ReservationRate {
    minute: i64,
    current: i64,
    previous: i64,
}

/// This instance's allowance in the current outage.
#[derive(Clone, Copy)]
struct Outage {
    allowance: Micros,
    used: Micros,
}

/// The campaign's budget as known to this instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BudgetView {
    /// Reserved by decisions of this instance.
    pub(crate) reserved: Micros,
    /// Not billed yet.
    pub(crate) remaining: Micros,
    /// The daily limit, else the lifetime limit.
    pub(crate) limit: Micros,
}

impl CampaignLease {
    /// Registers demand for a reservation at this price.
    pub(crate) fn note_demand(&mut self, price: Micros, now_ms: i64) {
        let is_idle = self.last_demand_ms.is_none_or(|at_ms| now_ms - at_ms > IDLE_MS);
        self.price = if is_idle { price } else { self.price.max(price) };
        if let Some(last_ms) = self.last_demand_ms {
            self.gap_ms = (now_ms - last_ms).max(self.gap_ms - self.gap_ms / 8);
        }
        self.last_demand_ms = Some(now_ms);
    }

    /// What a reservation at this price may draw on; `None` if it must be refused.
    pub(crate) fn funding_source(
        &self,
        terms: &LeaseTerms,
        price: Micros,
        budget: &BudgetView,
        now_ms: i64,
    ) -> Option<FundingSource> {
        let total = budget.reserved.checked_add(price)?;
        if price <= self.spare(terms, budget, now_ms) {
            return Some(FundingSource::Lease);
        }
        let oversells = terms.store != StoreStatus::Reachable
            && total <= budget.remaining
            && price <= self.allowance(terms, budget, now_ms);
        oversells.then_some(FundingSource::Allowance)
    }

    /// Accounts for a reservation that was made.
    pub(crate) fn note_reservation(
        &mut self,
        source: FundingSource,
        terms: &LeaseTerms,
        price: Micros,
        budget: &BudgetView,
        now_ms: i64,
    ) {
        self.last_reservation_ms = Some(now_ms);
        if source == FundingSource::Allowance {
            let outage = self.outage(terms, budget, now_ms);
            let used = outage.used.checked_add(price).unwrap_or(Micros::MAX);
            self.outage = Some(Outage { used, ..outage });
        } else if terms.store == StoreStatus::Reachable {
            self.outage = None;
        }
        self.rate.add(price, now_ms);
    }

    /// The amount this instance could still reserve; with a reachable store, including what it could
    /// lease.
    pub(crate) fn available(&self, terms: &LeaseTerms, budget: &BudgetView, now_ms: i64) -> Micros {
        match terms.store {
            StoreStatus::Reachable => budget
                .remaining
                .saturating_sub(self.leases.held_by_others(terms.incarnation))
                .saturating_sub(budget.reserved),
            StoreStatus::Unreachable | StoreStatus::LeaseExpired => {
                self.spare(terms, budget, now_ms).max(self.allowance(terms, budget, now_ms))
            }
        }
    }

    /// What a reservation at this price lacks, if this instance cannot lease more.
    pub(crate) fn shortage(
        &self,
        terms: &LeaseTerms,
        price: Micros,
        budget: &BudgetView,
        now_ms: i64,
    ) -> Option<Micros> {
        let is_short =
            terms.store == StoreStatus::Reachable && self.available(terms, budget, now_ms) < price;
        is_short.then(|| price.saturating_sub(self.spare(terms, budget, now_ms)))
    }

    /// The total lease that this instance should request; `None` for no change. A returned amount
    /// counts as requested; if it is smaller than the lease, the smaller amount applies at once.
    pub(crate) fn lease_request(
        &mut self,
        terms: &LeaseTerms,
        budget: &BudgetView,
        now_ms: i64,
    ) -> Option<Micros> {
        if terms.store != StoreStatus::Reachable || self.requested.is_some() {
            return None;
        }
        let lease = self.leases.held_by(terms.incarnation);
        let granted =
            lease.checked_add(self.leases.held_by_others(terms.incarnation)).unwrap_or(Micros::MAX);
        let free = budget.remaining.saturating_sub(granted);
        let spare = lease.get() - budget.reserved.get();
        let idle_ms = now_ms - self.last_demand_ms?;
        let request = if idle_ms <= BUSY_MS {
            let slice = self.slice(free, budget.limit, terms.instances);
            let most = Micros::try_from(lease.get() + free.get()).unwrap_or(Micros::MAX);
            let total = budget.reserved.checked_add(slice).unwrap_or(Micros::MAX).min(most);
            let is_short = spare < (slice.get() / 2).max(self.price.get());
            let helps = total.get() - budget.reserved.get() >= self.price.get();
            (is_short && helps && total > lease).then_some(total)
        } else {
            let is_scarce = free.get() < budget.limit.get() / 10;
            let patience_ms = (self.gap_ms * IDLE_GAPS).clamp(IDLE_MS, MAX_IDLE_MS);
            (idle_ms > patience_ms && spare > 0 && is_scarce).then_some(budget.reserved)
        }?;
        self.requested = Some((terms.incarnation, request));
        Some(request)
    }

    /// Requests a lease of only the reserved amount; `None` if nothing is spare.
    pub(crate) fn release_request(&mut self, incarnation: u64, reserved: Micros) -> Option<Micros> {
        let has_spare = self.leases.held_by(incarnation) > reserved;
        has_spare.then(|| {
            self.requested = Some((incarnation, reserved));
            reserved
        })
    }

    /// Cancels a request that could not be recorded.
    pub(crate) fn cancel_request(&mut self) {
        self.requested = None;
    }

    /// Sets the lease of a process start, which answers its pending request.
    pub(crate) fn set_lease(&mut self, of: u64, micros: Micros) {
        self.leases.set(of, micros);
        if self.requested.is_some_and(|(requester, _)| requester == of) {
            self.requested = None;
        }
    }

    /// Replaces all leases with those of the ledger.
    pub(crate) fn replace_leases(&mut self, leases: Leases) {
        self.leases = leases;
        self.requested = None;
    }

    /// The usable lease: the granted one, or less if a reduction is pending.
    fn usable(&self, terms: &LeaseTerms) -> Micros {
        let granted = self.leases.held_by(terms.incarnation);
        self.requested.map_or(granted, |(_, requested)| granted.min(requested))
    }

    /// Size of a lease increment: at most 1 % of the budget, to limit what idle or crashed instances
    /// lock up; less near the end, so that every instance gets some; at least one price.
    fn slice(&self, free: Micros, limit: Micros, instances: usize) -> Micros {
        let instances = i64::try_from(instances.max(1)).unwrap_or(i64::MAX);
        let part = (free.get() / instances / 2).min(limit.get() / 100);
        Micros::try_from(part).unwrap_or_default().max(self.price)
    }

    /// What may be reserved of the lease now. Without the store, what is left is spread evenly over the
    /// time for which it may be used.
    fn spare(&self, terms: &LeaseTerms, budget: &BudgetView, now_ms: i64) -> Micros {
        let spare = self.usable(terms).saturating_sub(budget.reserved);
        match (terms.store, self.last_reservation_ms) {
            (StoreStatus::LeaseExpired, _) => Micros::ZERO,
            (StoreStatus::Unreachable, Some(last_ms)) => {
                share(spare, now_ms - last_ms, terms.lease_left_ms)
            }
            _ => spare,
        }
    }

    /// What may be reserved of the allowance now: of all that is released over time, at first one price.
    fn allowance(&self, terms: &LeaseTerms, budget: &BudgetView, now_ms: i64) -> Micros {
        let Outage { allowance, used } = self.outage(terms, budget, now_ms);
        let silence_ms = terms.silence_ms.max(0);
        let released = share(allowance, silence_ms, silence_ms.saturating_add(ALLOWANCE_HALF_MS));
        let released = released.checked_add(self.price).unwrap_or(Micros::MAX).min(allowance);
        released.saturating_sub(used)
    }

    /// The allowance of this outage: initially this instance's part, capped at 15 minutes of
    /// reservations at the current rate. The parts are multiples of the price, so that the fleet can
    /// sell a unit where no equal part pays one.
    fn outage(&self, terms: &LeaseTerms, budget: &BudgetView, now_ms: i64) -> Outage {
        if let Some(outage) = self.outage {
            return outage;
        }
        let whole = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let instances = whole(terms.instances.max(1));
        let index = whole(terms.index).min(instances - 1);
        let price = self.price.get().max(1);
        let units = budget.limit.get() / 100 * i64::from(terms.allowance_percent) / price;
        let (each, more) = (units / instances, units % instances);
        let part = (each + i64::from(index < more)).saturating_mul(price);
        let allowance = part.min(self.rate.per_15_minutes(now_ms));
        Outage { allowance: Micros::try_from(allowance).unwrap_or_default(), used: Micros::ZERO }
    }
}

/// `part` of `whole` of an amount, at most all of it.
fn share(of: Micros, part: i64, whole: i64) -> Micros {
    if part >= whole {
        return of;
    }
    let share = i128::from(of.get()) * i128::from(part.max(0)) / i128::from(whole);
    i64::try_from(share).ok().and_then(|share| Micros::try_from(share).ok()).unwrap_or_default()
}

impl ReservationRate {
    fn add(&mut self, price: Micros, now_ms: i64) {
        *self = self.at(now_ms);
        self.current = self.current.saturating_add(price.get());
    }

    fn at(self, now_ms: i64) -> ReservationRate {
        let minute = now_ms.div_euclid(MINUTE_MS);
        match minute - self.minute {
            0 => self,
            1 => ReservationRate { minute, current: 0, previous: self.current },
            _ => ReservationRate { minute, current: 0, previous: 0 },
        }
    }

    /// Projected reservations for 15 minutes.
    fn per_15_minutes(self, now_ms: i64) -> i64 {
        let ReservationRate { current, previous, .. } = self.at(now_ms);
        current.max(previous).saturating_mul(15)
    }
}

#[cfg(test)]
#[path = "lease_tests.rs"]
mod tests;
