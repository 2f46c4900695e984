//! The log of a single instance: the order of its own journal, applied before an event is acknowledged.

use crate::domain::money::Micros;
use crate::journal::Entry;
use crate::ledger::apply;
use crate::ledger::apply::EntryOutcome;
use crate::ledger::delivery_totals::DeliveryTotals;
use crate::ledger::event_log::{EventLog, EventTotals, LedgerUpdate, Listener, LogStatus};
use crate::ledger::history::ReplayFrom;
use crate::ledger::outcome::ApplyOutcome;
use crate::ledger::reconciler::{AuditReport, ReconcilePass, ReconcileReport};
use crate::ledger::state::State;
use crate::ledger::views::Tally;
use crate::ledger::{history, reconciler};
use futures_util::future::BoxFuture;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{future, io};

/// Applies the entries of one journal as they become durable.
pub(crate) struct LocalLog {
    folder: PathBuf,
    store: u64,
    state: Arc<Mutex<State>>,
    listener: Mutex<Listener>,
    /// Locked after the state.
    delivery: Mutex<DeliveryTotals>,
}

impl LocalLog {
    /// Continues `state`, which is what the segments of `folder` add up to.
    pub(crate) fn new(
        folder: PathBuf,
        store: u64,
        state: Arc<Mutex<State>>,
        listener: Listener,
    ) -> LocalLog {
        LocalLog {
            folder,
            store,
            state,
            listener: Mutex::new(listener),
            delivery: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn delivery(&self) -> MutexGuard<'_, DeliveryTotals> {
        self.delivery.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventLog for LocalLog {
    fn append(&self, entries: &[Entry]) {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state();
        let mut delivery = self.delivery();
        for entry in entries {
            match apply::apply_entry(&mut state, entry).expect("this process encoded it") {
                EntryOutcome::Next(applied) | EntryOutcome::Gap { applied, .. } => {
                    applied.verdicts.iter().for_each(|one| delivery.add(one));
                    listener(LedgerUpdate::Applied(&applied));
                }
                EntryOutcome::Duplicate => {}
            }
        }
    }

    fn wait_until_applied(&self, _: Duration) -> BoxFuture<'_, bool> {
        Box::pin(future::ready(true))
    }

    fn replay(&self, since: ReplayFrom, each: &mut dyn FnMut(&ApplyOutcome)) -> io::Result<()> {
        history::replay(&self.folder, since, u64::MAX, false, each).map(drop)
    }

    fn replay_partition(
        &self,
        partition: u8,
        since_ms: i64,
        each: &mut dyn FnMut(&ApplyOutcome),
    ) -> io::Result<()> {
        history::replay_partition(&self.folder, partition, since_ms, each)
    }

    fn audit(&self) -> io::Result<AuditReport> {
        let live = self.state().clone();
        reconciler::audit(&self.folder, &live)
    }

    fn reconcile(&self, pass: &ReconcilePass) -> io::Result<ReconcileReport> {
        let live = self.state().clone();
        reconciler::reconcile(&self.folder, self.store, &live, pass)
    }

    fn status(&self) -> LogStatus {
        LogStatus::default()
    }

    fn totals(&self) -> EventTotals {
        let (state, mut totals) = (self.state(), EventTotals::default());
        totals.delivery = self.delivery().clone();
        for (kind, tally) in &state.totals() {
            let credited = tally.credited_events();
            let events = Tally { counted: tally.counted + credited, ..tally.clone() };
            totals.events.insert(*kind, events);
            totals.credited.insert(*kind, credited);
        }
        let whole = |micros: Micros| u64::try_from(micros.get()).unwrap_or(0);
        for (campaign, account) in state.accounts() {
            let credited = whole(account.credited);
            totals.billed.insert(campaign.into(), whole(account.spent) + credited);
            totals.credited_micros.insert(campaign.into(), credited);
        }
        totals
    }
}
