//! Reading: what the store has is applied here, in its order; all of it is read again, from the bases
//! on, when that order is not the one that was read.

use crate::journal::Entry;
use crate::journal::PARTITIONS;
use crate::ledger::apply::Applied;
use crate::ledger::history::Since;
use crate::ledger::running::Change;
use crate::ledger::shared::Place;
use crate::ledger::shared::Shared;
use crate::ledger::shared::lock;
use crate::ledger::shared::sums;
use crate::ledger::shared::sums::Sums;
use crate::ledger::state::State;
use crate::store::Client;
use crate::store::StoreError;
use crate::store::bases::Which;
use crate::store::log;
use crate::store::log::Look;
use std::sync::atomic::Ordering;
use std::time::Instant;

impl Shared {
    /// Applies what the log has that was not read yet. `Ok(true)` when it is all read.
    pub async fn follow(&self) -> Result<bool, StoreError> {
        let began = Instant::now();
        if !self.begun.load(Ordering::Acquire) {
            self.read_all().await?;
        }
        let places = lock(&self.read).clone();
        let sent = self.sent();
        let looks = (0..PARTITIONS).zip(&places).map(|(partition, place)| async move {
            log::read(&self.client, partition, place.number).await.map(|look| (partition, look))
        });
        let looks = futures_util::future::try_join_all(looks).await;
        self.up.store(!matches!(looks, Err(StoreError::Away(_))), Ordering::Release);
        let mut all = true;
        for (partition, look) in looks? {
            let place = &places[usize::from(partition)];
            if !continues(place, &look) {
                self.begin_again(partition, place, &look).await?;
                return Ok(false);
            }
            all &= self.apply(partition, look)?;
        }
        if all {
            *lock(&self.read_at) = began;
            self.current.store(true, Ordering::Release);
            self.finds(&sent);
        }
        Ok(all)
    }

    fn apply(&self, partition: u8, look: Look) -> Result<bool, StoreError> {
        let mut listener = lock(&self.listener);
        let mut state = lock(&self.state);
        let mut read = lock(&self.read);
        let place = &mut read[usize::from(partition)];
        for batch in look.batches {
            for entry in &batch.entries {
                if let Some(applied) = sums::applied(&mut state, entry)? {
                    lock(&self.own).note(&applied, entry, self.incarnation);
                    listener(Change::Applied(&applied));
                }
                if entry.incarnation == self.incarnation {
                    lock(&self.unapplied).advance(partition, entry.lsn, Instant::now());
                }
            }
            *place = Place { number: batch.number, chain: batch.chain };
        }
        let all = place.number == look.length;
        drop(read);
        drop(state);
        self.applies.notify_waiters();
        Ok(all)
    }

    /// The log is not the one that was read: a failover or a restore took it back, or this machine
    /// was away for longer than the log is kept. What is on disk here is sent again.
    async fn begin_again(
        &self,
        partition: u8,
        place: &Place,
        look: &Look,
    ) -> Result<(), StoreError> {
        if look.batches.first().is_some_and(|first| first.number > place.number + 1) {
            tracing::info!(partition, "the log was cut behind this machine: its sums are read");
        } else {
            tracing::error!(partition, "the log was taken back: it is read again");
            self.rewinds.fetch_add(1, Ordering::Relaxed);
        }
        self.send_everything();
        self.read_all().await
    }

    /// Makes the state anew from the store.
    async fn read_all(&self) -> Result<(), StoreError> {
        let (mut truth, mut places) = (State::default(), Vec::new());
        for partition in 0..PARTITIONS {
            let mut sums = Sums::at(&self.client, partition, Which::Last).await?;
            if lock(&self.own).lacks(&sums.state, partition, self.incarnation) {
                sums = Sums::at(&self.client, partition, Which::First).await?;
            }
            let mut each = |entry: &Entry, applied: &Applied| {
                lock(&self.own).note(applied, entry, self.incarnation);
            };
            sums.read_on(&self.client, partition, |_| true, &mut each).await?;
            truth.join(sums.state);
            places.push(sums.place);
        }
        let mut listener = lock(&self.listener);
        let mut state = lock(&self.state);
        lock(&self.remembered).join(&state);
        *state = truth;
        for partition in 0..PARTITIONS {
            let applied = state.position(self.incarnation, partition);
            lock(&self.unapplied).set(partition, applied, Instant::now());
        }
        *lock(&self.read) = places;
        listener(Change::Anew(&state));
        self.begun.store(true, Ordering::Release);
        Ok(())
    }

    /// The state and how far it has read, of one moment.
    pub fn snapshot(&self) -> (State, Vec<Place>) {
        let state = lock(&self.state);
        let read = lock(&self.read);
        (state.clone(), read.clone())
    }
}

/// The state as the log that is kept tells it; `each` is told what every entry of it changed, or of
/// what came after the newest sums.
pub async fn replay(
    client: &Client,
    since: Since,
    each: &mut impl FnMut(&Applied),
) -> Result<State, StoreError> {
    let which = match since {
        Since::First => Which::First,
        Since::Newest => Which::Last,
    };
    let mut each = |_: &Entry, applied: &Applied| each(applied);
    let mut state = State::default();
    for partition in 0..PARTITIONS {
        let mut sums = Sums::at(client, partition, which).await?;
        sums.read_on(client, partition, |_| true, &mut each).await?;
        state.join(sums.state);
    }
    Ok(state)
}

/// Whether what was found is behind what was read, each batch behind the one before it: a hole in a
/// look is told, and never read over.
pub(super) fn continues(place: &Place, look: &Look) -> bool {
    let mut end = (place.number, &place.chain);
    for batch in &look.batches {
        if (batch.number, &batch.before) != (end.0 + 1, end.1) {
            return false;
        }
        end = (batch.number, &batch.chain);
    }
    !look.batches.is_empty() || (look.length, &look.chain) == end
}
