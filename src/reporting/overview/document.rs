//! The overview document (JSON).

use crate::catalog::edit;
use crate::domain::campaign::Rotation;
use crate::domain::creative::{Creative, CreativeState};
use crate::domain::event::{EventKind, Pricing, Tier};
use crate::domain::money::{Currency, Micros};
use crate::domain::party::Publisher;
use crate::reporting::flight_state::FlightStatus;
use schemars::JsonSchema;
use serde::Serialize;

/// Advertisers, campaigns, flights, creatives and publishers with their current delivery.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Overview {
    /// Time of the overview.
    pub(crate) at: String,
    /// Number of matching flights.
    pub(crate) found: usize,
    /// Number of matching flights that are omitted here; narrow the `search` to see them.
    pub(crate) left_off: usize,
    /// Total number of flights.
    pub(crate) flights: usize,
    /// Matching advertisers, or those with matching campaigns or flights.
    pub(crate) advertisers: Vec<AdvertiserOverview>,
    /// Matching publishers.
    pub(crate) publishers: Vec<PublisherOverview>,
}

/// An advertiser.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct AdvertiserOverview {
    /// Advertiser id.
    pub(crate) id: String,
    /// Name.
    pub(crate) name: String,
    /// Currency of all amounts of its campaigns and flights.
    pub(crate) currency: Currency,
    /// Whether the advertiser is paused.
    pub(crate) paused: bool,
    /// Matching campaigns.
    pub(crate) campaigns: Vec<CampaignOverview>,
}

/// A campaign and its budget.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct CampaignOverview {
    /// Campaign id.
    pub(crate) id: String,
    /// Name.
    pub(crate) name: String,
    /// Whether the campaign is paused.
    pub(crate) paused: bool,
    /// Billed in total.
    pub(crate) spent_micros: Micros,
    /// Billed today, in the advertiser's time zone.
    pub(crate) spent_today_micros: Micros,
    /// Reserved by decisions whose event has not arrived.
    pub(crate) reserved_micros: Micros,
    /// Remaining budget for today, reservations not subtracted; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) left_micros: Option<Micros>,
    /// Daily limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) daily_micros: Option<Micros>,
    /// Lifetime limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lifetime_micros: Option<Micros>,
    /// Matching flights.
    pub(crate) flights: Vec<FlightOverview>,
}

/// A flight and its delivery.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct FlightOverview {
    /// Flight id.
    pub(crate) id: String,
    /// Campaign id; all flights of a campaign share its budget.
    pub(crate) campaign: String,
    /// Advertiser id.
    pub(crate) advertiser: String,
    /// Priority tier.
    pub(crate) tier: Tier,
    /// Pricing model.
    pub(crate) pricing: Pricing,
    /// Price: per thousand for `cpm` and `vcpm`, per event for `cpc`.
    pub(crate) price_micros: Micros,
    /// Whether the flight itself is paused.
    pub(crate) paused: bool,
    /// Whether the flight can be chosen now.
    pub(crate) status: FlightStatus,
    /// The state in words: the first obstacle, else how the delivery is going.
    pub(crate) state: String,
    /// What does not keep it from being chosen, such as a price text that has expired.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) remarks: Vec<String>,
    /// The main reason why it was not chosen in the last hours, as a sentence, from sampled decisions of
    /// this instance; absent before there are enough, and while the state is an obstacle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) main_reason: Option<String>,
    /// Billed for this flight today.
    pub(crate) spent_today_micros: Micros,
    /// Remaining campaign budget for today; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) left_micros: Option<Micros>,
    /// Counted impressions in total.
    pub(crate) delivered_impressions: u64,
    /// Its goals until the end date; absent without any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) goals: Vec<GoalOverview>,
    /// Delivered divided by due, of the goal or of the campaign's daily budget; 1 is on pace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pace: Option<f64>,
    /// How its creatives take turns.
    pub(crate) rotation: Rotation,
    /// Creatives of the flight.
    pub(crate) creatives: Vec<CreativeOverview>,
}

/// A goal of a flight: no more events of this kind count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct GoalOverview {
    /// The kind of event that it counts.
    pub(crate) event: EventKind,
    /// Number of events to deliver.
    pub(crate) goal: u64,
    /// Number of events counted.
    pub(crate) delivered: u64,
}

/// A creative and its possible state changes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct CreativeOverview {
    /// Creative id.
    pub(crate) id: String,
    /// Headline.
    pub(crate) headline: String,
    /// Current state.
    pub(crate) state: CreativeState,
    /// States reachable in one step.
    pub(crate) steps: Vec<CreativeState>,
}

/// A publisher.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct PublisherOverview {
    /// Publisher id.
    pub(crate) id: String,
    /// Name.
    pub(crate) name: String,
    /// Whether the publisher is paused.
    pub(crate) paused: bool,
    /// Paused URL prefixes.
    pub(crate) paused_paths: Vec<String>,
    /// Paused topics.
    pub(crate) paused_topics: Vec<String>,
}

impl From<&Creative> for CreativeOverview {
    fn from(creative: &Creative) -> CreativeOverview {
        CreativeOverview {
            id: creative.id.to_string(),
            headline: creative.headline.as_written().to_owned(),
            state: creative.serving_state(),
            steps: edit::next_states(creative.serving_state()),
        }
    }
}

impl From<&Publisher> for PublisherOverview {
    fn from(site: &Publisher) -> PublisherOverview {
        PublisherOverview {
            id: site.id.to_string(),
            name: site.name.clone(),
            paused: site.is_paused(),
            paused_paths: site.all_paused_paths().map(str::to_owned).collect(),
            paused_topics: site.all_paused_topics().map(ToString::to_string).collect(),
        }
    }
}
