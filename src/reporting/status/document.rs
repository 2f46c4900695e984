//! The part of the status document that the reporting service knows.

use crate::domain::money::{Currency, Micros};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// How serving and delivery are going.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ServingStatus {
    /// Instances of the fleet with a heartbeat, including this one; 1 without a shared store.
    pub(crate) instances: usize,
    /// Decisions and events of the last minutes, the shortest period first.
    pub(crate) recent: Vec<RecentPeriod>,
    /// Conditions that need an operator, the most urgent first.
    pub(crate) alerts: Vec<ActiveAlert>,
    /// Flights behind their pace, the farthest behind first; at most 50.
    pub(crate) behind: Vec<FlightBehind>,
    /// Number of flights behind their pace.
    pub(crate) behind_total: usize,
    /// Campaigns with less than a twentieth of their budget left; at most 50.
    pub(crate) budgets: Vec<BudgetLeft>,
    /// What is paused, in files or by hand; at most 200.
    pub(crate) paused: Vec<PausedDocument>,
}

/// Decisions and events of a period.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct RecentPeriod {
    /// The period, in minutes.
    pub(crate) minutes: u32,
    /// How much of it this process has served, in seconds.
    pub(crate) seconds: i64,
    /// Slots decided, without tests.
    pub(crate) slots: u64,
    /// Slots with a unit.
    pub(crate) filled: u64,
    /// `filled` as a part of `slots`; absent without slots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fill: Option<f64>,
    /// The most frequent reasons for slots without a unit.
    pub(crate) no_fill: BTreeMap<String, u64>,
    /// Counted events by kind.
    pub(crate) counted: BTreeMap<String, u64>,
    /// Invalid events by kind.
    pub(crate) invalid: BTreeMap<String, u64>,
}

/// A condition that needs an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct ActiveAlert {
    /// Name of the alert, under which the runbook says what to do.
    pub(crate) name: &'static str,
    /// The condition, as in the alert rules of the dashboards.
    pub(crate) condition: &'static str,
    /// What is wrong.
    pub(crate) reason: String,
}

/// A flight behind its pace.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct FlightBehind {
    /// Flight id.
    pub(crate) flight: String,
    /// Delivered divided by due.
    pub(crate) pace: f64,
    /// Its state in words.
    pub(crate) state: String,
}

/// A campaign whose budget is nearly spent.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct BudgetLeft {
    /// Campaign id.
    pub(crate) campaign: String,
    /// Remaining part of its lifetime budget, else of its daily budget, from 0 to 1.
    pub(crate) left: f64,
    /// The limit.
    pub(crate) limit_micros: Micros,
    /// Currency of the limit.
    pub(crate) currency: Currency,
    /// Whether the limit is that of the day.
    pub(crate) daily: bool,
}

/// Something that is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct PausedDocument {
    /// Kind: `advertiser`, `campaign`, `flight`, `creative`, `publisher`, `path` or `topic`.
    pub(crate) what: &'static str,
    /// Its id; of a part of a site `PUBLISHER PART`.
    pub(crate) id: String,
    /// Whether it was paused by hand, by API or console, and not in a file.
    pub(crate) by_hand: bool,
    /// The key that paused it, if the history says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) who: Option<String>,
    /// The owner of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    /// Since when, if the history says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<String>,
}

impl PausedDocument {
    pub(super) fn new(what: &'static str, id: impl Into<String>, by_hand: bool) -> PausedDocument {
        PausedDocument { what, id: id.into(), by_hand, who: None, owner: None, since: None }
    }
}
