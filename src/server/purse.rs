//! A campaign's money as decisions see it: what the ledger billed, and what decisions hold until
//! their event comes or does not.

use crate::domain::campaign::Budget;
use crate::domain::event::EventKind;
use crate::domain::event::Verdict;
use crate::domain::money::Micros;
use crate::domain::zone::Zone;
use crate::ledger::Applied;
use crate::ledger::State;
use crate::ledger::account::Account;
use crate::ledger::reservation::Held;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Milliseconds of a day without a change of clocks.
const DAY_MS: i64 = 86_400_000;

/// One campaign's purse.
#[derive(Default)]
pub struct Purse {
    inner: Mutex<Inner>,
    /// Something changed since the state was last rebuilt.
    changed: AtomicBool,
}

#[derive(Default)]
struct Inner {
    account: Account,
    held: Held,
    zone: Zone,
    today: Day,
}

/// A civil day of a zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Days since 1970-01-01.
    pub number: i32,
    /// Its first moment, in unix milliseconds.
    pub starts_ms: i64,
    /// The first moment after it.
    pub ends_ms: i64,
}

impl Day {
    /// The day of `now_ms` in a zone.
    pub fn of(zone: &Zone, now_ms: i64) -> Day {
        let at = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
        let zoned = at.to_zoned(zone.rules().clone());
        let start = zoned.start_of_day();
        let next = start.as_ref().ok().and_then(|day| day.tomorrow().ok());
        let ms = |zoned: &jiff::Zoned| zoned.timestamp().as_millisecond();
        let starts_ms = start.as_ref().map_or(now_ms, ms);
        let ends_ms = next.as_ref().map_or(starts_ms + DAY_MS, ms);
        Day { number: zone.day(at), starts_ms, ends_ms }
    }
}

/// What a decision holds.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    /// The decision.
    pub decision: u128,
    /// Its price.
    pub price: Micros,
    /// Whose page, by number.
    pub publisher: u32,
    /// The largest share of what is left that one publisher may hold, in per cent.
    pub publisher_percent: u8,
    /// When it ends by itself, in unix milliseconds.
    pub until_ms: i64,
}

/// What a purse has, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// What is left today, holds not taken off; `None` is without limit.
    pub left: Option<Micros>,
    /// What decisions hold.
    pub held: Micros,
    /// What was billed today, by the day in the sponsor's zone.
    pub spent_today: Micros,
    /// What was billed in all.
    pub spent: Micros,
    /// Today.
    pub today: Day,
}

impl Purse {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a hold if there is room for it: one atomic try. A price of zero always fits.
    pub fn hold(&self, hold: &Hold, now_ms: i64) -> bool {
        let mut inner = self.inner();
        let today = inner.day(now_ms);
        let left = inner.account.left(today.number);
        let fits = inner.held.hold(
            hold.decision,
            hold.price,
            left,
            hold.publisher,
            hold.publisher_percent,
            hold.until_ms,
        );
        let full =
            left.is_some_and(|left| left.get() - inner.held.total().get() < hold.price.get());
        drop(inner);
        if full || !fits {
            self.changed.store(true, Ordering::Release);
        }
        fits
    }

    /// Notes a bill that the ledger made, and ends the decision's hold.
    pub fn billed(&self, decision: u128, day: i32, price: Micros) {
        let mut inner = self.inner();
        inner.held.post(decision);
        inner.account.bill(day, price);
        self.changed.store(true, Ordering::Release);
    }

    /// Notes money that came back.
    pub fn returned(&self, day: i32, micros: Micros) {
        self.inner().account.credit(day, micros);
        self.changed.store(true, Ordering::Release);
    }

    /// Ends holds whose time is over; says whether anything changed since the last call.
    pub fn settle(&self, now_ms: i64) -> bool {
        let mut inner = self.inner();
        let before = (inner.held.total(), inner.today);
        inner.held.expire(now_ms);
        let today = inner.day(now_ms);
        let moved = before != (inner.held.total(), today);
        self.changed.swap(false, Ordering::AcqRel) || moved
    }

