//! Simulated readers, some of whom see a unit only minutes after its decision, and floods of requests
//! without readers, on the product's own budgets, learnt chances and ledger.

use crate::domain::attribution::{AttributionKey, PageKey, UNKNOWN};
use crate::domain::campaign;
use crate::domain::event::{EventKind, InvalidReason, Pricing, Tier, Verdict};
use crate::domain::money::Micros;
use crate::domain::zone::Zone;
use crate::ledger::apply::apply;
use crate::ledger::record::{DecisionKey, Event, RecordId};
use crate::ledger::{Record, State};
use crate::world::budget::Budget;
use crate::world::budgets::Budgets;
use crate::world::caller_shares::KeylessCaller;
use crate::world::open_reservation::Term;
use crate::world::reservation::Reservation;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg32;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Noon, so that no day ends during a run.
const START_MS: i64 = 1_790_000_000_000 / 86_400_000 * 86_400_000 + 43_200_000;
const PRICE: i64 = 8_000;

struct Market {
    rng: Pcg32,
    now_ms: i64,
    budgets: Budgets,
    budget: Arc<Budget>,
    ledger: State,
    pricing: Pricing,
    decisions: u64,
    /// Events on their way, by arrival.
    coming: BTreeMap<(i64, u64), Event>,
    counted: u64,
    /// Shown and seen, and not billed for lack of budget.
    for_nothing: u64,
}

fn micros(amount: i64) -> Micros {
    Micros::try_from(amount).unwrap()
}

/// A reader or server at an address `a.b.0.c`, in the network `a.b`.
fn caller(network: u64, address: u64, agent: u64) -> Option<KeylessCaller> {
    let hashes = [network, network << 32 | address, network << 48 | address << 24 | agent];
    Some(KeylessCaller { hashes, unknown: false, unrecognised: false })
}

impl Market {
    fn new(units: i64, pricing: Pricing) -> Market {
        let budgets = Budgets::default();
        let daily = Some(micros(units * PRICE));
        let budget = campaign::Budget { lifetime_micros: None, daily_micros: daily };
        let mut market = Market {
            rng: Pcg32::seed_from_u64(7),
            now_ms: START_MS,
            budget: budgets.of_campaign("c", &budget, &Zone::utc()),
            budgets,
            ledger: State::default(),
            pricing,
            decisions: 0,
            coming: BTreeMap::new(),
            counted: 0,
            for_nothing: 0,
        };
        market.record(&Record::Budget { campaign: "c".into(), lifetime: None, daily });
        market
    }

    fn record(&mut self, record: &Record) {
        let id = RecordId { incarnation: 1, lsn: 0 };
        let applied = apply(self.ledger.partition_mut(0), id, record, true);
        self.budgets.apply(&applied);
        for one in applied.verdicts.iter().filter(|one| one.event.price > Micros::ZERO) {
            self.counted += u64::from(one.verdict == Verdict::Counted);
            let over = Verdict::Invalid(InvalidReason::OverBudget);
            self.for_nothing += u64::from(one.verdict == over);
        }
    }

    /// The number of a decision, if its unit is served.
    fn ask(&mut self, publisher: u32, caller: Option<KeylessCaller>) -> Option<u64> {
        self.decisions += 1;
        let name = format!("p{publisher}");
        let chances = self.budgets.chances(&name, "article-end");
        let after = |seconds: i64| self.now_ms + seconds * 1_000;
        let reservation = Reservation {
            decision: self.decisions.into(),
            price: micros(PRICE),
            publisher,
            publisher_percent: 50,
            address_percent: 25,
            caller: caller.map(|own| KeylessCaller { unknown: !chances[0].is_known(), ..own }),
            term: Term {
                decided_ms: self.now_ms,
                full_until_ms: after(120),
                until_ms: after(900),
                seen_until_ms: after(7_200),
                chance: Some(chances[usize::from(caller.is_none())].clone()),
                awaits_viewable: self.pricing == Pricing::Vcpm,
                teaches: true,
            },
            terms: None,
        };
        // As the state does, which leaves out flights without a budget.
        let is_offered = self.budget.available(None, self.now_ms) >= Some(micros(PRICE));
        let served = is_offered && self.budget.reserve(&reservation, self.now_ms);
        served.then_some(self.decisions)
    }

