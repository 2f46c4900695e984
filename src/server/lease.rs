//! A machine's part of a budget that several share, as rules: time and numbers are arguments.
//!
//! While the store answers, decisions hold money within this machine's lease, which is made larger
//! in slices while it is needed and given back near the budget's end when it is not. While it does not
//! answer, what is left of the lease goes on for as long as nobody else can have it; then an allowance,
//! once an outage; then nothing.

use crate::domain::money::Micros;
use crate::ledger::leases::Leases;

/// A campaign that nothing was asked of for so long needs no more money now, in milliseconds.
const BUSY_MS: i64 = 2_000;

/// One that nothing was asked of for so long gives back what others may want.
const IDLE_MS: i64 = 5_000;

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;

/// How it stands with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// It answers.
    Well,
    /// It has not answered for a while; leases still hold.
    Away,
    /// It has not answered for so long that others may have what was leased here.
    Lapsed,
}

/// On what terms this machine shares budgets with others.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// This process start.
    pub own: u64,
    /// How many machines there are.
    pub machines: usize,
    /// How it stands.
    pub contact: Contact,
    /// What all machines together may oversell in one outage, in per cent of a day's budget.
    pub allowance_percent: u8,
}

/// What a decision's hold is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// What is leased here.
    Lease,
    /// What may be oversold in an outage.
    Allowance,
}

/// What one campaign has here.
#[derive(Default)]
pub struct Share {
    /// What every machine has.
    pub leases: Leases,
    /// Asked for and not granted yet: by whom, how much.
    asked: Option<(u64, Micros)>,
    /// The largest price that was asked lately, and when one was.
    price: Micros,
    needed_ms: Option<i64>,
    pace: Pace,
    outage: Option<Outage>,
}

/// What was held in this minute and the one before.
#[derive(Clone, Copy, Default)]
struct Pace {
    minute: i64,
    now: i64,
    before: i64,
}

/// What is left of an outage's allowance.
struct Outage {
    allowance: Micros,
}

/// The campaign's money as it is known here.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// What decisions here hold.
    pub held: Micros,
    /// What is not billed yet.
    pub left: Micros,
    /// The budget of a day, else of its life.
    pub budget: Micros,
}

impl Share {
    /// A decision wants to hold this much.
    pub fn needs(&mut self, price: Micros, now_ms: i64) {
        let is_idle = self.needed_ms.is_none_or(|needed_ms| now_ms - needed_ms > IDLE_MS);
        self.price = if is_idle { price } else { self.price.max(price) };
        self.needed_ms = Some(now_ms);
    }

    /// What a hold of this price may be taken from.
    pub fn allows(&self, terms: &Terms, price: Micros, known: &Known, now_ms: i64) -> Option<From> {
        let wants = known.held.checked_add(price)?;
        if terms.contact != Contact::Lapsed && wants <= self.lease(terms) {
            return Some(From::Lease);
        }
        let oversells = terms.contact != Contact::Well
            && wants <= known.left
            && price <= self.allowance(terms, known, now_ms);
        oversells.then_some(From::Allowance)
    }

    /// A hold was taken.
    pub fn takes(&mut self, from: From, terms: &Terms, price: Micros, known: &Known, now_ms: i64) {
        if from == From::Allowance {
            let allowance = self.allowance(terms, known, now_ms).saturating_sub(price);
            self.outage = Some(Outage { allowance });
        } else if terms.contact == Contact::Well {
            self.outage = None;
        }
        self.pace.note(price, now_ms);
    }

    /// What this machine could still hold, if it asked for it where it can.
    pub fn room(&self, terms: &Terms, known: &Known, now_ms: i64) -> Micros {
        let lease = self.lease(terms).saturating_sub(known.held);
        match terms.contact {
            Contact::Well => {
                known.left.saturating_sub(self.leases.others(terms.own)).saturating_sub(known.held)
            }
            Contact::Away => lease.max(self.allowance(terms, known, now_ms)),
            Contact::Lapsed => self.allowance(terms, known, now_ms),
        }
    }

