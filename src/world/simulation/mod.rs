//! Simulation of eight instances on one store: real campaign budgets, leases and ledger rules; the
//! store, network, crashes and clocks are driven by a seeded random generator. Durations are a sixth of
//! the production values.

mod delivery;
mod instance;
mod late_views;
mod properties;
mod rotation;
mod share_of_voice;

use crate::domain::money::Micros;
use crate::ledger::apply::apply;
use crate::ledger::record::{Event, LeaseRequest, RecordId};
use crate::ledger::{ApplyOutcome, Record, State};
use crate::world::lease::StoreStatus;
use crate::world::open_reservation::Term;
use crate::world::reservation::Reservation;
use crate::world::simulation::instance::{DiskRecord, Instance, SimulatedCampaign, campaigns};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg32;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

const INSTANCES: usize = 8;
const PARTITION: u8 = 3;
/// Noon, so that no day ends during a run.
const START_MS: i64 = 1_790_000_000_000 / 86_400_000 * 86_400_000 + 43_200_000;
const STEP_MS: i64 = 100;
const RESERVATION_MS: i64 = 20_000;
const UNREACHABLE_MS: i64 = 1_000;
const LEASE_MS: i64 = 5_000;
const CATCH_UP_MS: i64 = 1_500;
/// No fault begins after this. All faults end within 40 seconds of it, and by `END_MS` the budgets that
/// they had locked up are sold.
const FAULTS_END_MS: i64 = 80_000;
const END_MS: i64 = 220_000;

/// The faults injected in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Faults {
    /// Slow and lost replies, clock skew, orderly restarts.
    Mild,
    /// Also outages of the store for all instances.
    Outage,
    /// Also network partitions and crashes of single instances.
    Severe,
}

struct Fleet {
    rng: Pcg32,
    now_ms: i64,
    base: Instant,
    campaigns: Vec<SimulatedCampaign>,
    instances: Vec<Instance>,
    /// The store's log: the outcome of every record, in order.
    log: Vec<ApplyOutcome>,
    truth: State,
    numbers: BTreeMap<u64, u64>,
    here: BTreeMap<u64, i64>,
    outage_until_ms: i64,
    /// Events in flight from browsers, by arrival time.
    in_flight: BTreeMap<(i64, u64), Event>,
    decisions: u64,
    /// Per instance: outages that it has detected, and whether it is in one now.
    outages: [(u32, bool); INSTANCES],
}

impl Fleet {
    fn new(seed: u64) -> Fleet {
        let mut rng = Pcg32::seed_from_u64(seed);
        let campaigns = campaigns(&mut rng);
        let mut fleet = Fleet {
            rng,
            now_ms: START_MS,
            base: Instant::now(),
            campaigns,
            instances: Vec::new(),
            log: Vec::new(),
            truth: State::default(),
            numbers: BTreeMap::new(),
            here: BTreeMap::new(),
            outage_until_ms: 0,
            in_flight: BTreeMap::new(),
            decisions: 0,
            outages: [(0, false); INSTANCES],
        };
        for number in 0..fleet.campaigns.len() {
            let campaign = &fleet.campaigns[number];
            let (campaign, daily) = (campaign.name.clone(), Some(campaign.budget));
            fleet.apply_record(0, &Record::Budget { campaign, lifetime: None, daily });
        }
        for index in 0..INSTANCES {
            let mut instance = fleet.start(Vec::new(), 0);
            instance.index = index;
            fleet.instances.push(instance);
        }
        fleet
    }

    fn start(&mut self, disk: Vec<DiskRecord>, sent: usize) -> Instance {
        let known = (&self.truth, self.log.len());
        Instance::start(&mut self.rng, &self.campaigns, (disk, sent), known, self.now_ms)
    }

    /// The store accepts a record and the ledger applies it.
    fn apply_record(&mut self, incarnation: u64, record: &Record) {
        let id = RecordId { incarnation, lsn: 0 };
        self.log.push(apply(self.truth.partition_mut(PARTITION), id, record, true));
    }

    fn is_connected(&self, at: usize) -> bool {
        let instance = &self.instances[at];
        let end =
            self.outage_until_ms.max(instance.partitioned_until_ms).max(instance.dead_until_ms);
        self.now_ms >= end
    }

