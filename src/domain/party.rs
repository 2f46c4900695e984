//! Advertisers, publishers with their placements, and advertiser categories.

use crate::domain::campaign::{PausedBy, ServingStatus};
use crate::domain::id::{AdvertiserId, CategoryId, EntityId, PlacementId, PublisherId, TopicId};
use crate::domain::image::Source;
use crate::domain::language::Language;
use crate::domain::local_time;
use crate::domain::money::Currency;
use crate::domain::origin;
use crate::domain::region::{Country, Region};
use crate::domain::zone::Zone;
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An advertiser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Advertiser {
    /// Unique id.
    pub(crate) id: AdvertiserId,
    /// Name shown to readers in the sponsor line.
    #[garde(length(chars, min = 1, max = 60))]
    pub(crate) name: String,
    /// Logo shown beside the sponsor line in the styles `terminal` and `card`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) logo: Option<Source>,
    /// The entity of this advertiser, for subject conflicts and competitive separation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entity: Option<EntityId>,
    /// Allowed hosts of its landing pages; a host includes its subdomains.
    #[garde(length(min = 1, max = 50))]
    pub(crate) domains: Vec<String>,
    /// Billing currency.
    pub(crate) currency: Currency,
    /// Time zone of the days in its budgets and reports.
    #[serde(default)]
    pub(crate) time_zone: Zone,
    /// The language of creatives that have none, nor one of their campaign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) language: Option<Language>,
    /// Allow landing pages without TLS. For tests on a closed network.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) allow_http: bool,
    /// Paused in a file: nothing of this advertiser is served.
    #[serde(default, skip_serializing_if = "ServingStatus::is_active")]
    pub(crate) status: ServingStatus,
    /// Set while an operator pauses it. Inventory files neither set nor clear it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) paused_by: Option<PausedBy>,
}

/// A publisher: a site that shows units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Publisher {
    /// Unique id.
    pub(crate) id: PublisherId,
    /// Name shown to the operator.
    #[garde(length(chars, min = 1, max = 60))]
    pub(crate) name: String,
    /// Page origins that its events may be sent from, such as `https://news.example`, `https://*.news.example`
    /// for every host below it, or `capacitor://localhost` of an app. Empty: not checked.
    #[serde(default, deserialize_with = "origin::deserialize")]
    #[garde(length(max = 50))]
    pub(crate) origins: Vec<String>,
    /// Origins whose decisions are always test decisions; written like `origins`.
    #[serde(default, deserialize_with = "origin::deserialize")]
    #[garde(length(max = 50))]
    pub(crate) staging_origins: Vec<String>,
    /// Who may request decisions for its pages.
    #[serde(default, skip_serializing_if = "DecisionAccess::is_open")]
    pub(crate) decide: DecisionAccess,
    /// Country assumed for readers whose country is unknown.
    pub(crate) default_country: Country,
    /// Language of pages that declare none.
    pub(crate) language: Language,
    /// What is measured on its pages.
    #[serde(default)]
    pub(crate) measurement: Measurement,
    /// How much of a page's URL is stored.
    #[serde(default)]
    pub(crate) page_urls: PageUrls,
    /// The named slots on its pages.
    #[garde(dive, length(min = 1, max = 64))]
    pub(crate) placements: Vec<Placement>,
    /// What it blocks.
    #[serde(default)]
    pub(crate) blocks: Blocks,
    /// Categories it accepts. Empty: those that need no permission.
    #[serde(default)]
    pub(crate) categories: Vec<CategoryId>,
    /// Which pages about an advertiser or its competitors exclude that advertiser's units.
    #[serde(default)]
    pub(crate) subject_conflict: SubjectConflict,
    /// Its revenue shares, each effective from a day on.
    #[serde(default)]
    #[garde(dive)]
    pub(crate) revenue_share: Vec<RevenueShare>,
    /// Paused in a file: nothing is served on this site.
    #[serde(default, skip_serializing_if = "ServingStatus::is_active")]
    pub(crate) status: ServingStatus,
    /// URL prefixes paused in a file: nothing is served below them.
    #[serde(default)]
    pub(crate) paused_paths: Vec<String>,
    /// Topics paused in a file: nothing is served on pages about them or their descendants.
    #[serde(default)]
    pub(crate) paused_topics: Vec<TopicId>,
    /// Pauses by an operator or by the publisher itself, until resumed.
    #[serde(default, skip_serializing_if = "ManualPauses::is_empty")]
    pub(crate) manual_pauses: ManualPauses,
    /// What the publisher itself blocks by API or on its page, in addition to `blocks`. Inventory files neither
    /// set nor clear it.
    #[serde(default, skip_serializing_if = "Blocks::is_empty")]
    pub(crate) manual_blocks: Blocks,
}

impl Advertiser {
    /// Whether it is paused, in a file or by an operator.
    pub(crate) fn is_paused(&self) -> bool {
        self.status == ServingStatus::Paused || self.paused_by.is_some()
    }
}

