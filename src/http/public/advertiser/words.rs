//! What the lists of the domain mean to who pays.

use crate::domain::event::BillOn;
use crate::domain::event::InvalidReason;
use crate::domain::money::Micros;
use crate::server::overview::document::FlightStatus;

/// Why an event was refused, in a sentence.
pub(super) fn refused(reason: InvalidReason) -> &'static str {
    match reason {
        InvalidReason::Forged => "Its token was not one of ours.",
        InvalidReason::Expired => "It came after the time in which such an event counts.",
        InvalidReason::Bot => "A program that says so, or behaves so.",
        InvalidReason::Prefetch => "A browser loaded the page before anybody looked at it.",
        InvalidReason::RateLimited => "One visitor did this more often than people do.",
        InvalidReason::TooFast => "It followed the impression faster than a person can.",
        InvalidReason::OrphanClick => "A click on a unit that was never seen to be shown.",
        InvalidReason::OutOfRegion => "It came from another country than the unit was chosen for.",
        InvalidReason::WrongOrigin => "It came from a page that is not the site's.",
        InvalidReason::OverBudget => "The budget had no room for it: it was shown for nothing.",
        InvalidReason::Test => "A trial of the site.",
        InvalidReason::Stopped => "The flight or the site was stopped when it came.",
        InvalidReason::Late => "It came too late to be told from one that was counted before.",
        InvalidReason::Credited => "Counted at first, found to be invalid since, and given back.",
    }
}

/// Whether a flight is served, and if not, why.
pub(super) fn state(status: FlightStatus) -> &'static str {
    match status {
        FlightStatus::Open => "is served",
        FlightStatus::Stopped => "stopped",
        FlightStatus::NoLiveCreative => "has no live creative",
        FlightStatus::NotBegun => "has not begun",
        FlightStatus::Over => "is over",
        FlightStatus::BudgetSpent => "its budget is spent",
        FlightStatus::Paced => "is ahead of its pace, and waits",
    }
}

/// What a flight pays, for what.
pub(super) fn price(bills: BillOn, price: Micros, currency: &str) -> String {
    match bills {
        BillOn::Impression => format!("{price} {currency} per 1000 impressions"),
        BillOn::Viewable => format!("{price} {currency} per 1000 viewable impressions"),
        BillOn::Click => format!("{price} {currency} per click"),
        BillOn::Flat => "a flat fee".to_owned(),
    }
}

/// How a flight does against the clock: delivered over due.
pub(super) fn pace(pace: f64) -> String {
    let word = match pace {
        behind if behind < 0.9 => "behind",
        ahead if ahead > 1.1 => "ahead",
        _ => "on pace",
    };
    format!("{:.0} % of what is due: {word}", pace * 100.0)
}
