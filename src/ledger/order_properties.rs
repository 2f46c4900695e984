//! Properties of the order of records in a fleet: what is final depends on the set of records alone.

use crate::domain::event::{EventKind, Pricing};
use crate::domain::goal;
use crate::domain::goal::Goals;
use crate::domain::money::Micros;
use crate::journal::Entry;
use crate::ledger::order::{HybridClock, OrderedPartition};
use crate::ledger::partition::PartitionState;
use crate::ledger::properties::{event, micros};
use crate::ledger::record::{Credit, GoalLeaseRequest, LeaseRequest, Refund, set_stamp};
use crate::ledger::{Record, Rules};
use rand::prelude::*;
use rand_pcg::Pcg32;
use std::collections::BTreeMap;
use std::sync::Arc;

const PARTITION: u8 = 3;
/// How long a silent instance is awaited.
const TIMEOUT_MS: i64 = 60_000;
/// Largest difference between two clocks.
const SKEW_MS: i64 = 700;

/// A process start: its journal, and what it has read.
struct Instance {
    incarnation: u64,
    skew_ms: i64,
    clock: HybridClock,
    journal: Vec<Entry>,
    sent: usize,
    ordered: OrderedPartition,
    read: usize,
    /// It sends and reads nothing until then.
    cut_off_until_ms: i64,
    is_dead: bool,
}

/// A simulated fleet on one partition.
struct Fleet {
    rng: Pcg32,
    now_ms: i64,
    instances: Vec<Instance>,
    /// The store's log in order of arrival, and the stamps that instances have told.
    log: Vec<Entry>,
    reached: BTreeMap<u64, i64>,
    incarnations: u64,
    /// Seen by anyone: what may be credited.
    counted: Vec<Record>,
}

impl Fleet {
    fn new(seed: u64) -> Fleet {
        let mut fleet = Fleet {
            rng: Pcg32::seed_from_u64(seed),
            now_ms: 1_000_000,
            instances: Vec::new(),
            log: Vec::new(),
            reached: BTreeMap::new(),
            incarnations: 0,
            counted: Vec::new(),
        };
        let count = fleet.rng.random_range(2..=8);
        for _ in 0..count {
            fleet.start(Vec::new());
        }
        fleet
    }

    fn start(&mut self, predecessors: Vec<u64>) {
        self.incarnations += 1;
        let skew_ms = self.rng.random_range(-SKEW_MS..=SKEW_MS) / 2;
        let mut instance = Instance {
            incarnation: self.incarnations,
            skew_ms,
            clock: HybridClock::above(0),
            journal: Vec::new(),
            sent: 0,
            ordered: OrderedPartition::default(),
            read: 0,
            cut_off_until_ms: 0,
            is_dead: false,
        };
        instance.read(&self.log);
        let at_ms = self.now_ms + skew_ms;
        instance.write(&Record::Join { at_ms, timeout_ms: TIMEOUT_MS, predecessors });
        if self.incarnations == 1 {
            instance.write(&Record::Rules(Rules { spool_ms: TIMEOUT_MS, ..Rules::default() }));
        }
        self.instances.push(instance);
    }

    fn run(mut self, steps: usize) -> Fleet {
        for _ in 0..steps {
            self.now_ms += self.rng.random_range(1..400);
            if self.rng.random_ratio(1, 40) {
                // Sometimes longer than it is awaited.
                self.now_ms += self.rng.random_range(0..TIMEOUT_MS * 3 / 2);
            }
            let at = self.rng.random_range(0..self.instances.len());
            self.step(at);
        }
        // The end: all come back, and everything is read.
        for at in 0..self.instances.len() {
            self.instances[at].cut_off_until_ms = 0;
        }
        for _ in 0..2 {
            for at in 0..self.instances.len() {
                self.exchange(at);
            }
        }
        (0..self.instances.len()).for_each(|at| self.exchange_files(at));
        self
    }

