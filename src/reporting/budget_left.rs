//! How much of a campaign's budget is left, for metrics and the status.

use crate::domain::campaign::Budget;
use crate::domain::money::Micros;
use crate::world::budget::BudgetBalance;

/// The limit of a campaign that says how much of its budget is left, what is spent of it, and whether it is the
/// day's. A daily limit resets, while the lifetime limit ends a campaign.
pub(super) fn limit(budget: &Budget, balance: &BudgetBalance) -> Option<(Micros, Micros, bool)> {
    match (budget.lifetime_micros, budget.daily_micros) {
        (Some(life), _) => Some((life, balance.spent, false)),
        (None, daily) => daily.map(|daily| (daily, balance.spent_today, true)),
    }
}

/// Remaining part of a limit.
pub(super) fn left(limit: Micros, spent: Micros) -> f64 {
    limit.saturating_sub(spent).get() as f64 / limit.get().max(1) as f64
}
