//! The state of a flight: whether it can be chosen now, how its delivery is going, and that in words. The
//! overview, the page of an advertiser, the API and the command line show the same.

use crate::domain::campaign::{Flight, PausedBy, ServingStatus};
use crate::domain::creative::{Creative, CreativeState};
use crate::domain::event::Pricing;
use crate::domain::goal::{ByGoal, Goals};
use crate::domain::inventory::Inventory;
use crate::domain::money::Micros;
use crate::domain::zone::Zone;
use crate::selection::compiled::{FlightRow, place_bit};
use crate::world::live::Live;
use crate::world::pace;
use crate::world::slot_counts::SlotCounts;
use jiff::Timestamp;

/// Delivered over due, from which a flight is ahead of pace, and below which it is behind.
const AHEAD: f64 = 1.1;
pub(crate) const BEHIND: f64 = 0.9;

/// Slots needed over slots expected, from which a goal is out of reach: less may be chance.
const OUT_OF_REACH: f64 = 1.1;

string_enum! {
    /// Whether a flight can be chosen now, and if not, the first obstacle.
    FlightStatus {
        /// Eligible on every page that it targets.
        Open = "open",
        /// The flight, its campaign or its advertiser is paused.
        Paused = "paused",
        /// No creative is live.
        NoLiveCreative = "no_live_creative",
        /// The start date is in the future.
        NotBegun = "not_begun",
        /// The end date has passed.
        Over = "over",
        /// It does not run at this hour of the week.
        OutsideHours = "outside_hours",
        /// It has delivered all that one of its goals asks for.
        GoalReached = "goal_reached",
        /// The daily or lifetime budget does not cover one more event, or all that is left of it or of a goal
        /// is reserved.
        BudgetSpent = "budget_spent",
        /// Ahead of pace; waits until delivery is due.
        Paced = "paced",
    }
}

string_enum! {
    /// The state of a flight: the first obstacle, else how its delivery is going.
    DeliveryStatus {
        /// It is not in the served inventory any more.
        Removed = "removed",
        /// The flight, its campaign or its advertiser is paused.
        Paused = "paused",
        /// None of its creatives is live, and at least one waits for review.
        WaitingForReview = "waiting_for_review",
        /// None of its creatives is live.
        NoLiveCreative = "no_live_creative",
        /// The start date is in the future.
        NotBegun = "not_begun",
        /// The end date has passed.
        Over = "over",
        /// It does not run at this hour of the week.
        OutsideHours = "outside_hours",
        /// It has delivered all that one of its goals asks for.
        GoalReached = "goal_reached",
        /// The budget does not cover one more event, or all that is left is reserved.
        BudgetSpent = "budget_spent",
        /// The expected requests do not suffice for what is left of a goal.
        CannotReachGoal = "cannot_reach_goal",
        /// More is delivered than due: it waits, or is about to.
        Ahead = "ahead",
        /// Less is delivered than due.
        Behind = "behind",
        /// As much is delivered as due.
        OnPace = "on_pace",
        /// It can be chosen, and has nothing to spread over time.
        Delivering = "delivering",
    }
}

impl DeliveryStatus {
    /// Whether it can be chosen, or waits for its pace only.
    pub(crate) fn is_in_delivery(self) -> bool {
        self >= DeliveryStatus::CannotReachGoal
    }
}

/// The state of a flight.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FlightState {
    pub(crate) status: DeliveryStatus,
    /// The same in words, with what a person asks next: until when, by whom, how much is missing.
    pub(crate) words: String,
    /// What does not keep it from being chosen, such as a price that has expired.
    pub(crate) remarks: Vec<String>,
}

impl FlightState {
    /// The state of a flight that is not in the served inventory.
    pub(crate) fn removed() -> FlightState {
        let words = "removed from the inventory".to_owned();
        FlightState { status: DeliveryStatus::Removed, words, remarks: Vec::new() }
    }
}

/// A flight at a moment.
#[derive(Clone, Copy)]
pub(crate) struct FlightNow<'a> {
    pub(crate) live: &'a Live,
    pub(crate) place: usize,
    pub(crate) now_ms: i64,
    /// What counted for it.
    pub(crate) counted: ByGoal<u64>,
}

