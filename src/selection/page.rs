//! The page as input of a selection: names resolved to indices of one snapshot.

use crate::domain::entity::EntityIx;
use crate::domain::language::Language;
use crate::domain::party::Style;
use crate::domain::region::{Country, Region};
use crate::domain::targeting::PageFacts;
use crate::domain::taxonomy::TopicIx;
use smallvec::SmallVec;

string_enum! {
    /// The role of an entity on the page.
    #[derive(Default)]
    Role {
        /// The page is about it.
        Subject = "subject",
        /// The page mentions it.
        #[default]
        Mention = "mention",
    }
}

string_enum! {
    /// Which units a page allows.
    #[derive(Default)]
    Commercial {
        /// All units.
        #[default]
        Allow = "allow",
        /// House units only.
        HouseOnly = "house_only",
        /// No units.
        None = "none",
    }
}

string_enum! {
    /// The source of the reader's region, most reliable first.
    RegionBasis {
        /// A trusted proxy or the operator's IP address table.
        Observed = "observed",
        /// Declared by the page.
        Declared = "declared",
        /// The publisher's default country.
        PublisherDefault = "publisher_default",
        /// Unknown; the strictest label applies.
        Unknown = "unknown",
    }
}

/// The reader's location, at country level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Viewer {
    /// The country, if known.
    pub country: Option<Country>,
    /// The source of the country.
    pub(crate) basis: RegionBasis,
}

/// A requested slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Identifies the slot in the reply.
    pub(crate) key: Box<str>,
    /// Index of the publisher's placement; `None` if it is unknown.
    pub(crate) placement: Option<u32>,
    /// Accepted styles, in order of preference.
    pub(crate) styles: SmallVec<[Style; 3]>,
}

/// A normalised page: every input of a selection except the world, the time and the request id.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Index of the publisher.
    pub(crate) publisher: u32,
    /// Topics, in the page's order.
    pub(crate) topics: SmallVec<[TopicIx; 8]>,
    /// Entities, in the page's order.
    pub(crate) entities: SmallVec<[(EntityIx, Role); 8]>,
    /// Keys of its topics and entities that are not in the inventory, for the gap report.
    pub(crate) unknown: SmallVec<[Box<str>; 1]>,
    /// Indices of its keywords; keywords that no flight targets are omitted.
    pub(crate) keywords: SmallVec<[u32; 8]>,
    /// The region it is about.
    pub(crate) region: Option<Region>,
    /// Its language.
    pub language: Language,
    /// What it states about itself.
    pub(crate) facts: PageFacts,
    /// Numbers of what it states for custom context keys, in ascending order; values that no rule asks about
    /// are omitted.
    pub(crate) custom: SmallVec<[u32; 4]>,
    /// Which units it allows.
    pub commercial: Commercial,
    /// Whether it declared itself sensitive or one of its topics is.
    pub(crate) sensitive: bool,
    /// Whether its site, path or a topic of it is paused.
    pub(crate) paused: bool,
    /// Indices of the creatives already shown in this page view.
    pub(crate) shown: SmallVec<[u32; 4]>,
    /// The reader's location.
    pub viewer: Viewer,
    /// The requested slots, in request order.
    pub slots: SmallVec<[Slot; 2]>,
}
