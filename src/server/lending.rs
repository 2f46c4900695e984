//! Budgets among machines: what this one asks for, gives back, and takes from the dead. What is
//! granted is decided by the order of records ([`Leases`](crate::ledger::leases::Leases)).

use crate::domain::event::BillOn;
use crate::domain::money::Micros;
use crate::journal::JournalError;
use crate::ledger::Record;
use crate::ledger::record::Want;
use crate::server::Server;
use crate::server::lease::Contact;
use crate::server::lease::Terms;
use crate::server::purse::Purse;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

/// A store that has not answered for so long is away.
const AWAY: Duration = Duration::from_secs(3);

/// After an outage every machine has sent what it recorded meanwhile, once the store has answered for
/// so long, in milliseconds.
const SETTLED_MS: i64 = 5_000;

/// Since when process starts that have money are not here any more.
#[derive(Debug, Default)]
pub struct Missing(HashMap<u64, Instant>);

impl Missing {
    /// Nobody has been away: who is, is looked for from now on.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// Of those that have money, the ones that have been away for at least `patience` at `now`.
    pub(super) fn look(
        &mut self,
        holders: &BTreeSet<u64>,
        here: &[u64],
        patience: Duration,
        now: Instant,
    ) -> Vec<u64> {
        self.0.retain(|one, _| holders.contains(one) && !here.contains(one));
        let gone = holders.iter().filter(|one| !here.contains(one));
        let dead = gone.filter(|one| {
            now.saturating_duration_since(*self.0.entry(**one).or_insert(now)) >= patience
        });
        dead.copied().collect()
    }
}

impl Server {
    /// On what terms budgets are shared with other machines; `None` where they are not.
    pub fn terms(&self) -> Option<Terms> {
        let shared = self.ledger.shared()?;
        let settings = self.settings();
        let silence = shared.silence();
        let contact = match silence {
            silence if silence < AWAY => Contact::Well,
            silence if silence < Duration::from_secs(settings.store.lease_seconds.into()) => {
                Contact::Away
            }
            _ => Contact::Lapsed,
        };
        Some(Terms {
            own: self.incarnation,
            machines: shared.crowd(),
            contact,
            allowance_percent: settings.store.outage_allowance_percent,
        })
    }

    /// Whether the clock here is too far from the one that all machines share: by more than half of the
    /// time that a click waits for its impression. Two that differ by less than that bill what one
    /// would have billed, whichever of them records what.
    pub fn is_clock_off(&self) -> bool {
        let most_ms = i64::from(self.settings().windows.orphan_grace_seconds) * 500;
        self.ledger.shared().is_some_and(|shared| shared.ahead_ms().abs() > most_ms)
    }

    /// Whether what other machines recorded is known here, too: not while the store is away, nor right
    /// after that. To be asked often.
    pub(super) fn knows_what_others_recorded(&self, terms: Option<&Terms>, now_ms: i64) -> bool {
        if terms.is_some_and(|terms| terms.contact != Contact::Well) {
            self.away_ms.store(now_ms, Ordering::Relaxed);
        }
        now_ms.saturating_sub(self.away_ms.load(Ordering::Relaxed)) >= SETTLED_MS
    }

    /// Asks for a first part of every budget, before anybody wants it.
    pub async fn lend_first(&self) -> Result<(), JournalError> {
        let now_ms = self.clock.now_ms();
        let live = self.live();
        for flight in &live.snapshot().flights {
            if flight.bills != BillOn::Flat {
                live.fixtures.purses[flight.campaign].will_need(flight.price, now_ms);
            }
        }
        self.lend().await
    }

    /// Asks for what is needed and gives back what is not.
    pub async fn lend(&self) -> Result<(), JournalError> {
        let Some(terms) = self.terms() else { return Ok(()) };
        let now_ms = self.clock.now_ms();
        self.ask(now_ms, |purse| purse.want(&terms, now_ms)).await
    }

    /// Gives back what no decision holds: this process start ends.
    pub async fn give_back(&self) -> Result<(), JournalError> {
        let now_ms = self.clock.now_ms();
        self.ask(now_ms, |purse| purse.give_back(self.incarnation, now_ms)).await
    }

    async fn ask(
        &self,
        at_ms: i64,
        want: impl Fn(&Purse) -> Option<(i32, Micros)>,
    ) -> Result<(), JournalError> {
        let live = self.live();
        let mut wants: BTreeMap<u8, (Vec<Want>, Vec<&Purse>)> = BTreeMap::new();
        let purses = live.fixtures.purses.iter().zip(&live.fixtures.partitions);
        for (campaign, (purse, partition)) in live.snapshot().inventory.campaigns.iter().zip(purses)
        {
            if let Some((day, micros)) = want(purse) {
                let campaign = campaign.id.as_str().into();
                let (wants, asking) = wants.entry(*partition).or_default();
                wants.push(Want { campaign, day, micros });
                asking.push(purse);
            }
        }
        let writes = wants.into_iter().map(|(partition, (wants, asking))| async move {
            let record = Record::Lease { at_ms, of: self.incarnation, wants };
            let written = self.ledger.write(partition, &record).await;
            if written.is_err() {
                asking.iter().for_each(|purse| purse.not_asked());
            }
            written
        });
        let written = futures_util::future::join_all(writes).await;
        written.into_iter().collect()
    }

    /// Takes back what process starts have that are not here any more, once neither they can spend
    /// it nor anything that they have shown can come. One machine does so: the first.
    pub async fn reclaim(&self, missing: &mut Missing, now: Instant) -> Result<(), JournalError> {
        let Some(shared) = self.ledger.shared() else { return Ok(()) };
        if shared.silence() >= AWAY {
            // What the dead have shown may wait on disks, and comes once the store is back.
            missing.forget();
            return Ok(());
        }
        if shared.share().1 != 0 {
            return Ok(());
        }
        let settings = self.settings();
        let lease = Duration::from_secs(settings.store.lease_seconds.into());
        let reservation = Duration::from_secs(settings.windows.reservation_seconds.into());
        let here = shared.here();
        let mut wants: BTreeMap<(u8, u64), Vec<Want>> = BTreeMap::new();
        {
            let state = self.ledger.state();
            let holders: BTreeSet<u64> =
                state.leases().flat_map(|(_, _, leases)| leases.holders()).collect();
            let dead = missing.look(&holders, &here, lease * 3 / 2 + reservation, now);
            for (partition, campaign, leases) in state.leases() {
                for of in leases.holders().filter(|holder| dead.contains(holder)) {
                    let want = Want { campaign: campaign.into(), day: 0, micros: Micros::ZERO };
                    wants.entry((partition, of)).or_default().push(want);
                }
            }
        }
        for ((partition, of), wants) in wants {
            tracing::info!(partition, campaigns = wants.len(), "a machine that is gone had money");
            let record = Record::Lease { at_ms: self.clock.now_ms(), of, wants };
            self.ledger.write(partition, &record).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_are_those_that_were_away_all_the_time() {
        let mut missing = Missing::default();
        let (start, holders) = (Instant::now(), BTreeSet::from([1, 2, 3]));
        let mut look = |here: &[u64], after: u64| {
            let now = start + Duration::from_secs(after);
            missing.look(&holders, here, Duration::from_secs(60), now)
        };
        assert!(look(&[1], 0).is_empty() && look(&[1, 2], 30).is_empty());
        assert_eq!(look(&[1], 60), [3]);
        assert_eq!(look(&[1], 90), [3]);
        assert_eq!(look(&[1], 120), [2, 3]);
    }
}
