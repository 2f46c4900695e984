//! What moves faster than the inventory: budgets that run out, flights ahead of their pace.
//!
//! A new state is noted in the decision log before it is served; the log keeps the order.

use crate::decision_log::WorldLine;
use crate::domain::campaign::Pacing;
use crate::domain::money::Micros;
use crate::journal::JournalError;
use crate::ledger::Record;
use crate::pacing::even;
use crate::selection::snapshot::FlightRow;
use crate::selection::snapshot::Snapshot;
use crate::selection::snapshot::State;
use crate::server::Server;
use crate::server::gallery::Gallery;
use crate::server::live::Live;
use crate::server::purse::Content;
use crate::token;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// Even pacing looks this far ahead, so that what falls due before the next look is not missed.
pub const PACE_AHEAD_MS: i64 = 500;

/// A world as the decision log names it.
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
    /// Looks at every purse and pace, and serves a new state when something changed. To be called
    /// at most every 100 ms.
    pub fn refresh(&self) {
        let now_ms = self.clock.now_ms();
        if self.ledger.shared().is_none() {
            // The catalog is here; a shared one is reached by looking for what others have changed.
            self.reached_ms.store(now_ms, Ordering::Relaxed);
        }
        let terms = self.terms();
        let mut next = self.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        let live = self.live();
        // Every purse is settled, whether or not one before it moved.
        let known = self.knows_what_others_recorded(terms.as_ref(), now_ms);
        let purses = live.fixtures.purses.iter();
        let moved = purses.filter(|purse| purse.settle(now_ms, known)).count() > 0;
        // Whether a shared store answers changes every room at once, and no purse.
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
        let state = State { number: *next, spent, paced, stopped: old.stopped.clone() };
        *next += 1;
        self.log.state(&state);
        self.live.store(Arc::new(live.with_state(state)));
    }

    /// Serves a snapshot. Budgets that changed are on record first.
    pub async fn serve(
        &self,
        snapshot: Arc<Snapshot>,
        gallery: Gallery,
    ) -> Result<(), JournalError> {
        self.write_budgets(&snapshot).await?;
        let mut next = self.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = self.clock.now_ms();
        let before = self.live();
        let fresh = Live::new(snapshot, gallery, &self.purses, *next);
        let state = State {
            number: *next,
            spent: fresh.spent(self.terms().as_ref(), now_ms),
            paced: paced(&fresh, now_ms),
            stopped: Vec::new(),
        };
        *next += 1;
        let live = fresh.with_state(state);
        self.log.world(world_line(&live));
        self.versions.keep(before.world.snapshot.clone());
        self.versions.keep_pictures(before.fixtures.gallery.clone());
        self.live.store(Arc::new(live));
        Ok(())
    }

    /// Records the budgets that differ from what the ledger holds.
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

    /// Settles what waited for its impression longer than it may.
    pub async fn tick(&self) -> Result<(), JournalError> {
        self.ledger.tick(self.clock.now_ms()).await
    }

    /// How far each flight with an even pace is: delivered over due.
    pub fn paces(&self) -> Vec<(String, f64)> {
        let (live, now_ms) = (self.live(), self.clock.now_ms());
        let contents: Vec<Content> =
            live.fixtures.purses.iter().map(|purse| purse.content(now_ms)).collect();
        let snapshot = live.snapshot();
        let rows = snapshot.flights.iter().enumerate().filter_map(|(place, flight)| {
            let name = snapshot.inventory.flights[flight.doc].id.to_string();
            Some((name, pace(&live, place, &contents, now_ms)?))
        });
        rows.collect()
    }
}

/// How far a flight with an even pace is: delivered over due; 1 is on pace. `contents` are those of
/// every purse.
pub(super) fn pace(live: &Live, place: usize, contents: &[Content], now_ms: i64) -> Option<f64> {
    let flight = &live.snapshot().flights[place];
    let (delivered, due) = progress(live, place, flight, contents, now_ms).next()?;
    Some(delivered as f64 / due.max(1) as f64)
}

/// Flights that are ahead of the clock, each with the share of its traffic it takes: none.
fn paced(live: &Live, now_ms: i64) -> Vec<(u32, u32)> {
    if live.fixtures.even.is_empty() {
        return Vec::new();
    }
    let contents: Vec<Content> =
        live.fixtures.purses.iter().map(|purse| purse.content(now_ms)).collect();
    let is_ahead = |at: &&u32| {
        let place = **at as usize;
        let flight = &live.snapshot().flights[place];
        progress(live, place, flight, &contents, now_ms + PACE_AHEAD_MS)
            .any(|(delivered, due)| even::is_ahead(delivered, due))
    };
    live.fixtures.even.iter().filter(is_ahead).map(|at| (*at, 0)).collect()
}

/// What an evenly paced flight has delivered and what is due, for its goal and for its campaign's
/// daily budget, where it has them.
fn progress<'a>(
    live: &'a Live,
    place: usize,
    flight: &'a FlightRow,
    contents: &'a [Content],
    now_ms: i64,
) -> impl Iterator<Item = (u64, u64)> + 'a {
    let inventory = &live.snapshot().inventory;
    let document = &inventory.flights[flight.doc];
    let even = document.pacing == Pacing::Even;
    let content = &contents[flight.campaign];
    let goal = document.goal_impressions.filter(|_| even).map(|goal| {
        let delivered = live.fixtures.delivered[place].load(Ordering::Relaxed);
        (delivered, even::due(goal, flight.starts_ms, flight.ends_ms, now_ms))
    });
    let daily = inventory.campaigns[flight.campaign].budget.daily_micros;
    let budget = daily.filter(|_| even && flight.price > Micros::ZERO).map(|daily| {
        let used = whole(content.spent_today) + whole(content.held);
        (used, even::due(whole(daily), content.today.starts_ms, content.today.ends_ms, now_ms))
    });
    goal.into_iter().chain(budget)
}

fn whole(amount: Micros) -> u64 {
    u64::try_from(amount.get()).unwrap_or(0)
}
