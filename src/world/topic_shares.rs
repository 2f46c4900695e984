//! The slots of each topic today, and which part of them each advertiser has: for the bound on the part of one.
//!
//! A slot belongs to the topic that it is reported under: the one that its winner matched, else the page's first.
//! It counts whether it was filled or not. Units of the house tier are no advertiser's. Days are in UTC.

use crate::domain::event::Tier;
use crate::ledger::record::OpportunityCount;
use crate::ledger::views::{QUARTER_MS, Views};
use crate::selection::snapshot::{Closed, Snapshot};
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

const DAY_MS: i64 = 86_400_000;

/// Standard deviations that a share may be above its bound early in the day, while chance explains it.
const DEVIATIONS: f64 = 3.0;
/// The most that it may be above, as a part of the slots, and in slots where that is more.
const MOST_ABOVE: f64 = 0.005;
const FEW_SLOTS: f64 = 5.0;

/// The slots of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TopicSlots {
    /// All, filled or not.
    pub(crate) slots: u64,
    /// Those of each advertiser that has any, by id.
    pub(crate) taken: BTreeMap<Box<str>, u64>,
}

/// The slots of one day by topic, by id.
pub(crate) type ByTopic = HashMap<Box<str>, TopicSlots>;

/// The slots of today.
#[derive(Default)]
pub(crate) struct TopicShares(Mutex<Today>);

#[derive(Default)]
struct Today {
    /// Counted from 1970-01-01.
    day: i64,
    topics: ByTopic,
}

impl TopicSlots {
    fn add(&mut self, advertiser: Option<&str>, count: u64) {
        self.slots += count;
        let Some(advertiser) = advertiser else { return };
        match self.taken.get_mut(advertiser) {
            Some(taken) => *taken += count,
            None => _ = self.taken.insert(advertiser.into(), count),
        }
    }

    /// The largest part that one advertiser has, from 0 to 1.
    pub(crate) fn largest(&self) -> f64 {
        let most = self.taken.values().max().copied().unwrap_or(0);
        most as f64 / self.slots.max(1) as f64
    }
}

/// Whether an advertiser with `taken` of `slots` gets no more of them. Before `done` of the day is over, from 0 to
/// 1, it may be above the bound by what chance explains: less and less, and nothing at the end.
fn is_over(bound: f64, (taken, slots): (u64, u64), done: f64) -> bool {
    let slots = slots as f64;
    let chance = DEVIATIONS * (bound * (1.0 - bound) * slots).sqrt();
    let above = chance.min((MOST_ABOVE * slots).max(FEW_SLOTS)) * (1.0 - done);
    taken as f64 > bound * slots + above
}

/// Adds a number of slots to their topic.
fn add(topics: &mut ByTopic, topic: &str, advertiser: Option<&str>, count: u64) {
    if !topics.contains_key(topic) {
        topics.insert(topic.into(), TopicSlots::default());
    }
    if let Some(slots) = topics.get_mut(topic) {
        slots.add(advertiser, count);
    }
}

/// The slots of the day that includes `now_ms`, from the ledger's rows. Takes as long as a report.
pub(crate) fn read(views: &Views, now_ms: i64) -> ByTopic {
    let start = now_ms.div_euclid(DAY_MS) * DAY_MS / QUARTER_MS;
    let mut topics = ByTopic::default();
    for (_, quarter) in views.range(start..start + DAY_MS / QUARTER_MS) {
        for (unit, count) in &quarter.served {
            let advertiser = (unit.tier != Tier::House).then_some(&*unit.advertiser);
            add(&mut topics, &unit.page.topic, advertiser, *count);
        }
        for (slot, count) in &quarter.empty {
            add(&mut topics, &slot.page.topic, None, *count);
        }
    }
    topics
}

impl TopicShares {
    fn today(&self, now_ms: i64) -> MutexGuard<'_, Today> {
        let mut today = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let day = now_ms.div_euclid(DAY_MS);
        if day > today.day {
            *today = Today { day, topics: ByTopic::default() };
        }
        today
    }

    /// Counts slots that were decided.
    pub(crate) fn count(&self, rows: &[OpportunityCount], now_ms: i64) {
        let mut today = self.today(now_ms);
        let day = today.day;
        for row in rows.iter().filter(|row| row.decided_at_ms.div_euclid(DAY_MS) == day) {
            match &row.slot {
                Ok(unit) => {
                    let advertiser = (unit.tier != Tier::House).then_some(&*unit.advertiser);
                    add(&mut today.topics, &unit.page.topic, advertiser, row.count);
                }
                Err(slot) => add(&mut today.topics, &slot.page.topic, None, row.count),
            }
        }
    }

    /// Goes on from what the ledger has: of this instance before a restart, and of all others.
    pub(crate) fn replace(&self, topics: ByTopic, now_ms: i64) {
        let mut today = self.today(now_ms);
        // Reading may take until after midnight.
        if today.day == now_ms.div_euclid(DAY_MS) {
            today.topics = topics;
        }
    }

    /// Calls `each` with every topic that has slots today.
    pub(crate) fn each(&self, now_ms: i64, mut each: impl FnMut(&str, &TopicSlots)) {
        let today = self.today(now_ms);
        today.topics.iter().for_each(|(topic, slots)| each(topic, slots));
    }

    /// The advertisers that get no more slots of a topic for now, by the bounds of a snapshot; sorted.
    pub(crate) fn closed(&self, snapshot: &Snapshot, now_ms: i64) -> Vec<Closed> {
        let Some(fairness) = &snapshot.fairness else { return Vec::new() };
        let advertisers = &snapshot.inventory.advertisers;
        let done = now_ms.rem_euclid(DAY_MS) as f64 / DAY_MS as f64;
        let mut closed = Vec::new();
        self.each(now_ms, |topic, TopicSlots { slots, taken }| {
            let bound = fairness.bound(topic).zip(snapshot.taxonomy.of_text(topic));
            let Some((bound, topic)) = bound else { return };
            let over = taken.iter().filter(|(_, taken)| is_over(bound, (**taken, *slots), done));
            let place = |id: &str| advertisers.binary_search_by(|one| one.id.as_str().cmp(id)).ok();
            let number = over.filter_map(|(id, _)| u32::try_from(place(id)?).ok());
            closed.extend(number.map(|advertiser| (advertiser, topic.0)));
        });
        closed.sort_unstable();
        closed
    }
}

#[cfg(test)]
#[path = "topic_shares_tests.rs"]
mod tests;
