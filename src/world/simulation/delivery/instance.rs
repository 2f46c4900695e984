//! One instance of the simulated fleet: what `delivery`, `publishing` and `leasing` do, at simulated times.

use super::{COUNTRIES, DAY_MS, PARTITION, START_MS, Setup, Shared, TOPICS, cells};
use crate::domain::attribution::{AttributionKey, PageKey};
use crate::domain::event::EventKind;
use crate::domain::goal;
use crate::domain::money::Micros;
use crate::ledger::Record;
use crate::ledger::record::{DecisionKey, Event, GoalLeaseRequest};
use crate::metrics::{Metrics, SeriesLimits};
use crate::selection::choose;
use crate::selection::choose::{MAX_ATTEMPTS, Request};
use crate::selection::page::Page;
use crate::selection::rules::{Exclusions, Mask};
use crate::selection::snapshot::{Snapshot, State};
use crate::world::budgets::Budgets;
use crate::world::images::ImageSet;
use crate::world::lease::{LeaseTerms, StoreStatus};
use crate::world::live::Live;
use crate::world::open_reservation::Term;
use crate::world::pace::Pacer;
use crate::world::reservation::Reservation;
use crate::world::traffic_history::TrafficHistory;
use std::sync::Arc;

pub(super) struct Instance {
    pub(super) incarnation: u64,
    /// Its clock is this much fast, in milliseconds.
    pub(super) skew_ms: i64,
    place: usize,
    fleet: usize,
    budgets: Budgets,
    live: Live,
    pacer: Pacer,
    /// Entries of the shared log that it has applied.
    read: usize,
    seq: u64,
    out_since_ms: Option<i64>,
    attributions: Vec<Arc<AttributionKey>>,
    /// Flights that reserved since the last refresh. A refresh comes ten times a second in a server and
    /// once in twenty seconds here: they count as if they had just done so.
    demanded: Vec<bool>,
}

impl Instance {
    /// Starts a process with what the ledger has.
    pub(super) fn start(
        snapshot: &Arc<Snapshot>,
        place: usize,
        life: u64,
        setup: &Setup,
        shared: &Shared,
    ) -> Instance {
        let budgets = Budgets::default();
        budgets.recover(&shared.truth);
        let metrics = Metrics::new(SeriesLimits::default()).unwrap();
        let live = Live::new(snapshot.clone(), ImageSet::default(), &budgets, &metrics, 1);
        let mut pacer = Pacer::default();
        if let Some(shift) = setup.history {
            pacer.expect(history(setup, shift));
        }
        let inventory = &snapshot.inventory;
        let attributions = snapshot.flights.iter().map(|row| {
            Arc::new(AttributionKey {
                advertiser: inventory.advertisers[row.advertiser].id.as_str().into(),
                currency: "EUR".parse().unwrap(),
                campaign: inventory.campaigns[row.campaign].id.as_str().into(),
                flight: inventory.flights[row.doc].id.as_str().into(),
                creative: "k".into(),
                variant: 0,
                page: PageKey::default(),
                tier: row.tier,
            })
        });
        Instance {
            incarnation: 1 + place as u64 + 1_000 * life,
            skew_ms: 0,
            place,
            fleet: setup.instances,
            attributions: attributions.collect(),
            budgets,
            live,
            pacer,
            read: shared.log.len(),
            seq: 0,
            out_since_ms: None,
            demanded: vec![true; snapshot.flights.len()],
        }
    }

    fn terms(&self, instances: usize, now_ms: i64) -> Option<LeaseTerms> {
        let silence_ms = self.out_since_ms.map_or(0, |since| now_ms - since);
        let store = match silence_ms {
            0 => StoreStatus::Reachable,
            silence if silence < 60_000 => StoreStatus::Unreachable,
            _ => StoreStatus::LeaseExpired,
        };
        (self.fleet > 1).then_some(LeaseTerms {
            incarnation: self.incarnation,
            instances,
            index: self.place.min(instances - 1),
            store,
            silence_ms,
            lease_left_ms: 60_000 - silence_ms,
            allowance_percent: 5,
        })
    }

