//! The two parties of a sale: who pays, and whose page it is.

use crate::domain::id::AdvertiserId;
use crate::domain::id::EntityId;
use crate::domain::id::PlacementId;
use crate::domain::id::PublisherId;
use crate::domain::id::SectorId;
use crate::domain::id::TopicId;
use crate::domain::money::Currency;
use crate::domain::picture::Source;
use crate::domain::region::Country;
use crate::domain::region::Region;
use crate::domain::zone::Zone;
use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// Who pays for units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Advertiser {
    /// Names it everywhere.
    pub id: AdvertiserId,
    /// Shown to readers in the sponsor line.
    #[garde(length(chars, min = 1, max = 60))]
    pub name: String,
    /// Its logo, beside the sponsor line of units in the styles `terminal` and `card`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<Source>,
    /// The entity that this advertiser is: its own stories and its rivals' are guarded by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<EntityId>,
    /// Hosts its landing pages may live on; a host allows its subdomains.
    #[garde(length(min = 1, max = 50))]
    pub domains: Vec<String>,
    /// What it is billed in.
    pub currency: Currency,
    /// Whose midnight ends a day of its budgets and reports.
    #[serde(default)]
    pub time_zone: Zone,
    /// Allows landing pages without TLS. For tests on a closed network.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_http: bool,
    /// Nothing of this advertiser is served.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// Stopped by hand, until somebody resumes it: no file says so, and none undoes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
}

/// A site that shows units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Publisher {
    /// Names it everywhere.
    pub id: PublisherId,
    /// Shown to the operator.
    #[garde(length(chars, min = 1, max = 60))]
    pub name: String,
    /// Page origins its events may come from, such as `https://news.example`. Empty: not checked.
    #[serde(default)]
    #[garde(length(max = 50))]
    pub origins: Vec<String>,
    /// Origins whose pages are `test` by themselves.
    #[serde(default)]
    #[garde(length(max = 50))]
    pub staging_origins: Vec<String>,
    /// Where its readers are when nothing else is known.
    pub default_country: Country,
    /// The language of its pages when a page does not say.
    pub language: crate::domain::language::Language,
    /// How much is observed on its pages.
    #[serde(default)]
    pub measurement: Measurement,
    /// How much of a page's address is kept.
    #[serde(default)]
    pub page_urls: PageUrls,
    /// The named slots on its pages.
    #[garde(dive, length(min = 1, max = 64))]
    pub placements: Vec<Placement>,
    /// What it refuses.
    #[serde(default)]
    pub blocks: Blocks,
    /// Lines of business it accepts. Empty: those that need no permission.
    #[serde(default)]
    pub sectors: Vec<SectorId>,
    /// What a story about a sponsor or its rivals does to that sponsor's units.
    #[serde(default)]
    pub subject_conflict: SubjectConflict,
    /// Its share of what its pages earn, each from a day on.
    #[serde(default)]
    #[garde(dive)]
    pub revenue_share: Vec<RevenueShare>,
    /// Nothing is served on this site.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// URL prefixes on which nothing is served.
    #[serde(default)]
    pub stopped_paths: Vec<String>,
    /// Topics, with all below them, on which nothing is served.
    #[serde(default)]
    pub stopped_topics: Vec<TopicId>,
    /// Stopped by hand, until somebody resumes it.
    #[serde(default, skip_serializing_if = "Held::is_nothing")]
    pub held: Held,
}

impl Advertiser {
    /// Whether a file or somebody by hand stopped it.
    pub fn is_stopped(&self) -> bool {
        self.stopped || self.held
    }
}

/// What of a site was stopped by hand: no file says so, and none undoes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Held {
    /// All of it.
    pub site: bool,
    /// URL prefixes.
    pub paths: Vec<String>,
    /// Topics, with all below them.
    pub topics: Vec<TopicId>,
}

impl Held {
    /// Whether nothing is held.
    pub fn is_nothing(&self) -> bool {
        *self == Held::default()
    }
}

impl Publisher {
    /// Whether nothing is served on the whole site.
    pub fn is_stopped(&self) -> bool {
        self.stopped || self.held.site
    }

    /// URL prefixes on which nothing is served.
    pub fn all_stopped_paths(&self) -> impl Iterator<Item = &str> {
        self.stopped_paths.iter().chain(&self.held.paths).map(String::as_str)
    }

    /// Topics on which nothing is served.
    pub fn all_stopped_topics(&self) -> impl Iterator<Item = &TopicId> {
        self.stopped_topics.iter().chain(&self.held.topics)
    }
}

/// A named slot on a publisher's pages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Placement {
    /// The name a page asks by.
    pub id: PlacementId,
    /// Shown to the operator.
    #[serde(default)]
    #[garde(length(chars, max = 60))]
    pub name: String,
    /// Styles it can render, best first.
    #[garde(length(min = 1))]
    pub styles: Vec<Style>,
}

/// What a publisher refuses, whoever pays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Blocks {
    /// Advertisers it does not work with.
    pub advertisers: Vec<AdvertiserId>,
    /// Lines of business it does not show.
    pub sectors: Vec<SectorId>,
    /// Entities whose sponsorship it does not show, with all they own.
    pub entities: Vec<EntityId>,
}

/// A share of revenue, from a day on until the next entry's day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct RevenueShare {
    /// First day, in UTC.
    #[schemars(with = "String")]
    pub from: jiff::civil::Date,
    /// Hundredths of a per cent: 7000 is 70 %.
    #[garde(range(max = 10_000))]
    pub bp: u16,
}

/// A region a sector may be sold in: sensitive lines of business need one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Sector {
    /// Names it.
    pub id: SectorId,
    /// Shown to people.
    #[garde(length(chars, min = 1, max = 60))]
    pub name: String,
    /// Needs a publisher's and a region's permission.
    #[serde(default)]
    pub restricted: bool,
    /// Regions in which a restricted sector may be shown.
    #[serde(default)]
    pub regions: Vec<Region>,
}

closed! {
    /// How a unit looks.
    #[derive(Default)]
    Style {
        /// A terminal window with a command line.
        #[default]
        Terminal = "terminal",
        /// A card with a headline and a body.
        Card = "card",
        /// One line of text.
        Line = "line",
    }
}

closed! {
    /// How much is observed on a publisher's pages.
    #[derive(Default)]
    Measurement {
        /// Impressions, viewability, clicks; visitor limits in memory.
        #[default]
        Full = "full",
        /// No viewport observation and no visitor key.
        Basic = "basic",
        /// Nothing is counted but the decision and the click.
        None = "none",
    }
}

closed! {
    /// How much of a page's address is kept; query and fragment never are.
    #[derive(Default)]
    PageUrls {
        /// Host and path.
        Path = "path",
        /// The host.
        #[default]
        Host = "host",
        /// Nothing.
        None = "none",
    }
}

closed! {
    /// Which stories keep a sponsor off the page.
    #[derive(Default)]
    SubjectConflict {
        /// Stories whose subject is the sponsor or a rival.
        #[default]
        Subject = "subject",
        /// Those, and stories that mention either.
        Mention = "mention",
        /// None: the publisher decides by hand.
        Off = "off",
    }
}
