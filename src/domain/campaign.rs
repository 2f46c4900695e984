//! What is bought: a campaign's budget and a flight's dates, goal, price and targeting.

use crate::domain::event::BillOn;
use crate::domain::event::Tier;
use crate::domain::id::AdvertiserId;
use crate::domain::id::CampaignId;
use crate::domain::id::EntityId;
use crate::domain::id::FlightId;
use crate::domain::id::PlacementId;
use crate::domain::id::PublisherId;
use crate::domain::id::SectorId;
use crate::domain::id::TopicId;
use crate::domain::language::Language;
use crate::domain::money::Micros;
use crate::domain::region::Region;
use crate::domain::seldom::Blank;
use crate::domain::seldom::Seldom;
use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;

/// A budget, who pays it, and on whose behalf.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Campaign {
    /// Names it everywhere.
    pub id: CampaignId,
    /// Whose it is.
    pub advertiser: AdvertiserId,
    /// Shown to the advertiser and the operator.
    #[garde(length(chars, min = 1, max = 80))]
    pub name: String,
    /// On whose behalf it is shown; the advertiser's name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(chars, min = 1, max = 80)))]
    pub on_behalf_of: Option<String>,
    /// Who paid; the advertiser's name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(chars, min = 1, max = 80)))]
    pub paid_by: Option<String>,
    /// Must be false: political messages are refused.
    pub political: bool,
    /// Lines of business it belongs to.
    #[garde(length(min = 1, max = 8))]
    pub sectors: Vec<SectorId>,
    /// What it may spend. House campaigns have none.
    #[serde(default)]
    pub budget: Budget,
    /// `utm_*` parameters added to its landing pages.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[garde(length(max = 5))]
    pub utm: BTreeMap<String, String>,
    /// Nothing of it is served.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// Stopped by hand, until somebody resumes it: no file says so, and none undoes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
}

/// What a campaign may spend, in its advertiser's currency. Absent: without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// In all its life, in micros.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime_micros: Option<Micros>,
    /// In one day of the advertiser's time zone, in micros.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_micros: Option<Micros>,
}

/// Dates, goal, price and targeting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Flight {
    /// Names it everywhere.
    pub id: FlightId,
    /// Whose it is.
    pub campaign: CampaignId,
    /// When it is asked.
    pub tier: Tier,
    /// First civil moment, in the advertiser's time zone. Absent: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub starts: Option<jiff::civil::DateTime>,
    /// First civil moment after it, in the advertiser's time zone. Absent: never ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub ends: Option<jiff::civil::DateTime>,
    /// What it pays for.
    pub bills: BillOn,
    /// Its price in micros: per thousand for `impression` and `viewable` (a multiple of
    /// 1,000), per event for `click`, 0 for `flat`.
    #[serde(default)]
    pub price_micros: Micros,
    /// What a copied command costs besides, per event, in micros.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_price_micros: Option<Micros>,
    /// Its odds in the draw against flights of equal relevance and price.
    #[serde(default = "one")]
    #[garde(range(min = 0.001, max = 1000.0))]
    pub weight: f64,
    /// How many impressions it is to deliver by its end. Needs `ends`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 1)))]
    pub goal_impressions: Option<u64>,
    /// How it spreads its goal or its daily budget over time.
    #[serde(default)]
    pub pacing: Pacing,
    /// Which pages and readers' regions it is for.
    #[serde(default)]
    pub targeting: Targeting,
    /// Runs on pages that are about a sensitive topic.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accepts_sensitive: bool,
    /// Not served.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// Stopped by hand, until somebody resumes it: no file says so, and none undoes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
}

fn one() -> f64 {
    1.0
}

closed! {
    /// How a flight spreads what it has over time.
    #[derive(Default)]
    Pacing {
        /// In step with the clock.
        #[default]
        Even = "even",
        /// As fast as pages come.
        Asap = "asap",
    }
}

/// An AND over dimensions. Inside a dimension `any` is any-of, an empty list is a wildcard, and
/// `none` excludes. A page without a value fails a non-empty `any` and passes a `none`: *a page
/// without topic data only gets run-of-site flights*.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Targeting {
    /// What the page is about; a topic includes those below it.
    pub topics: Seldom<Clause<TopicId>>,
    /// Whom the page is about; an entity includes those it owns.
    pub entities: Seldom<Clause<EntityId>>,
    /// Where the reader is: countries or groups.
    pub regions: Seldom<Clause<Region>>,
    /// Where the page is about: countries or groups.
    pub page_regions: Seldom<Clause<Region>>,
    /// The page's language.
    pub languages: Seldom<Clause<Language>>,
    /// Words the page names.
    pub keywords: Seldom<Clause<String>>,
    /// Whose page it is.
    pub publishers: Seldom<Clause<PublisherId>>,
    /// Which slot it is, by name, on any publisher.
    pub placements: Seldom<Clause<PlacementId>>,
}

/// One dimension of a flight's targeting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, bound(deserialize = "T: Deserialize<'de>"))]
pub struct Clause<T> {
    /// Any of these will do. Empty: everything does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub any: Vec<T>,
    /// None of these may apply.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub none: Vec<T>,
}

impl<T> Default for Clause<T> {
    fn default() -> Self {
        Clause { any: Vec::new(), none: Vec::new() }
    }
}

impl<T: PartialEq + 'static> Blank for Clause<T> {
    const BLANK: &'static Self = &Clause { any: Vec::new(), none: Vec::new() };
}

impl BillOn {
    /// What one billable event costs, given the flight's price: a CPM's thousandth.
    pub const fn price_of_one(self, price_micros: Micros) -> i64 {
        match self {
            BillOn::Impression | BillOn::Viewable => price_micros.get() / 1_000,
            BillOn::Click => price_micros.get(),
            BillOn::Flat => 0,
        }
    }
}

impl Campaign {
    /// Whether a file or somebody by hand stopped it.
    pub fn is_stopped(&self) -> bool {
        self.stopped || self.held
    }
}

impl Flight {
    /// Whether a file or somebody by hand stopped it.
    pub fn is_stopped(&self) -> bool {
        self.stopped || self.held
    }
}
