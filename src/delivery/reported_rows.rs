//! Bounds the rows that callers without a key can make in reports.
//!
//! They choose topics, entities, facts and values of reported context keys of a page from the inventory, and a row of a report is kept as
//! long as the ledger. A campaign, and a publisher's unfilled slots, have [`MAX_ROWS`] different pages
//! an hour; those that come later are reported under `other`. Nothing else changes: every event counts
//! and is billed.

use crate::domain::attribution::{OTHER_NUMBER, PageNumbers};
use crate::domain::targeting::PageFacts;
use hashbrown::{DefaultHashBuilder, HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

/// Most different pages of a campaign, and of a publisher's unfilled slots, in an hour.
const MAX_ROWS: usize = 1_000;
const HOUR_MS: i64 = 3_600_000;
/// Shards, to reduce lock contention between workers.
const SHARDS: usize = 16;

/// Whose rows a slot is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ReportedTo {
    /// A filled slot: the index of the campaign.
    Campaign(usize),
    /// An unfilled slot: the index of the publisher.
    Publisher(u32),
}

/// The pages of the current hour.
#[derive(Default)]
pub(super) struct ReportedRows {
    shards: [Mutex<Hour>; SHARDS],
    hasher: DefaultHashBuilder,
}

#[derive(Default)]
struct Hour {
    number: i64,
    /// Hashes of the pages.
    pages: HashMap<ReportedTo, HashSet<u64>>,
}

impl ReportedRows {
    /// The page to report: the page itself, or a page of `other` names.
    pub(super) fn bounded(&self, of: ReportedTo, page: PageNumbers, now_ms: i64) -> PageNumbers {
        let shard = usize::try_from(self.hasher.hash_one(of) % SHARDS as u64).unwrap_or(0);
        let mut hour = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        let number = now_ms.div_euclid(HOUR_MS);
        if number != hour.number {
            *hour = Hour { number, pages: HashMap::new() };
        }
        let pages = hour.pages.entry(of).or_default();
        let hash = self.hasher.hash_one(page);
        if pages.contains(&hash) || pages.len() < MAX_ROWS && pages.insert(hash) {
            return page;
        }
        let other = |number: Option<u32>| number.map(|_| OTHER_NUMBER);
        PageNumbers {
            topic: other(page.topic),
            entity: other(page.entity),
            facts: PageFacts::default(),
            custom: page.custom.others(),
            ..page
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attribution::{OTHER_VALUE, ReportedValues};

    const NOW: i64 = 1_790_000_000_000;

    fn page(topic: u32, entity: u32) -> PageNumbers {
        PageNumbers {
            publisher: 1,
            placement: Some(0),
            topic: Some(topic),
            entity: Some(entity),
            country: None,
            facts: PageFacts::default(),
            custom: ReportedValues::default(),
        }
    }

    fn rows(rows: &ReportedRows, of: ReportedTo, now_ms: i64) -> HashSet<PageNumbers> {
        let pages = (0..200).flat_map(|topic| (0..100).map(move |entity| page(topic, entity)));
        pages.map(|page| rows.bounded(of, page, now_ms)).collect()
    }

    #[test]
    fn twenty_thousand_declared_pages_make_a_thousand_rows_and_one_of_others() {
        let bounds = ReportedRows::default();
        let campaign = ReportedTo::Campaign(1);
        let first = rows(&bounds, campaign, NOW);
        assert_eq!(first.len(), MAX_ROWS + 1);
        assert!(first.contains(&page(OTHER_NUMBER, OTHER_NUMBER)));
        assert_eq!(rows(&bounds, campaign, NOW + 1), first, "the same pages stay the same rows");
        for of in [ReportedTo::Campaign(2), ReportedTo::Publisher(1)] {
            assert_eq!(rows(&bounds, of, NOW).len(), MAX_ROWS + 1, "{of:?} has its own");
        }
        let last = page(199, 99);
        assert_ne!(bounds.bounded(campaign, last, NOW), last);
        assert_eq!(bounds.bounded(campaign, last, NOW + HOUR_MS), last, "an hour later");
    }

    #[test]
    fn the_values_of_two_reported_keys_make_no_more_rows_and_then_others() {
        let bounds = ReportedRows::default();
        let stated = |a, b| PageNumbers { custom: ReportedValues([a, b]), ..page(1, 1) };
        let pages = (1..=200).flat_map(|a| (0..=200).map(move |b| (a, b)));
        let rows: HashSet<PageNumbers> = pages
            .map(|(a, b)| bounds.bounded(ReportedTo::Campaign(1), stated(a, b), NOW))
            .collect();
        let other = PageNumbers {
            custom: ReportedValues([OTHER_VALUE, OTHER_VALUE]),
            ..page(OTHER_NUMBER, OTHER_NUMBER)
        };
        assert!(rows.contains(&other), "the values are others as well");
        assert!(rows.len() <= MAX_ROWS + 2, "{} rows", rows.len());
    }
}
