//! Eight machines on one store, simulated: the real purses, the real leases, the real judgement; a
//! store, a network, deaths and clocks that dice decide. Times are a sixth of the real ones.

mod laws;
mod machine;

use crate::domain::money::Micros;
use crate::ledger::Applied;
use crate::ledger::Record;
use crate::ledger::State;
use crate::ledger::apply::Origin;
use crate::ledger::apply::apply;
use crate::ledger::record::Event;
use crate::ledger::record::Want;
use crate::server::fleet::machine::Machine;
use crate::server::fleet::machine::Sale;
use crate::server::fleet::machine::Written;
use crate::server::fleet::machine::sales;
use crate::server::lease::Contact;
use crate::server::purse::Hold;
use rand::RngExt;
use rand::SeedableRng;
use rand_pcg::Pcg32;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

const MACHINES: usize = 8;
const PARTITION: u8 = 3;
/// Noon, so that no day ends.
const START_MS: i64 = 1_790_000_000_000 / 86_400_000 * 86_400_000 + 43_200_000;
const STEP_MS: i64 = 100;
const RESERVATION_MS: i64 = 20_000;
const AWAY_MS: i64 = 1_000;
const LEASE_MS: i64 = 5_000;
const SETTLED_MS: i64 = 1_500;
/// Nothing bad begins after this; forty seconds later all of it is over, and at the end, too, what it
/// had locked away is sold.
const HEALED_MS: i64 = 80_000;
const END_MS: i64 = 220_000;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weather {
    /// Slow answers, lost answers, clocks that differ, machines that stop and start in order.
    Calm,
    /// The store is away for all.
    Outage,
    /// Machines are cut off and die, too.
    Storm,
}

struct Fleet {
    dice: Pcg32,
    now_ms: i64,
    base: Instant,
    sales: Vec<Sale>,
    machines: Vec<Machine>,
    /// Of the store: everything in one order, with what it changed.
    log: Vec<Applied>,
    truth: State,
    numbers: BTreeMap<u64, u64>,
    here: BTreeMap<u64, i64>,
    away_until_ms: i64,
    /// Reports of browsers on their way, by when they come.
    coming: BTreeMap<(i64, u64), Event>,
    sold: u64,
    /// How often each machine was without the store for so long that it noticed, and is now.
    outages: [(u32, bool); MACHINES],
}

impl Fleet {
    fn new(seed: u64) -> Fleet {
        let mut dice = Pcg32::seed_from_u64(seed);
        let sales = sales(&mut dice);
        let mut fleet = Fleet {
            dice,
            now_ms: START_MS,
            base: Instant::now(),
            sales,
            machines: Vec::new(),
            log: Vec::new(),
            truth: State::default(),
            numbers: BTreeMap::new(),
            here: BTreeMap::new(),
            away_until_ms: 0,
            coming: BTreeMap::new(),
            sold: 0,
            outages: [(0, false); MACHINES],
        };
        for number in 0..fleet.sales.len() {
            let sale = &fleet.sales[number];
            let (campaign, daily) = (sale.name.clone(), Some(sale.budget));
            fleet.takes(0, &Record::Budget { campaign, lifetime: None, daily });
        }
        for _ in 0..MACHINES {
            let machine = fleet.starts(Vec::new(), 0);
            fleet.machines.push(machine);
        }
        fleet
    }

    fn starts(&mut self, disk: Vec<Written>, sent: usize) -> Machine {
        let known = (&self.truth, self.log.len());
        Machine::starts(&mut self.dice, &self.sales, (disk, sent), known, self.now_ms)
    }

    /// The store takes a record, the judgement follows.
    fn takes(&mut self, incarnation: u64, record: &Record) {
        let origin = Origin { incarnation, partition: PARTITION };
        self.log.push(apply(&mut self.truth, origin, record));
    }

