//! Campaigns (budgets) and flights (dates, goal, price and targeting).

use crate::domain::boxed_or_default::{BoxedOrDefault, StaticDefault};
use crate::domain::event::{Pricing, Tier};
use crate::domain::id::{
    AdvertiserId, CampaignId, CategoryId, EntityId, FlightId, PlacementId, PublisherId, TopicId,
};
use crate::domain::language::Language;
use crate::domain::money::Micros;
use crate::domain::region::Region;
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A budget, the advertiser that pays it, and the party it is paid on behalf of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Campaign {
    /// Unique id.
    pub id: CampaignId,
    /// The advertiser it belongs to.
    pub advertiser: AdvertiserId,
    /// Shown to the advertiser and the operator.
    #[garde(length(chars, min = 1, max = 80))]
    pub name: String,
    /// The party on whose behalf it is shown. Default: the advertiser's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(chars, min = 1, max = 80)))]
    pub on_behalf_of: Option<String>,
    /// The party that paid. Default: the advertiser's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(chars, min = 1, max = 80)))]
    pub paid_by: Option<String>,
    /// Must be false: political advertising is rejected.
    pub political: bool,
    /// Categories it belongs to.
    #[garde(length(min = 1, max = 8))]
    pub categories: Vec<CategoryId>,
    /// Spending limits. House campaigns have none.
    #[serde(default)]
    pub budget: Budget,
    /// `utm_*` parameters added to its landing pages.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[garde(length(max = 5))]
    pub utm: BTreeMap<String, String>,
    /// Paused in a file: nothing of this campaign is served.
    #[serde(default, skip_serializing_if = "ServingStatus::is_active")]
    pub status: ServingStatus,
    /// Set while an operator pauses it. Inventory files neither set nor clear it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_by: Option<PausedBy>,
}

/// Spending limits of a campaign, in its advertiser's currency. Absent: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Over the campaign's lifetime, in micros.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime_micros: Option<Micros>,
    /// Per day in the advertiser's time zone, in micros.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_micros: Option<Micros>,
}

/// A flight: dates, goal, price and targeting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Flight {
    /// Unique id.
    pub id: FlightId,
    /// The campaign it belongs to.
    pub campaign: CampaignId,
    /// Its priority tier.
    pub tier: Tier,
    /// Start (inclusive), local time in the advertiser's time zone. Absent: immediately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub starts: Option<jiff::civil::DateTime>,
    /// End (exclusive), local time in the advertiser's time zone. Absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub ends: Option<jiff::civil::DateTime>,
    /// The pricing model.
    pub pricing: Pricing,
    /// Price in micros: per thousand for `cpm` and `vcpm` (a multiple of 1,000), per event for
    /// `cpc`, 0 for `flat`.
    #[serde(default)]
    pub price_micros: Micros,
    /// Additional price of a copied command, per event, in micros.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_price_micros: Option<Micros>,
    /// Weight in the draw, relative to flights of equal relevance and price.
    #[serde(default = "one")]
    #[garde(range(min = 0.001, max = 1000.0))]
    pub weight: f64,
    /// Number of impressions to deliver by its end. Requires `ends`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 1)))]
    pub goal_impressions: Option<u64>,
    /// How its goal or its daily budget is spread over time.
    #[serde(default)]
    pub pacing: Pacing,
    /// The pages and reader regions it is for.
    #[serde(default)]
    pub targeting: Targeting,
    /// Whether it may run on pages about a sensitive topic.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accepts_sensitive: bool,
    /// Paused in a file: not served.
    #[serde(default, skip_serializing_if = "ServingStatus::is_active")]
    pub status: ServingStatus,
    /// Set while an operator pauses it. Inventory files neither set nor clear it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_by: Option<PausedBy>,
}

fn one() -> f64 {
    1.0
}

string_enum! {
    /// How a flight's delivery is spread over time.
    #[derive(Default)]
    Pacing {
        /// Evenly over the flight or the day.
        #[default]
        Even = "even",
        /// As fast as traffic allows.
        Asap = "asap",
    }
}

/// Targeting: all dimensions must match. Within a dimension, `any` lists accepted values (empty
/// matches everything) and `none` lists excluded values. A page without a value fails a non-empty
/// `any` and passes `none`: a page without topics only gets run-of-site flights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Targeting {
    /// Topics of the page; a topic includes its descendants.
    pub topics: BoxedOrDefault<Clause<TopicId>>,
    /// Entities of the page; an entity includes those it owns.
    pub entities: BoxedOrDefault<Clause<EntityId>>,
    /// Regions of the reader: countries or groups.
    pub regions: BoxedOrDefault<Clause<Region>>,
    /// Regions the page is about: countries or groups.
    pub page_regions: BoxedOrDefault<Clause<Region>>,
    /// The page's language.
    pub languages: BoxedOrDefault<Clause<Language>>,
    /// Keywords of the page.
    pub keywords: BoxedOrDefault<Clause<String>>,
    /// Publishers.
    pub publishers: BoxedOrDefault<Clause<PublisherId>>,
    /// Placement ids, on any publisher.
    pub placements: BoxedOrDefault<Clause<PlacementId>>,
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

string_enum! {
    /// Whether the inventory file lets it serve.
    #[derive(Default)]
    ServingStatus {
        /// Served, unless an operator paused it.
        #[default]
        Active = "active",
        /// Not served.
        Paused = "paused",
    }
}

impl ServingStatus {
    /// Whether it may be served: the default, left out of stored documents.
    pub fn is_active(&self) -> bool {
        *self == ServingStatus::Active
    }
}

string_enum! {
    /// The party that paused an object outside of inventory files.
    PausedBy {
        /// An operator, by API or console.
        Operator = "operator",
    }
}

impl Pricing {
    /// The price of one billable event in micros, given the flight's price: a CPM divided by 1,000.
    pub const fn price_of_one(self, price_micros: Micros) -> i64 {
        match self {
            Pricing::Cpm | Pricing::Vcpm => price_micros.get() / 1_000,
            Pricing::Cpc => price_micros.get(),
            Pricing::Flat => 0,
        }
    }
}

impl Campaign {
    /// Whether it is paused, in a file or by an operator.
    pub fn is_paused(&self) -> bool {
        self.status == ServingStatus::Paused || self.paused_by.is_some()
    }
}

impl Flight {
    /// Whether it is paused, in a file or by an operator.
    pub fn is_paused(&self) -> bool {
        self.status == ServingStatus::Paused || self.paused_by.is_some()
    }
}