    /// What it has.
    pub fn content(&self, now_ms: i64) -> Content {
        let mut inner = self.inner();
        let today = inner.day(now_ms);
        Content {
            left: inner.account.left(today.number),
            held: inner.held.total(),
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
}

/// All purses and what flights have delivered, by id: they outlive every snapshot.
#[derive(Default)]
pub struct Purses {
    by_campaign: RwLock<HashMap<Box<str>, Arc<Purse>>>,
    delivered: RwLock<HashMap<Box<str>, Arc<AtomicU64>>>,
}

fn entry<T: Default>(map: &RwLock<HashMap<Box<str>, Arc<T>>>, id: &str) -> Arc<T> {
    if let Some(found) = map.read().unwrap_or_else(PoisonError::into_inner).get(id) {
        return found.clone();
    }
    map.write().unwrap_or_else(PoisonError::into_inner).entry(id.into()).or_default().clone()
}

impl Purses {
    /// Takes over what a recovered ledger knows.
    pub fn recover(&self, state: &State) {
        for (campaign, account) in &state.accounts {
            entry(&self.by_campaign, campaign).inner().account = account.clone();
        }
        for (_, row, tally) in state.views.events() {
            if row.kind == EventKind::Impression {
                let delivered = entry(&self.delivered, &row.attribution.flight);
                delivered.fetch_add(tally.counted, Ordering::Relaxed);
            }
        }
    }

    /// The purse of a campaign with the budget and zone it has now.
    pub fn of_campaign(&self, id: &str, budget: &Budget, zone: &Zone) -> Arc<Purse> {
        let purse = entry(&self.by_campaign, id);
        let mut inner = purse.inner();
        inner.account.lifetime = budget.lifetime_micros;
        inner.account.daily = budget.daily_micros;
        if inner.zone != *zone {
            inner.zone = zone.clone();
            inner.today = Day::default();
        }
        drop(inner);
        purse.changed.store(true, Ordering::Release);
        purse
    }

    /// The counter of a flight's counted impressions.
    pub fn delivered(&self, flight: &str) -> Arc<AtomicU64> {
        entry(&self.delivered, flight)
    }

    /// Notes what the ledger judged and gave back.
    pub fn applied(&self, applied: &Applied) {
        for one in &applied.judged {
            let of = &one.event.attribution;
            if one.verdict == Verdict::Counted && one.event.kind == EventKind::Impression {
                entry(&self.delivered, &of.flight).fetch_add(1, Ordering::Relaxed);
            }
            if one.billed > Micros::ZERO {
                let purse = entry(&self.by_campaign, &of.campaign);
                purse.billed(one.event.decision, one.event.day, one.billed);
            }
        }
        if let Some(returned) = &applied.returned {
            entry(&self.by_campaign, &returned.of.campaign).returned(returned.day, returned.micros);
            let event = returned.event.as_ref();
            if let Some(event) = event.filter(|event| event.kind == EventKind::Impression) {
                let delivered = entry(&self.delivered, &event.attribution.flight);
                delivered.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(decision: u128, price: i64) -> Hold {
        Hold {
            decision,
            price: Micros::try_from(price).unwrap(),
            publisher: 0,
            publisher_percent: 50,
            until_ms: 1_000,
        }
    }

    fn purse(lifetime: i64) -> Arc<Purse> {
        let budget = Budget {
            lifetime_micros: Some(Micros::try_from(lifetime).unwrap()),
            daily_micros: None,
        };
        Purses::default().of_campaign("c", &budget, &Zone::utc())
    }

    #[test]
    fn ten_sold_and_sixty_asked_hold_exactly_ten() {
        let purse = purse(100);
        let taken = (0..60).filter(|n| purse.hold(&hold(*n, 10), 0)).count();
        assert_eq!(taken, 10);
        assert!(purse.settle(0));
    }

    #[test]
    fn a_hold_ends_with_its_bill_or_its_time() {
        let purse = purse(100);
        assert!(purse.hold(&hold(1, 60), 0) && !purse.hold(&hold(2, 60), 0));
        purse.settle(1_001);
        assert!(purse.hold(&hold(3, 60), 1_001), "the first hold is over");
        purse.billed(3, 0, Micros::try_from(60).unwrap());
        assert_eq!(purse.content(1_002).held, Micros::ZERO);
        assert_eq!(purse.content(1_002).left, Some(Micros::try_from(40).unwrap()));
    }

    #[test]
    fn a_day_is_the_zones_own_also_when_clocks_change() {
        let berlin = Zone::try_from("Europe/Berlin".to_owned()).unwrap();
        let noon: jiff::Timestamp = "2026-10-25T12:00:00Z".parse().unwrap();
        let day = Day::of(&berlin, noon.as_millisecond());
        assert_eq!(day.ends_ms - day.starts_ms, 25 * 3_600_000);
    }
}