    fn reaches(&self, at: usize) -> bool {
        let machine = &self.machines[at];
        let end = self.away_until_ms.max(machine.cut_until_ms).max(machine.dead_until_ms);
        self.now_ms >= end
    }

    fn lives(&self, at: usize) -> bool {
        self.now_ms >= self.machines[at].dead_until_ms
    }

    /// Some machine that a browser reaches.
    fn any(&mut self) -> usize {
        loop {
            let at = self.dice.random_range(0..MACHINES);
            if self.lives(at) {
                return at;
            }
        }
    }

    fn runs(mut self, weather: Weather) -> Fleet {
        while self.now_ms < START_MS + END_MS {
            self.now_ms += STEP_MS;
            self.storms(weather);
            self.browsers_report();
            for at in (0..MACHINES).filter(|at| self.lives(*at)).collect::<Vec<_>>() {
                self.notices(at);
                self.decides(at);
                self.talks(at);
                self.lends(at);
            }
        }
        for at in 0..MACHINES {
            self.ships(at, true);
        }
        self
    }

    fn notices(&mut self, at: usize) {
        let is_away = self.machines[at].terms(self.now_ms).contact != Contact::Well;
        if is_away {
            self.machines[at].away_ms = self.now_ms;
        }
        let (count, was_away) = &mut self.outages[at];
        *count += u32::from(is_away && !*was_away);
        *was_away = is_away;
    }

    fn storms(&mut self, weather: Weather) {
        if self.now_ms > START_MS + HEALED_MS {
            return;
        }
        let for_ms = |dice: &mut Pcg32, most: i64| dice.random_range(1_000..most);
        if weather != Weather::Calm && self.dice.random_ratio(1, 400) {
            self.away_until_ms = self.now_ms + for_ms(&mut self.dice, 20_000);
        }
        if weather == Weather::Storm && self.dice.random_ratio(1, 100) {
            let at = self.dice.random_range(0..MACHINES);
            self.machines[at].cut_until_ms = self.now_ms + for_ms(&mut self.dice, 40_000);
        }
        // In order: what nobody holds is given back. By a cut: nothing is said.
        let dies = weather == Weather::Storm && self.dice.random_ratio(1, 150);
        if dies || self.dice.random_ratio(1, 500) {
            let at = self.dice.random_range(0..MACHINES);
            if self.lives(at) && self.reaches(at) {
                if !dies {
                    let machine = &mut self.machines[at];
                    let (own, now_ms) = (machine.incarnation, self.now_ms + machine.skew_ms);
                    machine.asks(&self.sales, now_ms, |purse| purse.give_back(own, now_ms));
                    self.ships(at, true);
                }
                let (disk, sent) =
                    (std::mem::take(&mut self.machines[at].disk), self.machines[at].sent);
                let mut next = self.starts(disk, sent);
                next.dead_until_ms = self.now_ms + for_ms(&mut self.dice, 5_000);
                self.machines[at] = next;
            }
        }
    }

    fn decides(&mut self, at: usize) {
        let half = self.dice.random_bool(0.5);
        let number = if half { 0 } else { self.dice.random_range(1..self.sales.len()) };
        let (sale, machine) = (&self.sales[number], &mut self.machines[at]);
        let now_ms = self.now_ms + machine.skew_ms;
        self.sold += 1;
        let hold = Hold {
            decision: u128::from(self.sold),
            price: sale.price,
            publisher: 0,
            publisher_percent: 100,
            until_ms: now_ms + RESERVATION_MS,
            terms: Some(machine.terms(self.now_ms)),
        };
        let Some(event) = machine.sells(sale, number, hold, now_ms) else { return };
        if self.dice.random_bool(0.3) {
            return; // nobody scrolls so far
        }
        let tail = self.dice.random_bool(0.03);
        let after_ms = if tail {
            self.dice.random_range(2_000..RESERVATION_MS - 4_000)
        } else {
            let even: f64 = self.dice.random_range(0.001..1.0);
            #[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
            let after_ms = (-even.ln() * 600.0) as i64;
            after_ms
        };
        if self.dice.random_ratio(1, 16) {
            self.coming.insert((self.now_ms + after_ms + 300, self.sold << 1), event.clone());
        }
        self.coming.insert((self.now_ms + after_ms, self.sold << 1 | 1), event);
    }

