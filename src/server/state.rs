//! State that changes faster than the inventory: exhausted budgets and flights ahead of pace.
//!
//! A new state is written to the decision log before it is served, so that the log has every state in
//! order.

use crate::decision_log::WorldLine;
use crate::domain::campaign::Pacing;
use crate::domain::money::Micros;
use crate::journal::JournalError;
use crate::ledger::Record;
use crate::pacing::even;
use crate::selection::snapshot::{FlightRow, Snapshot, State};
use crate::server::Server;
use crate::server::campaign_budget::BudgetBalance;
use crate::server::images::ImageSet;
use crate::server::live::Live;
use crate::token;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// Look-ahead of even pacing: covers what becomes due before the next refresh.
pub const PACE_AHEAD_MS: i64 = 500;

/// The decision log's entry for a world.
pub fn world_line(live: &Live) -> WorldLine {
    let snapshot = live.snapshot();
    WorldLine {
        inventory: snapshot.inventory_hash.clone(),
        weights: snapshot.weights_hash.clone(),
        labels: snapshot.labels_hash.clone(),
        state: live.world.state.clone(),
    }
}

impl Server {
    /// Recomputes exhausted budgets and pacing, and serves a new state if either changed. Call at
    /// most every 100 ms.
    pub fn refresh(&self) {
        let now_ms = self.clock.now_ms();
        if self.ledger.cluster().is_none() {
            // A local catalog is always reachable; a shared one is, whenever `catch_up` succeeds.
            self.catalog_reached_ms.store(now_ms, Ordering::Relaxed);
        }
        let terms = self.lease_terms();
        let mut next = self.next_state.lock().unwrap_or_else(PoisonError::into_inner);
        let live = self.live();
        // No short-circuit: `count` expires reservations in every campaign budget.
        let caught_up = self.has_caught_up(terms.as_ref(), now_ms);
        let campaign_budgets = live.bindings.campaign_budgets.iter();
        let moved = campaign_budgets
            .filter(|campaign_budget| campaign_budget.expire(now_ms, caught_up))
            .count()
            > 0;
        // Store reachability changes what every campaign may reserve without touching its budget.
        let moved = moved || terms.is_some();
        let paced = paced(&live, now_ms);
        let old = &live.world.state;
        if !moved && paced == old.paced {
            return;
        }
        let spent = live.spent(terms.as_ref(), now_ms);
        if spent == old.spent && paced == old.paced {
            return;
        }
        let state = State { number: *next, spent, paced, paused: old.paused.clone() };
        *next += 1;
        self.log.record_state(&state);
        self.live.store(Arc::new(live.with_state(state)));
    }

    /// Serves a snapshot, after recording changed budgets in the ledger.
    pub async fn serve(
        &self,
        snapshot: Arc<Snapshot>,
        images: ImageSet,
    ) -> Result<(), JournalError> {
        self.write_budgets(&snapshot).await?;
        let mut next = self.next_state.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = self.clock.now_ms();
        let before = self.live();
        let fresh = Live::new(snapshot, images, &self.campaign_budgets, *next);
        let state = State {
            number: *next,
            spent: fresh.spent(self.lease_terms().as_ref(), now_ms),
            paced: paced(&fresh, now_ms),
            paused: Vec::new(),
        };
        *next += 1;
        let live = fresh.with_state(state);
        self.log.record_world(world_line(&live));
        self.versions.remember(before.world.snapshot.clone());
        self.versions.remember_images(before.bindings.images.clone());
        self.live.store(Arc::new(live));
        Ok(())
    }

    /// Records the budgets that differ from the ledger's.
    pub async fn write_budgets(&self, snapshot: &Snapshot) -> Result<(), JournalError> {
        let changed: Vec<Record> = {
            let state = self.ledger.state();
            let campaigns = snapshot.inventory.campaigns.iter();
            campaigns
                .filter(|campaign| {
                    let account = state.accounts.get(campaign.id.as_str());
                    let limits = account.map(|account| (account.lifetime, account.daily));
                    let budget = &campaign.budget;
                    limits.unwrap_or_default() != (budget.lifetime_micros, budget.daily_micros)
                })
                .map(|campaign| Record::Budget {
                    campaign: campaign.id.as_str().into(),
                    lifetime: campaign.budget.lifetime_micros,
                    daily: campaign.budget.daily_micros,
                })
                .collect()
        };
        for chunk in changed.chunks(4_096) {
            let writes = chunk.iter().map(|record| {
                let Record::Budget { campaign, .. } = record else { unreachable!("made above") };
                self.ledger.write(token::partition_of(campaign), record)
            });
            futures_util::future::try_join_all(writes).await?;
        }
        Ok(())
    }

    /// Resolves pending events whose impression did not arrive in time.
    pub async fn tick(&self) -> Result<(), JournalError> {
        self.ledger.tick(self.clock.now_ms()).await
    }

    /// Pace of each evenly paced flight: delivered divided by due; 1 is on pace.
    pub fn paces(&self) -> Vec<(String, f64)> {
        let (live, now_ms) = (self.live(), self.clock.now_ms());
        let balances: Vec<BudgetBalance> = live
            .bindings
            .campaign_budgets
            .iter()
            .map(|campaign_budget| campaign_budget.balance(now_ms))
            .collect();
        let snapshot = live.snapshot();
        let rows = snapshot.flights.iter().enumerate().filter_map(|(place, flight)| {
            let name = snapshot.inventory.flights[flight.doc].id.to_string();
            Some((name, pace(&live, place, &balances, now_ms)?))
        });
        rows.collect()
    }
}

/// Pace of a flight: delivered divided by due; 1 is on pace, `None` if not evenly paced. `balances`
/// are indexed by campaign number.
pub(super) fn pace(
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
fn paced(live: &Live, now_ms: i64) -> Vec<(u32, u32)> {
    if live.bindings.even.is_empty() {
        return Vec::new();
    }
    let balances: Vec<BudgetBalance> = live
        .bindings
        .campaign_budgets
        .iter()
        .map(|campaign_budget| campaign_budget.balance(now_ms))
        .collect();
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
