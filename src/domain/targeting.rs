//! The targeting dimensions: one row each in `targeting_dimensions`, from which the documents, the
//! checks, the compiled flight, the index, the filters, the explanations and the API follow.

use crate::domain::boxed_or_default::{BoxedOrDefault, StaticDefault};
use crate::domain::exact_list;
use crate::domain::id::{ContextKeyId, EntityId, PlacementId, PublisherId, TopicId};
use crate::domain::language::Language;
use crate::domain::region::Region;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::hash::Hash;
use std::str::FromStr;

/// Calls a macro with every targeting dimension, in the order of the stored documents:
///
/// ```text
/// /// What the values are.
/// FIELD: VALUE IN DOCUMENTS => VALUE IN A COMPILED FLIGHT, FILTER REASON,
/// "why a flight is filtered", "what would let it pass";
/// ```
///
/// The first group are names with rules of their own: `selection::dimension` says how a page answers
/// each of them, `selection::filter_reason` in which order they filter. The second group are facts that
/// a page states about itself under the field's name, as one [`Fact`]; nothing else is needed for them.
macro_rules! targeting_dimensions {
    ($then:ident) => {
        $then! {{
            /// Topics of the page; a topic includes its descendants.
            topics: TopicId => TopicIx, Topic,
            "none of its topics is on the page, or one it excludes is",
            "the flight must target a topic of the page or a parent of one";

            /// Entities of the page; an entity includes those it owns.
            entities: EntityId => EntityIx, Entity,
            "none of its entities is on the page, or one it excludes is",
            "the flight must target an entity of the page or its owner";

            /// Regions of the reader: countries or groups.
            regions: Region => Region, Region,
            "it does not target the reader's region",
            "the flight's regions must include the reader's country";

            /// Regions the page is about: countries or groups.
            page_regions: Region => Region, PageRegion,
            "it does not target pages about this region",
            "the flight's page regions must include the page's region";

            /// The page's language.
            languages: Language => Language, Language,
            "it does not target pages in this language",
            "the flight's languages must include the page's language";

            /// Keywords of the page.
            keywords: String => u32, Keyword,
            "none of its keywords is on the page, or one it excludes is",
            "the flight must target a keyword of the page";

            /// Publishers.
            publishers: PublisherId => u32, Publisher,
            "it does not target this publisher",
            "the flight must target this publisher, or none";

            /// Placement ids, on any publisher.
            placements: PlacementId => Box<str>, Placement,
            "it does not target this placement",
            "the flight must target this placement, or none";
        } {
            /// The tone in which the page writes about its subject.
            sentiment: crate::domain::targeting::Sentiment => crate::domain::targeting::Sentiment,
            Sentiment = "sentiment",
            "it does not target pages with this sentiment, or pages that state none",
            "the flight must target the page's sentiment, or none";

            /// Whether the publisher has verified what the page says.
            verified: bool => bool, Verified = "verified",
            "it does not target pages that state this about their verification, or state nothing",
            "the flight must target the page's `verified`, or none";
        }}
    };
}

/// One dimension of a flight's targeting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, bound(deserialize = "T: Deserialize<'de>"))]
pub struct Clause<T> {
    /// At least one of these must match. Empty: everything matches.
    #[serde(deserialize_with = "exact_list::deserialize", skip_serializing_if = "Vec::is_empty")]
    pub(crate) any: Vec<T>,
    /// None of these may match.
    #[serde(deserialize_with = "exact_list::deserialize", skip_serializing_if = "Vec::is_empty")]
    pub(crate) none: Vec<T>,
}

impl<T> Default for Clause<T> {
    fn default() -> Self {
        Clause { any: Vec::new(), none: Vec::new() }
    }
}

impl<T: PartialEq + 'static> StaticDefault for Clause<T> {
    const DEFAULT: &'static Self = &Clause { any: Vec::new(), none: Vec::new() };
}

/// What a flight targets of each context key; all keys must match.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CustomTargeting(pub(crate) BTreeMap<ContextKeyId, Clause<String>>);

impl StaticDefault for CustomTargeting {
    const DEFAULT: &'static Self = &CustomTargeting(BTreeMap::new());
}

/// A value of a closed list that a page states about itself.
pub(crate) trait Fact: Copy + Ord + Hash + Display + FromStr + Serialize + 'static {
    /// Every value.
    const ALL: &'static [Self];
}

string_enum! {
    /// The tone in which a page writes about its subject.
    Sentiment {
        /// Favourable.
        Positive = "positive",
        /// Neither favourable nor critical.
        Neutral = "neutral",
        /// Critical.
        Negative = "negative",
    }
}

impl Fact for Sentiment {
    const ALL: &'static [Sentiment] = Sentiment::ALL;
}

impl Fact for bool {
    const ALL: &'static [bool] = &[true, false];
}

/// A fact as the API documents it.
pub struct FactField {
    /// Its name in a page and in targeting.
    pub name: &'static str,
    /// What it says.
    pub(crate) about: &'static str,
    /// Its values, as JSON.
    pub values: Vec<serde_json::Value>,
}

fn values<T: Fact>() -> Vec<serde_json::Value> {
    T::ALL.iter().map(|value| serde_json::json!(value)).collect()
}

macro_rules! documents {
    ({$(
        $(#[$doc:meta])* $field:ident: $stated:ty => $value:ty, $reason:ident,
        $sentence:literal, $remedy:literal;
    )*} {$(
        $(#[doc = $about:literal])* $fact:ident: $fact_value:ty => $same:ty, $fact_reason:ident = $text:literal,
        $fact_sentence:literal, $fact_remedy:literal;
    )*}) => {
        /// Targeting: all dimensions must match. Within a dimension, `any` lists accepted values (empty
        /// matches everything) and `none` lists excluded values. A page without a value fails a
        /// non-empty `any` and passes `none`: a page without topics only gets run-of-site flights.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct Targeting {
            $($(#[$doc])* pub $field: BoxedOrDefault<Clause<$stated>>,)*
            // Left out while empty, so that inventories without it keep their content hash.
            $($(#[doc = $about])* #[serde(skip_serializing_if = "BoxedOrDefault::is_default")]
            pub $fact: BoxedOrDefault<Clause<$fact_value>>,)*
            /// By context key of the inventory: what the page states for it under `custom`.
            #[serde(skip_serializing_if = "BoxedOrDefault::is_default")]
            pub(crate) custom: BoxedOrDefault<CustomTargeting>,
        }

        /// What a page states about itself; it need not state anything.
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema,
        )]
        pub struct PageFacts {
            $($(#[doc = $about])* #[serde(skip_serializing_if = "Option::is_none")]
            pub $fact: Option<$fact_value>,)*
        }

        impl PageFacts {
            /// Every fact.
            pub fn all() -> Vec<FactField> {
                vec![$(FactField {
                    name: stringify!($fact),
                    about: concat!($($about),*).trim_ascii_start(),
                    values: values::<$fact_value>(),
                },)*]
            }
        }
    };
}

targeting_dimensions!(documents);
