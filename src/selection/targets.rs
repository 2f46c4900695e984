//! The targeting of a compiled flight: names resolved to indices of one snapshot.

use crate::domain::boxed_or_default::{BoxedOrDefault, StaticDefault};
use crate::domain::entity::EntityIx;
use crate::domain::language::Language;
use crate::domain::region::Region;
use crate::domain::taxonomy::TopicIx;

/// A targeting clause with resolved, sorted values.
#[derive(Clone, Debug, PartialEq)]
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

impl<T: PartialEq> Resolved<T> {
    /// Whether a page with these values matches. `covers(mine, theirs)` returns whether a value of
    /// the flight covers a value of the page.
    pub(crate) fn fits<V: Copy>(&self, values: &[V], covers: impl Fn(&T, V) -> bool) -> bool {
        let meets = |list: &[T]| list.iter().any(|mine| values.iter().any(|v| covers(mine, *v)));
        (self.any.is_empty() || meets(&self.any)) && !meets(&self.none)
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
            $($($(#[$doc])* pub $field: BoxedOrDefault<Resolved<$value>>,)*)*
            /// One clause per custom context key that it targets.
            pub(crate) custom: Box<[CustomClause]>,
        }
    };
}

targeting_dimensions!(compiled_targeting);
