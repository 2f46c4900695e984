//! Even pacing of the flights being served: what is delivered and what is due by now.

use crate::domain::campaign::Pacing;
use crate::domain::goal;
use crate::domain::goal::Goals;
use crate::domain::money::Micros;
use crate::pacing::even;
use crate::selection::compiled::FlightRow;
use crate::world::budget::BudgetBalance;
use crate::world::live::Live;

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

/// Delivered and due of an evenly paced flight: in units of each goal, and in micros of its campaign's daily
/// budget. Without either, of the lifetime budget over the dates of the campaign.
fn progress<'a>(
    live: &'a Live,
    place: usize,
    flight: &'a FlightRow,
    balances: &'a [BudgetBalance],
    now_ms: i64,
) -> impl Iterator<Item = (u64, u64)> + 'a {
    let inventory = &live.snapshot().inventory;
    let document = &inventory.flights[flight.doc];
    let is_even = document.pacing == Pacing::Even;
    let (balance, limits) =
        (&balances[flight.campaign], &inventory.campaigns[flight.campaign].budget);
    let set: Vec<_> = document.goals().set().collect();
    let goals = live.bindings.goals[place].iter().zip(set).map(move |((_, budget), (_, goal))| {
        let balance = budget.balance(now_ms);
        let used = goal::units(balance.spent) + goal::units(balance.reserved);
        (used, even::due(goal, flight.starts_ms, flight.ends_ms, now_ms))
    });
    let reserved = whole(balance.reserved);
    let daily = limits.daily_micros.map(|daily| {
        let due = even::due(whole(daily), balance.today.starts_ms, balance.today.ends_ms, now_ms);
        (whole(balance.spent_today) + reserved, due)
    });
    let has_other = limits.daily_micros.is_some() || document.goals() != Goals::default();
    let dates = live.bindings.dates[flight.campaign].filter(|_| !has_other);
    let lifetime = limits.lifetime_micros.zip(dates).map(|(limit, (starts_ms, ends_ms))| {
        (whole(balance.spent) + reserved, even::due(whole(limit), starts_ms, ends_ms, now_ms))
    });
    let money = daily.or(lifetime).filter(|_| flight.price > Micros::ZERO);
    goals.chain(money).filter(move |_| is_even)
}

fn whole(amount: Micros) -> u64 {
    u64::try_from(amount.get()).unwrap_or(0)
}
