//! Decisions and events as they happen, for operators who watch (`adjacent tail`). While no one watches, it
//! costs one comparison per decision and per event. A slow watcher misses entries and learns how many; nothing
//! waits for it. Entries have no data of readers.

use crate::ledger::event_log::LedgerUpdate;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// How long entries are kept after the last look, in milliseconds.
const WATCHED_MS: i64 = 30_000;

/// The most entries in memory, and those of one second; further ones are missed.
const KEPT: usize = 4_096;
const PER_SECOND: usize = 1_000;

string_enum! {
    /// What an entry is about.
    FeedKind {
        /// A decision for one placement.
        Decision = "decision",
        /// An event with its verdict.
        Event = "event",
    }
}

/// A decision or an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct FeedEntry {
    /// Number of the entry; missing numbers are entries that were missed.
    pub(crate) number: u64,
    /// When it happened.
    pub(crate) at: String,
    /// Whether it is a decision or an event.
    pub(crate) kind: FeedKind,
    /// Id of the decision, to explain it.
    pub(crate) decision: String,
    /// Publisher id.
    pub(crate) publisher: String,
    /// Placement id; `unknown` if it is not declared.
    pub(crate) placement: String,
    /// Flight id; absent without a unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) flight: Option<String>,
    /// Creative id; absent without a unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) creative: Option<String>,
    /// What happened: `filled`, `no_fill`, or the kind of event.
    pub(crate) what: &'static str,
    /// The call to action of a click.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cta: Option<String>,
    /// Verdict of an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verdict: Option<&'static str>,
    /// Why there is no unit, or why the event is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'static str>,
    /// Billed for the event, in micros.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) billed_micros: Option<i64>,
    /// Whether the decision is a test, or idle (a bot, an agent, another site): it then counts for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) class: Option<&'static str>,
}

/// Which entries a watcher wants; `None` is all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct FeedFilter {
    pub(crate) kind: Option<FeedKind>,
    pub(crate) publisher: Option<String>,
    pub(crate) flight: Option<String>,
    pub(crate) reason: Option<String>,
}

impl FeedFilter {
    fn accepts(&self, entry: &FeedEntry) -> bool {
        let same = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        self.kind.is_none_or(|kind| kind == entry.kind)
            && same(&self.publisher, Some(&entry.publisher))
            && same(&self.flight, entry.flight.as_deref())
            && same(&self.reason, entry.reason.or(entry.verdict))
    }
}

/// What a watcher gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct FeedPage {
    /// The entries, oldest first.
    pub(crate) entries: Vec<FeedEntry>,
    /// The number to ask for next, as `after`.
    pub(crate) next: u64,
    /// Entries in between that were missed, whether or not the filter accepts them.
    pub(crate) missed: u64,
}

/// The feed of one instance.
#[derive(Default)]
pub(crate) struct LiveFeed {
    /// Until when someone watches, in Unix milliseconds.
    watched_until_ms: AtomicI64,
    /// The number of the last entry.
    last: AtomicU64,
    recent: Mutex<Recent>,
}

#[derive(Default)]
struct Recent {
    entries: VecDeque<FeedEntry>,
    /// The current second, and how many entries it has.
    second: (i64, usize),
}

impl LiveFeed {
    /// Whether someone watches. The only cost while no one does.
    #[inline]
    pub(crate) fn is_watched(&self, now_ms: i64) -> bool {
        now_ms < self.watched_until_ms.load(Ordering::Relaxed)
    }

    /// Notes that someone watches from now on, and returns the number of the last entry.
    pub(crate) fn watch(&self, now_ms: i64) -> u64 {
        self.watched_until_ms.fetch_max(now_ms + WATCHED_MS, Ordering::Relaxed);
        self.last.load(Ordering::Relaxed)
    }

    /// Adds entries; their numbers are set here. Waits for no one: what cannot be added at once is missed.
    pub(crate) fn add(&self, entries: impl Iterator<Item = FeedEntry>, now_ms: i64) {
        let mut recent = self.recent.try_lock().ok();
        for mut entry in entries {
            entry.number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
            if let Some(recent) = &mut recent {
                recent.add(entry, now_ms);
            }
        }
    }

    /// Adds the verdicts of a change of the ledger.
    pub(crate) fn on_ledger_change(&self, change: &LedgerUpdate<'_>) {
        let LedgerUpdate::Applied(applied) = change else { return };
        let watched = applied.verdicts.iter().filter(|one| self.is_watched(one.event.at_ms));
        let entries = watched.map(|one| {
            let (event, key) = (&*one.event, &*one.event.attribution);
            FeedEntry {
                number: 0,
                at: time(event.at_ms),
                kind: FeedKind::Event,
                decision: uuid::Uuid::from_u128(event.decision).to_string(),
                publisher: key.page.publisher.to_string(),
                placement: key.page.placement.to_string(),
                flight: Some(key.flight.to_string()),
                creative: Some(key.creative.to_string()),
                what: event.kind.as_str(),
                cta: event.cta.as_ref().map(|(_, id)| id.to_string()),
                verdict: Some(one.verdict.as_str()),
                reason: one.verdict.reason().map(|reason| reason.as_str()),
                billed_micros: Some(one.billed.get()).filter(|billed| *billed != 0),
                class: None,
            }
        });
        let now_ms = applied.verdicts.first().map_or(0, |one| one.event.at_ms);
        self.add(entries, now_ms);
    }

