//! Rules for an instance's lease of a campaign budget that a fleet shares; time and numbers are
//! arguments.
//!
//! While the store is reachable, decisions reserve within this instance's lease. It grows in slices on
//! demand and is released near the end of the budget when idle. During an outage the rest of the lease
//! remains usable until the store may have granted it to others; then a one-time allowance per outage;
//! then nothing.

use crate::domain::money::Micros;
use crate::ledger::leases::Leases;

/// A campaign without demand for this long gets no larger lease, in milliseconds.
const BUSY_MS: i64 = 2_000;

/// A campaign without demand for this long releases what others may need, in milliseconds.
const IDLE_MS: i64 = 5_000;

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
    /// Number of instances in the fleet.
    pub(crate) instances: usize,
    /// Reachability of the store.
    pub(crate) store: StoreStatus,
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

/// The allowance that remains in the current outage.
struct Outage {
    allowance: Micros,
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
        if terms.store != StoreStatus::LeaseExpired && total <= self.usable(terms) {
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
        if source == FundingSource::Allowance {
            let allowance = self.allowance(terms, budget, now_ms).saturating_sub(price);
            self.outage = Some(Outage { allowance });
        } else if terms.store == StoreStatus::Reachable {
            self.outage = None;
        }
        self.rate.add(price, now_ms);
    }

