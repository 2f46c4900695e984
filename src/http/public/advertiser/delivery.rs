//! An advertiser's campaigns and flights with their budgets and delivery.

use crate::domain::money::Micros;
use crate::http::public::advertiser::labels;
use crate::reporting::overview::document::{CampaignOverview, FlightOverview};
use crate::web::pages::advertiser::{CampaignRow, FlightRow};

/// A campaign's spend and budgets; the bar shows the budget that is used more.
/// `is_served`: it is in the inventory.
pub(super) fn campaign(
    campaign: &CampaignOverview,
    is_served: bool,
    currency: &str,
) -> CampaignRow {
    let amount = |micros: Micros| format!("{micros} {currency}");
    let limit = |limit: Option<Micros>| limit.map_or_else(|| "no limit".to_owned(), amount);
    let raw = |micros: Micros| u64::try_from(micros.get()).unwrap_or(0);
    let lifetime = campaign.lifetime_micros.map(|all| (raw(campaign.spent_micros), raw(all)));
    let daily = campaign.daily_micros.map(|day| (raw(campaign.spent_today_micros), raw(day)));
    let usage = |(part, whole): &(u64, u64)| u128::from(*part) * 1_000_000 / u128::from(*whole);
    let budgets = [lifetime, daily].into_iter().flatten().filter(|(_, whole)| *whole > 0);
    CampaignRow {
        name: format!("{}{}", campaign.name, if is_served { "" } else { " (removed)" }),
        id: campaign.id.clone(),
        spent: amount(campaign.spent_micros),
        lifetime: limit(campaign.lifetime_micros),
        today: amount(campaign.spent_today_micros),
        daily: limit(campaign.daily_micros),
        reserved: amount(campaign.reserved_micros),
        left: limit(campaign.left_micros),
        used_raw: budgets.max_by_key(usage).unwrap_or_default(),
    }
}

pub(super) fn flight(flight: &FlightOverview, currency: &str) -> FlightRow {
    let goals: Vec<String> = flight.goals.iter().map(labels::goal).collect();
    FlightRow {
        id: flight.id.clone(),
        state: flight.state.clone(),
        remarks: flight.remarks.clone(),
        main_reason: flight.main_reason.clone().unwrap_or_default(),
        price: labels::price(flight.pricing, flight.price_micros, currency),
        delivered: flight.delivered_impressions.to_string(),
        goal: goals.join(", "),
        goal_raw: flight.goals.first().map(|goal| (goal.delivered, goal.goal)),
        pace: flight.pace.map(labels::pace).unwrap_or_default(),
    }
}
