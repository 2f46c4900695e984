//! Weights that a part of the requests gets: they begin, grow, and are served to all; or end, by hand or because they
//! do worse.

use crate::blocking::run_blocking;
use crate::catalog::change::{Canary, CanaryChange, ExpectedVersion, HeadUpdate};
use crate::catalog::detail::{ChangeKind, Detail};
use crate::catalog::{AuditContext, CatalogError, Head};
use crate::publishing::error::ApplyError;
use crate::publishing::{Parts, Publishing};
use crate::selection::compile::compile_stored;
use crate::selection::snapshot::{Snapshot, State};
use crate::world::canary_arms::ArmTotals;
use crate::world::canary_guard;
use crate::world::canary_guard::Breach;
use crate::world::live::{Live, LiveCanary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, PoisonError};

/// The shares in per cent that a canary has one after the other, if it grows by itself; then all requests.
const STEPS: [f64; 2] = [1.0, 10.0];

/// Who ends a canary that does worse, and who makes it grow.
const GUARD: &str = "canary";

/// How a canary is to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum CanaryPlan {
    /// This share of the requests in per cent, until it is changed by hand; 100 serves it.
    Percent(f64),
    /// One per cent, ten, then all, each for at least this many seconds.
    Steps(u32),
}

/// One arm of a canary on this instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ArmReport {
    pub(crate) decisions: u64,
    /// Filled slots as a part of all; absent without slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fill: Option<f64>,
    /// Counted impressions of all instances that this one knows.
    pub(crate) impressions: u64,
    /// Counted clicks, likewise.
    pub(crate) clicks: u64,
    /// The duration that one decision in a hundred exceeds, in microseconds.
    pub(crate) p99_micros: u64,
    /// Decisions with a failed reservation.
    pub(crate) lost_reservations: u64,
    /// Decisions with a slot that is empty because of a subject conflict.
    pub(crate) subject_conflicts: u64,
}

impl From<&ArmTotals> for ArmReport {
    fn from(totals: &ArmTotals) -> ArmReport {
        ArmReport {
            decisions: totals.decisions,
            fill: (totals.slots > 0).then(|| totals.filled as f64 / totals.slots as f64),
            impressions: totals.impressions,
            clicks: totals.clicks,
            p99_micros: totals.p99_micros(),
            lost_reservations: totals.lost,
            subject_conflicts: totals.conflicts,
        }
    }
}

/// A canary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct CanaryReport {
    /// The name of the version, else its hash.
    pub(crate) version: String,
    /// Its hash.
    pub(crate) hash: String,
    /// The part of the requests that it gets, in per cent.
    pub(crate) percent: f64,
    #[schemars(with = "String")]
    pub(crate) began: jiff::Timestamp,
    /// When it got this part.
    #[schemars(with = "String")]
    pub(crate) since: jiff::Timestamp,
    /// Seconds after which it gets the next larger part by itself; absent if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) step_seconds: Option<u32>,
    /// The other requests since it began on this instance.
    pub(crate) served: ArmReport,
    /// Its requests.
    pub(crate) canary: ArmReport,
}

/// The canary, and how the last one ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct CanaryStatus {
    /// The canary that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) running: Option<CanaryReport>,
    /// How the last one ended on this instance since its start, if it did worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stopped: Option<String>,
}

fn share_of(percent: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let share = (percent / 100.0 * f64::from(u32::MAX)).round() as u32;
    share
}

/// Compiles weights with an inventory that is served.
fn compiled(parts: &Parts, served: &Snapshot, hash: &str) -> Result<Arc<Snapshot>, CatalogError> {
    let (weights, labels) =
        (parts.catalog.weights(hash)?, parts.catalog.labels(&served.labels_hash)?);
    let (inventory, hash) = (served.inventory.clone(), served.inventory_hash.clone());
    Ok(Arc::new(compile_stored(inventory, hash, &weights, &labels)))
}

/// The world with the canary of the head, at the start of the server.
pub(super) fn at_start(parts: &Parts) -> Result<Option<Live>, CatalogError> {
    let Some(canary) = parts.catalog.head()?.and_then(|head| head.hashes.canary()) else {
        return Ok(None);
    };
    let live = parts.world.live();
    let snapshot = compiled(parts, live.snapshot(), &canary.weights)?;
    let with = live.with_state(live.world.state.clone()).with_canary(
        (canary, snapshot),
        None,
        &parts.budgets,
        &parts.metrics,
    );
    Ok(Some(with))
}

