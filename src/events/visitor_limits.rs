//! Visitor rate limits across all instances. When an event arrives, each instance applies the limits to
//! what it has seen itself. Visitor activity is exchanged in the background; the instance that finds a
//! visitor over a limit credits the excess as invalid traffic. An outage delays this and rejects nothing.

use crate::cluster::visitors::ActiveVisitors;
use crate::domain::event::EventKind;
use crate::events::{CreditedEvents, Events};
use crate::reporting::credit::{CreditError, CreditReason};
use crate::store::StoreError;
use crate::traffic::over_quota::over_quota;
use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};

/// Maximum credited events remembered.
const MAX_CREDITED: usize = 100_000;

/// Author of credits for exceeded limits.
const CREDITED_BY: &str = "limits";

/// Milliseconds per day.
const DAY_MS: i64 = 86_400_000;

/// Why the limits of all instances could not be enforced.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    /// The shared store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The excess could not be credited.
    #[error(transparent)]
    Credit(#[from] CreditError),
}

impl Events {
    /// Applies the salt of visitor keys of the day, which is the same on all instances once they reach
    /// each other.
    pub async fn renew_visitor_salt(&self) -> Result<(), StoreError> {
        let renew = |salt| self.parts.visitors.renew(salt);
        self.parts.exchange.renew_salt(self.parts.clock.now_ms(), &renew).await
    }

    /// Exchanges visitor activity with other instances; with `checks`, credits events over the limits of
    /// visitors that were active recently. If two instances credit the same event, it is credited once.
    pub async fn exchange_visitors(&self, checks: bool) -> Result<(), LimitError> {
        self.renew_visitor_salt().await?;
        let exchange = &self.parts.exchange;
        exchange.send(self.parts.clock.now_ms()).await?;
        if checks {
            let active = exchange.claim().await?;
            self.credit_excess(&active).await?;
            exchange.complete(&active).await?;
        }
        Ok(())
    }

    async fn credit_excess(&self, active: &[ActiveVisitors]) -> Result<(), CreditError> {
        let quotas = self.parts.settings.get().limits.quotas();
        for &kind in EventKind::ALL {
            let of_kind = active.iter().filter(|visitors| visitors.kind == kind);
            let over =
                of_kind.flat_map(|visitors| over_quota(&quotas, kind, visitors.events.clone()));
            let over: BTreeSet<u128> = over.collect();
            let fresh: BTreeSet<u128> = {
                let credited = self.credited_today();
                over.into_iter().filter(|one| !credited.events.contains(&(kind, *one))).collect()
            };
            if fresh.is_empty() {
                continue;
            }
            let note = "over a limit across all instances";
            let reason = CreditReason { by: CREDITED_BY, note };
            let events = self.parts.reporting.credit_recent(fresh.clone(), &[kind], reason).await?;
            tracing::info!(
                %kind,
                events = events.len(),
                "credited events over a limit across all instances"
            );
            let mut credited = self.credited_today();
            if credited.events.len() < MAX_CREDITED {
                credited.events.extend(fresh.into_iter().map(|one| (kind, one)));
            }
        }
        Ok(())
    }

    fn credited_today(&self) -> MutexGuard<'_, CreditedEvents> {
        let today = self.parts.clock.now_ms().div_euclid(DAY_MS);
        let mut credited = self.credited.lock().unwrap_or_else(PoisonError::into_inner);
        if credited.day != today {
            *credited = CreditedEvents { day: today, ..CreditedEvents::default() };
        }
        credited
    }
}
