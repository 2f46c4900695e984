//! How a page answers each targeting dimension. The dimensions themselves are listed in
//! [`domain::targeting`](crate::domain::targeting).

use crate::domain::entity::EntityIx;
use crate::domain::id::{EntityId, PlacementId, PublisherId, TopicId};
use crate::domain::region::Country;
use crate::domain::targeting::{Clause, Fact, Targeting};
use crate::domain::taxonomy::TopicIx;
use crate::domain::{language, name_key, region};
use crate::selection::compiled::Compiled;
use crate::selection::custom_targets;
use crate::selection::filter_reason::FilterReason;
use crate::selection::query::Query;
use crate::selection::targets::{Known, KnownClauses, Resolved, SharedClause, Targets};
use hashbrown::HashMap;
use std::collections::BTreeSet;
use std::hash::Hash;

/// One targeting dimension: how it is compiled, looked up in the index, and checked flight by flight.
pub(crate) trait Dimension {
    /// A value in a flight document.
    type Stated;
    /// A value in a compiled flight.
    type Value: Clone + Ord + Hash + 'static;
    /// Finds the index of a page's value; `()` where values are numbers.
    type Numbers: Default;

    /// The order in which the index asks the dimensions: first those that rule out the most flights.
    const RANK: u8 = LAST_RANK;

    /// Whether the index tells flights that target a page's value itself from those that target a
    /// broader one.
    const LEVELS: bool = false;

    /// Resolves a value of a document; `None` if it does not exist.
    fn compile(compiled: &Compiled, stated: &Self::Stated) -> Option<Self::Value>;

    /// Every value that the index has rows for, each followed by the broader ones that cover it. The
    /// position is the value's index.
    fn values(compiled: &Compiled) -> impl Iterator<Item = Vec<Self::Value>>;

    /// The indices of [`values`](Dimension::values).
    fn numbers(_compiled: &Compiled) -> Self::Numbers {
        Self::Numbers::default()
    }