    /// How much of the campaign's money this machine should ask for, in all; `None` for no change.
    /// What is answered counts as asked, and a smaller lease holds from here on.
    pub fn want(&mut self, terms: &Terms, known: &Known, now_ms: i64) -> Option<Micros> {
        if terms.contact != Contact::Well || self.asked.is_some() {
            return None;
        }
        let lease = self.leases.of(terms.own);
        let taken = lease.checked_add(self.leases.others(terms.own)).unwrap_or(Micros::MAX);
        let free = known.left.saturating_sub(taken);
        let spare = lease.get() - known.held.get();
        let idle_ms = now_ms - self.needed_ms?;
        let want = if idle_ms <= BUSY_MS {
            let slice = self.slice(free, known.budget, terms.machines);
            let most = Micros::try_from(lease.get() + free.get()).unwrap_or(Micros::MAX);
            let wants = known.held.checked_add(slice).unwrap_or(Micros::MAX).min(most);
            let is_short = spare < (slice.get() / 2).max(self.price.get());
            let helps = wants.get() - known.held.get() >= self.price.get();
            (is_short && helps && wants > lease).then_some(wants)
        } else {
            let is_scarce = free.get() < known.budget.get() / 10;
            (idle_ms > IDLE_MS && spare > 0 && is_scarce).then_some(known.held)
        }?;
        self.asked = Some((terms.own, want));
        Some(want)
    }

    /// Gives back whatever no decision here holds.
    pub fn give_back(&mut self, own: u64, held: Micros) -> Option<Micros> {
        let has_spare = self.leases.of(own) > held;
        has_spare.then(|| {
            self.asked = Some((own, held));
            held
        })
    }

    /// What was asked for is on no record.
    pub fn not_asked(&mut self) {
        self.asked = None;
    }

    /// A process start has so much now.
    pub fn leased(&mut self, of: u64, micros: Micros) {
        self.leases.set(of, micros);
        if self.asked.is_some_and(|(own, _)| own == of) {
            self.asked = None;
        }
    }

    /// Everything is known anew.
    pub fn recover(&mut self, leases: Leases) {
        self.leases = leases;
        self.asked = None;
    }

    /// What is leased here; less, once less was asked for.
    fn lease(&self, terms: &Terms) -> Micros {
        let has = self.leases.of(terms.own);
        self.asked.map_or(has, |(_, asked)| has.min(asked))
    }

    /// A hundredth of the budget at the most, so that little is where it is not needed or is lost
    /// with its machine; less near the end, so that everybody has some; one price at the least.
    fn slice(&self, free: Micros, budget: Micros, machines: usize) -> Micros {
        let machines = i64::try_from(machines.max(1)).unwrap_or(i64::MAX);
        let part = (free.get() / machines / 2).min(budget.get() / 100);
        Micros::try_from(part).unwrap_or_default().max(self.price)
    }

    /// What is left to oversell in this outage: this machine's part of the allowance, and no more
    /// than it would spend in a quarter of an hour.
    fn allowance(&self, terms: &Terms, known: &Known, now_ms: i64) -> Micros {
        if let Some(outage) = &self.outage {
            return outage.allowance;
        }
        let machines = i64::try_from(terms.machines.max(1)).unwrap_or(i64::MAX);
        let part = known.budget.get() / 100 * i64::from(terms.allowance_percent) / machines;
        Micros::try_from(part.min(self.pace.quarter(now_ms))).unwrap_or_default()
    }
}

impl Pace {
    fn note(&mut self, price: Micros, now_ms: i64) {
        *self = self.at(now_ms);
        self.now = self.now.saturating_add(price.get());
    }

    fn at(self, now_ms: i64) -> Pace {
        let minute = now_ms.div_euclid(MINUTE_MS);
        match minute - self.minute {
            0 => self,
            1 => Pace { minute, now: 0, before: self.now },
            _ => Pace { minute, now: 0, before: 0 },
        }
    }

