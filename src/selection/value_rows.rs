//! The rows of one targeting dimension: for every value of a page, the flights that include or exclude it.

use crate::selection::bitmap;
use crate::selection::bitmap::{Block, Pool, Row, Union};
use crate::selection::compiled::{Compiled, FlightRow};
use crate::selection::dimension::Dimension;
use crate::selection::plan::{Levels, Plan};
use crate::selection::query::Query;
use crate::selection::targets::Resolved;
use hashbrown::HashMap;
use std::sync::Arc;

/// The rows of one dimension, by value index.
pub(crate) struct ValueRows<D: Dimension> {
    numbers: D::Numbers,
    /// Flights that do not target this dimension; `None` if no flight does.
    wildcard: Option<Arc<[Block]>>,
    values: Vec<Value>,
}

#[derive(Clone, Default)]
struct Value {
    /// Flights that target the value or an ancestor of it. Dense rows also contain the wildcards.
    included: Option<Row>,
    /// Flights that exclude the value or an ancestor of it.
    excluded: Option<Row>,
    /// Flights that target exactly this value.
    exact: Option<Row>,
}

/// Flight ranks by value.
type Lists<T> = HashMap<T, Vec<u32>>;

impl<D: Dimension> ValueRows<D> {
    /// The rows over all flights; `clause` is their targeting in this dimension.
    pub(crate) fn build(
        pool: &mut Pool,
        compiled: &Compiled,
        clause: impl Fn(&FlightRow) -> &Resolved<D::Value>,
    ) -> ValueRows<D> {
        let (mut included, mut excluded): (Lists<D::Value>, Lists<D::Value>) = Default::default();
        let mut wildcard = pool.empty();
        let mut targeted = false;
        for (place, flight) in (0u32..).zip(&compiled.flights) {
            let clause = clause(flight);
            match clause.any.is_empty() {
                true => bitmap::set(&mut wildcard, place),
                false => targeted = true,
            }
            clause.any.iter().for_each(|v| included.entry(v.clone()).or_default().push(place));
            clause.none.iter().for_each(|v| excluded.entry(v.clone()).or_default().push(place));
        }
        // Most countries are not targeted themselves and share their groups with others, so their
        // rows are equal and built once.
        let mut known: HashMap<(bool, Vec<D::Value>), Value> = HashMap::new();
        let values = D::values(compiled)
            .map(|mut chain| {
                let own = chain[0].clone();
                let is_targeted = included.contains_key(&own);
                chain.retain(|v| included.contains_key(v) || excluded.contains_key(v));
                if chain.is_empty() {
                    return Value::default();
                }
                let key = (is_targeted, chain);
                if let Some(value) = known.get(&key) {
                    return value.clone();
                }
                let chain = &key.1;
                let of = |lists: &Lists<D::Value>| -> Vec<u32> {
                    chain.iter().filter_map(|v| lists.get(v)).flatten().copied().collect()
                };
                let value = Value {
                    included: included_row(pool, &wildcard, of(&included)),
                    excluded: pool.row(of(&excluded)),
                    exact: included
                        .get(&own)
                        .filter(|_| D::LEVELS)
                        .and_then(|places| pool.row(places.iter().copied())),
                };
                known.insert(key, value.clone());
                value
            })
            .collect();
        ValueRows {
            numbers: D::numbers(compiled),
            values,
            wildcard: targeted.then(|| pool.intern(wildcard)),
        }
    }

    /// The indices of the page's values.
    pub(crate) fn of_page(&self, query: &Query<'_>) -> impl Iterator<Item = u32> + Clone {
        D::of_page(&self.numbers, query)
    }

    /// Adds the rows for a page to a plan.
    pub(crate) fn plan<'a>(&'a self, query: &Query<'_>, plan: &mut Plan<'a>) {
        let numbers = self.of_page(query);
        let values = numbers.filter_map(|number| self.values.get(number as usize));
        for row in values.clone().filter_map(|value| value.excluded.as_ref()) {
            plan.excluded.push(row);
        }
        let Some(wildcard) = &self.wildcard else { return };
        let mut included = Union::default();
        for row in values.filter_map(|value| value.included.as_ref()) {
            included.push(row);
        }
        if !included.has_dense() {
            included.push_dense(wildcard);
        }
        plan.included.push(included);
    }

    /// The rows with how closely flights match a page.
    pub(crate) fn levels(&self, query: &Query<'_>) -> Levels<'_> {
        let mut exact = Union::default();
        if D::LEVELS {
            for row in
                self.of_page(query).filter_map(|v| self.values.get(v as usize)?.exact.as_ref())
            {
                exact.push(row);
            }
        }
        Levels { any: self.wildcard.as_deref(), exact }
    }
}

/// The row of a value: the flights that include it; if dense, also the wildcards.
pub(super) fn included_row(pool: &mut Pool, wildcard: &[Block], places: Vec<u32>) -> Option<Row> {
    if places.is_empty() || pool.is_sparse(places.len()) {
        return pool.row(places);
    }
    let mut bits = wildcard.to_vec();
    places.into_iter().for_each(|place| bitmap::set(&mut bits, place));
    Some(Row::Dense(pool.intern(bits)))
}