impl Publishing {
    /// Serves a version of the weights to a part of the requests, or to all, on all instances.
    pub(crate) async fn set_canary(
        &self,
        wanted: &str,
        plan: CanaryPlan,
        by: &AuditContext,
    ) -> Result<(), ApplyError> {
        self.catch_up().await?;
        let (found, weights) = self.weights_version(wanted).await?;
        let findings = self.weights_findings(&weights);
        if !findings.is_empty() {
            return Err(ApplyError::Invalid(findings));
        }
        let (percent, step_seconds) = match plan {
            CanaryPlan::Percent(percent) => (percent, None),
            CanaryPlan::Steps(seconds) => (STEPS[0], Some(seconds)),
        };
        if percent >= 100.0 {
            self.activate(found.id(), true, ExpectedVersion::Any, by).await?;
            return Ok(());
        }
        let _one_at_a_time = self.catalog_lock.lock().await;
        self.catch_up_locked(0).await?;
        let before = self.parts.catalog.head()?.and_then(|head| head.hashes.canary());
        let began = before.filter(|one| one.weights == found.hash).map_or(by.at, |one| one.began);
        let canary = Canary {
            version: found.id().to_owned(),
            weights: found.hash.clone(),
            share: share_of(percent),
            began,
            since: by.at,
            step_seconds,
        };
        let what = format!("canary {}: {percent} % of the requests", found.id());
        let by = AuditContext { what, ..by.clone() };
        self.put_canary_locked(CanaryChange::Set(&canary), found.name, &by).await
    }

    /// Ends the canary on all instances; nothing changes without one.
    pub(crate) async fn end_canary(&self, by: &AuditContext) -> Result<(), ApplyError> {
        let _one_at_a_time = self.catalog_lock.lock().await;
        self.catch_up_locked(0).await?;
        let head = self.parts.catalog.head()?;
        if head.is_none_or(|head| head.hashes.canary.is_none()) {
            return Ok(());
        }
        self.put_canary_locked(CanaryChange::End, None, by).await
    }

    async fn put_canary_locked(
        &self,
        change: CanaryChange<'_>,
        version: Option<String>,
        by: &AuditContext,
    ) -> Result<(), ApplyError> {
        let detail = Detail { version, ..Detail::of(ChangeKind::Canary) };
        let update = HeadUpdate { canary: change, detail: Some(&detail), ..HeadUpdate::default() };
        let head =
            self.parts.sync.put(&self.parts.catalog, update, ExpectedVersion::Any, by).await?;
        self.serve_canary_locked(&head).await?;
        self.note_changes(&head);
        tracing::info!(number = head.number, by = by.who, what = by.what, "canary changed");
        Ok(())
    }

    /// Serves the canary of a head whose other parts are served.
    async fn serve_canary_locked(&self, head: &Head) -> Result<(), ApplyError> {
        let live = self.parts.world.live();
        let canary = head.hashes.canary();
        let compiled = match &canary {
            Some(canary) => Some(self.canary_snapshot(&live, canary).await?),
            None => None,
        };
        let mut next = self.next_state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.parts.world.live();
        let known = now.canary.clone();
        let state = State { number: *next, ..now.world.state.clone() };
        *next += 1;
        let served = now.without_canary().with_state(state);
        let served = self.with_canary(served, canary.zip(compiled), known.as_ref());
        self.parts.log.record_world(served.log_line());
        self.parts.world.update(served);
        Ok(())
    }

    /// The inventory being served with the weights of a canary, which may be compiled already.
    pub(super) async fn canary_snapshot(
        &self,
        live: &Arc<Live>,
        canary: &Canary,
    ) -> Result<Arc<Snapshot>, CatalogError> {
        let known = live.canary.as_ref().filter(|known| known.head.weights == canary.weights);
        if let Some(known) = known {
            return Ok(known.live.world.snapshot.clone());
        }
        let catalog = self.parts.catalog.clone();
        let (live, hash) = (live.clone(), canary.weights.clone());
        run_blocking(move || {
            let served = live.snapshot();
            let labels = catalog.labels(&served.labels_hash)?;
            let weights = catalog.weights(&hash)?;
            let (inventory, hash) = (served.inventory.clone(), served.inventory_hash.clone());
            Ok(Arc::new(compile_stored(inventory, hash, &weights, &labels)))
        })
        .await
    }

