//! How often each creative of a flight with rotation `optimise` is drawn: rows of parts, by what the page is
//! about. A row is found for every page: that of the topic, else of its group, else of the flight; without any
//! of them all creatives are drawn equally often.

use crate::domain::taxonomy::{Taxonomy, TopicIx};
use smallvec::SmallVec;
use std::sync::Arc;

/// The parts of a flight's creatives, in the order in which its row of the snapshot lists them.
pub type Parts = SmallVec<[u16; 8]>;

/// The pages that a row is for, most specific last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Every page.
    Flight,
    /// Pages with a topic whose first ancestor is this one.
    Group(u32),
    /// Pages with this topic.
    Topic(u32),
}

impl Scope {
    /// The stored number.
    pub(crate) fn number(self) -> u64 {
        match self {
            Scope::Flight => 0,
            Scope::Group(topic) => 2 * u64::from(topic) + 1,
            Scope::Topic(topic) => 2 * u64::from(topic) + 2,
        }
    }

    /// The scope with this stored number, or why there is none.
    pub(crate) fn from_number(number: u64) -> Result<Scope, String> {
        let topic = |number: u64| {
            u32::try_from(number / 2).map_err(|_| format!("no topic has the number {number}"))
        };
        Ok(match number.checked_sub(1) {
            None => Scope::Flight,
            Some(rest) if rest % 2 == 0 => Scope::Group(topic(rest)?),
            Some(rest) => Scope::Topic(topic(rest)?),
        })
    }

    /// Its name in explanations.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Scope::Flight => "flight",
            Scope::Group(_) => "topic_group",
            Scope::Topic(_) => "topic",
        }
    }
}

/// A row: the parts of a flight's creatives on some pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The flight's rank.
    pub place: u32,
    /// The pages.
    pub scope: Scope,
    /// Each creative is drawn as often as its part of the sum says; none is 0.
    pub parts: Parts,
}

impl Row {
    pub(crate) fn key(&self) -> (u32, Scope) {
        (self.place, self.scope)
    }
}

/// All rows, sorted by flight and scope. A clone shares them.
#[derive(Clone, Debug, Default)]
pub struct Rotations(Arc<[Row]>);

impl PartialEq for Rotations {
    fn eq(&self, other: &Rotations) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Rotations {
    /// The table of these rows, in any order.
    pub fn new(mut rows: Vec<Row>) -> Rotations {
        rows.sort_unstable_by_key(Row::key);
        Rotations(rows.into())
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.0
    }

    /// The rows of a flight.
    pub(crate) fn of_flight(&self, place: u32) -> &[Row] {
        let start = self.0.partition_point(|row| row.place < place);
        let count = self.0[start..].partition_point(|row| row.place == place);
        &self.0[start..start + count]
    }

    /// The row for a page with this topic.
    pub(crate) fn find(
        &self,
        place: u32,
        topic: Option<TopicIx>,
        taxonomy: &Taxonomy,
    ) -> Option<&Row> {
        if self.0.is_empty() {
            return None;
        }
        let rows = self.of_flight(place);
        let of = |scope: Scope| {
            rows.binary_search_by_key(&scope, |row| row.scope).ok().map(|at| &rows[at])
        };
        let of_topic = |topic: TopicIx| {
            of(Scope::Topic(topic.0)).or_else(|| of(Scope::Group(taxonomy.root(topic).0)))
        };
        topic.and_then(of_topic).or_else(|| of(Scope::Flight))
    }

    /// The rows that are new or other ones in `next`, and the keys of those that it does not have.
    pub(crate) fn difference(&self, next: &Rotations) -> (Vec<Row>, Vec<(u32, Scope)>) {
        let (mut set, mut removed) = (Vec::new(), Vec::new());
        if Arc::ptr_eq(&self.0, &next.0) {
            return (set, removed);
        }
        let mut old = self.0.iter().peekable();
        for row in next.0.iter() {
            while let Some(gone) = old.next_if(|one| one.key() < row.key()) {
                removed.push(gone.key());
            }
            let same = old.next_if(|one| one.key() == row.key());
            if same != Some(row) {
                set.push(row.clone());
            }
        }
        removed.extend(old.map(Row::key));
        (set, removed)
    }

    /// The table with these rows in place of those with the same keys, and without the removed ones.
    pub(crate) fn changed(&self, set: &[Row], removed: &[(u32, Scope)]) -> Rotations {
        if set.is_empty() && removed.is_empty() {
            return self.clone();
        }
        let is_changed = |key: &(u32, Scope)| {
            set.binary_search_by_key(key, Row::key).is_ok() || removed.binary_search(key).is_ok()
        };
        let kept = self.0.iter().filter(|row| !is_changed(&row.key()));
        Rotations::new(kept.chain(set).cloned().collect())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        pub(crate) fn table()(
            rows in prop::collection::btree_map((0u32..8, 0u64..9), prop::collection::vec(1u16..4, 2..4), 0..20),
        ) -> Rotations {
            let row = |((place, scope), parts): ((u32, u64), Vec<u16>)| {
                Row { place, scope: Scope::from_number(scope).unwrap(), parts: parts.into() }
            };
            Rotations::new(rows.into_iter().map(row).collect())
        }
    }

    proptest! {
        #[test]
        fn the_difference_of_two_tables_makes_one_of_the_other(from in table(), to in table()) {
            let (set, removed) = from.difference(&to);
            prop_assert_eq!(from.changed(&set, &removed), to);
        }

        #[test]
        fn a_scope_has_one_number(number in 0u64..1 << 33) {
            prop_assert_eq!(Scope::from_number(number).unwrap().number(), number);
        }
    }

    #[test]
    fn a_number_without_a_topic_is_refused() {
        assert!(Scope::from_number((1 << 33) + 1).is_err());
    }
}