impl FlightNow<'_> {
    fn row(&self) -> &FlightRow {
        &self.live.snapshot().flights[self.place]
    }

    fn inventory(&self) -> &Inventory {
        &self.live.snapshot().inventory
    }

    fn document(&self) -> &Flight {
        &self.inventory().flights[self.row().doc]
    }

    fn zone(&self) -> &Zone {
        &self.inventory().advertisers[self.row().advertiser].time_zone
    }

    fn has_reached_a_goal(&self) -> bool {
        let goals = self.document().goals();
        let mut goals = goals.set();
        goals.any(|(event, goal)| self.counted.get(event).copied().unwrap_or_default() >= goal)
    }

    /// The first obstacle; those that an operator controls come first.
    pub(crate) fn obstacle(&self) -> FlightStatus {
        let (row, inventory, state) = (self.row(), self.inventory(), &self.live.world.state);
        let number = place_bit(self.place);
        let paused = self.document().is_paused()
            || inventory.campaigns[row.campaign].is_paused()
            || inventory.advertisers[row.advertiser].is_paused()
            || state.paused.contains(&number);
        if paused {
            FlightStatus::Paused
        } else if row.creatives.is_empty() {
            FlightStatus::NoLiveCreative
        } else if self.now_ms < row.starts_ms {
            FlightStatus::NotBegun
        } else if self.now_ms >= row.ends_ms && !row.soft_end {
            FlightStatus::Over
        } else if self.has_reached_a_goal() {
            FlightStatus::GoalReached
        } else if row
            .hours
            .as_deref()
            .is_some_and(|(hours, zone)| !hours.contain(zone, self.now_ms))
        {
            FlightStatus::OutsideHours
        } else if state.spent.binary_search(&number).is_ok() {
            FlightStatus::BudgetSpent
        } else if state.is_held(number) {
            FlightStatus::Paced
        } else {
            FlightStatus::Open
        }
    }

    /// The state; an advertiser does not learn that something is paused in a file.
    pub(crate) fn state(&self, is_operator: bool) -> FlightState {
        let pace = pace::pace(self.live, self.place, self.now_ms);
        let (status, words) = match self.obstacle() {
            FlightStatus::Paused => (DeliveryStatus::Paused, self.paused(is_operator)),
            FlightStatus::NoLiveCreative => self.without_creative(),
            FlightStatus::NotBegun => {
                (DeliveryStatus::NotBegun, format!("starts {}", self.when(self.row().starts_ms)))
            }
            FlightStatus::Over => {
                (DeliveryStatus::Over, format!("over since {}", self.date(self.row().ends_ms)))
            }
            FlightStatus::OutsideHours => {
                let hours: Vec<String> = self.document().hours.clone().into();
                let words = format!("runs at other hours: {}", hours.join(", "));
                (DeliveryStatus::OutsideHours, words)
            }
            FlightStatus::GoalReached => (DeliveryStatus::GoalReached, "goal reached".to_owned()),
            FlightStatus::BudgetSpent => (DeliveryStatus::BudgetSpent, self.without_budget()),
            FlightStatus::Paced => (DeliveryStatus::Ahead, ahead(pace)),
            FlightStatus::Open => self.going(pace),
        };
        FlightState { status, words, remarks: self.remarks() }
    }

    /// Who paused it, at the highest level.
    fn paused(&self, is_operator: bool) -> String {
        let (row, inventory) = (self.row(), self.inventory());
        let (campaign, owner) =
            (&inventory.campaigns[row.campaign], &inventory.advertisers[row.advertiser]);
        let flight = self.document();
        let levels: [(&str, ServingStatus, Option<PausedBy>); 3] = [
            ("advertiser", owner.status, owner.paused_by),
            ("campaign", campaign.status, campaign.paused_by),
            ("flight", flight.status, flight.paused_by),
        ];
        let is_paused = |(_, status, by): &(&str, ServingStatus, Option<PausedBy>)| {
            by.is_some() || *status == ServingStatus::Paused
        };
        let by = |by: Option<PausedBy>| match by {
            Some(PausedBy::Operator) => " by an operator",
            None if is_operator => " in the inventory file",
            None => "",
        };
        match levels.into_iter().find(is_paused) {
            Some(("flight", _, who)) => format!("paused{}", by(who)),
            Some((level, _, who)) => format!("its {level} is paused{}", by(who)),
            None => "paused".to_owned(),
        }
    }

    fn creatives(&self) -> impl Iterator<Item = &Creative> {
        let own = &self.document().id;
        self.inventory().creatives.iter().filter(move |creative| creative.flight == *own)
    }

    fn without_creative(&self) -> (DeliveryStatus, String) {
        let count =
            |state| self.creatives().filter(|creative| creative.serving_state() == state).count();
        let (drafts, approved) = (count(CreativeState::Draft), count(CreativeState::Approved));
        let creatives = |count: usize| if count == 1 { "creative" } else { "creatives" };
        if drafts > 0 {
            let words = format!("no live creative: {drafts} {} to be reviewed", creatives(drafts));
            return (DeliveryStatus::WaitingForReview, words);
        }
        let words = match (approved, self.creatives().count()) {
            (0, 0) => "no live creative: it has none".to_owned(),
            (0, paused) => format!("no live creative: {paused} {} paused", creatives(paused)),
            _ => format!("no live creative: {approved} {} to be set live", creatives(approved)),
        };
        (DeliveryStatus::NoLiveCreative, words)
    }

    fn without_budget(&self) -> String {
        let row = self.row();
        let balance = self.live.bindings.campaign_budgets[row.campaign].balance(self.now_ms);
        let limits = &self.inventory().campaigns[row.campaign].budget;
        let price = if row.pricing == Pricing::Flat { Micros::ZERO } else { row.price };
        let lacks = |limit: Option<Micros>, spent: Micros| {
            limit.is_some_and(|limit| limit.saturating_sub(spent) < price)
        };
        if lacks(limits.lifetime_micros, balance.spent) {
            "the budget of its campaign is spent".to_owned()
        } else if lacks(limits.daily_micros, balance.spent_today) {
            format!("today's budget is spent; it continues {}", self.when(balance.today.ends_ms))
        } else {
            "all that is left of its budget or goal is reserved for units on pages".to_owned()
        }
    }

    /// How the delivery of a flight without an obstacle is going.
    fn going(&self, pace: Option<f64>) -> (DeliveryStatus, String) {
        let counts = self.live.bindings.slots[self.place].as_deref();
        let scarcity = counts.map_or(0.0, SlotCounts::scarcity);
        if scarcity >= OUT_OF_REACH && self.document().goals() != Goals::default() {
            let words = format!(
                "cannot reach its goal by the end: needs {:+.0} % supply",
                (scarcity - 1.0) * 100.0
            );
            return (DeliveryStatus::CannotReachGoal, words);
        }
        match pace {
            None => (DeliveryStatus::Delivering, "delivering".to_owned()),
            Some(pace) if pace > AHEAD => (DeliveryStatus::Ahead, ahead(Some(pace))),
            Some(pace) if pace < BEHIND => {
                (DeliveryStatus::Behind, format!("behind: {:.0} % of what is due", pace * 100.0))
            }
            Some(_) => (DeliveryStatus::OnPace, "on pace".to_owned()),
        }
    }

    /// Prices of live creatives that are not shown any more.
    fn remarks(&self) -> Vec<String> {
        let live = self.row().creatives.iter();
        let live = live.map(|creative| &self.inventory().creatives[*creative as usize]);
        let expired = live.filter_map(|creative| {
            let until_ms = creative.price.as_ref()?.valid_until.as_millisecond();
            (until_ms <= self.now_ms).then(|| {
                let (id, date) = (&creative.id, self.date(until_ms));
                format!("the price text of creative {id} expired on {date} and is not shown")
            })
        });
        expired.collect()
    }

    /// A time in the future: the date, and how long until then.
    fn when(&self, at_ms: i64) -> String {
        let minutes = (at_ms - self.now_ms).max(0) / 60_000;
        let (count, unit) = match minutes {
            minutes if minutes >= 2 * 1_440 => (minutes / 1_440, "day"),
            minutes if minutes >= 120 => (minutes / 60, "hour"),
            minutes => (minutes, "minute"),
        };
        let s = if count == 1 { "" } else { "s" };
        format!("in {count} {unit}{s} ({})", self.date(at_ms))
    }

    /// A time in the advertiser's time zone.
    fn date(&self, at_ms: i64) -> String {
        let at = Timestamp::from_millisecond(at_ms).unwrap_or_default();
        at.to_zoned(self.zone().rules().clone()).strftime("%F %H:%M").to_string()
    }
}

fn ahead(pace: Option<f64>) -> String {
    match pace.filter(|pace| *pace > 1.0) {
        Some(pace) => {
            format!("ahead of pace: {:.0} % of what is due; it waits until more is", pace * 100.0)
        }
        None => "ahead of pace: it waits until more is due".to_owned(),
    }
}

#[cfg(test)]
#[path = "flight_state_tests.rs"]
mod tests;