    fn step(&mut self, at: usize) {
        let now_ms = self.now_ms;
        if self.instances[at].is_dead {
            return self.exchange_files(at);
        }
        let at_ms = now_ms + self.instances[at].skew_ms;
        match self.rng.random_range(0..100) {
            0..55 => self.event(at, at_ms),
            55..60 => self.credit(at, at_ms),
            60..66 => {
                let lifetime = Some(micros(self.rng.random_range(0..4_000)));
                let budget = Record::Budget { campaign: "c".into(), lifetime, daily: None };
                self.instances[at].write(&budget);
            }
            66..70 => {
                let instance = &mut self.instances[at];
                let micros = micros(self.rng.random_range(0..1_000));
                let requests = vec![LeaseRequest { campaign: "c".into(), day: 0, micros }];
                let holder = instance.incarnation;
                instance.write(&Record::Lease { at_ms, holder, requests });
            }
            70..74 => self.instances[at].write(&Record::Tick { at_ms }),
            74..78 => {
                let until_ms = now_ms + self.rng.random_range(0..TIMEOUT_MS * 2);
                self.instances[at].cut_off_until_ms = until_ms;
            }
            78..80 => {
                // A crash; its files stay, and often another process starts on them.
                self.instances[at].is_dead = true;
                if self.rng.random_bool(0.7) {
                    let predecessor = self.instances[at].incarnation;
                    self.exchange_files(at);
                    self.start(vec![predecessor]);
                }
                if self.instances.iter().all(|one| one.is_dead) {
                    self.start(Vec::new());
                }
            }
            80..83 => {
                let mut goal = || Some(self.rng.random_range(0..12)).filter(|goal| *goal > 0);
                let goals = Goals { impressions: goal(), viewables: goal(), clicks: goal() };
                self.instances[at].write(&Record::Goals { flight: flight(), goals });
            }
            83..86 => {
                let instance = &mut self.instances[at];
                let micros = goal::amount(self.rng.random_range(0..4));
                let requests =
                    vec![GoalLeaseRequest { flight: flight(), kind: EventKind::Click, micros }];
                let holder = instance.incarnation;
                instance.write(&Record::GoalLease { at_ms, holder, requests });
            }
            _ => {}
        }
        if self.rng.random_bool(0.6) {
            self.exchange(at);
        }
    }

    fn event(&mut self, at: usize, at_ms: i64) {
        let kind = *EventKind::ALL.choose(&mut self.rng).unwrap();
        let seq = self.rng.random_range(0..40);
        let pricing = *[Pricing::Cpm, Pricing::Vcpm, Pricing::Cpc].choose(&mut self.rng).unwrap();
        let mut event = event(kind, seq, at_ms, pricing, 100);
        event.decided_at_ms = at_ms - self.rng.random_range(0..30_000);
        let record = Record::Event(Arc::new(event));
        self.counted.push(record.clone());
        self.instances[at].write(&record);
    }

    fn credit(&mut self, at: usize, at_ms: i64) {
        let id = self.rng.random_range(0..20);
        let Some(Record::Event(event)) = self.counted.choose(&mut self.rng).cloned() else {
            return;
        };
        let (by, note): (Box<str>, Box<str>) = ("test".into(), "test".into());
        let record = if self.rng.random_bool(0.5) {
            let (id, micros) = (event.credit_id(), event.price);
            Record::Credit(Box::new(Credit { id, at_ms, event, micros, by, note }))
        } else {
            let attribution = event.attribution.clone();
            let micros = micros(self.rng.random_range(0..500));
            let day_starts_ms = 0;
            let day = 0;
            Record::Refund(Box::new(Refund {
                id,
                at_ms,
                day,
                day_starts_ms,
                attribution,
                micros,
                by,
                note,
            }))
        };
        self.instances[at].write(&record);
    }

    /// Sends the files of an instance.
    fn exchange_files(&mut self, at: usize) {
        let instance = &mut self.instances[at];
        self.log.extend_from_slice(&instance.journal[instance.sent..]);
        instance.sent = instance.journal.len();
    }

    fn exchange(&mut self, at: usize) {
        if self.now_ms < self.instances[at].cut_off_until_ms {
            return;
        }
        self.exchange_files(at);
        if self.instances[at].is_dead {
            return;
        }
        let instance = &mut self.instances[at];
        let now_ms = self.now_ms + instance.skew_ms;
        let before = self.reached.clone();
        self.reached.insert(instance.incarnation, instance.clock.now(now_ms));
        instance.read(&self.log);
        let of = instance.incarnation;
        instance.settle(&before, &self.log);
        if instance.ordered.writers().is_gone(of) {
            instance.write(&Record::Join {
                at_ms: now_ms,
                timeout_ms: TIMEOUT_MS,
                predecessors: vec![],
            });
        }
        let last: BTreeMap<u64, _> = instance.ordered.incarnations().collect();
        let silent: Vec<(u64, u64)> = instance
            .ordered
            .writers()
            .awaited()
            .filter(|(one, _)| *one != of)
            .filter(|(one, timeout_ms)| {
                let heard = last[one].stamp.max(before.get(one).copied().unwrap_or(0));
                heard + timeout_ms < now_ms
            })
            .map(|(one, _)| (one, last[&one].lsn))
            .collect();
        for (incarnation, lsn) in silent {
            instance.write(&Record::Gone { at_ms: now_ms, incarnation, lsn });
        }
    }

    /// What is final when the records arrive in another order.
    fn rebuilt(&mut self) -> PartitionState {
        let mut journals: Vec<std::vec::IntoIter<Entry>> =
            self.instances.iter().map(|one| one.journal.clone().into_iter()).collect();
        let mut ordered = OrderedPartition::default();
        while !journals.is_empty() {
            let at = self.rng.random_range(0..journals.len());
            let some = self.rng.random_range(1..30);
            let found: Vec<Entry> = journals[at].by_ref().take(some).collect();
            for entry in &found {
                ordered.push(entry).unwrap();
            }
            if found.is_empty() {
                journals.swap_remove(at);
            }
        }
        ordered.fold_to_stamp(i64::MAX, &mut |_| {});
        ordered.folded().clone()
    }
}