    fn is_alive(&self, at: usize) -> bool {
        self.now_ms >= self.instances[at].dead_until_ms
    }

    /// A random running instance.
    fn any_alive(&mut self) -> usize {
        loop {
            let at = self.rng.random_range(0..INSTANCES);
            if self.is_alive(at) {
                return at;
            }
        }
    }

    fn run(mut self, faults: Faults) -> Fleet {
        while self.now_ms < START_MS + END_MS {
            self.now_ms += STEP_MS;
            self.inject_faults(faults);
            self.deliver_events();
            for at in (0..INSTANCES).filter(|at| self.is_alive(*at)).collect::<Vec<_>>() {
                self.track_outages(at);
                self.decide(at);
                self.communicate(at);
                self.renew_leases(at);
            }
        }
        for at in 0..INSTANCES {
            self.ship(at, true);
        }
        self
    }

    fn track_outages(&mut self, at: usize) {
        let is_unreachable = self.instances[at].terms(self.now_ms).store != StoreStatus::Reachable;
        if is_unreachable {
            self.instances[at].unreachable_ms = self.now_ms;
        }
        let (count, was_unreachable) = &mut self.outages[at];
        *count += u32::from(is_unreachable && !*was_unreachable);
        *was_unreachable = is_unreachable;
    }

    fn inject_faults(&mut self, faults: Faults) {
        if self.now_ms > START_MS + FAULTS_END_MS {
            return;
        }
        let for_ms = |rng: &mut Pcg32, most: i64| rng.random_range(1_000..most);
        if faults != Faults::Mild && self.rng.random_ratio(1, 400) {
            self.outage_until_ms = self.now_ms + for_ms(&mut self.rng, 20_000);
        }
        if faults == Faults::Severe && self.rng.random_ratio(1, 100) {
            let at = self.rng.random_range(0..INSTANCES);
            self.instances[at].partitioned_until_ms = self.now_ms + for_ms(&mut self.rng, 40_000);
        }
        // An orderly stop releases unused leases; a crash does not.
        let crashes = faults == Faults::Severe && self.rng.random_ratio(1, 150);
        if crashes || self.rng.random_ratio(1, 500) {
            let at = self.rng.random_range(0..INSTANCES);
            if self.is_alive(at) && self.is_connected(at) {
                if !crashes {
                    let instance = &mut self.instances[at];
                    let (own, now_ms) = (instance.incarnation, self.now_ms + instance.skew_ms);
                    instance.write_lease_requests(&self.campaigns, now_ms, |campaign_budget| {
                        campaign_budget.release_request(own, now_ms)
                    });
                    self.ship(at, true);
                }
                let (disk, sent) =
                    (std::mem::take(&mut self.instances[at].disk), self.instances[at].sent);
                let mut next = self.start(disk, sent);
                next.index = at;
                next.dead_until_ms = self.now_ms + for_ms(&mut self.rng, 5_000);
                self.instances[at] = next;
            }
        }
    }

    fn decide(&mut self, at: usize) {
        let half = self.rng.random_bool(0.5);
        let number = if half { 0 } else { self.rng.random_range(1..self.campaigns.len()) };
        let (campaign, instance) = (&self.campaigns[number], &mut self.instances[at]);
        let now_ms = self.now_ms + instance.skew_ms;
        self.decisions += 1;
        let reservation = Reservation {
            decision: u128::from(self.decisions),
            price: campaign.price,
            publisher: 0,
            publisher_percent: 100,
            address_percent: 100,
            caller: None,
            term: Term::whole_price(now_ms, now_ms + RESERVATION_MS),
            terms: Some(instance.terms(self.now_ms)),
        };
        let Some(event) = instance.serve(campaign, number, reservation, now_ms) else { return };
        if self.rng.random_bool(0.3) {
            return; // the unit never comes into view
        }
        let tail = self.rng.random_bool(0.03);
        let after_ms = if tail {
            self.rng.random_range(2_000..RESERVATION_MS - 4_000)
        } else {
            let even: f64 = self.rng.random_range(0.001..1.0);
            #[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
            let after_ms = (-even.ln() * 600.0) as i64;
            after_ms
        };
        if self.rng.random_ratio(1, 16) {
            self.in_flight
                .insert((self.now_ms + after_ms + 300, self.decisions << 1), event.clone());
        }
        self.in_flight.insert((self.now_ms + after_ms, self.decisions << 1 | 1), event);
    }