    /// What would be held in a quarter of an hour.
    fn quarter(self, now_ms: i64) -> i64 {
        let Pace { now, before, .. } = self.at(now_ms);
        now.max(before).saturating_mul(15)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Terms = Terms { own: 1, machines: 4, contact: Contact::Well, allowance_percent: 5 };
    const AWAY: Terms = Terms { contact: Contact::Away, ..WELL };
    const LAPSED: Terms = Terms { contact: Contact::Lapsed, ..WELL };

    fn micros(amount: i64) -> Micros {
        Micros::try_from(amount).unwrap()
    }

    fn known(held: i64, left: i64, budget: i64) -> Known {
        Known { held: micros(held), left: micros(left), budget: micros(budget) }
    }

    #[test]
    fn a_lease_grows_in_slices_while_it_is_needed_and_comes_back_near_the_end() {
        let mut share = Share::default();
        let all = known(0, 100_000, 100_000);
        assert_eq!(share.want(&WELL, &all, 0), None, "nobody has asked for it");
        share.needs(micros(10), 0);
        assert_eq!(share.allows(&WELL, micros(10), &all, 0), None);
        assert_eq!(share.want(&WELL, &all, 0), Some(micros(1_000)));
        assert_eq!(share.want(&WELL, &all, 0), None, "once");
        share.leased(1, micros(1_000));
        assert_eq!(share.allows(&WELL, micros(10), &all, 0), Some(From::Lease));
        assert_eq!(share.want(&WELL, &known(600, 100_000, 100_000), 0), Some(micros(1_600)));
        share.leased(1, micros(1_000));
        assert_eq!(share.want(&WELL, &known(0, 50_000, 100_000), 6_000), None, "plenty is left");

        share.leased(2, micros(8_000));
        let scarce = known(200, 9_500, 100_000);
        assert_eq!(share.want(&WELL, &scarce, 6_000), Some(micros(200)));
        assert_eq!(share.allows(&WELL, micros(10), &scarce, 6_001), None, "it is given back");
    }

    #[test]
    fn a_slice_is_one_price_at_the_least_and_nothing_is_asked_for_that_nobody_has() {
        let mut share = Share::default();
        share.needs(micros(10), 0);
        assert_eq!(share.want(&WELL, &known(0, 30, 50), 0), Some(micros(10)));
        share.leased(1, micros(10));
        share.leased(2, micros(10));
        assert_eq!(share.want(&WELL, &known(10, 29, 50), 0), None, "nine are no price");
    }

    #[test]
    fn an_outage_spends_the_lease_then_the_allowance_once_then_nothing() {
        let mut share = Share::default();
        let at = |held| known(held, 100_000, 100_000);
        share.leased(1, micros(100));
        let take = |share: &mut Share, terms: &Terms, held: i64, now_ms: i64| {
            let from = share.allows(terms, micros(100), &at(held), now_ms)?;
            share.takes(from, terms, micros(100), &at(held), now_ms);
            Some(from)
        };
        assert_eq!(take(&mut share, &WELL, 0, 0), Some(From::Lease));
        // A quarter of an hour at this pace is 1,500, and a quarter of five per cent is 1,250.
        for (step, terms) in (0..12).zip([AWAY, LAPSED].iter().cycle()) {
            assert_eq!(take(&mut share, terms, 100 + step * 100, 1_000), Some(From::Allowance));
        }
        assert_eq!(take(&mut share, &AWAY, 1_300, 1_000), None);
        assert_eq!(share.room(&AWAY, &at(1_300), 1_000), micros(50));
        // Holds that end give nothing back; the end of the outage does.
        assert_eq!(take(&mut share, &LAPSED, 0, 1_000), None);
        assert_eq!(take(&mut share, &WELL, 0, 1_000), Some(From::Lease));
        assert_eq!(take(&mut share, &AWAY, 100, 1_000), Some(From::Allowance));
        // Strict: the lease, and nothing else.
        let strict = Terms { allowance_percent: 0, ..AWAY };
        assert_eq!(Share::default().room(&strict, &at(0), 0), Micros::ZERO);
    }

    #[test]
    fn a_lapsed_lease_is_no_longer_here() {
        let mut share = Share::default();
        share.leased(1, micros(100));
        let all = known(0, 1_000, 1_000);
        assert_eq!(share.allows(&AWAY, micros(10), &all, 0), Some(From::Lease));
        assert_eq!(share.allows(&LAPSED, micros(10), &all, 0), None);
    }
}