impl Instance {
    fn write(&mut self, record: &Record) {
        let (incarnation, lsn) = (self.incarnation, self.journal.len() as u64 + 1);
        let mut payload = record.encode();
        self.clock.stamp(record.at_ms(), |stamp| set_stamp(&mut payload, stamp));
        self.journal.push(Entry { incarnation, partition: PARTITION, lsn, payload });
    }

    fn read(&mut self, log: &[Entry]) {
        for entry in &log[self.read..] {
            if let Some(received) = self.ordered.push(entry).unwrap() {
                self.clock.observe(received.stamped.stamp);
            }
        }
        self.read = log.len();
    }

    /// Folds what is final, from the beginning where something came in between.
    fn settle(&mut self, reached: &BTreeMap<u64, i64>, log: &[Entry]) {
        if self.ordered.is_incomplete() {
            self.ordered = OrderedPartition::default();
            self.read = 0;
            self.read(log);
        }
        let watermark = self.ordered.watermark(reached);
        self.ordered.fold_to_stamp(watermark, &mut |_| {});
    }
}

fn check(seed: u64) {
    let mut fleet = Fleet::new(seed).run(300);
    let (one, other) = (fleet.rebuilt(), fleet.rebuilt());
    assert_eq!(one, other, "two rebuilds of seed {seed}");
    let log = fleet.log.clone();
    for instance in fleet.instances.iter_mut().filter(|one| !one.is_dead) {
        instance.read(&log);
        instance.settle(&BTreeMap::from_iter((1..100).map(|of| (of, i64::MAX))), &log);
        instance.ordered.fold_to_stamp(i64::MAX, &mut |_| {});
        let bytes = |state: &PartitionState| postcard::to_stdvec(state).unwrap();
        let found = instance.ordered.folded().internal_mismatches(&one, PARTITION);
        assert_eq!(found, Vec::<String>::new(), "instance {} of seed {seed}", instance.incarnation);
        assert_eq!(bytes(instance.ordered.folded()), bytes(&one));
    }
    for account in one.accounts.values() {
        let limit = account.lifetime.unwrap_or(Micros::MAX);
        assert!(account.spent.get() >= 0 && limit.get() >= 0, "seed {seed}");
    }
    let counts = one.flights.get(&flight()).cloned().unwrap_or_default();
    for (kind, counted) in counts.counted().iter() {
        let reported = one.views.totals.get(&kind).map_or(0, |tally| tally.counted);
        assert_eq!(*counted, reported, "{kind} of seed {seed}");
    }
}

/// The flight of all events.
fn flight() -> Box<str> {
    event(EventKind::Impression, 0, 0, Pricing::Cpm, 0).attribution.flight.clone()
}

/// Number of seeds: 500, or `ADJACENT_SEEDS`.
#[expect(clippy::disallowed_methods, reason = "longer runs are started by hand")]
fn seeds() -> u64 {
    std::env::var("ADJACENT_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(500)
}

#[test]
fn every_order_of_arrival_and_every_rebuild_gives_the_same_final_state() {
    (0..seeds()).for_each(check);
}

#[test]
fn no_order_bills_more_than_the_budget_or_counts_more_than_a_goal_at_any_moment() {
    for seed in 0..60 {
        let mut fleet = Fleet::new(seed);
        let goals = Goals { impressions: Some(9), viewables: Some(5), clicks: Some(2) };
        fleet.instances[0].write(&Record::Goals { flight: flight(), goals });
        fleet.exchange(0);
        for at in 1..fleet.instances.len() {
            fleet.exchange(at);
        }
        let budget =
            Record::Budget { campaign: "c".into(), lifetime: Some(micros(700)), daily: None };
        fleet.instances[0].write(&budget);
        for step in 0..150 {
            fleet.now_ms += 50;
            let at = step % fleet.instances.len();
            let at_ms = fleet.now_ms + fleet.instances[at].skew_ms;
            fleet.event(at, at_ms);
            if fleet.rng.random_bool(0.5) {
                fleet.exchange(at);
            }
            let running = fleet.instances[at].ordered.provisional(&mut |_| {});
            let counts = running.flights.get(&flight()).cloned().unwrap_or_default();
            for (kind, goal) in counts.goals().set() {
                let counted = counts.counted().get(kind).copied().unwrap_or_default();
                assert!(counted <= goal, "{counted} of {goal} {kind} with seed {seed}");
            }
            let Some(account) = running.accounts.get("c") else { continue };
            assert!(account.lifetime.is_none_or(|limit| account.spent <= limit), "seed {seed}");
        }
    }
}