    fn deliver_events(&mut self) {
        while let Some(first) = self.in_flight.first_entry().filter(|e| e.key().0 <= self.now_ms) {
            let event = first.remove();
            let at = self.any_alive();
            let instance = &mut self.instances[at];
            let at_ms = self.now_ms + instance.skew_ms;
            instance.budgets.extend(&event, at_ms + 3_600_000);
            instance.write(Record::Event(Arc::new(Event { at_ms, ..event })));
        }
    }

    /// Sends records, reads the log, sends a heartbeat; each at random, to simulate latency.
    fn communicate(&mut self, at: usize) {
        if self.rng.random_ratio(2, 3) {
            self.ship(at, false);
        }
        if !self.is_connected(at) {
            return;
        }
        if self.rng.random_ratio(2, 3) {
            let instance = &mut self.instances[at];
            for applied in &self.log[instance.read..] {
                instance.budgets.apply(applied);
            }
            instance.read = self.log.len();
        }
        let instance = &mut self.instances[at];
        if self.now_ms - instance.contact_ms >= 300 {
            instance.contact_ms = self.now_ms;
            self.here.insert(instance.incarnation, self.now_ms);
            self.here.retain(|_, contact_ms| self.now_ms - *contact_ms <= 2_000);
            instance.membership.observe(self.here.len());
        }
    }

    /// Sends the records on disk. If the reply is lost, all of them are sent again.
    fn ship(&mut self, at: usize, reliably: bool) {
        if !reliably && !self.is_connected(at) {
            return;
        }
        let unsent = self.instances[at].disk[self.instances[at].sent..].to_vec();
        let count = unsent.len();
        for (of, number, record) in unsent {
            let last = self.numbers.entry(of).or_default();
            if number == *last + 1 {
                *last = number;
                self.apply_record(of, &record);
            }
        }
        if reliably || self.rng.random_ratio(9, 10) {
            self.instances[at].sent += count;
        }
    }

    fn renew_leases(&mut self, at: usize) {
        let instance = &mut self.instances[at];
        let (terms, now_ms) = (instance.terms(self.now_ms), self.now_ms + instance.skew_ms);
        if self.rng.random_bool(0.5) {
            return;
        }
        instance.write_lease_requests(&self.campaigns, now_ms, |campaign_budget| {
            campaign_budget.lease_request(&terms, now_ms)
        });
        let first = self.here.keys().next().copied();
        if self.now_ms % 500 == 0 {
            let instance = &mut self.instances[at];
            let known = self.now_ms - instance.unreachable_ms >= CATCH_UP_MS;
            instance
                .own
                .iter()
                .for_each(|campaign_budget| _ = campaign_budget.expire(now_ms, known));
            if terms.store != StoreStatus::Reachable {
                instance.missing.restart();
            } else if first == Some(instance.incarnation) {
                self.reclaim(at);
            }
        }
    }

    fn reclaim(&mut self, at: usize) {
        let elapsed_ms = u64::try_from(self.now_ms - START_MS).unwrap();
        let now = self.base + Duration::from_millis(elapsed_ms);
        let patience = u64::try_from(LEASE_MS * 3 / 2 + RESERVATION_MS).unwrap();
        let holders: BTreeSet<u64> =
            self.truth.leases().flat_map(|(_, _, leases)| leases.holders()).collect();
        let here: Vec<u64> = self.here.keys().copied().collect();
        let instance = &mut self.instances[at];
        let dead =
            instance.missing.absent_for(&holders, &here, Duration::from_millis(patience), now);
        for of in dead {
            let all = self.campaigns.iter().map(|campaign| LeaseRequest {
                campaign: campaign.name.clone(),
                day: 0,
                micros: Micros::ZERO,
            });
            let wants = all.collect();
            instance.write(Record::Lease { at_ms: self.now_ms, holder: of, requests: wants });
        }
    }
}
