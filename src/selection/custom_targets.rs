//! What flights target of custom context keys, and whether a page fits it.

use crate::domain::targeting::CustomTargeting;
use crate::selection::compiled::Compiled;
use crate::selection::query::Query;
use crate::selection::targets::{CustomClause, Resolved};

/// The clauses of context keys. Values that do not exist match no page.
pub(crate) fn clauses(compiled: &Compiled, targeting: &CustomTargeting) -> Box<[CustomClause]> {
    let keys = &compiled.context_keys;
    let clauses = targeting.0.iter().map(|(key, clause)| {
        let list = |values: &[String]| {
            let number = |value: &String| keys.number(key.as_str(), value).unwrap_or(u32::MAX);
            let mut numbers: Vec<u32> = values.iter().map(number).collect();
            numbers.sort_unstable();
            numbers.dedup();
            numbers
        };
        let values = Resolved { any: list(&clause.any), none: list(&clause.none) };
        CustomClause { key: keys.position(key.as_str()), values }
    });
    clauses.collect()
}

/// Whether a page fits the clauses of all keys: the same as the index answers, without its rows.
pub(crate) fn fit(clauses: &[CustomClause], query: &Query<'_>) -> bool {
    let stated = &query.page.custom;
    clauses.iter().all(|clause| clause.values.fits(stated, |mine, theirs| *mine == theirs))
}
