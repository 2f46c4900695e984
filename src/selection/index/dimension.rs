//! One dimension of targeting: for every value a page can have, who wants it and who refuses it.

use crate::selection::index::plan::Plan;
use crate::selection::index::row;
use crate::selection::index::row::Block;
use crate::selection::index::row::Pool;
use crate::selection::index::row::Row;
use crate::selection::index::row::Union;
use crate::selection::snapshot::FlightRow;
use crate::selection::snapshot::Resolved;
use hashbrown::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Rows of one dimension; its values are numbered.
#[derive(Default)]
pub struct Dimension {
    /// Flights that ask for nothing; `None` when all of them do.
    wildcard: Option<Arc<[Block]>>,
    values: Vec<Value>,
}

/// Rows of one value.
#[derive(Clone, Default)]
struct Value {
    /// Flights that ask for the value or one above it; a dense row holds the wildcards, too.
    wants: Option<Row>,
    /// Flights that refuse the value or one above it.
    refuses: Option<Row>,
    /// Flights that ask for this very value.
    exact: Option<Row>,
}

/// How closely the flights of a block meet the page in one dimension.
pub struct Closeness {
    /// They ask for nothing.
    pub any: Block,
    /// They ask for the very value.
    pub exact: Block,
}

/// Rows that tell how closely flights meet a page.
#[derive(Default)]
pub struct Levels<'a> {
    any: Option<&'a [Block]>,
    exact: Union<'a>,
}

impl Levels<'_> {
    /// The levels of one block.
    pub fn block(&mut self, at: usize) -> Closeness {
        Closeness {
            any: self.any.map_or([u64::MAX; row::WORDS], |bits| bits[at]),
            exact: self.exact.block(at),
        }
    }
}

/// A value's flights, by place, whoever asks in whatever order.
type Lists<T> = HashMap<T, Vec<u32>>;

impl Dimension {
    /// `values` are, for each value in the order of its number, itself first, the values whose
    /// flights a page with it meets: itself and those above it. `levels` are kept where asked for.
    pub fn build<T: Hash + Eq + Clone>(
        pool: &mut Pool,
        flights: &[FlightRow],
        clause: impl Fn(&FlightRow) -> &Resolved<T>,
        values: impl Iterator<Item = Vec<T>>,
        levels: bool,
    ) -> Dimension {
        let (mut wanted, mut refused): (Lists<T>, Lists<T>) = Default::default();
        let mut wildcard = pool.empty();
        let mut asked = false;
        for (place, flight) in (0u32..).zip(flights) {
            let clause = clause(flight);
            match clause.any.is_empty() {
                true => row::set(&mut wildcard, place),
                false => asked = true,
            }
            clause.any.iter().for_each(|v| wanted.entry(v.clone()).or_default().push(place));
            clause.none.iter().for_each(|v| refused.entry(v.clone()).or_default().push(place));
        }
        // Most countries are in the same groups as others, and nobody names them.
        let mut known: HashMap<(bool, Vec<T>), Value> = HashMap::new();
        let values = values
            .map(|mut above| {
                let own = above[0].clone();
                let is_named = wanted.contains_key(&own);
                above.retain(|v| wanted.contains_key(v) || refused.contains_key(v));
                if above.is_empty() {
                    return Value::default();
                }
                let key = (is_named, above);
                if let Some(value) = known.get(&key) {
                    return value.clone();
                }
                let above = &key.1;
                let of = |lists: &Lists<T>| -> Vec<u32> {
                    above.iter().filter_map(|v| lists.get(v)).flatten().copied().collect()
                };
                let value = Value {
                    wants: wants(pool, &wildcard, of(&wanted)),
                    refuses: pool.row(of(&refused)),
                    exact: wanted
                        .get(&own)
                        .filter(|_| levels)
                        .and_then(|places| pool.row(places.iter().copied())),
                };
                known.insert(key, value.clone());
                value
            })
            .collect();
        Dimension { values, wildcard: asked.then(|| pool.keep(wildcard)) }
    }

    /// Adds what a page with these values takes from this dimension.
    pub fn plan<'a>(&'a self, values: impl Iterator<Item = u32> + Clone, plan: &mut Plan<'a>) {
        let of = |number: u32| self.values.get(number as usize);
        for row in values.clone().filter_map(|number| of(number)?.refuses.as_ref()) {
            plan.without.push(row);
        }
        let Some(wildcard) = &self.wildcard else { return };
        plan.within.push(Union::default());
        let Some(within) = plan.within.last_mut() else { return };
        for row in values.filter_map(|number| of(number)?.wants.as_ref()) {
            within.push(row);
        }
        if !within.has_dense() {
            within.push_dense(wildcard);
        }
    }

    /// The rows that tell how closely flights meet a page with these values.
    pub fn levels(&self, values: impl Iterator<Item = u32>) -> Levels<'_> {
        let mut exact = Union::default();
        for row in values.filter_map(|v| self.values.get(v as usize)?.exact.as_ref()) {
            exact.push(row);
        }
        Levels { any: self.wildcard.as_deref(), exact }
    }
}

fn wants(pool: &mut Pool, wildcard: &[Block], places: Vec<u32>) -> Option<Row> {
    if places.is_empty() || pool.is_few(places.len()) {
        return pool.row(places);
    }
    let mut bits = wildcard.to_vec();
    places.into_iter().for_each(|place| row::set(&mut bits, place));
    Some(Row::Dense(pool.keep(bits)))
}
