//! Display texts of domain values, for advertisers.

use crate::domain::event::{EventKind, InvalidReason, Pricing};
use crate::domain::money::Micros;
use crate::reporting::overview::document::{FlightStatus, GoalOverview};

/// Why an event is invalid, in one sentence.
pub(super) fn invalid_reason(reason: InvalidReason) -> &'static str {
    match reason {
        InvalidReason::Forged => "The event token was not issued by this server.",
        InvalidReason::Expired => "The event arrived after its counting window.",
        InvalidReason::Bot => "A declared or detected bot.",
        InvalidReason::Agent => "An AI agent that says so.",
        InvalidReason::Prefetch => "The page was prefetched, not viewed.",
        InvalidReason::RateLimited => "The visitor exceeded the rate limit.",
        InvalidReason::TooFast => {
            "The event followed the impression faster than a human can react."
        }
        InvalidReason::OrphanClick => "A click without an impression.",
        InvalidReason::OutOfRegion => {
            "The event came from a country other than the one the unit was chosen for."
        }
        InvalidReason::WrongOrigin => {
            "The event came from a page that does not belong to the site."
        }
        InvalidReason::OverBudget => "The budget was exhausted: delivered free of charge.",
        InvalidReason::OverGoal => "The goal was reached: delivered free of charge.",
        InvalidReason::Test => "A test by the site.",
        InvalidReason::Paused => "The flight or the site was paused when the event arrived.",
        InvalidReason::Idle => "The unit was requested by a bot or from another site.",
        InvalidReason::Late => "The event arrived too late to check it for duplicates.",
        InvalidReason::Credited => "Counted at first, later found invalid and credited.",
    }
}

/// Delivery status of a flight.
pub(super) fn status(status: FlightStatus) -> &'static str {
    match status {
        FlightStatus::Open => "delivering",
        FlightStatus::Paused => "paused",
        FlightStatus::NoLiveCreative => "no live creative",
        FlightStatus::NotBegun => "scheduled",
        FlightStatus::Over => "ended",
        FlightStatus::GoalReached => "goal reached",
        FlightStatus::BudgetSpent => "budget spent",
        FlightStatus::Paced => "ahead of pace, throttled",
    }
}

/// A goal, in words.
pub(super) fn goal(goal: &GoalOverview) -> String {
    let GoalOverview { event, goal, delivered } = goal;
    match event {
        EventKind::Impression => format!("{goal} impressions"),
        EventKind::Viewable => format!("{goal} viewable ({delivered} so far)"),
        EventKind::Click => format!("{goal} clicks ({delivered} so far)"),
        EventKind::Copy => format!("{goal} copies ({delivered} so far)"),
    }
}

/// A flight's price and pricing model.
pub(super) fn price(pricing: Pricing, price: Micros, currency: &str) -> String {
    match pricing {
        Pricing::Cpm => format!("{price} {currency} CPM"),
        Pricing::Vcpm => format!("{price} {currency} vCPM"),
        Pricing::Cpc => format!("{price} {currency} CPC"),
        Pricing::Flat => "flat fee".to_owned(),
    }
}

/// Pacing of a flight: what is delivered as a share of what is due by now.
pub(super) fn pace(pace: f64) -> String {
    let word = match pace {
        behind if behind < 0.9 => "behind",
        ahead if ahead > 1.1 => "ahead",
        _ => "on pace",
    };
    format!("{:.0} % of schedule: {word}", pace * 100.0)
}
