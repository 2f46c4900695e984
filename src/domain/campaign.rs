//! Campaigns (budgets) and flights (dates, goal, price and targeting).

use crate::domain::event::{Pricing, Tier};
use crate::domain::exact_list;
use crate::domain::goal::Goals;
use crate::domain::hours::Hours;
use crate::domain::id::{AdvertiserId, CampaignId, CategoryId, FlightId};
use crate::domain::language::Language;
use crate::domain::local_time;
use crate::domain::money::Micros;
use crate::domain::targeting::Targeting;
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A budget, the advertiser that pays it, and the party it is paid on behalf of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Campaign {
    /// Unique id.
    pub(crate) id: CampaignId,
    /// The advertiser it belongs to.
    pub(crate) advertiser: AdvertiserId,
    /// Shown to the advertiser and the operator.
    #[garde(length(chars, min = 1, max = 80))]
    pub(crate) name: String,
    /// The party on whose behalf it is shown. Default: the advertiser's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(chars, min = 1, max = 80)))]
    pub(crate) on_behalf_of: Option<String>,
    /// The party that paid. Default: the advertiser's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(chars, min = 1, max = 80)))]
    pub(crate) paid_by: Option<String>,
    /// Must be false: political advertising is rejected.
    pub(crate) political: bool,
    /// Categories it belongs to.
    #[serde(deserialize_with = "exact_list::deserialize")]
    #[garde(length(min = 1, max = 8))]
    pub(crate) categories: Vec<CategoryId>,
    /// The language of creatives that have none of their own. Default: that of its advertiser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) language: Option<Language>,
    /// Spending limits. House campaigns have none.
    #[serde(default)]
    pub(crate) budget: Budget,
    /// `utm_*` parameters added to its landing pages.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[garde(length(max = 5))]
    pub(crate) utm: BTreeMap<String, String>,
    /// Paused in a file: nothing of this campaign is served.
    #[serde(default, skip_serializing_if = "ServingStatus::is_active")]
    pub(crate) status: ServingStatus,
    /// Set while an operator pauses it. Inventory files neither set nor clear it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) paused_by: Option<PausedBy>,
}

/// Spending limits of a campaign, in its advertiser's currency. Absent: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Budget {
    /// Over the campaign's lifetime, in micros.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lifetime_micros: Option<Micros>,
    /// Per day in the advertiser's time zone, in micros.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) daily_micros: Option<Micros>,
}

/// A flight: dates, goal, price and targeting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Flight {
    /// Unique id.
    pub id: FlightId,
    /// The campaign it belongs to.
    pub(crate) campaign: CampaignId,
    /// Its priority tier.
    pub(crate) tier: Tier,
    /// Start (inclusive), local time in the advertiser's time zone; a day means its start. Absent: immediately.
    #[serde(
        default,
        deserialize_with = "local_time::first",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub(crate) starts: Option<jiff::civil::DateTime>,
    /// End (exclusive), local time in the advertiser's time zone; a day includes the whole of it. Absent: never.
    #[serde(
        default,
        deserialize_with = "local_time::end",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub(crate) ends: Option<jiff::civil::DateTime>,
    /// The pricing model.
    pub(crate) pricing: Pricing,
    /// Price in micros: per thousand for `cpm` and `vcpm` (a multiple of 1,000), per event for
    /// `cpc`, 0 for `flat`.
    #[serde(default)]
    pub(crate) price_micros: Micros,
    /// Additional price of a copied command, per event, in micros.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) copy_price_micros: Option<Micros>,
    /// Weight in the draw, relative to flights of equal relevance and price.
    #[serde(default = "one")]
    #[garde(range(min = 0.001, max = 1000.0))]
    pub weight: f64,
    /// Number of impressions to deliver by its end, and no more. Requires `ends`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 1, max = 1_000_000_000)))]
    pub(crate) goal_impressions: Option<u64>,
    /// The same in viewable impressions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 1, max = 1_000_000_000)))]
    pub(crate) goal_viewables: Option<u64>,
    /// The same in clicks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 1, max = 1_000_000_000)))]
    pub(crate) goal_clicks: Option<u64>,
    /// The share of the slots that it may have, in per cent, that it is to win. For tier `sponsorship`, without
    /// a goal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 0.1, max = 100.0)))]
    pub(crate) share_percent: Option<f64>,
    /// How its goals, or else its campaign's budget, are spread over time.
    #[serde(default)]
    pub(crate) pacing: Pacing,
    /// What happens at its end if a goal is not reached.
    #[serde(default, skip_serializing_if = "EndRule::is_hard")]
    pub(crate) end: EndRule,
    /// Hours of the week in which it runs, such as `mon-fri 08:00-18:00`, in its advertiser's time zone and
    /// in quarters of an hour. Absent: always.
    #[serde(default, skip_serializing_if = "Hours::is_always")]
    pub(crate) hours: Hours,
    /// The pages and reader regions it is for.
    #[serde(default)]
    pub targeting: Targeting,
    /// Whether it may run on pages about a sensitive topic.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) accepts_sensitive: bool,
    /// How its creatives take turns.
    #[serde(default, skip_serializing_if = "Rotation::is_by_weights")]
    pub(crate) rotation: Rotation,
    /// Paused in a file: not served.
    #[serde(default, skip_serializing_if = "ServingStatus::is_active")]
    pub status: ServingStatus,
    /// Set while an operator pauses it. Inventory files neither set nor clear it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) paused_by: Option<PausedBy>,
}

