//! What the pages of each publisher sent lately that was not used, for the publisher's page: in memory, since
//! the start of this process, bounded, and without anything about a reader.

use crate::delivery::decide::PageDecision;
use crate::delivery::page_url;
use crate::domain::event::NoFill;
use crate::domain::hidden;
use crate::domain::party::Publisher;
use crate::http::problem::ApiError;
use crate::selection::resolve::{PageInput, SlotInput};
use jiff::Timestamp;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Most problems, and most unknown names, that are remembered of a publisher; the one seen longest ago is
/// forgotten first.
pub(crate) const MAX_ENTRIES: usize = 50;

/// Longest text of a problem, in characters.
const MAX_CHARS: usize = 240;

/// The reports of all publishers.
pub(crate) struct EmbedReports {
    started: Timestamp,
    sites: RwLock<HashMap<Box<str>, Arc<Site>>>,
}

/// What the pages of one publisher reported.
#[derive(Default)]
struct Site {
    calls: AtomicU64,
    last_ms: AtomicI64,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    problems: Recent<Problem>,
    unknown: Recent<Box<str>>,
}

/// What was wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Problem {
    /// The page's address as the publisher allows it to be stored; may be empty.
    pub(crate) page: Arc<str>,
    pub(crate) text: Box<str>,
}

/// The most recent of a kind of thing, with how often each was seen.
struct Recent<K>(HashMap<K, Seen>);

/// How often something was seen, and when last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) count: u64,
    /// In unix milliseconds.
    pub(crate) last_ms: i64,
}

impl<K> Default for Recent<K> {
    fn default() -> Recent<K> {
        Recent(HashMap::new())
    }
}

impl<K: Clone + Eq + Hash> Recent<K> {
    fn see(&mut self, what: K, now_ms: i64) {
        if self.0.len() >= MAX_ENTRIES && !self.0.contains_key(&what) {
            let oldest = self.0.iter().min_by_key(|(_, seen)| seen.last_ms);
            if let Some(oldest) = oldest.map(|(oldest, _)| oldest.clone()) {
                self.0.remove(&oldest);
            }
        }
        let seen = self.0.entry(what).or_insert(Seen { count: 0, last_ms: now_ms });
        seen.count += 1;
        seen.last_ms = now_ms;
    }

    /// The entries, the latest first.
    fn list(&self) -> Vec<(K, Seen)> {
        let mut list: Vec<(K, Seen)> =
            self.0.iter().map(|(what, seen)| (what.clone(), *seen)).collect();
        list.sort_by_key(|(_, seen)| std::cmp::Reverse((seen.last_ms, seen.count)));
        list
    }
}

/// What a publisher's page shows.
#[derive(Debug, Default)]
pub(crate) struct Reported {
    /// Decision calls of readers' pages, without those of bots.
    pub(crate) calls: u64,
    /// The last of them, in unix milliseconds; `None` without any.
    pub(crate) last_ms: Option<i64>,
    pub(crate) problems: Vec<(Problem, Seen)>,
    /// Names of topics and entities that the inventory does not have.
    pub(crate) unknown: Vec<(Box<str>, Seen)>,
}

impl EmbedReports {
    /// `started` is when the process began to count.
    pub(crate) fn new(started: Timestamp) -> EmbedReports {
        EmbedReports { started, sites: RwLock::default() }
    }

    /// When counting began.
    pub(crate) fn started(&self) -> Timestamp {
        self.started
    }