    fn show(&mut self, decision: u64, kind: EventKind, after_ms: i64) {
        let billed = match self.pricing {
            Pricing::Vcpm => EventKind::Viewable,
            _ => EventKind::Impression,
        };
        let number = self.coming.len() as u64 | decision << 20;
        let event = Event {
            kind,
            cta: None,
            at_ms: self.now_ms + after_ms,
            decision_key: DecisionKey { incarnation: 1, partition: 0, seq: decision },
            decision: decision.into(),
            decided_at_ms: self.now_ms,
            day: i32::try_from(self.now_ms / 86_400_000).unwrap(),
            attribution: Arc::new(AttributionKey {
                advertiser: "a".into(),
                currency: "EUR".parse().unwrap(),
                campaign: "c".into(),
                flight: "f".into(),
                creative: UNKNOWN.into(),
                variant: 0,
                page: PageKey::default(),
                tier: Tier::Standard,
            }),
            pricing: self.pricing,
            price: if kind == billed { micros(PRICE) } else { Micros::ZERO },
            invalid_reason: None,
        };
        self.coming.insert((self.now_ms + after_ms, number), event);
    }

    /// Lets time pass: events arrive, and reservations are judged every second.
    fn pass_ms(&mut self, ms: i64) {
        let end_ms = self.now_ms + ms;
        while self.now_ms < end_ms {
            self.now_ms += 1_000.min(end_ms - self.now_ms);
            while let Some(first) = self.coming.first_entry().filter(|e| e.key().0 <= self.now_ms) {
                let event = first.remove();
                self.record(&Record::Event(Arc::new(event)));
            }
            self.budget.expire(self.now_ms, true);
        }
    }

    /// A reader of a page: of ten units, seven are soon in view, one or two after minutes.
    fn reader(&mut self, publisher: u32) {
        let network = self.rng.random_range(1_000..9_000);
        let address = self.rng.random_range(0..256);
        let Some(decision) = self.ask(publisher, caller(network, address, 0)) else { return };
        let soon_ms = self.rng.random_range(200..4_000);
        let view_ms = match self.rng.random_range(0..100) {
            0..65 => soon_ms + 1_500,
            65..80 => self.rng.random_range(120_000..600_000),
            _ => i64::MAX,
        };
        if self.pricing == Pricing::Vcpm {
            self.show(decision, EventKind::Impression, soon_ms);
            if view_ms < i64::MAX {
                self.show(decision, EventKind::Viewable, view_ms * 3);
            }
        } else if view_ms < i64::MAX {
            self.show(decision, EventKind::Impression, view_ms);
        }
    }

    /// Requests of a flood from one address, or from this many networks, which name publishers as they like and show nothing.
    fn flood(&mut self, requests: u64, networks: u64) -> u64 {
        let mut served = 0;
        for number in 0..requests {
            let publisher = u32::try_from(number % 3).unwrap();
            let address = if networks == 1 { 0 } else { self.rng.random_range(0..256) };
            let network = number % networks;
            served += u64::from(self.ask(publisher, caller(network, address, number)).is_some());
        }
        served
    }
}

/// Units of a day's budget that were shown for nothing, in per mille, and the used part in per cent.
fn day(units: i64, pricing: Pricing, flood_per_second: u64) -> (u64, u64) {
    let mut market = Market::new(units, pricing);
    // An hour of readers before the day begins, as in an installation that has been running.
    for _ in 0..3_600 {
        market.reader(0);
        market.pass_ms(1_000);
    }
    let (counted, for_nothing) = (market.counted, market.for_nothing);
    assert_eq!(for_nothing, 0);
    for second in 0..4 * 3_600 {
        (0..3).for_each(|publisher| market.reader(publisher));
        if second % 600 < 120 {
            market.flood(flood_per_second, 40);
        }
        market.pass_ms(1_000);
    }
    market.coming.retain(|_, event| event.price > Micros::ZERO);
    market.pass_ms(7_200_000);
    assert!(market.counted > counted);
    let units = u64::try_from(units).unwrap();
    (market.for_nothing * 1_000 / units, market.counted * 100 / units)
}

