//! Learning which creatives get clicks, and serving what was learned: as part of the state, so that it is in the
//! decision log before any decision is made on it.

use crate::blocking::run_blocking;
use crate::domain::campaign::Rotation;
use crate::publishing::Publishing;
use crate::publishing::flight_rotation as document;
use crate::publishing::flight_rotation::FlightRotation;
use crate::selection::compiled::FlightRow;
use crate::selection::rotation::Rotations;
use crate::selection::snapshot::{Snapshot, State};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// Whether any flight has something to learn.
fn has_learners(snapshot: &Snapshot) -> bool {
    let learns = |rotation, creatives: usize| rotation == Rotation::Optimise && creatives > 1;
    snapshot.flights.iter().any(|flight| learns(flight.rotation, flight.creatives.len()))
}

impl Publishing {
    /// Learns from what counted until now, and serves it. Reads rows of the ledger only if a flight has rotation
    /// `optimise`. Call every few minutes.
    pub async fn learn_rotation(&self) {
        let (live, now_ms) = (self.parts.world.live(), self.parts.clock.now_ms());
        let snapshot = live.world.snapshot.clone();
        let started = Instant::now();
        let rotations = if has_learners(&snapshot) {
            let (views, learner) = (self.parts.ledger.views(), self.learner.clone());
            let learn = move || {
                let mut learner = learner.lock().unwrap_or_else(PoisonError::into_inner);
                learner.read(&views, &snapshot.rotation, now_ms);
                learner.table(&snapshot, now_ms)
            };
            run_blocking(learn).await
        } else {
            Rotations::default()
        };
        self.parts.metrics.rotation_seconds.set(started.elapsed().as_secs_f64());
        let mut next = self.next_state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.parts.world.live();
        let is_same = Arc::ptr_eq(&now.world.snapshot, &live.world.snapshot);
        // Another snapshot was served with a table of its own.
        if !is_same || now.world.state.rotations == rotations {
            return;
        }
        let state = State { number: *next, rotations, ..now.world.state.clone() };
        *next += 1;
        self.parts.serve_state(now.with_state(state));
    }

    /// How the creatives of a flight that is served take turns, and what was learned about them.
    pub(crate) fn rotation_of(&self, flight: &str) -> Option<FlightRotation> {
        let live = self.parts.world.live();
        let is_flight =
            |row: &FlightRow| live.snapshot().inventory.flights[row.doc].id.as_str() == flight;
        let place = live.snapshot().flights.iter().position(is_flight)?;
        let learner = self.learner.lock().unwrap_or_else(PoisonError::into_inner);
        Some(document::of_flight(&live.world, place, &learner.of(live.snapshot())))
    }

    /// The table for a snapshot that is to be served, from what was read last.
    pub(super) async fn rotations(&self, snapshot: &Arc<Snapshot>) -> Rotations {
        if !has_learners(snapshot) {
            return Rotations::default();
        }
        let (snapshot, learner) = (snapshot.clone(), self.learner.clone());
        let now_ms = self.parts.clock.now_ms();
        let table = move || {
            let learner = learner.lock().unwrap_or_else(PoisonError::into_inner);
            learner.table(&snapshot, now_ms)
        };
        run_blocking(table).await
    }
}