    /// Remembers what a decision call reported, or why it was rejected. Only a publisher of the inventory has
    /// reports, so their number is bounded. Calls of bots are left out.
    pub(crate) fn note(
        &self,
        publisher: &Publisher,
        (page, slots): (&PageInput<'_>, &[SlotInput<'_>]),
        decided: Result<&PageDecision, &ApiError>,
        (warnings, now_ms): (&[String], i64),
    ) {
        if decided.is_ok_and(|decided| decided.idle) {
            return;
        }
        let site = self.site(publisher.id.as_str());
        site.calls.fetch_add(1, Ordering::Relaxed);
        site.last_ms.fetch_max(now_ms, Ordering::Relaxed);
        let mut problems: Vec<String> = warnings.iter().map(|text| without_reader(text)).collect();
        let mut unknown: &[Box<str>] = &[];
        match decided {
            Ok(decided) => {
                unknown = &decided.page.unknown;
                let slots = slots.iter().zip(&decided.slots);
                let slots = slots.filter(|(_, answer)| {
                    answer.result.as_ref().is_err_and(|no| *no == NoFill::UnknownPlacement)
                });
                problems.extend(slots.map(|(slot, _)| {
                    format!("placements: `{}` is no placement of this publisher", slot.name)
                }));
            }
            Err(error) => problems.push(without_reader(&error.to_string())),
        }
        if problems.is_empty() && unknown.is_empty() {
            return;
        }
        let url = page.url.as_deref();
        let page = url.and_then(|url| page_url::stored_part(url, publisher.page_urls));
        let page = page.unwrap_or_default();
        let mut noted = site.noted.lock().unwrap_or_else(PoisonError::into_inner);
        for problem in problems {
            let text = shown(&problem);
            noted.problems.see(Problem { page: page.clone(), text }, now_ms);
        }
        for name in unknown {
            noted.unknown.see(shown(name), now_ms);
        }
    }

    /// What the pages of a publisher reported since the start.
    pub(crate) fn of(&self, publisher: &str) -> Reported {
        let sites = self.sites.read().unwrap_or_else(PoisonError::into_inner);
        let Some(site) = sites.get(publisher) else { return Reported::default() };
        let noted = site.noted.lock().unwrap_or_else(PoisonError::into_inner);
        Reported {
            calls: site.calls.load(Ordering::Relaxed),
            last_ms: Some(site.last_ms.load(Ordering::Relaxed)),
            problems: noted.problems.list(),
            unknown: noted.unknown.list(),
        }
    }

    fn site(&self, publisher: &str) -> Arc<Site> {
        let known = self.sites.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(site) = known.get(publisher) {
            return site.clone();
        }
        drop(known);
        let mut sites = self.sites.write().unwrap_or_else(PoisonError::into_inner);
        sites.entry(publisher.into()).or_default().clone()
    }
}

/// A problem without what the page said about its reader.
fn without_reader(problem: &str) -> String {
    match problem.split_once(": ") {
        Some((field, _)) if field.starts_with("viewer") => format!("{field}: ignored"),
        _ => problem.to_owned(),
    }
}

/// A text that pages made, short and without hidden characters.
fn shown(text: &str) -> Box<str> {
    let short: String = text.chars().take(MAX_CHARS).collect();
    hidden::escape_line(&short, &[]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_of_ten_thousand_things_are_remembered_with_their_counts() {
        let mut recent = Recent::default();
        for number in 0..10_000_i64 {
            recent.see(number, number);
            recent.see(-1, number);
        }
        let list = recent.list();
        assert_eq!(list.len(), MAX_ENTRIES);
        assert_eq!(list[0], (-1, Seen { count: 10_000, last_ms: 9_999 }));
        assert_eq!(list[1], (9_999, Seen { count: 1, last_ms: 9_999 }));
        assert_eq!(list[MAX_ENTRIES - 1].0, 9_951);
    }

    #[test]
    fn a_problem_says_nothing_about_a_reader_and_has_a_bounded_length() {
        let of_reader = "viewer.region: `me@mail.example` is not an ISO 3166 country code, ignored";
        assert_eq!(without_reader(of_reader), "viewer.region: ignored");
        let of_page = "page.foo: unknown field, ignored";
        assert_eq!(without_reader(of_page), of_page);
        assert_eq!(shown(&"x".repeat(10_000)).len(), MAX_CHARS);
        assert!(!shown("a\u{202e}b").contains('\u{202e}'));
    }
}