    fn browsers_report(&mut self) {
        while let Some(first) = self.coming.first_entry().filter(|e| e.key().0 <= self.now_ms) {
            let event = first.remove();
            let at = self.any();
            let machine = &mut self.machines[at];
            let at_ms = self.now_ms + machine.skew_ms;
            machine.purses.keep(&event.attribution.campaign, event.decision, at_ms + 3_600_000);
            machine.writes(Record::Event(Arc::new(Event { at_ms, ..event })));
        }
    }

    /// Sends, reads, says that it is here: each now and then, so that every step takes its time.
    fn talks(&mut self, at: usize) {
        if self.dice.random_ratio(2, 3) {
            self.ships(at, false);
        }
        if !self.reaches(at) {
            return;
        }
        if self.dice.random_ratio(2, 3) {
            let machine = &mut self.machines[at];
            for applied in &self.log[machine.read..] {
                machine.purses.applied(applied);
            }
            machine.read = self.log.len();
        }
        let machine = &mut self.machines[at];
        if self.now_ms - machine.heard_ms >= 300 {
            machine.heard_ms = self.now_ms;
            self.here.insert(machine.incarnation, self.now_ms);
            self.here.retain(|_, heard_ms| self.now_ms - *heard_ms <= 2_000);
            machine.crowd.heard(self.here.len());
        }
    }

    /// Sends what is on disk. An answer may be lost: then all of it is sent again.
    fn ships(&mut self, at: usize, surely: bool) {
        if !surely && !self.reaches(at) {
            return;
        }
        let unsent = self.machines[at].disk[self.machines[at].sent..].to_vec();
        let count = unsent.len();
        for (of, number, record) in unsent {
            let last = self.numbers.entry(of).or_default();
            if number == *last + 1 {
                *last = number;
                self.takes(of, &record);
            }
        }
        if surely || self.dice.random_ratio(9, 10) {
            self.machines[at].sent += count;
        }
    }

    fn lends(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        let (terms, now_ms) = (machine.terms(self.now_ms), self.now_ms + machine.skew_ms);
        if self.dice.random_bool(0.5) {
            return;
        }
        machine.asks(&self.sales, now_ms, |purse| purse.want(&terms, now_ms));
        let first = self.here.keys().next().copied();
        if self.now_ms % 500 == 0 {
            let machine = &mut self.machines[at];
            let known = self.now_ms - machine.away_ms >= SETTLED_MS;
            machine.own.iter().for_each(|purse| _ = purse.settle(now_ms, known));
            if terms.contact != Contact::Well {
                machine.missing.forget();
            } else if first == Some(machine.incarnation) {
                self.reclaims(at);
            }
        }
    }

    fn reclaims(&mut self, at: usize) {
        let elapsed_ms = u64::try_from(self.now_ms - START_MS).unwrap();
        let now = self.base + Duration::from_millis(elapsed_ms);
        let patience = u64::try_from(LEASE_MS * 3 / 2 + RESERVATION_MS).unwrap();
        let holders: BTreeSet<u64> =
            self.truth.leases().flat_map(|(_, _, leases)| leases.holders()).collect();
        let here: Vec<u64> = self.here.keys().copied().collect();
        let machine = &mut self.machines[at];
        let dead = machine.missing.look(&holders, &here, Duration::from_millis(patience), now);
        for of in dead {
            let all = self.sales.iter().map(|sale| Want {
                campaign: sale.name.clone(),
                day: 0,
                micros: Micros::ZERO,
            });
            let wants = all.collect();
            machine.writes(Record::Lease { at_ms: self.now_ms, of, wants });
        }
    }
}
