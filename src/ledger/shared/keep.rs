//! Keeping the shared books: the sums are made again from the store and compared, bases are moved on,
//! and what is older than the log is kept for leaves it.

use crate::journal::PARTITIONS;
use crate::ledger::audit;
use crate::ledger::audit::Difference;
use crate::ledger::keeper::Kept;
use crate::ledger::shared::Place;
use crate::ledger::shared::Shared;
use crate::ledger::shared::known;
use crate::ledger::shared::known::Known;
use crate::ledger::shared::sums;
use crate::ledger::shared::sums::Sums;
use crate::ledger::state::State;
use crate::store::Client;
use crate::store::StoreError;
use crate::store::bases::Which;
use crate::store::log::Batch;

/// Batches behind the last base before it is moved on: what a start reads of a partition.
const STRIDE: u64 = 16;

impl Shared {
    /// Makes one pass at `now_ms`. Of the log, what was recorded before `cut_ms` goes, once the sums
    /// have it. Each machine compares what it holds; each base is one machine's to move.
    pub async fn keep(&self, now_ms: i64, cut_ms: Option<i64>) -> Result<Kept, StoreError> {
        let mut kept = Kept::default();
        let (live, places) = self.snapshot();
        let mut truth = State::default();
        for (partition, place) in (0..PARTITIONS).zip(&places) {
            let mut sums = Sums::at(&self.client, partition, Which::Last).await?;
            let base = sums.place.number;
            let goes_on = |batch: &Batch| batch.number <= place.number;
            sums.read_on(&self.client, partition, goes_on, &mut |_, _| {}).await?;
            if sums.place != *place {
                // Another machine is ahead, or a failover took the log back: the next pass tells.
                return Ok(kept);
            }
            if self.is_ours(partition) && place.number >= base + STRIDE {
                sums.put(&self.client, partition, Which::Last).await?;
                kept.checkpoint = true;
            }
            truth.join(sums.state);
        }
        kept.drift_micros = audit::drift_micros(&truth, &live);
        kept.differences = audit::compare(&truth, &live);
        drop(truth);
        if kept.differences.is_empty() {
            let known = Known { at_ms: now_ms, share: self.share(), places, state: live };
            known::write(&self.folder, &known).map_err(|error| {
                StoreError::Files(format!("{}: {error}", self.folder.display()))
            })?;
        }
        if let Some(cut_ms) = cut_ms {
            for partition in (0..PARTITIONS).filter(|partition| self.is_ours(*partition)) {
                self.cut(partition, cut_ms).await?;
            }
        }
        Ok(kept)
    }

    /// Whether this machine, of all that are here, moves a partition's bases. Two that think so put
    /// the same.
    fn is_ours(&self, partition: u8) -> bool {
        let (machines, own) = self.share();
        usize::from(partition) % machines == own
    }

    /// Moves a first base over what was recorded before `cut_ms`, as far as a last one is ahead.
    async fn cut(&self, partition: u8, cut_ms: i64) -> Result<(), StoreError> {
        let last = Sums::at(&self.client, partition, Which::Last).await?.place.number;
        let mut sums = Sums::at(&self.client, partition, Which::First).await?;
        let first = sums.place.number;
        let is_old = |batch: &Batch| {
            batch.number <= last && sums::latest_ms(batch).is_none_or(|at_ms| at_ms < cut_ms)
        };
        sums.read_on(&self.client, partition, is_old, &mut |_, _| {}).await?;
        if sums.place.number > first {
            sums.put(&self.client, partition, Which::First).await?;
        }
        Ok(())
    }

    /// The state as all of the log that is kept tells it, up to what was read here, and whether the
    /// last bases agree with it.
    pub async fn recomputed(
        &self,
        places: &[Place],
    ) -> Result<(State, Vec<Difference>), StoreError> {
        recomputed(&self.client, places.iter().map(|place| place.number)).await
    }
}

/// The state as all of the log that a store keeps tells it, up to an end of each partition, and where
/// its last bases say something else.
pub async fn recomputed(
    client: &Client,
    ends: impl Iterator<Item = u64>,
) -> Result<(State, Vec<Difference>), StoreError> {
    let (mut truth, mut found) = (State::default(), Vec::new());
    for (partition, last) in (0..PARTITIONS).zip(ends) {
        let base = Sums::at(client, partition, Which::Last).await?;
        let mut sums = Sums::at(client, partition, Which::First).await?;
        for end in [base.place.number.min(last), last] {
            let goes_on = |batch: &Batch| batch.number <= end;
            sums.read_on(client, partition, goes_on, &mut |_, _| {}).await?;
            if sums.place == base.place {
                let differences = audit::compare(&sums.state, &base.state).into_iter();
                found.extend(differences.map(|one| Difference {
                    what: format!("{} in the base of {partition}", one.what),
                    ..one
                }));
            }
        }
        truth.join(sums.state);
    }
    found.extend(audit::contradictions(&truth));
    Ok((truth, found))
}