    /// Up to `most` entries after a number.
    pub(crate) fn after(&self, number: u64, filter: &FeedFilter, most: usize) -> FeedPage {
        let recent = self.recent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut page = FeedPage { entries: Vec::new(), next: number, missed: 0 };
        for entry in recent.entries.iter().filter(|entry| entry.number > number) {
            if page.entries.len() == most {
                return page;
            }
            page.missed += entry.number - page.next - 1;
            page.next = entry.number;
            if filter.accepts(entry) {
                page.entries.push(entry.clone());
            }
        }
        page
    }
}

impl Recent {
    fn add(&mut self, entry: FeedEntry, now_ms: i64) {
        let second = now_ms.div_euclid(1_000);
        if self.second.0 != second {
            self.second = (second, 0);
        }
        if self.second.1 < PER_SECOND {
            self.second.1 += 1;
            if self.entries.len() == KEPT {
                self.entries.pop_front();
            }
            // Numbers are given before the lock, so that two threads may come in the other order.
            let place = self.entries.partition_point(|one| one.number < entry.number);
            self.entries.insert(place, entry);
        }
    }
}

/// A time in Unix milliseconds as text.
pub(crate) fn time(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(publisher: &str, reason: Option<&'static str>) -> FeedEntry {
        FeedEntry {
            number: 0,
            at: time(0),
            kind: FeedKind::Decision,
            decision: String::new(),
            publisher: publisher.into(),
            placement: "end".into(),
            flight: None,
            creative: None,
            what: "no_fill",
            cta: None,
            verdict: None,
            reason,
            billed_micros: None,
            class: None,
        }
    }

    fn numbers(page: &FeedPage) -> Vec<u64> {
        page.entries.iter().map(|entry| entry.number).collect()
    }

    #[test]
    fn it_is_watched_for_half_a_minute_after_each_look() {
        let feed = LiveFeed::default();
        assert!(!feed.is_watched(1_000));
        assert_eq!(feed.watch(1_000), 0);
        assert!(feed.is_watched(30_999) && !feed.is_watched(31_000));
    }

    #[test]
    fn a_slow_watcher_learns_how_many_entries_it_missed() {
        let feed = LiveFeed::default();
        let many = (0..PER_SECOND + 20).map(|_| entry("a", None));
        feed.add(many, 5_000);
        feed.add([entry("a", None)].into_iter(), 6_000);
        let page = feed.after(0, &FeedFilter::default(), 10_000);
        assert_eq!((page.entries.len(), page.missed), (PER_SECOND + 1, 20));
        for second in 7..15 {
            feed.add((0..PER_SECOND).map(|_| entry("a", None)), second * 1_000);
        }
        let page = feed.after(page.next, &FeedFilter::default(), 10_000);
        assert_eq!((page.entries.len(), page.missed), (KEPT, 8 * 1_000 - 4_096));
    }

    #[test]
    fn an_entry_is_missed_rather_than_waited_for() {
        let feed = LiveFeed::default();
        let held = feed.recent.lock().unwrap();
        feed.add([entry("a", None)].into_iter(), 0);
        drop(held);
        feed.add([entry("b", None)].into_iter(), 0);
        let page = feed.after(0, &FeedFilter::default(), 10);
        assert_eq!((numbers(&page), page.missed), (vec![2], 1));
    }

    #[test]
    fn filters_leave_out_entries_without_counting_them_as_missed() {
        let feed = LiveFeed::default();
        let all = [("a", None), ("b", Some("paused")), ("a", Some("paused"))];
        feed.add(all.map(|(publisher, reason)| entry(publisher, reason)).into_iter(), 0);
        let of = |filter: FeedFilter| feed.after(0, &filter, 10);
        let publisher = Some("a".to_owned());
        let page = of(FeedFilter { publisher: publisher.clone(), ..FeedFilter::default() });
        assert_eq!((numbers(&page), page.next, page.missed), (vec![1, 3], 3, 0));
        let reason = Some("paused".to_owned());
        let page = of(FeedFilter { publisher, reason, ..FeedFilter::default() });
        assert_eq!(numbers(&page), [3]);
        let page = of(FeedFilter { kind: Some(FeedKind::Event), ..FeedFilter::default() });
        assert_eq!((numbers(&page), page.next), (vec![], 3));
        let page = feed.after(0, &FeedFilter::default(), 2);
        assert_eq!((numbers(&page), page.next), (vec![1, 2], 2));
    }
}