#[expect(clippy::print_stdout, reason = "prints the figures that documents quote")]
fn assert_little_for_nothing(pricing: Pricing, flood: u64) {
    let (for_nothing, used) = day(10_000, pricing, flood);
    println!("{pricing}, flood {flood}/s: {for_nothing} per mille for nothing, {used} % used");
    assert!(for_nothing <= 10, "{pricing}, flood {flood}: {for_nothing} per mille");
    assert!(used >= 97, "{pricing}, flood {flood}: {used} % used");
}

#[test]
fn late_views_show_at_most_one_percent_of_a_budget_for_nothing() {
    assert_little_for_nothing(Pricing::Cpm, 0);
    assert_little_for_nothing(Pricing::Vcpm, 0);
}

#[test]
fn floods_show_at_most_one_percent_of_a_budget_for_impressions_for_nothing() {
    assert_little_for_nothing(Pricing::Cpm, 20);
}

#[test]
fn floods_show_at_most_one_percent_of_a_budget_for_viewables_for_nothing() {
    assert_little_for_nothing(Pricing::Vcpm, 20);
}

#[test]
fn units_that_are_seen_minutes_later_are_not_sold_again() {
    for pricing in [Pricing::Cpm, Pricing::Vcpm] {
        let mut market = Market::new(23, pricing);
        let mut shown = 0;
        for _ in 0..3 {
            for _ in 0..200 {
                let Some(decision) = market.ask(0, caller(1, 1, 1)) else { continue };
                shown += 1;
                market.show(decision, EventKind::Impression, 300_000);
                market.show(decision, EventKind::Viewable, 400_000);
            }
            market.pass_ms(126_000);
        }
        market.pass_ms(600_000);
        assert_eq!((shown, market.counted, market.for_nothing), (23, 23, 0), "{pricing}");
    }
}

#[test]
fn a_flood_without_a_key_takes_no_campaign_from_readers_or_servers_with_a_key() {
    for units in [23, 500, 10_000] {
        let mut market = Market::new(units, Pricing::Cpm);
        let mut served = 0;
        for _ in 0..25 {
            served += market.flood(200, 1);
            market.pass_ms(1_000);
        }
        let most = u64::try_from((units / 4).max(32)).unwrap();
        assert!(served <= most, "one address has {served} of {units}");
        for number in 0..5 {
            let reader = market.ask(0, caller(100 + number, 1, 1));
            assert!(reader.is_some(), "reader {number} of a budget of {units}");
        }
        assert!(market.ask(1, None).is_some(), "a server with a key, budget of {units}");
        let same_network = market.ask(0, caller(0, 7, 1 << 20));
        assert!(same_network.is_some(), "a reader beside the flood, {units}");
    }
}

#[test]
fn a_flood_from_many_networks_reserves_little_as_soon_as_it_is_known() {
    let mut market = Market::new(10_000, Pricing::Cpm);
    for _ in 0..1_800 {
        market.reader(0);
        market.pass_ms(1_000);
    }
    let before = market.budget.balance(market.now_ms).reserved.get() / PRICE;
    for _ in 0..60 {
        market.flood(200, 400);
        market.pass_ms(1_000);
    }
    let during = market.budget.balance(market.now_ms).reserved.get() / PRICE;
    // Eight thousand requests name placements of which no unit was seen: half of the budget is their most.
    assert!(during - before < 4_600, "of 12,000 requests, {} are reserved", during - before);
    for number in 0..20 {
        let reader = market.ask(0, caller(10_000 + number, 1, 1));
        assert!(reader.is_some(), "reader {number} of a known placement");
    }
}
