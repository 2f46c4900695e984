//! Contexts by how often no sponsor wanted them, in a bounded amount of memory.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// Contexts that are counted; when there are twice as many, those with the fewest slots are merged.
const MAX_CONTEXTS: usize = 2_048;

/// The slots of a context.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) requests: u64,
    /// Those that no sponsor wanted, by reason.
    reasons: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(super) fn unwanted(&self) -> u64 {
        self.reasons.values().sum()
    }

    /// The most frequent reason.
    pub(super) fn main_reason(&self) -> &'static str {
        let most = self.reasons.iter().max_by_key(|(_, count)| **count);
        most.map_or("", |(reason, _)| reason)
    }
}

/// The contexts of one kind.
#[derive(Default)]
pub(super) struct Ranking {
    tallies: HashMap<Box<str>, Tally>,
    merged: u64,
    merged_unwanted: u64,
}

impl Ranking {
    /// Counts a slot of a context; `reason` is why no sponsor was shown, if none was.
    pub(super) fn add(&mut self, value: &str, reason: Option<&'static str>) {
        if !self.tallies.contains_key(value) {
            if self.tallies.len() >= 2 * MAX_CONTEXTS {
                self.merge();
            }
            self.tallies.insert(value.into(), Tally::default());
        }
        if let Some(tally) = self.tallies.get_mut(value) {
            tally.requests += 1;
            if let Some(reason) = reason {
                *tally.reasons.entry(reason).or_default() += 1;
            }
        }
    }

    /// Keeps the contexts with the most slots that no sponsor wanted.
    fn merge(&mut self) {
        let rest: Vec<(Box<str>, u64)> = self.ranked()[MAX_CONTEXTS..]
            .iter()
            .map(|(value, tally)| ((*value).into(), tally.unwanted()))
            .collect();
        for (value, unwanted) in rest {
            self.tallies.remove(&value);
            self.merged += 1;
            self.merged_unwanted += unwanted;
        }
    }

    /// All contexts that are counted, those with the most unwanted slots first.
    pub(super) fn ranked(&self) -> Vec<(&str, &Tally)> {
        let mut ranked: Vec<_> =
            self.tallies.iter().map(|(value, tally)| (&**value, tally)).collect();
        ranked.sort_unstable_by_key(|(value, tally)| {
            (Reverse(tally.unwanted()), Reverse(tally.requests), *value)
        });
        ranked
    }

    /// How many contexts were merged, and their slots that no sponsor wanted.
    pub(super) fn merged(&self) -> (u64, u64) {
        (self.merged, self.merged_unwanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_thousand_names_take_a_bounded_number_of_rows_and_the_frequent_ones_keep_theirs() {
        let mut ranking = Ranking::default();
        for number in 0..100_000u32 {
            ranking.add(&format!("name {number}"), Some("no_candidate"));
            if number % 10 == 0 {
                ranking.add("frequent", Some(if number % 30 == 0 { "paused" } else { "house" }));
            }
        }
        assert!(ranking.tallies.len() <= 2 * MAX_CONTEXTS);
        let ranked = ranking.ranked();
        let (value, tally) = ranked[0];
        assert_eq!((value, tally.requests, tally.main_reason()), ("frequent", 10_000, "house"));
        let (merged, unwanted) = ranking.merged();
        let counted: u64 = ranked.iter().map(|(_, tally)| tally.unwanted()).sum();
        assert_eq!(counted + unwanted, 110_000, "{merged} merged");
    }
}
