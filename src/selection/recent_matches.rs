//! Which flights matched pages like this one before.
//!
//! What the index answers depends on the page, the slot and what earlier slots placed, never on the time, the
//! state or the request: an answer holds as long as the snapshot. A page that is asked for again skips the index.

use crate::domain::event::Tier;
use crate::selection::fixed::Q32;
use crate::selection::page::Page;
use crate::selection::query::Query;
use crate::selection::repeats::{Question, Repeats};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Most flights of a tier in an answer; longer ones are not kept.
const MAX_FLIGHTS: usize = 2_048;

/// Least number of flights in all answers together: 4 MiB. A larger inventory has room for eight times its flights.
const CAPACITY: u64 = 262_144;

/// A flight that passes every rule which the index holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Match {
    /// Its position in rank order.
    pub(super) place: u32,
    /// The logarithm of its relevance.
    pub(super) ln_relevance: Q32,
}

/// The question about a tier of a slot.
pub(super) fn question(query: &Query<'_>) -> Question {
    // Every field, so that a new one cannot be forgotten.
    let Page {
        publisher,
        topics,
        entities,
        unknown: _,
        keywords,
        region,
        language,
        facts,
        custom,
        commercial: _,
        sensitive,
        paused: _,
        shown,
        viewer,
        slots: _,
    } = query.page;
    let mut question = Question::default();
    question.write_u8(0);
    (publisher, topics, entities, keywords, region).hash(&mut question);
    (language, facts, custom, sensitive, shown, viewer.country).hash(&mut question);
    (query.slot.placement, query.styles(), query.placed).hash(&mut question);
    question.write_u8(query.unreported.bits());
    question
}

/// Makes it the same about another tier.
pub(super) fn set_tier(question: &mut Question, tier: Tier) {
    question.set_first(tier as u8);
}

/// What is known of a question.
pub(super) enum Known {
    /// It was not asked before.
    Nothing,
    /// It was asked before: its answer is worth keeping.
    Question,
    /// Its answer.
    Answer(Arc<[Match]>),
}

#[derive(Clone)]
struct Flights;

impl Weighter<Box<[u8]>, Arc<[Match]>> for Flights {
    fn weight(&self, _: &Box<[u8]>, matches: &Arc<[Match]>) -> u64 {
        // The key and the entry of an answer take as much as about 16 flights.
        matches.len() as u64 + 16
    }
}

/// The answers of a snapshot's index to questions that were repeated.
pub(crate) struct RecentMatches {
    answers: Cache<Box<[u8]>, Arc<[Match]>, Flights>,
    /// Answers to questions that are not repeated are not kept.
    repeats: Repeats,
    found: AtomicU64,
    missing: AtomicU64,
}

impl RecentMatches {
    /// For an inventory of so many flights.
    pub(super) fn for_flights(flights: usize) -> RecentMatches {
        let capacity = CAPACITY.max(8 * flights as u64);
        let answers = usize::try_from(capacity / 64).unwrap_or(usize::MAX);
        RecentMatches {
            answers: Cache::with_weighter(answers, capacity, Flights),
            repeats: Repeats::default(),
            found: AtomicU64::new(0),
            missing: AtomicU64::new(0),
        }
    }

    /// The answer to a question, in rank order.
    pub(super) fn get(&self, question: &Question) -> Known {
        let bytes = question.bytes().filter(|bytes| self.repeats.has(bytes));
        let found = bytes.and_then(|bytes| self.answers.get(bytes));
        let count = if found.is_some() { &self.found } else { &self.missing };
        count.fetch_add(1, Ordering::Relaxed);
        match found {
            Some(matches) => Known::Answer(matches),
            None if bytes.is_some() => Known::Question,
            None => Known::Nothing,
        }
    }

    /// Keeps an answer.
    pub(super) fn keep(&self, question: &Question, matches: &[Match]) {
        if let Some(bytes) = question.bytes().filter(|_| matches.len() <= MAX_FLIGHTS) {
            self.answers.insert(bytes.into(), matches.into());
        }
    }

    /// Questions that were answered without the index, and by it.
    pub(crate) fn lookups(&self) -> [u64; 2] {
        [&self.found, &self.missing].map(|count| count.load(Ordering::Relaxed))
    }
}