    /// The indices of the page's values.
    fn of_page(numbers: &Self::Numbers, query: &Query<'_>) -> impl Iterator<Item = u32> + Clone;

    /// Whether a page fits a flight's clause: the same as the index answers, without its rows.
    fn fits(query: &Query<'_>, clause: &Resolved<Self::Value>) -> bool;
}

/// The rank of dimensions that rule out few flights.
pub(crate) const LAST_RANK: u8 = 3;

fn numbered<T>(list: impl IntoIterator<Item = T>) -> impl Iterator<Item = (T, u32)> {
    list.into_iter().zip(0u32..)
}

fn count(values: usize) -> std::ops::Range<u32> {
    0..u32::try_from(values).unwrap_or(u32::MAX)
}

/// The values that any flight names.
fn named<'a, V: Ord + 'static>(
    compiled: &'a Compiled,
    clause: impl Fn(&'a Targets) -> &'a Resolved<V>,
) -> BTreeSet<&'a V> {
    let clauses = compiled.flights.iter().map(|flight| clause(&flight.targets));
    clauses.flat_map(|clause| clause.any.iter().chain(&clause.none)).collect()
}

/// Topics of the page, with their ancestors.
pub(crate) struct Topic;

impl Dimension for Topic {
    type Stated = TopicId;
    type Value = TopicIx;
    type Numbers = ();
    const RANK: u8 = 0;
    const LEVELS: bool = true;

    fn compile(compiled: &Compiled, stated: &TopicId) -> Option<TopicIx> {
        compiled.taxonomy.of_id(stated)
    }

    fn values(compiled: &Compiled) -> impl Iterator<Item = Vec<TopicIx>> {
        compiled.taxonomy.all().map(|topic| compiled.taxonomy.with_ancestors(topic))
    }

    fn of_page((): &(), query: &Query<'_>) -> impl Iterator<Item = u32> + Clone {
        query.page.topics.iter().map(|topic| topic.0)
    }

    fn fits(query: &Query<'_>, clause: &Resolved<TopicIx>) -> bool {
        let taxonomy = &query.compiled.taxonomy;
        clause.fits(&query.page.topics, |mine, theirs| taxonomy.covers(*mine, theirs))
    }
}

/// Entities of the page, with their owners.
pub(crate) struct Entity;

impl Dimension for Entity {
    type Stated = EntityId;
    type Value = EntityIx;
    type Numbers = ();

    fn compile(compiled: &Compiled, stated: &EntityId) -> Option<EntityIx> {
        compiled.entities.of_id(stated)
    }

    fn values(compiled: &Compiled) -> impl Iterator<Item = Vec<EntityIx>> {
        compiled.entities.all().map(|entity| compiled.entities.owners(entity).to_vec())
    }

    fn of_page((): &(), query: &Query<'_>) -> impl Iterator<Item = u32> + Clone {
        query.page.entities.iter().map(|(entity, _)| entity.0)
    }

    fn fits(query: &Query<'_>, clause: &Resolved<EntityIx>) -> bool {
        let entities = &query.compiled.entities;
        clause.fits(&query.page.entities, |mine, (theirs, _)| entities.covers(*mine, theirs))
    }
}

/// The reader's country, with the groups that contain it.
pub(crate) struct Region;

impl Dimension for Region {
    type Stated = region::Region;
    type Value = region::Region;
    type Numbers = HashMap<Country, u32>;
    const RANK: u8 = 1;
    const LEVELS: bool = true;

    fn compile(_: &Compiled, stated: &region::Region) -> Option<region::Region> {
        Some(stated.clone())
    }

    fn values(compiled: &Compiled) -> impl Iterator<Item = Vec<region::Region>> {
        compiled.regions.countries().map(|country| compiled.regions.with_groups(country))
    }

    fn numbers(compiled: &Compiled) -> HashMap<Country, u32> {
        numbered(compiled.regions.countries()).collect()
    }

    fn of_page(
        numbers: &HashMap<Country, u32>,
        query: &Query<'_>,
    ) -> impl Iterator<Item = u32> + Clone {
        query.page.viewer.country.and_then(|country| numbers.get(&country).copied()).into_iter()
    }

    fn fits(query: &Query<'_>, clause: &Resolved<region::Region>) -> bool {
        let regions = &query.compiled.regions;
        clause.fits(query.page.viewer.country.as_slice(), |mine, country| {
            regions.covers(mine, country)
        })
    }
}

/// The region the page is about, with the regions that contain it.
pub(crate) struct PageRegion;

impl Dimension for PageRegion {
    type Stated = region::Region;
    type Value = region::Region;
    type Numbers = HashMap<region::Region, u32>;

    fn compile(_: &Compiled, stated: &region::Region) -> Option<region::Region> {
        Some(stated.clone())
    }

    fn values(compiled: &Compiled) -> impl Iterator<Item = Vec<region::Region>> {
        compiled.regions.all().map(|region| {
            let mut chain = compiled.regions.containing(&region);
            chain.retain(|other| *other != region);
            chain.insert(0, region);
            chain
        })
    }

    fn numbers(compiled: &Compiled) -> HashMap<region::Region, u32> {
        numbered(compiled.regions.all()).collect()
    }

    fn of_page(
        numbers: &HashMap<region::Region, u32>,
        query: &Query<'_>,
    ) -> impl Iterator<Item = u32> + Clone {
        query.page.region.as_ref().and_then(|region| numbers.get(region).copied()).into_iter()
    }

    fn fits(query: &Query<'_>, clause: &Resolved<region::Region>) -> bool {
        let regions = &query.compiled.regions;
        clause.fits(query.page.region.as_ref().as_slice(), |mine, theirs| {
            regions.within(mine, theirs)
        })
    }
}

/// The page's language, with the language it is a variant of.
pub(crate) struct Language;

impl Dimension for Language {
    type Stated = language::Language;
    type Value = language::Language;
    type Numbers = HashMap<Box<str>, u32>;
    const RANK: u8 = 2;

    fn compile(_: &Compiled, stated: &language::Language) -> Option<language::Language> {
        Some(stated.clone())
    }

    fn values(compiled: &Compiled) -> impl Iterator<Item = Vec<language::Language>> {
        named(compiled, |targets| &targets.languages).into_iter().map(|one| vec![one.clone()])
    }

    fn numbers(compiled: &Compiled) -> HashMap<Box<str>, u32> {
        let named = named(compiled, |targets| &targets.languages);
        numbered(named.into_iter().map(|one| one.as_str().into())).collect()
    }

    fn of_page(
        numbers: &HashMap<Box<str>, u32>,
        query: &Query<'_>,
    ) -> impl Iterator<Item = u32> + Clone {
        query.page.language.covering().filter_map(|tag| numbers.get(tag).copied())
    }

    fn fits(query: &Query<'_>, clause: &Resolved<language::Language>) -> bool {
        clause.fits(&[&query.page.language], language::Language::covers)
    }
}

/// Keywords of the page.
pub(crate) struct Keyword;

impl Dimension for Keyword {
    type Stated = String;
    type Value = u32;
    type Numbers = ();

    fn compile(compiled: &Compiled, stated: &String) -> Option<u32> {
        compiled.keywords.get(name_key::key(stated)?.as_str()).copied()
    }

    fn values(compiled: &Compiled) -> impl Iterator<Item = Vec<u32>> {
        count(compiled.keywords.len()).map(|number| vec![number])
    }

    fn of_page((): &(), query: &Query<'_>) -> impl Iterator<Item = u32> + Clone {
        query.page.keywords.iter().copied()
    }

    fn fits(query: &Query<'_>, clause: &Resolved<u32>) -> bool {
        clause.fits(&query.page.keywords, |mine, theirs| *mine == theirs)
    }
}

/// The page's publisher.
pub(crate) struct Publisher;

impl Dimension for Publisher {
    type Stated = PublisherId;
    type Value = u32;
    type Numbers = ();

    fn compile(compiled: &Compiled, stated: &PublisherId) -> Option<u32> {
        compiled.publisher_by_id.get(stated.as_str()).copied()
    }

    fn values(compiled: &Compiled) -> impl Iterator<Item = Vec<u32>> {
        count(compiled.publishers.len()).map(|number| vec![number])
    }

    fn of_page((): &(), query: &Query<'_>) -> impl Iterator<Item = u32> + Clone {
        std::iter::once(query.page.publisher)
    }

    fn fits(query: &Query<'_>, clause: &Resolved<u32>) -> bool {
        clause.fits(&[query.page.publisher], |mine, theirs| *mine == theirs)
    }
}

/// The slot's placement, by its id.
pub(crate) struct Placement;

impl Dimension for Placement {
    type Stated = PlacementId;
    type Value = Box<str>;
    type Numbers = HashMap<Box<str>, u32>;

    fn compile(_: &Compiled, stated: &PlacementId) -> Option<Box<str>> {
        Some(stated.as_str().into())
    }

    fn values(compiled: &Compiled) -> impl Iterator<Item = Vec<Box<str>>> {
        named(compiled, |targets| &targets.placements).into_iter().map(|id| vec![id.clone()])
    }

    fn numbers(compiled: &Compiled) -> HashMap<Box<str>, u32> {
        numbered(named(compiled, |targets| &targets.placements).into_iter().cloned()).collect()
    }

    fn of_page(
        numbers: &HashMap<Box<str>, u32>,
        query: &Query<'_>,
    ) -> impl Iterator<Item = u32> + Clone {
        numbers.get(query.placement()).copied().into_iter()
    }

    fn fits(query: &Query<'_>, clause: &Resolved<Box<str>>) -> bool {
        clause.fits(&[query.placement()], |mine, theirs| mine.as_ref() == theirs)
    }
}

macro_rules! facts {
    ({$($named:tt)*} {$(
        $(#[$doc:meta])* $field:ident: $stated:ty => $value:ty, $reason:ident = $text:literal,
        $sentence:literal, $remedy:literal;
    )*}) => {$(
        $(#[$doc])*
        pub(crate) struct $reason;

        impl Dimension for $reason {
            type Stated = $stated;
            type Value = $value;
            type Numbers = ();

            fn compile(_: &Compiled, stated: &$stated) -> Option<$value> {
                Some(*stated)
            }

            fn values(_: &Compiled) -> impl Iterator<Item = Vec<$value>> {
                <$value as Fact>::ALL.iter().map(|value| vec![*value])
            }

            fn of_page((): &(), query: &Query<'_>) -> impl Iterator<Item = u32> + Clone {
                let stated = query.page.facts.$field;
                let values = <$value as Fact>::ALL.iter().zip(0u32..);
                values.filter(move |(value, _)| Some(**value) == stated).map(|(_, number)| number)
            }

            fn fits(query: &Query<'_>, clause: &Resolved<$value>) -> bool {
                clause.fits(query.page.facts.$field.as_slice(), |mine, theirs| *mine == theirs)
            }
        }
    )*};
}

targeting_dimensions!(facts);

fn resolved<D: Dimension>(
    compiled: &Compiled,
    clause: &Clause<D::Stated>,
    known: &mut Known<D::Value>,
) -> SharedClause<D::Value> {
    let list = |items: &[D::Stated]| -> Vec<D::Value> {
        items.iter().filter_map(|stated| D::compile(compiled, stated)).collect()
    };
    SharedClause::new(Resolved::new(list(&clause.any), list(&clause.none)), known)
}

macro_rules! every_dimension {
    ($({$(
        $(#[$doc:meta])* $field:ident: $stated:ty => $value:ty, $reason:ident $(= $text:literal)?,
        $sentence:literal, $remedy:literal;
    )*})*) => {
        impl Targets {
            /// Compiles a flight's targeting. Values that do not exist are left out.
            pub(crate) fn compile(
                compiled: &Compiled,
                targeting: &Targeting,
                known: &mut KnownClauses,
            ) -> Targets {
                Targets {
                    $($($field: resolved::<$reason>(compiled, &targeting.$field, &mut known.$field),)*)*
                    custom: custom_targets::clauses(compiled, &targeting.custom),
                }
            }

            /// Whether the page fits the dimension that filters with this reason; true for reasons that
            /// are no dimension.
            pub(crate) fn fits(&self, query: &Query<'_>, reason: FilterReason) -> bool {
                match reason {
                    $($(FilterReason::$reason => $reason::fits(query, &self.$field),)*)*
                    FilterReason::Custom => custom_targets::fit(&self.custom, query),
                    _ => true,
                }
            }
        }
    };
}

targeting_dimensions!(every_dimension);
