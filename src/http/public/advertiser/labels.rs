//! Display texts of domain values, for advertisers.

use crate::domain::event::{EventKind, Pricing};
use crate::domain::money::Micros;
use crate::reporting::overview::document::GoalOverview;

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
