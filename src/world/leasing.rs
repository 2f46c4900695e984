//! Leases of budgets and goals in a fleet: requests and releases of this instance, and reclaiming from dead ones.
//! What is granted depends on the order of records ([`Leases`](crate::ledger::leases::Leases)).

use crate::clock::Clock;
use crate::cluster::Membership;
use crate::config::CurrentSettings;
use crate::domain::event::Pricing;
use crate::domain::goal;
use crate::domain::money::Micros;
use crate::journal::JournalError;
use crate::ledger::leases::Leased;
use crate::ledger::record::{GoalLeaseRequest, LeaseRequest};
use crate::ledger::{Ledger, Record};
use crate::world::Worlds;
use crate::world::budget::Budget;
use crate::world::lease::{LeaseTerms, StoreStatus};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Silence after which the store counts as unreachable.
const UNREACHABLE_AFTER: Duration = Duration::from_secs(3);

/// Time after an outage within which every instance has sent the records that it had queued, in
/// milliseconds.
const CATCH_UP_MS: i64 = 5_000;

/// When lease holders that are no longer members of the fleet were first found absent, by process
/// start.
#[derive(Debug, Default)]
pub(crate) struct AbsentHolders(HashMap<u64, Instant>);

impl AbsentHolders {
    /// Restarts the measurement of absence.
    pub(super) fn restart(&mut self) {
        self.0.clear();
    }

    /// The lease holders that have been absent from the fleet for at least `patience` at `now`.
    pub(super) fn absent_for(
        &mut self,
        holders: &BTreeSet<u64>,
        members: &[u64],
        patience: Duration,
        now: Instant,
    ) -> Vec<u64> {
        self.0.retain(|one, _| holders.contains(one) && !members.contains(one));
        let absent = holders.iter().filter(|one| !members.contains(one));
        let dead = absent.filter(|one| {
            now.saturating_duration_since(*self.0.entry(**one).or_insert(now)) >= patience
        });
        dead.copied().collect()
    }
}

/// Lease requests of one holder in one partition.
#[derive(Default)]
struct LeaseRequests {
    budgets: Vec<LeaseRequest>,
    goals: Vec<GoalLeaseRequest>,
}

impl LeaseRequests {
    /// Requests nothing more of what is leased.
    fn give_back(&mut self, leased: Leased) {
        let micros = Micros::ZERO;
        match leased {
            Leased::Budget(campaign) => {
                self.budgets.push(LeaseRequest { campaign, day: 0, micros });
            }
            Leased::Goal(flight, kind) => {
                self.goals.push(GoalLeaseRequest { flight, kind, micros });
            }
        }
    }

    fn records(self, at_ms: i64, holder: u64) -> Vec<Record> {
        let LeaseRequests { budgets, goals } = self;
        let budgets =
            (!budgets.is_empty()).then_some(Record::Lease { at_ms, holder, requests: budgets });
        let goals =
            (!goals.is_empty()).then_some(Record::GoalLease { at_ms, holder, requests: goals });
        budgets.into_iter().chain(goals).collect()
    }
}

/// The lease requests of this instance.
pub struct Leasing {
    clock: Arc<dyn Clock>,
    settings: Arc<CurrentSettings>,
    world: Arc<Worlds>,
    ledger: Arc<Ledger>,
    membership: Arc<Membership>,
    incarnation: u64,
    /// Lease holders that are not in the membership.
    absent: Mutex<AbsentHolders>,
    /// When the shared store was last unreachable, in unix milliseconds.
    store_unreachable_ms: AtomicI64,
}

