//! The targeting of a compiled flight: names resolved to indices of one snapshot.

use crate::domain::boxed_or_default::StaticDefault;
use crate::domain::entity::EntityIx;
use crate::domain::language::Language;
use crate::domain::region::Region;
use crate::domain::taxonomy::TopicIx;
use hashbrown::HashSet;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::Arc;

/// A targeting clause with resolved, sorted values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Resolved<T> {
    /// At least one of these must match; empty matches everything.
    pub(crate) any: Vec<T>,
    /// None of these may match.
    pub(crate) none: Vec<T>,
}

impl<T> Default for Resolved<T> {
    fn default() -> Self {
        Resolved { any: Vec::new(), none: Vec::new() }
    }
}

impl<T: PartialEq + 'static> StaticDefault for Resolved<T> {
    const DEFAULT: &'static Self = &Resolved { any: Vec::new(), none: Vec::new() };
}

impl<T: Ord> Resolved<T> {
    /// A clause of values in any order.
    pub(crate) fn new(mut any: Vec<T>, mut none: Vec<T>) -> Resolved<T> {
        for values in [&mut any, &mut none] {
            values.sort_unstable();
            values.dedup();
            values.shrink_to_fit();
        }
        Resolved { any, none }
    }
}

impl<T: PartialEq> Resolved<T> {
    /// Whether a page with these values matches. `covers(mine, theirs)` returns whether a value of
    /// the flight covers a value of the page.
    pub(crate) fn fits<V: Copy>(&self, values: &[V], covers: impl Fn(&T, V) -> bool) -> bool {
        let meets = |list: &[T]| list.iter().any(|mine| values.iter().any(|v| covers(mine, *v)));
        (self.any.is_empty() || meets(&self.any)) && !meets(&self.none)
    }
}

/// A clause, kept once for all flights that have the same; nothing is kept of one that matches everything.
#[derive(Clone, Debug)]
pub(crate) struct SharedClause<T>(Option<Arc<Resolved<T>>>);

impl<T> Default for SharedClause<T> {
    fn default() -> Self {
        SharedClause(None)
    }
}

impl<T: PartialEq + 'static> Deref for SharedClause<T> {
    type Target = Resolved<T>;
    fn deref(&self) -> &Resolved<T> {
        self.0.as_deref().unwrap_or(Resolved::DEFAULT)
    }
}

/// The clauses of one dimension that flights share.
pub(crate) type Known<T> = HashSet<Arc<Resolved<T>>>;

impl<T: Hash + Eq + 'static> SharedClause<T> {
    /// The clause, as it is `known` if another flight has it.
    pub(crate) fn new(clause: Resolved<T>, known: &mut Known<T>) -> Self {
        if clause == *Resolved::DEFAULT {
            return SharedClause(None);
        }
        let found = known.get(&clause).cloned();
        SharedClause(Some(found.unwrap_or_else(|| {
            let clause = Arc::new(clause);
            known.insert(clause.clone());
            clause
        })))
    }
}

/// What a flight targets of one context key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CustomClause {
    /// The key's position among all that flights target.
    pub(crate) key: u32,
    /// Numbers of values.
    pub(crate) values: Resolved<u32>,
}

macro_rules! compiled_targeting {
    ($({$(
        $(#[$doc:meta])* $field:ident: $stated:ty => $value:ty, $reason:ident $(= $text:literal)?,
        $sentence:literal, $remedy:literal;
    )*})*) => {
        /// A flight's clause in every targeting dimension.
        #[derive(Clone, Debug, Default)]
        pub(crate) struct Targets {
            $($($(#[$doc])* pub $field: SharedClause<$value>,)*)*
            /// One clause per custom context key that it targets.
            pub(crate) custom: Box<[CustomClause]>,
        }

        /// The clauses of the flights compiled so far, by targeting dimension.
        #[derive(Default)]
        pub(crate) struct KnownClauses {
            $($(pub(crate) $field: Known<$value>,)*)*
        }
    };
}

targeting_dimensions!(compiled_targeting);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flights_with_the_same_clause_share_it_and_one_without_values_takes_none() {
        let mut known = Known::default();
        let mut shared =
            |any: &[u32]| SharedClause::new(Resolved::new(any.to_vec(), Vec::new()), &mut known);
        let (one, same, other, open) =
            (shared(&[2, 1, 2]), shared(&[1, 2]), shared(&[1]), shared(&[]));
        assert!(std::ptr::eq(&raw const *one, &raw const *same) && *one != *other);
        assert!(open.0.is_none() && open.any.is_empty());
        assert_eq!((known.len(), one.any.as_slice()), (2, [1, 2].as_slice()));
    }
}