fn one() -> f64 {
    1.0
}

string_enum! {
    /// How a flight's delivery is spread over time.
    #[derive(Default)]
    Pacing {
        /// In step with the traffic expected over the flight or the day.
        #[default]
        Traffic = "traffic",
        /// In step with the clock.
        Even = "even",
        /// More at the beginning: 62 % in the first half of the traffic.
        FrontLoaded = "front_loaded",
        /// As fast as traffic allows.
        Asap = "asap",
    }
}

string_enum! {
    /// What happens at the end of a flight that has not reached its goal.
    #[derive(Default)]
    EndRule {
        /// It ends.
        #[default]
        Hard = "hard",
        /// It goes on until its goals are reached.
        Soft = "soft",
    }
}

impl EndRule {
    /// Whether it ends: the default, left out of stored documents.
    pub(crate) fn is_hard(&self) -> bool {
        *self == EndRule::Hard
    }
}

string_enum! {
    /// How the creatives of a flight take turns.
    #[derive(Default)]
    Rotation {
        /// By the weights of the creatives and their text variants.
        #[default]
        Weights = "weights",
        /// Each creative as often as the others, whatever its weight.
        Even = "even",
        /// Creatives that get more clicks on pages of a topic more often there, as learned from what counted.
        Optimise = "optimise",
    }
}

impl Rotation {
    /// Whether it is by weights: the default, left out of stored documents.
    pub(crate) fn is_by_weights(&self) -> bool {
        *self == Rotation::Weights
    }
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
    pub(crate) fn is_active(&self) -> bool {
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
    pub(crate) const fn price_of_one(self, price_micros: Micros) -> i64 {
        match self {
            Pricing::Cpm | Pricing::Vcpm => price_micros.get() / 1_000,
            Pricing::Cpc => price_micros.get(),
            Pricing::Flat => 0,
        }
    }
}

impl Campaign {
    /// Whether it is paused, in a file or by an operator.
    pub(crate) fn is_paused(&self) -> bool {
        self.status == ServingStatus::Paused || self.paused_by.is_some()
    }
}

impl Flight {
    /// Whether it takes part in the lottery of its tier, before the draw among the others.
    pub(crate) fn has_ticket(&self) -> bool {
        self.goals() != Goals::default() || self.share_percent.is_some()
    }

    /// Whether it is paused, in a file or by an operator.
    pub(crate) fn is_paused(&self) -> bool {
        self.status == ServingStatus::Paused || self.paused_by.is_some()
    }

    /// Its goals.
    pub(crate) fn goals(&self) -> Goals {
        Goals {
            impressions: self.goal_impressions,
            viewables: self.goal_viewables,
            clicks: self.goal_clicks,
        }
    }
}