impl Leasing {
    /// Leases the budgets of `world` in `ledger` for the process start of `membership`.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        settings: Arc<CurrentSettings>,
        world: Arc<Worlds>,
        ledger: Arc<Ledger>,
        membership: Arc<Membership>,
    ) -> Leasing {
        Leasing {
            clock,
            settings,
            world,
            ledger,
            incarnation: membership.incarnation(),
            membership,
            absent: Mutex::default(),
            store_unreachable_ms: AtomicI64::new(i64::MIN),
        }
    }

    fn absent(&self) -> MutexGuard<'_, AbsentHolders> {
        self.absent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether billed amounts are loaded; nothing is sold before that.
    pub(crate) fn may_sell(&self) -> bool {
        self.membership.may_sell()
    }

    /// The terms for leases now; `None` when budgets are this instance's own.
    pub fn lease_terms(&self) -> Option<LeaseTerms> {
        let sellers = self.membership.sellers()?;
        let settings = self.settings.get();
        let store = match sellers.silence {
            silence if silence < UNREACHABLE_AFTER => StoreStatus::Reachable,
            silence if silence < Duration::from_secs(settings.store.lease_seconds.into()) => {
                StoreStatus::Unreachable
            }
            _ => StoreStatus::LeaseExpired,
        };
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let silence_ms = ms(sellers.silence);
        Some(LeaseTerms {
            incarnation: self.incarnation,
            instances: sellers.count,
            index: sellers.index,
            store,
            silence_ms,
            lease_left_ms: i64::from(settings.store.lease_seconds) * 1_000 - silence_ms,
            allowance_percent: settings.store.outage_allowance_percent,
        })
    }

    /// Whether this clock deviates from the store's by more than half of the time that a click waits
    /// for its impression. Below that, two instances bill exactly as one would, whichever of them
    /// records which event.
    pub(crate) fn is_clock_off(&self) -> bool {
        let most_ms = i64::from(self.settings.get().windows.orphan_grace_seconds) * 500;
        self.membership.clock_skew_ms().abs() > most_ms
    }

    /// Whether this instance has all records of the others: false while the store is unreachable and
    /// for `CATCH_UP_MS` after. Tracks the end of an outage, so call it often.
    pub(crate) fn has_caught_up(&self, terms: Option<&LeaseTerms>, now_ms: i64) -> bool {
        if terms.is_some_and(|terms| terms.store != StoreStatus::Reachable) {
            self.store_unreachable_ms.store(now_ms, Ordering::Relaxed);
        }
        now_ms.saturating_sub(self.store_unreachable_ms.load(Ordering::Relaxed)) >= CATCH_UP_MS
    }

    /// Requests an initial lease of every budget, before the first decision needs it.
    pub(crate) async fn lease_first(&self) -> Result<(), JournalError> {
        let now_ms = self.clock.now_ms();
        let live = self.world.live();
        for flight in &live.snapshot().flights {
            if flight.pricing != Pricing::Flat {
                live.bindings.campaign_budgets[flight.campaign].note_demand(flight.price, now_ms);
            }
        }
        for (_, goal) in live.bindings.goals.iter().flatten() {
            goal.note_demand(goal::UNIT, now_ms);
        }
        self.lease_budgets().await
    }

    /// Requests larger leases where needed and releases what is not.
    pub(crate) async fn lease_budgets(&self) -> Result<(), JournalError> {
        let Some(terms) = self.lease_terms() else { return Ok(()) };
        let now_ms = self.clock.now_ms();
        self.write_lease_requests(now_ms, |budget| budget.lease_request(&terms, now_ms)).await
    }

    /// Releases everything that is not reserved; for shutdown.
    pub(crate) async fn release_unused_leases(&self) -> Result<(), JournalError> {
        let now_ms = self.clock.now_ms();
        self.write_lease_requests(now_ms, |budget| budget.release_request(self.incarnation, now_ms))
            .await
    }

    async fn write_lease_requests(
        &self,
        at_ms: i64,
        want: impl Fn(&Budget) -> Option<(i32, Micros)>,
    ) -> Result<(), JournalError> {
        let live = self.world.live();
        let (snapshot, bindings) = (live.snapshot(), &live.bindings);
        let mut wants: BTreeMap<u8, (LeaseRequests, Vec<&Budget>)> = BTreeMap::new();
        let budgets = bindings.campaign_budgets.iter().zip(&bindings.partitions);
        for (campaign, (budget, partition)) in snapshot.inventory.campaigns.iter().zip(budgets) {
            if let Some((day, micros)) = want(budget) {
                let campaign = campaign.id.as_str().into();
                let (wants, requesters) = wants.entry(*partition).or_default();
                wants.budgets.push(LeaseRequest { campaign, day, micros });
                requesters.push(budget);
            }
        }
        for (flight, goals) in snapshot.flights.iter().zip(&bindings.goals) {
            for (kind, budget) in goals {
                if let Some((_, micros)) = want(budget) {
                    let flight_id = snapshot.inventory.flights[flight.doc].id.as_str().into();
                    let partition = bindings.partitions[flight.campaign];
                    let (wants, requesters) = wants.entry(partition).or_default();
                    wants.goals.push(GoalLeaseRequest { flight: flight_id, kind: *kind, micros });
                    requesters.push(budget);
                }
            }
        }
        let writes = wants.into_iter().map(|(partition, (wants, requesters))| async move {
            let records = wants.records(at_ms, self.incarnation);
            let writes = records.iter().map(|record| self.ledger.write(partition, record));
            let written = futures_util::future::try_join_all(writes).await;
            if written.is_err() {
                requesters.iter().for_each(|budget| budget.cancel_lease_request());
            }
            written.map(drop)
        });
        let written = futures_util::future::join_all(writes).await;
        written.into_iter().collect()
    }

    /// Reclaims leases of dead process starts, once they can neither spend them nor have events of
    /// served units still arrive. Only the first instance of the fleet does so.
    pub(crate) async fn reclaim(&self) -> Result<(), JournalError> {
        let Some(sellers) = self.membership.sellers() else { return Ok(()) };
        let now = Instant::now();
        if sellers.silence >= UNREACHABLE_AFTER {
            // Events of units that dead instances served may be queued on disks until the store is
            // back.
            self.absent().restart();
            return Ok(());
        }
        if !self.membership.is_first() {
            return Ok(());
        }
        let settings = self.settings.get();
        let lease = Duration::from_secs(settings.store.lease_seconds.into());
        let reservation = Duration::from_secs(settings.windows.reservation_seconds.into());
        let members = self.membership.members();
        let mut wants: BTreeMap<(u8, u64), LeaseRequests> = BTreeMap::new();
        {
            let state = self.ledger.state();
            let holders: BTreeSet<u64> =
                state.leases().flat_map(|(_, _, leases)| leases.holders()).collect();
            let patience = lease * 3 / 2 + reservation;
            let dead = self.absent().absent_for(&holders, &members, patience, now);
            for (partition, leased, leases) in state.leases() {
                for of in leases.holders().filter(|holder| dead.contains(holder)) {
                    wants.entry((partition, of)).or_default().give_back(leased.clone());
                }
            }
        }
        for ((partition, of), wants) in wants {
            tracing::info!(
                partition,
                campaigns = wants.budgets.len(),
                goals = wants.goals.len(),
                "reclaiming leases of a dead instance"
            );
            for record in wants.records(self.clock.now_ms(), of) {
                self.ledger.write(partition, &record).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_dead_only_after_uninterrupted_absence() {
        let mut missing = AbsentHolders::default();
        let (start, holders) = (Instant::now(), BTreeSet::from([1, 2, 3]));
        let mut absent = |members: &[u64], after: u64| {
            let now = start + Duration::from_secs(after);
            missing.absent_for(&holders, members, Duration::from_secs(60), now)
        };
        assert!(absent(&[1], 0).is_empty() && absent(&[1, 2], 30).is_empty());
        assert_eq!(absent(&[1], 60), [3]);
        assert_eq!(absent(&[1], 90), [3]);
        assert_eq!(absent(&[1], 120), [2, 3]);
    }
}
