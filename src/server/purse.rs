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
use crate::ledger::leases::Leases;
use crate::ledger::reservation::Held;
use crate::ledger::running::Change;
use crate::server::lease::Known;
use crate::server::lease::Share;
use crate::server::lease::Terms;
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
    /// What this machine has of it, where machines share it.
    share: Share,
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
    /// On what terms the budget is shared with other machines, if it is.
    pub terms: Option<Terms>,
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
        let day = inner.day(now_ms).number;
        let left = inner.account.left(day);
        let shared = hold.terms.as_ref().zip(left);
        let shared = shared.map(|(terms, left)| (terms, inner.known(left)));
        let from = shared.map(|(terms, known)| {
            inner.share.needs(hold.price, now_ms);
            inner.share.allows(terms, hold.price, &known, now_ms)
        });
        let fits = from != Some(None)
            && inner.held.hold(
                hold.decision,
                hold.price,
                left,
                hold.publisher,
                hold.publisher_percent,
                hold.until_ms,
            );
        if let (Some((terms, known)), Some(Some(from)), true) = (shared, from, fits) {
            inner.share.takes(from, terms, hold.price, &known, now_ms);
        }
        let full =
            left.is_some_and(|left| left.get() - inner.held.total().get() < hold.price.get());
        drop(inner);
        if full || !fits {
            self.changed.store(true, Ordering::Release);
        }
        fits
    }

    /// A decision will want this much soon.
    pub fn will_need(&self, price: Micros, now_ms: i64) {
        self.inner().share.needs(price, now_ms);
    }

    /// How much of the budget this machine should ask for, and for which day.
    pub fn want(&self, terms: &Terms, now_ms: i64) -> Option<(i32, Micros)> {
        let mut inner = self.inner();
        let day = inner.day(now_ms).number;
        let known = inner.known(inner.account.left(day)?);
        inner.share.want(terms, &known, now_ms).map(|micros| (day, micros))
    }

    /// The same for a machine that ends.
    pub fn give_back(&self, own: u64, now_ms: i64) -> Option<(i32, Micros)> {
        let mut inner = self.inner();
        let (day, held) = (inner.day(now_ms).number, inner.held.total());
        inner.share.give_back(own, held).map(|micros| (day, micros))
    }

    /// What was asked for is on no record.
    pub fn not_asked(&self) {
        self.inner().share.not_asked();
    }

    /// A process start has so much of the budget now.
    fn leased(&self, of: u64, micros: Micros) {
        self.inner().share.leased(of, micros);
        self.changed.store(true, Ordering::Release);
    }

    /// What this machine could still hold; `None` is without limit.
    pub fn room(&self, terms: Option<&Terms>, now_ms: i64) -> Option<Micros> {
        let mut inner = self.inner();
        let day = inner.day(now_ms).number;
        let left = inner.account.left(day)?;
        let known = inner.known(left);
        Some(match terms {
            Some(terms) => inner.share.room(terms, &known, now_ms),
            None => left.saturating_sub(known.held),
        })
    }

    /// Lets a decision's hold last until its event comes back from the shared log.
    pub fn keep(&self, decision: u128, until_ms: i64) {
        self.inner().held.keep(decision, until_ms);
    }

    /// Ends a decision's hold: nothing is billed for it.
    fn release(&self, decision: u128) {
        self.inner().held.post(decision);
        self.changed.store(true, Ordering::Release);
    }

    /// Notes a bill that the ledger made, and ends the decision's hold; `of` is the process start
    /// that decided.
    pub fn billed(&self, decision: u128, of: u64, day: i32, price: Micros) {
        let mut inner = self.inner();
        inner.held.post(decision);
        inner.account.bill(day, price);
        inner.share.leases.billed(of, price);
        self.changed.store(true, Ordering::Release);
    }

    /// Takes over what was spent.
    fn recover(&self, account: &Account, leases: Leases) {
        let mut inner = self.inner();
        inner.share.recover(leases);
        let (lifetime, daily) = (inner.account.lifetime, inner.account.daily);
        inner.account = account.clone();
        if lifetime.is_some() || daily.is_some() {
            (inner.account.lifetime, inner.account.daily) = (lifetime, daily);
        }
        self.changed.store(true, Ordering::Release);
    }

    /// Notes money that came back.
    pub fn returned(&self, day: i32, micros: Micros) {
        self.inner().account.credit(day, micros);
        self.changed.store(true, Ordering::Release);
    }

    /// Ends holds whose time is over, where it is `known` what became of them: an event that another
    /// machine has on its disk may still come. Says whether anything changed since the last call.
    pub fn settle(&self, now_ms: i64, known: bool) -> bool {
        let mut inner = self.inner();
        let before = (inner.held.total(), inner.today);
        if known {
            inner.held.expire(now_ms);
        }
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

    fn known(&self, left: Micros) -> Known {
        let Account { lifetime, daily, .. } = self.account;
        let budget = daily.or(lifetime).unwrap_or(left);
        Known { held: self.held.total(), left, budget }
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
    /// Takes over what a ledger knows, whatever was known before; the limits stay those of the
    /// inventory where there is one.
    pub fn recover(&self, state: &State) {
        let leases: HashMap<&str, &Leases> =
            state.leases().map(|(_, campaign, leases)| (campaign, leases)).collect();
        for (campaign, account) in &state.accounts {
            let leases = leases.get(&**campaign).map(|leases| Leases::clone(leases));
            entry(&self.by_campaign, campaign).recover(account, leases.unwrap_or_default());
        }
        let purses = self.by_campaign.read().unwrap_or_else(PoisonError::into_inner);
        let unknown = purses.iter().filter(|(id, _)| !state.accounts.contains_key(*id));
        unknown.for_each(|(_, purse)| purse.recover(&Account::default(), Leases::default()));
        drop(purses);
        let mut sums: HashMap<&str, u64> = HashMap::new();
        for (_, row, tally) in state.views.events() {
            if row.kind == EventKind::Impression {
                *sums.entry(&*row.attribution.flight).or_default() += tally.counted;
            }
        }
        let known = self.delivered.read().unwrap_or_else(PoisonError::into_inner);
        known.values().for_each(|delivered| delivered.store(0, Ordering::Relaxed));
        drop(known);
        for (flight, count) in sums {
            entry(&self.delivered, flight).store(count, Ordering::Relaxed);
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

    /// Lets a decision's hold last until its event comes back from the shared log.
    pub fn keep(&self, campaign: &str, decision: u128, until_ms: i64) {
        entry(&self.by_campaign, campaign).keep(decision, until_ms);
    }

    /// The counter of a flight's counted impressions.
    pub fn delivered(&self, flight: &str) -> Arc<AtomicU64> {
        entry(&self.delivered, flight)
    }

    /// Notes what changed in the ledger.
    pub fn changed(&self, change: &Change<'_>) {
        match change {
            Change::Applied(applied) => self.applied(applied),
            Change::Anew(state) => self.recover(state),
        }
    }

    /// Notes what the ledger judged and gave back.
    pub fn applied(&self, applied: &Applied) {
        for one in &applied.judged {
            let of = &one.event.attribution;
            if one.verdict == Verdict::Counted && one.event.kind == EventKind::Impression {
                entry(&self.delivered, &of.flight).fetch_add(1, Ordering::Relaxed);
            }
            let refused = matches!(one.verdict, Verdict::Invalid(_)) && one.event.claimed.is_none();
            if refused && one.event.price > Micros::ZERO {
                entry(&self.by_campaign, &of.campaign).release(one.event.decision);
            }
            if one.billed > Micros::ZERO {
                let purse = entry(&self.by_campaign, &of.campaign);
                let of = one.event.minted.incarnation;
                purse.billed(one.event.decision, of, one.event.day, one.billed);
            }
        }
        for one in &applied.leased {
            entry(&self.by_campaign, &one.campaign).leased(one.of, one.micros);
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
#[path = "purse_tests.rs"]
mod tests;