    /// The amount this instance could still reserve; with a reachable store, including what it could
    /// lease.
    pub(crate) fn available(&self, terms: &LeaseTerms, budget: &BudgetView, now_ms: i64) -> Micros {
        let lease = self.usable(terms).saturating_sub(budget.reserved);
        match terms.store {
            StoreStatus::Reachable => budget
                .remaining
                .saturating_sub(self.leases.held_by_others(terms.incarnation))
                .saturating_sub(budget.reserved),
            StoreStatus::Unreachable => lease.max(self.allowance(terms, budget, now_ms)),
            StoreStatus::LeaseExpired => self.allowance(terms, budget, now_ms),
        }
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
            (idle_ms > IDLE_MS && spare > 0 && is_scarce).then_some(budget.reserved)
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

    /// The remaining allowance of this outage: initially this instance's part, capped at 15 minutes of
    /// reservations at the current rate.
    fn allowance(&self, terms: &LeaseTerms, budget: &BudgetView, now_ms: i64) -> Micros {
        if let Some(outage) = &self.outage {
            return outage.allowance;
        }
        let instances = i64::try_from(terms.instances.max(1)).unwrap_or(i64::MAX);
        let part = budget.limit.get() / 100 * i64::from(terms.allowance_percent) / instances;
        Micros::try_from(part.min(self.rate.per_15_minutes(now_ms))).unwrap_or_default()
    }
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
mod tests {
    use super::*;

    const REACHABLE: LeaseTerms = LeaseTerms {
        incarnation: 1,
        instances: 4,
        store: StoreStatus::Reachable,
        allowance_percent: 5,
    };
    const UNREACHABLE: LeaseTerms = LeaseTerms { store: StoreStatus::Unreachable, ..REACHABLE };
    const EXPIRED: LeaseTerms = LeaseTerms { store: StoreStatus::LeaseExpired, ..REACHABLE };

    fn micros(amount: i64) -> Micros {
        Micros::try_from(amount).unwrap()
    }

    fn budget(reserved: i64, remaining: i64, limit: i64) -> BudgetView {
        BudgetView {
            reserved: micros(reserved),
            remaining: micros(remaining),
            limit: micros(limit),
        }
    }

    #[test]
    fn a_lease_grows_in_slices_on_demand_and_is_released_near_the_end() {
        let mut lease = CampaignLease::default();
        let all = budget(0, 100_000, 100_000);
        assert_eq!(lease.lease_request(&REACHABLE, &all, 0), None, "no demand");
        lease.note_demand(micros(10), 0);
        assert_eq!(lease.funding_source(&REACHABLE, micros(10), &all, 0), None);
        assert_eq!(lease.lease_request(&REACHABLE, &all, 0), Some(micros(1_000)));
        assert_eq!(lease.lease_request(&REACHABLE, &all, 0), None, "a request is pending");
        lease.set_lease(1, micros(1_000));
        assert_eq!(
            lease.funding_source(&REACHABLE, micros(10), &all, 0),
            Some(FundingSource::Lease)
        );
        assert_eq!(
            lease.lease_request(&REACHABLE, &budget(600, 100_000, 100_000), 0),
            Some(micros(1_600))
        );
        lease.set_lease(1, micros(1_000));
        assert_eq!(
            lease.lease_request(&REACHABLE, &budget(0, 50_000, 100_000), 6_000),
            None,
            "plenty is left"
        );

        lease.set_lease(2, micros(8_000));
        let scarce = budget(200, 9_500, 100_000);
        assert_eq!(lease.lease_request(&REACHABLE, &scarce, 6_000), Some(micros(200)));
        assert_eq!(
            lease.funding_source(&REACHABLE, micros(10), &scarce, 6_001),
            None,
            "the reduction is pending"
        );
    }

    #[test]
    fn a_slice_is_at_least_one_price_and_never_more_than_is_free() {
        let mut lease = CampaignLease::default();
        lease.note_demand(micros(10), 0);
        assert_eq!(lease.lease_request(&REACHABLE, &budget(0, 30, 50), 0), Some(micros(10)));
        lease.set_lease(1, micros(10));
        lease.set_lease(2, micros(10));
        assert_eq!(
            lease.lease_request(&REACHABLE, &budget(10, 29, 50), 0),
            None,
            "9 is less than one price"
        );
    }

    #[test]
    fn an_outage_spends_the_lease_then_the_allowance_once_then_nothing_more() {
        let mut lease = CampaignLease::default();
        let at = |reserved| budget(reserved, 100_000, 100_000);
        lease.set_lease(1, micros(100));
        let reserve =
            |lease: &mut CampaignLease, terms: &LeaseTerms, reserved: i64, now_ms: i64| {
                let source = lease.funding_source(terms, micros(100), &at(reserved), now_ms)?;
                lease.note_reservation(source, terms, micros(100), &at(reserved), now_ms);
                Some(source)
            };
        assert_eq!(reserve(&mut lease, &REACHABLE, 0, 0), Some(FundingSource::Lease));
        // 15 minutes at this rate are 1,500; a quarter of 5 % is 1,250.
        for (step, terms) in (0..12).zip([UNREACHABLE, EXPIRED].iter().cycle()) {
            assert_eq!(
                reserve(&mut lease, terms, 100 + step * 100, 1_000),
                Some(FundingSource::Allowance)
            );
        }
        assert_eq!(reserve(&mut lease, &UNREACHABLE, 1_300, 1_000), None);
        assert_eq!(lease.available(&UNREACHABLE, &at(1_300), 1_000), micros(50));
        // Expired reservations do not restore the allowance; the end of the outage does.
        assert_eq!(reserve(&mut lease, &EXPIRED, 0, 1_000), None);
        assert_eq!(reserve(&mut lease, &REACHABLE, 0, 1_000), Some(FundingSource::Lease));
        assert_eq!(reserve(&mut lease, &UNREACHABLE, 100, 1_000), Some(FundingSource::Allowance));
        // Strict mode: the lease only.
        let strict = LeaseTerms { allowance_percent: 0, ..UNREACHABLE };
        assert_eq!(CampaignLease::default().available(&strict, &at(0), 0), Micros::ZERO);
    }

    #[test]
    fn an_expired_lease_allows_no_reservation() {
        let mut lease = CampaignLease::default();
        lease.set_lease(1, micros(100));
        let all = budget(0, 1_000, 1_000);
        assert_eq!(
            lease.funding_source(&UNREACHABLE, micros(10), &all, 0),
            Some(FundingSource::Lease)
        );
        assert_eq!(lease.funding_source(&EXPIRED, micros(10), &all, 0), None);
    }
}
