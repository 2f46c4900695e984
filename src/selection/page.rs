//! The page as a decision sees it: names resolved to numbers of one snapshot.

use crate::domain::entity::EntityIx;
use crate::domain::language::Language;
use crate::domain::party::Style;
use crate::domain::region::Country;
use crate::domain::region::Region;
use crate::domain::taxonomy::TopicIx;
use serde::Deserialize;
use serde::Serialize;
use smallvec::SmallVec;

closed! {
    /// What an entity is to the page.
    #[derive(Default)]
    Role {
        /// The story is about it.
        Subject = "subject",
        /// The story names it.
        #[default]
        Mention = "mention",
    }
}

closed! {
    /// What a page allows.
    #[derive(Default)]
    Commercial {
        /// Every unit.
        #[default]
        Allow = "allow",
        /// House units alone.
        HouseOnly = "house_only",
        /// Nothing.
        None = "none",
    }
}

closed! {
    /// How the reader's region is known, best first.
    RegionBasis {
        /// A trusted proxy or the operator's table of addresses said so.
        Observed = "observed",
        /// The page said so.
        Declared = "declared",
        /// The publisher's usual country.
        PublisherDefault = "publisher_default",
        /// Nobody knows: the strictest label holds.
        Unknown = "unknown",
    }
}

/// Where the reader is, at country level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Viewer {
    /// The country, where known.
    pub country: Option<Country>,
    /// How it is known.
    pub basis: RegionBasis,
}

/// A placement asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    /// Names the answer.
    pub key: Box<str>,
    /// The publisher's placement, by its number; `None` when there is no such placement.
    pub placement: Option<u32>,
    /// Styles it takes, best first.
    pub styles: SmallVec<[Style; 3]>,
}

/// A page, normalised: everything a decision depends on but the world, the time and the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Whose page it is, by number.
    pub publisher: u32,
    /// What it is about, in the page's order.
    pub topics: SmallVec<[TopicIx; 8]>,
    /// Whom it is about, in the page's order.
    pub entities: SmallVec<[(EntityIx, Role); 8]>,
    /// Keys of its topics and entities that the inventory does not know: for the gap report.
    pub unknown: SmallVec<[Box<str>; 1]>,
    /// Its keywords that any flight asks for, by number.
    pub keywords: SmallVec<[u32; 8]>,
    /// Where it is about.
    pub region: Option<Region>,
    /// What it is written in.
    pub language: Language,
    /// What it allows.
    pub commercial: Commercial,
    /// It declared itself sensitive, or one of its topics is.
    pub sensitive: bool,
    /// It lies under something its publisher stopped.
    pub stopped: bool,
    /// Creatives that this page view shows already, by number.
    pub shown: SmallVec<[u32; 4]>,
    /// Where its reader is.
    pub viewer: Viewer,
    /// The placements, in request order.
    pub slots: SmallVec<[Slot; 2]>,
}
