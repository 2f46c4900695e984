//! Even pacing of the flights being served: what is delivered and what is due by now.

use crate::domain::campaign::Pacing;
use crate::domain::money::Micros;
use crate::pacing::even;
use crate::selection::compiled::FlightRow;
use crate::world::campaign_budget::BudgetBalance;
use crate::world::live::Live;
use std::sync::atomic::Ordering;

/// Look-ahead of even pacing: covers what becomes due before the next refresh.
const PACE_AHEAD_MS: i64 = 500;

/// Pace of each evenly paced flight: delivered divided by due; 1 is on pace.
pub(crate) fn paces(live: &Live, now_ms: i64) -> Vec<(String, f64)> {
    let balances = live.budget_balances(now_ms);
    let snapshot = live.snapshot();
    let rows = snapshot.flights.iter().enumerate().filter_map(|(place, flight)| {
        let name = snapshot.inventory.flights[flight.doc].id.to_string();
        Some((name, pace(live, place, &balances, now_ms)?))
    });
    rows.collect()
}

/// Pace of a flight: delivered divided by due; 1 is on pace, `None` if not evenly paced. `balances`
/// are indexed by campaign number.
pub(crate) fn pace(
    live: &Live,
    place: usize,
    balances: &[BudgetBalance],
    now_ms: i64,
) -> Option<f64> {
    let flight = &live.snapshot().flights[place];
    let (delivered, due) = progress(live, place, flight, balances, now_ms).next()?;
    Some(delivered as f64 / due.max(1) as f64)
}

/// Flights ahead of pace, each with the share of its traffic that it may still serve: 0.
pub(crate) fn paced(live: &Live, now_ms: i64) -> Vec<(u32, u32)> {
    if live.bindings.even.is_empty() {
        return Vec::new();
    }
    let balances = live.budget_balances(now_ms);
    let is_ahead = |at: &&u32| {
        let place = **at as usize;
        let flight = &live.snapshot().flights[place];
        progress(live, place, flight, &balances, now_ms + PACE_AHEAD_MS)
            .any(|(delivered, due)| even::is_ahead(delivered, due))
    };
    live.bindings.even.iter().filter(is_ahead).map(|at| (*at, 0)).collect()
}

/// Delivered and due of an evenly paced flight: for its goal and for its campaign's daily budget,
/// where set.
fn progress<'a>(
    live: &'a Live,
    place: usize,
    flight: &'a FlightRow,
    balances: &'a [BudgetBalance],
    now_ms: i64,
) -> impl Iterator<Item = (u64, u64)> + 'a {
    let inventory = &live.snapshot().inventory;
    let document = &inventory.flights[flight.doc];
    let even = document.pacing == Pacing::Even;
    let balance = &balances[flight.campaign];
    let goal = document.goal_impressions.filter(|_| even).map(|goal| {
        let delivered = live.bindings.delivered[place].load(Ordering::Relaxed);
        (delivered, even::due(goal, flight.starts_ms, flight.ends_ms, now_ms))
    });
    let daily = inventory.campaigns[flight.campaign].budget.daily_micros;
    let budget = daily.filter(|_| even && flight.price > Micros::ZERO).map(|daily| {
        let used = whole(balance.spent_today) + whole(balance.reserved);
        (used, even::due(whole(daily), balance.today.starts_ms, balance.today.ends_ms, now_ms))
    });
    goal.into_iter().chain(budget)
}

fn whole(amount: Micros) -> u64 {
    u64::try_from(amount.get()).unwrap_or(0)
}