    /// Reads what others wrote, renews its leases and computes the next state.
    pub(super) fn refresh(
        &mut self,
        shared: &mut Shared,
        (instances, is_out): (usize, bool),
        sync_ms: i64,
        real_ms: i64,
    ) {
        let now_ms = real_ms + self.skew_ms;
        self.out_since_ms = is_out.then(|| self.out_since_ms.unwrap_or(real_ms - 1));
        while let Some((at_ms, applied)) = shared.log.get(self.read).filter(|_| !is_out) {
            if *at_ms > real_ms - sync_ms {
                break;
            }
            self.budgets.apply(applied);
            self.read += 1;
        }
        let terms = self.terms(instances, real_ms);
        if let Some(terms) = terms.as_ref().filter(|_| !is_out) {
            let mut requests = Vec::new();
            let goals = self.live.bindings.goals.iter().zip(&mut self.demanded);
            for (flight, (goals, demanded)) in self.live.snapshot().flights.iter().zip(goals) {
                let demanded = std::mem::take(demanded);
                for (kind, budget) in goals {
                    if demanded {
                        budget.note_demand(goal::UNIT, now_ms);
                    }
                    if let Some((_, micros)) = budget.lease_request(terms, now_ms) {
                        let id = self.live.snapshot().inventory.flights[flight.doc].id.as_str();
                        requests.push(GoalLeaseRequest { flight: id.into(), kind: *kind, micros });
                    }
                }
            }
            if !requests.is_empty() {
                let record =
                    Record::GoalLease { at_ms: now_ms, holder: self.incarnation, requests };
                shared.write(self.incarnation, &record, real_ms);
            }
        }
        self.live.budgets().for_each(|budget| _ = budget.expire(now_ms, !is_out));
        let mut shares = self.pacer.shares(&self.live, instances, now_ms);
        shares.paced.sort_unstable();
        shares.tickets.sort_unstable_by_key(|ticket| ticket.place);
        let state = State {
            number: self.live.world.state.number,
            spent: self.live.spent(terms.as_ref(), now_ms),
            paced: shares.paced,
            tickets: shares.tickets,
            ..State::default()
        };
        if state != self.live.world.state {
            self.live = self.live.with_state(State { number: state.number + 1, ..state });
        }
    }

    /// Decides on a page, and reserves; the impression of the unit, if there is one.
    pub(super) fn decide(&mut self, page: &Page, id: u128, real_ms: i64) -> Option<Event> {
        let now_ms = real_ms + self.skew_ms;
        let terms = self.terms(self.fleet, real_ms);
        let world = &self.live.world;
        let request = Request { world, page, now_ms, id };
        let mut exclusions = Exclusions::default();
        let bindings = &self.live.bindings;
        for _ in 0..MAX_ATTEMPTS {
            let outcome = choose::choose(&request, 0, &exclusions);
            let slots = |place: u32| bindings.slots[place as usize].as_deref();
            outcome.entered.iter().filter_map(|at| slots(*at)).for_each(|slots| slots.enter(1));
            let won = outcome.result.ok()?;
            let price = world.snapshot.flights[won.place].price;
            let chance = bindings.chances[0][0][0].clone();
            let reserve = |budget: &crate::world::budget::Budget, price, teaches| {
                let term = Term {
                    decided_ms: now_ms,
                    full_until_ms: now_ms + 120_000,
                    until_ms: now_ms + 900_000,
                    seen_until_ms: now_ms + 7_200_000,
                    chance: Some(chance.clone()),
                    awaits_viewable: false,
                    teaches,
                };
                let reservation = Reservation {
                    decision: id | 1,
                    price,
                    publisher: 0,
                    publisher_percent: 100,
                    address_percent: 100,
                    caller: None,
                    term,
                    terms,
                };
                budget.reserve(&reservation, now_ms)
            };
            self.demanded[won.place] = true;
            let reserved =
                bindings.goals[won.place].iter().all(|(_, g)| reserve(g, goal::UNIT, true));
            if reserved {
                if let Some(slots) = bindings.slots[won.place].as_deref() {
                    slots.win();
                }
                return Some(self.impression(won.place, id | 1, price, now_ms));
            }
            exclusions.exclude(Mask::reservation_lost(won.place));
        }
        None
    }

    fn impression(&mut self, place: usize, decision: u128, price: Micros, now_ms: i64) -> Event {
        self.seq += 1;
        let row = &self.live.snapshot().flights[place];
        Event {
            kind: EventKind::Impression,
            cta: None,
            at_ms: now_ms,
            decision_key: DecisionKey {
                incarnation: self.incarnation,
                partition: PARTITION,
                seq: self.seq,
            },
            decision,
            decided_at_ms: now_ms,
            day: i32::try_from(now_ms / DAY_MS).unwrap(),
            attribution: self.attributions[place].clone(),
            pricing: row.pricing,
            price,
            invalid_reason: None,
        }
    }

    /// Keeps the reservation of a recorded event until the shared log has it.
    pub(super) fn extend(&self, event: &Event, now_ms: i64) {
        self.budgets.extend(event, now_ms + 3_600_000);
    }
}

/// Four weeks of the course, shifted by a part of a day.
fn history(setup: &Setup, shift: f64) -> TrafficHistory {
    let course = cells(setup.course_before());
    let now = START_MS / 900_000;
    let mut history = TrafficHistory::at(now);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a day")]
    let shift = (shift * 96.0) as usize;
    for quarter in now - 28 * 96..now {
        let step = (usize::try_from(quarter.rem_euclid(96)).unwrap() + shift) % 96;
        for country in 0..COUNTRIES.len() {
            let traffic: f64 = (0..TOPICS).map(|topic| course[step][topic][country]).sum();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
            let count = (traffic * setup.requests).round() as u64;
            let page = PageKey {
                publisher: "site".into(),
                region: COUNTRIES[country].into(),
                ..PageKey::default()
            };
            history.add(quarter, &page, count);
        }
    }
    history
}
