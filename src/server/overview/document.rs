//! The overview as people and programs read it.

use crate::catalog::edit;
use crate::domain::creative::Creative;
use crate::domain::creative::CreativeState;
use crate::domain::event::BillOn;
use crate::domain::event::Tier;
use crate::domain::money::Currency;
use crate::domain::money::Micros;
use crate::domain::party::Publisher;
use schemars::JsonSchema;
use serde::Serialize;

closed! {
    /// Whether a flight can be chosen now, and if not, what stands in the way.
    FlightStatus {
        /// It is in every draw whose page it meets.
        Open = "open",
        /// It, its campaign or its advertiser is stopped.
        Stopped = "stopped",
        /// None of its creatives is live.
        NoLiveCreative = "no_live_creative",
        /// Its first moment is to come.
        NotBegun = "not_begun",
        /// Its last moment has passed.
        Over = "over",
        /// Its campaign has no room for one more event, today or in all.
        BudgetSpent = "budget_spent",
        /// It is ahead of its pace, and waits.
        Paced = "paced",
    }
}

/// What is sold and how it does.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Overview {
    /// When.
    pub at: String,
    /// How many flights were found.
    pub found: usize,
    /// How many of them are not here: `search` for them.
    pub left_off: usize,
    /// How many flights there are.
    pub flights: usize,
    /// Advertisers with what of theirs was found.
    pub advertisers: Vec<AdvertiserOverview>,
    /// Sites that were found.
    pub publishers: Vec<PublisherOverview>,
}

/// Who pays.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AdvertiserOverview {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What every amount of its campaigns and flights is in.
    pub currency: Currency,
    /// Nothing of it is served.
    pub stopped: bool,
    /// Its campaigns that were found.
    pub campaigns: Vec<CampaignOverview>,
}

/// A campaign and its purse.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CampaignOverview {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Nothing of it is served.
    pub stopped: bool,
    /// Billed in all.
    pub spent_micros: Micros,
    /// Billed today, by the day of the advertiser's zone.
    pub spent_today_micros: Micros,
    /// Held by decisions whose event has yet to come.
    pub held_micros: Micros,
    /// What is left for today, holds not taken off; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_micros: Option<Micros>,
    /// What it may spend in one day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_micros: Option<Micros>,
    /// What it may spend in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime_micros: Option<Micros>,
    /// Its flights that were found.
    pub flights: Vec<FlightOverview>,
}

/// A flight and how far it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FlightOverview {
    /// Its id.
    pub id: String,
    /// Its campaign, whose purse it shares with its sisters.
    pub campaign: String,
    /// Who pays.
    pub advertiser: String,
    /// When it is asked.
    pub tier: Tier,
    /// What it pays for.
    pub bills: BillOn,
    /// Its price: per thousand for `impression` and `viewable`, per event for `click`.
    pub price_micros: Micros,
    /// It is stopped itself.
    pub stopped: bool,
    /// Whether it can be chosen now.
    pub status: FlightStatus,
    /// Billed for it today.
    pub spent_today_micros: Micros,
    /// What is left in its campaign's purse for today; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_micros: Option<Micros>,
    /// Counted impressions in all.
    pub delivered_impressions: u64,
    /// How many it is to deliver by its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal_impressions: Option<u64>,
    /// Delivered over due, of its goal or of its campaign's day; 1 is on pace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pace: Option<f64>,
    /// Its creatives.
    pub creatives: Vec<CreativeOverview>,
}

/// A creative and where it can go.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CreativeOverview {
    /// Its id.
    pub id: String,
    /// Its headline.
    pub headline: String,
    /// Where it stands.
    pub state: CreativeState,
    /// Where it can go from there in one step.
    pub steps: Vec<CreativeState>,
}

/// A site.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PublisherOverview {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Nothing is served on it.
    pub stopped: bool,
    /// URL prefixes on which nothing is served.
    pub stopped_paths: Vec<String>,
    /// Topics on which nothing is served.
    pub stopped_topics: Vec<String>,
}

impl From<&Creative> for CreativeOverview {
    fn from(creative: &Creative) -> CreativeOverview {
        CreativeOverview {
            id: creative.id.to_string(),
            headline: creative.headline.clone(),
            state: creative.state,
            steps: edit::steps(creative.state),
        }
    }
}

impl From<&Publisher> for PublisherOverview {
    fn from(site: &Publisher) -> PublisherOverview {
        PublisherOverview {
            id: site.id.to_string(),
            name: site.name.clone(),
            stopped: site.is_stopped(),
            stopped_paths: site.all_stopped_paths().map(str::to_owned).collect(),
            stopped_topics: site.all_stopped_topics().map(ToString::to_string).collect(),
        }
    }
}
