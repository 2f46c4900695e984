//! The targeting dimensions: one row each in [`targeting_dimensions`], from which the documents, the
//! checks, the compiled flight, the index, the filters, the explanations and the API follow.

use crate::domain::boxed_or_default::{BoxedOrDefault, StaticDefault};
use crate::domain::id::{EntityId, PlacementId, PublisherId, TopicId};
use crate::domain::language::Language;
use crate::domain::region::Region;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Calls a macro with every targeting dimension, in the order of the stored documents:
///
/// ```text
/// /// What the values are.
/// FIELD: VALUE IN DOCUMENTS => VALUE IN A COMPILED FLIGHT, FILTER REASON,
/// "why a flight is filtered", "what would let it pass";
/// ```
///
/// `selection::dimension` says how a page answers each of them, `selection::filter_reason` in which
/// order they filter.
macro_rules! targeting_dimensions {
    ($then:ident) => {
        $then! {
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
        }
    };
}

/// One dimension of a flight's targeting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, bound(deserialize = "T: Deserialize<'de>"))]
pub struct Clause<T> {
    /// At least one of these must match. Empty: everything matches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub any: Vec<T>,
    /// None of these may match.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub none: Vec<T>,
}

impl<T> Default for Clause<T> {
    fn default() -> Self {
        Clause { any: Vec::new(), none: Vec::new() }
    }
}

impl<T: PartialEq + 'static> StaticDefault for Clause<T> {
    const DEFAULT: &'static Self = &Clause { any: Vec::new(), none: Vec::new() };
}

macro_rules! documents {
    ($(
        $(#[$doc:meta])* $field:ident: $stated:ty => $value:ty, $reason:ident,
        $sentence:literal, $remedy:literal;
    )*) => {
        /// Targeting: all dimensions must match. Within a dimension, `any` lists accepted values (empty
        /// matches everything) and `none` lists excluded values. A page without a value fails a
        /// non-empty `any` and passes `none`: a page without topics only gets run-of-site flights.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct Targeting {
            $($(#[$doc])* pub $field: BoxedOrDefault<Clause<$stated>>,)*
        }
    };
}

targeting_dimensions!(documents);
