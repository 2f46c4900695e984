//! Serving a new world: another inventory, or a state (exhausted budgets, flights ahead of pace), which
//! changes faster.
//!
//! A new state is written to the decision log before it is served, so that the log has every state in
//! order.

use crate::blocking::run_blocking;
use crate::catalog::change::Canary;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use crate::journal::JournalError;
use crate::ledger::Record;
use crate::ledger::flight_counts::FlightCounts;
use crate::publishing::error::ApplyError;
use crate::publishing::{Parts, Publishing};
use crate::selection::compile::compile_stored;
use crate::selection::snapshot::{Snapshot, State};
use crate::token;
use crate::world::images::ImageSet;
use crate::world::lease::LeaseTerms;
use crate::world::live::Live;
use crate::world::pace::{Pacer, Shares};
use crate::world::topic_shares;
use crate::world::traffic_history::TrafficHistory;
use jiff::Timestamp;
use std::sync::{Arc, MutexGuard, PoisonError};

impl Parts {
    /// Serves another state of the same snapshots, once it is in the decision log.
    pub(super) fn serve_state(&self, live: Live) {
        self.log.record_state(&live.world.state, live.canary_state());
        self.world.update(live);
    }
}

impl Publishing {
    /// Recomputes exhausted budgets and pacing, and serves a new state if either changed. Call at
    /// most every 100 ms.
    pub(crate) fn refresh(&self) {
        let now_ms = self.parts.clock.now_ms();
        if self.parts.sync.is_only() {
            // Otherwise it is reached whenever `catch_up` succeeds.
            self.parts.world.note_catalog_reached(now_ms);
        }
        let terms = self.parts.leasing.lease_terms();
        let mut next = self.next_state.lock().unwrap_or_else(PoisonError::into_inner);
        let live = self.parts.world.live();
        // No short-circuit: `count` expires reservations in every budget.
        let caught_up = self.parts.leasing.has_caught_up(terms.as_ref(), now_ms);
        let moved = live.budgets().filter(|budget| budget.expire(now_ms, caught_up)).count() > 0;
        // Store reachability changes what every campaign may reserve without touching its budget.
        let moved = moved || terms.is_some();
        let Shares { paced, tickets } = self.shares(&live, terms.as_ref(), now_ms);
        let old = &live.world.state;
        let closed = self.parts.topic_shares.closed(live.snapshot(), now_ms);
        let has_pace = paced == old.paced && tickets == old.tickets && closed == old.closed;
        if !moved && has_pace {
            return;
        }
        let spent = live.spent(terms.as_ref(), now_ms);
        if spent == old.spent && has_pace {
            return;
        }
        let state = State {
            number: *next,
            spent,
            paced,
            paused: old.paused.clone(),
            tickets,
            rotations: old.rotations.clone(),
            closed,
        };
        *next += 1;
        self.parts.serve_state(live.with_state(state));
    }

    /// Reads the traffic of the last weeks, for pacing, and of today by topic, for the bounds of advertisers.
    pub(crate) async fn read_traffic(&self) {
        let (views, now_ms) = (self.parts.ledger.views(), self.parts.clock.now_ms());
        let read =
            move || (TrafficHistory::read(&views, now_ms), topic_shares::read(&views, now_ms));
        let (history, topics) = run_blocking(read).await;
        self.parts.topic_shares.replace(topics, now_ms);
        self.pacer().expect(history);
    }

    fn pacer(&self) -> MutexGuard<'_, Pacer> {
        self.pacer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shares(&self, live: &Live, terms: Option<&LeaseTerms>, now_ms: i64) -> Shares {
        let instances = terms.map_or(1, |terms| terms.instances);
        self.pacer().shares(live, instances, now_ms)
    }

