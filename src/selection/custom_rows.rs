//! The rows of custom context keys: for every key, the flights that include or exclude each of its values.

use crate::selection::bitmap;
use crate::selection::bitmap::{Block, Pool, Row, Union};
use crate::selection::compiled::Compiled;
use crate::selection::plan::Plan;
use crate::selection::query::Query;
use crate::selection::value_rows::included_row;
use hashbrown::HashMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The rows of all keys that any flight targets.
pub(crate) struct CustomRows(Vec<KeyRows>);

/// The rows of one key, by the number of the value.
struct KeyRows {
    /// Flights that target no value of the key; `None` if there are only exclusions.
    wildcard: Option<Arc<[Block]>>,
    included: HashMap<u32, Row>,
    excluded: HashMap<u32, Row>,
}

impl CustomRows {
    /// The rows over all flights.
    pub(crate) fn build(pool: &mut Pool, compiled: &Compiled) -> CustomRows {
        let clauses = compiled.flights.iter().flat_map(|flight| flight.targets.custom.iter());
        let keys: BTreeSet<u32> = clauses.map(|clause| clause.key).collect();
        CustomRows(keys.into_iter().map(|key| KeyRows::build(pool, compiled, key)).collect())
    }

    /// Adds the rows for a page to a plan: each key is a dimension of its own.
    pub(crate) fn plan<'a>(&'a self, query: &Query<'_>, plan: &mut Plan<'a>) {
        let stated = &query.page.custom;
        for key in &self.0 {
            for row in stated.iter().filter_map(|number| key.excluded.get(number)) {
                plan.excluded.push(row);
            }
            let Some(wildcard) = &key.wildcard else { continue };
            let mut included = Union::default();
            for row in stated.iter().filter_map(|number| key.included.get(number)) {
                included.push(row);
            }
            if !included.has_dense() {
                included.push_dense(wildcard);
            }
            plan.included.push(included);
        }
    }
}

impl KeyRows {
    fn build(pool: &mut Pool, compiled: &Compiled, key: u32) -> KeyRows {
        let (mut included, mut excluded) =
            (HashMap::<u32, Vec<u32>>::new(), HashMap::<u32, Vec<u32>>::new());
        let mut wildcard = pool.empty();
        let mut is_targeted = false;
        for (place, flight) in (0u32..).zip(&compiled.flights) {
            let clause = flight.targets.custom.iter().find(|clause| clause.key == key);
            let values = clause.map(|clause| &clause.values);
            match values.is_none_or(|values| values.any.is_empty()) {
                true => bitmap::set(&mut wildcard, place),
                false => is_targeted = true,
            }
            if let Some(values) = values {
                values.any.iter().for_each(|v| included.entry(*v).or_default().push(place));
                values.none.iter().for_each(|v| excluded.entry(*v).or_default().push(place));
            }
        }
        let included = included
            .into_iter()
            .filter_map(|(value, places)| Some((value, included_row(pool, &wildcard, places)?)))
            .collect();
        let excluded = excluded
            .into_iter()
            .filter_map(|(value, places)| Some((value, pool.row(places)?)))
            .collect();
        KeyRows { wildcard: is_targeted.then(|| pool.intern(wildcard)), included, excluded }
    }
}