    /// A world with a canary, which goes on counting if it ran before.
    pub(super) fn with_canary(
        &self,
        live: Live,
        canary: Option<(Canary, Arc<Snapshot>)>,
        before: Option<&LiveCanary>,
    ) -> Live {
        let Some((head, snapshot)) = canary else {
            self.parts.metrics.canary_share.set(0.0);
            self.parts.arms.set(None);
            return live;
        };
        let same = |known: &&LiveCanary| {
            known.head.weights == head.weights && known.head.began == head.began
        };
        let arms = before.filter(same).map(|known| known.arms.clone());
        let share = head.share;
        let percent = head.percent();
        let (budgets, metrics) = (&self.parts.budgets, &self.parts.metrics);
        let live = live.with_canary((head, snapshot), arms, budgets, metrics);
        if let Some(canary) = &live.canary {
            canary.arms.set_share(self.parts.clock.now_ms(), share);
            self.parts.arms.set(Some(canary.arms.clone()));
        }
        self.parts.metrics.canary_share.set(percent / 100.0);
        live
    }

    /// The canary, and how the last one ended.
    pub(crate) fn canary(&self) -> CanaryStatus {
        let live = self.parts.world.live();
        let running = live.canary.as_ref().map(|LiveCanary { head, arms, .. }| {
            let (served, canary) = arms.totals();
            CanaryReport {
                version: head.version.clone(),
                hash: head.weights.clone(),
                percent: head.percent(),
                began: head.began,
                since: head.since,
                step_seconds: head.step_seconds,
                served: (&served).into(),
                canary: (&canary).into(),
            }
        });
        let stopped = self.canary_stopped.lock().unwrap_or_else(PoisonError::into_inner).clone();
        CanaryStatus { running, stopped }
    }

    /// Ends the canary if it does worse than the other requests, and makes it grow if it is time. Call every second.
    pub(crate) async fn watch_canary(&self) {
        let live = self.parts.world.live();
        let Some(LiveCanary { head, arms, .. }) = live.canary.clone() else { return };
        let limits = self.parts.settings.get().canary;
        let (served, canary) = arms.totals();
        let found = canary_guard::breaches(&served, &canary, &limits);
        let done = match found.first() {
            Some(first) => self.stop(&head, first).await,
            None if canary.decisions >= limits.minimum_decisions => self.grow(&head).await,
            None => Ok(()),
        };
        if let Err(error) = done {
            tracing::error!(%error, version = head.version, "cannot change the canary; trying again");
        }
    }

    fn by_guard(&self, what: String) -> AuditContext {
        AuditContext { who: GUARD.to_owned(), what, at: self.parts.clock.now(), request: None }
    }

    async fn stop(&self, head: &Canary, breach: &Breach) -> Result<(), ApplyError> {
        let said = format!("end canary {}: {}", head.version, breach.text);
        self.end_canary(&self.by_guard(said.clone())).await?;
        tracing::warn!(
            version = head.version,
            guardrail = breach.guardrail.as_str(),
            figures = breach.text,
            "canary ended: it does worse than the other requests"
        );
        self.parts.metrics.count_canary_stopped(breach.guardrail.as_str());
        let mut stopped = self.canary_stopped.lock().unwrap_or_else(PoisonError::into_inner);
        *stopped = Some(said);
        Ok(())
    }

    async fn grow(&self, head: &Canary) -> Result<(), ApplyError> {
        let Some(seconds) = head.step_seconds else { return Ok(()) };
        let passed_ms = self.parts.clock.now_ms() - head.since.as_millisecond();
        if passed_ms < i64::from(seconds) * 1_000 {
            return Ok(());
        }
        let next = STEPS.iter().find(|percent| share_of(**percent) > head.share);
        let Some(percent) = next else {
            let by = self.by_guard(String::new());
            return self.activate(&head.version, true, ExpectedVersion::Any, &by).await.map(|_| ());
        };
        let _one_at_a_time = self.catalog_lock.lock().await;
        self.catch_up_locked(0).await?;
        let now = self.parts.catalog.head()?.and_then(|head| head.hashes.canary());
        // Another instance or an operator was faster.
        if now.as_ref() != Some(head) {
            return Ok(());
        }
        let by = self.by_guard(format!("canary {}: {percent} % of the requests", head.version));
        let canary = Canary { share: share_of(*percent), since: by.at, ..head.clone() };
        self.put_canary_locked(CanaryChange::Set(&canary), Some(head.version.clone()), &by).await
    }
}