    /// Compiles and serves documents that changed at `changed`; returns the milliseconds since then.
    /// `inventory_hash` is the name of the inventory in the catalog.
    pub(super) async fn serve_documents(
        &self,
        (inventory, weights, labels): (Inventory, Weights, LabelTable),
        inventory_hash: String,
        (changed, canary): (Timestamp, Option<Canary>),
    ) -> Result<i64, ApplyError> {
        let world = self.parts.world.clone();
        let of_canary = match &canary {
            Some(canary) => Some(self.parts.catalog.weights(&canary.weights)?),
            None => None,
        };
        let compiled = move || {
            let of_canary = of_canary.map(|weights| {
                let (inventory, hash) = (inventory.clone(), inventory_hash.clone());
                Arc::new(compile_stored(inventory, hash, &weights, &labels))
            });
            let snapshot = compile_stored(inventory, inventory_hash, &weights, &labels);
            world.update_archive(&snapshot);
            (Arc::new(snapshot), of_canary)
        };
        let (snapshot, of_canary) = run_blocking(compiled).await;
        let images = self.open_images(&snapshot).await;
        self.serve(snapshot, images, canary.zip(of_canary)).await?;
        self.parts.world.log_image_faults();
        // The clock of another instance may be ahead.
        let lag_ms = self.parts.clock.now_ms() - changed.as_millisecond();
        self.parts.metrics.snapshot_lag.set(lag_ms.max(0) as f64 / 1_000.0);
        Ok(lag_ms)
    }

    /// Serves a snapshot, with the canary of the same inventory, after recording changed budgets in the ledger.
    pub(super) async fn serve(
        &self,
        snapshot: Arc<Snapshot>,
        images: ImageSet,
        canary: Option<(Canary, Arc<Snapshot>)>,
    ) -> Result<(), JournalError> {
        self.write_budgets(&snapshot).await?;
        let rotations = self.rotations(&snapshot).await;
        let mut next = self.next_state.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = self.parts.clock.now_ms();
        let fresh = Live::new(snapshot, images, &self.parts.budgets, &self.parts.metrics, *next);
        let terms = self.parts.leasing.lease_terms();
        let spent = fresh.spent(terms.as_ref(), now_ms);
        let Shares { paced, tickets } = self.shares(&fresh, terms.as_ref(), now_ms);
        let closed = self.parts.topic_shares.closed(fresh.snapshot(), now_ms);
        let paused = Vec::new();
        let state = State { number: *next, spent, paced, paused, tickets, rotations, closed };
        *next += 1;
        let before = self.parts.world.live().canary.clone();
        let live = self.with_canary(fresh.with_state(state), canary, before.as_ref());
        self.parts.log.record_world(live.log_line());
        self.parts.world.replace(live);
        Ok(())
    }

    /// Records the budgets and goals that differ from the ledger's.
    pub(crate) async fn write_budgets(&self, snapshot: &Snapshot) -> Result<(), JournalError> {
        let inventory = &snapshot.inventory;
        let changed: Vec<(u8, Record)> = {
            let state = self.parts.ledger.state();
            let budgets = inventory.campaigns.iter().filter_map(|campaign| {
                let account = state.account(campaign.id.as_str());
                let limits = account.map(|account| (account.lifetime, account.daily));
                let budget = &campaign.budget;
                let is_new =
                    limits.unwrap_or_default() != (budget.lifetime_micros, budget.daily_micros);
                is_new.then(|| {
                    let record = Record::Budget {
                        campaign: campaign.id.as_str().into(),
                        lifetime: budget.lifetime_micros,
                        daily: budget.daily_micros,
                    };
                    (token::partition_of(campaign.id.as_str()), record)
                })
            });
            let goals = inventory.flights.iter().filter_map(|flight| {
                let (id, goals) = (flight.id.as_str(), flight.goals());
                let partition = token::partition_of(flight.campaign.as_str());
                let known = state.flight_counts(partition, id).map(FlightCounts::goals);
                let is_new = known.unwrap_or_default() != goals;
                is_new.then(|| (partition, Record::Goals { flight: id.into(), goals }))
            });
            budgets.chain(goals).collect()
        };
        for chunk in changed.chunks(4_096) {
            let writes =
                chunk.iter().map(|(partition, record)| self.parts.ledger.write(*partition, record));
            futures_util::future::try_join_all(writes).await?;
        }
        Ok(())
    }
}
