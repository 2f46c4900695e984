//! One targeting dimension: for every value of a page, the flights that include or exclude it.

use crate::selection::index::plan::Plan;
use crate::selection::index::row;
use crate::selection::index::row::{Block, Pool, Row, Union};
use crate::selection::snapshot::{FlightRow, Resolved};
use hashbrown::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// The rows of one dimension, by value index.
#[derive(Default)]
pub struct Dimension {
    /// Flights that do not target this dimension; `None` if no flight does.
    wildcard: Option<Arc<[Block]>>,
    values: Vec<Value>,
}

/// The rows of one value.
#[derive(Clone, Default)]
struct Value {
    /// Flights that target the value or an ancestor of it. Dense rows also contain the wildcards.
    included: Option<Row>,
    /// Flights that exclude the value or an ancestor of it.
    excluded: Option<Row>,
    /// Flights that target exactly this value.
    exact: Option<Row>,
}

/// How closely the flights of a block match the page in one dimension.
pub struct BlockLevels {
    /// Flights that do not target the dimension.
    pub any: Block,
    /// Flights that target exactly a value of the page.
    pub exact: Block,
}

/// Rows with how closely flights match a page in one dimension.
#[derive(Default)]
pub struct Levels<'a> {
    any: Option<&'a [Block]>,
    exact: Union<'a>,
}

impl Levels<'_> {
    /// The levels of one block.
    pub fn block(&mut self, at: usize) -> BlockLevels {
        BlockLevels {
            any: self.any.map_or([u64::MAX; row::WORDS], |bits| bits[at]),
            exact: self.exact.block(at),
        }
    }
}

/// Flight ranks by value.
type Lists<T> = HashMap<T, Vec<u32>>;

impl Dimension {
    /// `values` yields, per value index, the value itself followed by its ancestors: the values whose
    /// flights match a page with it. `levels` enables [`Dimension::levels`].
    pub fn build<T: Hash + Eq + Clone>(
        pool: &mut Pool,
        flights: &[FlightRow],
        clause: impl Fn(&FlightRow) -> &Resolved<T>,
        values: impl Iterator<Item = Vec<T>>,
        levels: bool,
    ) -> Dimension {
        let (mut included, mut excluded): (Lists<T>, Lists<T>) = Default::default();
        let mut wildcard = pool.empty();
        let mut targeted = false;
        for (place, flight) in (0u32..).zip(flights) {
            let clause = clause(flight);
            match clause.any.is_empty() {
                true => row::set(&mut wildcard, place),
                false => targeted = true,
            }
            clause.any.iter().for_each(|v| included.entry(v.clone()).or_default().push(place));
            clause.none.iter().for_each(|v| excluded.entry(v.clone()).or_default().push(place));
        }
        // Most countries are not targeted themselves and share their groups with others, so their
        // rows are equal and built once.
        let mut known: HashMap<(bool, Vec<T>), Value> = HashMap::new();
        let values = values
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
                let of = |lists: &Lists<T>| -> Vec<u32> {
                    chain.iter().filter_map(|v| lists.get(v)).flatten().copied().collect()
                };
                let value = Value {
                    included: included_row(pool, &wildcard, of(&included)),
                    excluded: pool.row(of(&excluded)),
                    exact: included
                        .get(&own)
                        .filter(|_| levels)
                        .and_then(|places| pool.row(places.iter().copied())),
                };
                known.insert(key, value.clone());
                value
            })
            .collect();
        Dimension { values, wildcard: targeted.then(|| pool.intern(wildcard)) }
    }

    /// Adds the rows for a page with these values to a plan.
    pub fn plan<'a>(&'a self, values: impl Iterator<Item = u32> + Clone, plan: &mut Plan<'a>) {
        let of = |number: u32| self.values.get(number as usize);
        for row in values.clone().filter_map(|number| of(number)?.excluded.as_ref()) {
            plan.excluded.push(row);
        }
        let Some(wildcard) = &self.wildcard else { return };
        plan.included.push(Union::default());
        let Some(included) = plan.included.last_mut() else { return };
        for row in values.filter_map(|number| of(number)?.included.as_ref()) {
            included.push(row);
        }
        if !included.has_dense() {
            included.push_dense(wildcard);
        }
    }

    /// The rows with how closely flights match a page with these values.
    pub fn levels(&self, values: impl Iterator<Item = u32>) -> Levels<'_> {
        let mut exact = Union::default();
        for row in values.filter_map(|v| self.values.get(v as usize)?.exact.as_ref()) {
            exact.push(row);
        }
        Levels { any: self.wildcard.as_deref(), exact }
    }
}

fn included_row(pool: &mut Pool, wildcard: &[Block], places: Vec<u32>) -> Option<Row> {
    if places.is_empty() || pool.is_sparse(places.len()) {
        return pool.row(places);
    }
    let mut bits = wildcard.to_vec();
    places.into_iter().for_each(|place| row::set(&mut bits, place));
    Some(Row::Dense(pool.intern(bits)))
}