/// The parts of a site that an operator or the publisher paused by API or console. Inventory files neither set nor clear them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ManualPauses {
    /// The whole site.
    pub(crate) site: bool,
    /// URL prefixes.
    pub(crate) paths: Vec<String>,
    /// Topics, including their descendants.
    pub(crate) topics: Vec<TopicId>,
}

impl ManualPauses {
    /// Whether nothing is paused.
    pub(crate) fn is_empty(&self) -> bool {
        *self == ManualPauses::default()
    }
}

impl Publisher {
    /// Whether the whole site is paused, in a file or by an operator.
    pub(crate) fn is_paused(&self) -> bool {
        self.status == ServingStatus::Paused || self.manual_pauses.site
    }

    /// All paused URL prefixes, in files or by an operator.
    pub(crate) fn all_paused_paths(&self) -> impl Iterator<Item = &str> {
        self.paused_paths.iter().chain(&self.manual_pauses.paths).map(String::as_str)
    }

    /// All blocked advertisers, in files or by the publisher itself.
    pub(crate) fn all_blocked_advertisers(&self) -> impl Iterator<Item = &AdvertiserId> {
        self.blocks.advertisers.iter().chain(&self.manual_blocks.advertisers)
    }

    /// All blocked categories, in files or by the publisher itself.
    pub(crate) fn all_blocked_categories(&self) -> impl Iterator<Item = &CategoryId> {
        self.blocks.categories.iter().chain(&self.manual_blocks.categories)
    }

    /// All blocked entities, in files or by the publisher itself.
    pub(crate) fn all_blocked_entities(&self) -> impl Iterator<Item = &EntityId> {
        self.blocks.entities.iter().chain(&self.manual_blocks.entities)
    }

    /// All paused topics, in files or by an operator.
    pub(crate) fn all_paused_topics(&self) -> impl Iterator<Item = &TopicId> {
        self.paused_topics.iter().chain(&self.manual_pauses.topics)
    }
}

/// A named slot on a publisher's pages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Placement {
    /// The name that pages request it by.
    pub(crate) id: PlacementId,
    /// Name shown to the operator.
    #[serde(default)]
    #[garde(length(chars, max = 60))]
    pub(crate) name: String,
    /// Styles it can render, in order of preference.
    #[garde(length(min = 1))]
    pub(crate) styles: Vec<Style>,
}

/// A publisher's block lists.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Blocks {
    /// Blocked advertisers.
    pub(crate) advertisers: Vec<AdvertiserId>,
    /// Blocked categories.
    pub(crate) categories: Vec<CategoryId>,
    /// Blocked entities: advertisers that are one of them or owned by one are not shown.
    pub(crate) entities: Vec<EntityId>,
}

impl Blocks {
    /// Whether nothing is blocked.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Blocks::default()
    }
}

/// A revenue share, effective from a day until the day of the next entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct RevenueShare {
    /// First day, UTC.
    #[serde(deserialize_with = "local_time::date")]
    #[schemars(with = "String")]
    pub(crate) from: jiff::civil::Date,
    /// Basis points: 7000 is 70 %.
    #[garde(range(max = 10_000))]
    pub(crate) bp: u16,
}

/// An advertiser category. Restricted categories are served only in their `regions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Category {
    /// Unique id.
    pub(crate) id: CategoryId,
    /// Display name.
    #[garde(length(chars, min = 1, max = 60))]
    pub(crate) name: String,
    /// Whether the category requires permission by publisher and by region.
    #[serde(default)]
    pub(crate) restricted: bool,
    /// Regions in which a restricted category may be shown.
    #[serde(default)]
    pub(crate) regions: Vec<Region>,
}

string_enum! {
    /// The visual style of a unit.
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

string_enum! {
    /// Who may request decisions for a publisher's pages.
    #[derive(Default)]
    DecisionAccess {
        /// Everyone.
        #[default]
        Open = "open",
        /// Pages of its listed origins, servers with its secret key, and exchanges.
        Origin = "origin",
        /// Servers with its secret key.
        Key = "key",
    }
}

impl DecisionAccess {
    fn is_open(&self) -> bool {
        *self == DecisionAccess::Open
    }
}

string_enum! {
    /// What is measured on a publisher's pages.
    #[derive(Default)]
    Measurement {
        /// Impressions, viewability and clicks; visitor limits in memory.
        #[default]
        Full = "full",
        /// No viewport observation and no visitor key.
        Basic = "basic",
        /// Only decisions and clicks are counted.
        None = "none",
    }
}

string_enum! {
    /// How much of a page's URL is stored; query and fragment never are.
    #[derive(Default)]
    PageUrls {
        /// Host and path.
        Path = "path",
        /// Host only.
        #[default]
        Host = "host",
        /// Nothing.
        None = "none",
    }
}

string_enum! {
    /// Which pages exclude an advertiser because they are about it or a competitor.
    #[derive(Default)]
    SubjectConflict {
        /// Pages whose subject is the advertiser or a competitor.
        #[default]
        Subject = "subject",
        /// Those, and pages that mention either.
        Mention = "mention",
        /// None; the publisher decides manually.
        Off = "off",
    }
}
