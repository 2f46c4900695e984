//! Background tasks of an instance in a fleet: shipping, following the log, heartbeats, leases, catalog
//! sync.

use crate::events::visitor_activity::LimitError;
use crate::http::AppState;
use crate::ledger::cluster::{ClusterLedger, StoreErrorLog};
use crate::store::starts::ProcessStart;
use crate::store::{StoreError, starts};
use crate::world::leasing::AbsentHolders;
use actix_web::web::Data;
use anyhow::Context;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Poll interval for the partition logs.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// Retry interval while the store is unavailable.
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// Poll interval for catalog changes.
const CATALOG_EVERY: Duration = Duration::from_millis(500);

/// Heartbeat interval.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);

/// Heartbeats between two registrations of this process start.
const HEARTBEATS_PER_ANNOUNCEMENT: u64 = 10;

/// Interval for requesting and returning budget leases.
const LEASE_EVERY: Duration = Duration::from_millis(50);

/// Interval for reporting visitor activity.
const VISITORS_EVERY: Duration = Duration::from_millis(500);
/// Reports between two checks of visitors; a check may read the log.
const REPORTS_PER_CHECK: u64 = 6;

/// Poll interval for record requests from other instances.
const RECORD_REQUESTS_EVERY: Duration = Duration::from_millis(250);

/// How long startup waits for the store before serving house ads only; also the shutdown timeout.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);

/// Joins the fleet and reads the store's logs before the first request is served, waiting for a limited
/// time.
pub async fn join(app: &AppState, shared: &ClusterLedger) -> anyhow::Result<()> {
    app.ledger.join(app.clock.now_ms()).await.context("the journal rejects writes")?;
    // With sums from an earlier run it can serve at once, so it waits less.
    let end = Instant::now() + if shared.has_state() { RETRY_EVERY } else { STORE_TIMEOUT };
    while Instant::now() < end {
        let read = match shared.heartbeat(app.clock.now_ms()).await {
            Ok(()) => shared.follow().await,
            Err(error) => Err(error),
        };
        match read {
            Ok(true) => {
                if let Err(error) = publish_and_lease(app, shared).await {
                    tracing::warn!(%error, "cannot lease budgets yet; retrying in the background");
                }
                return Ok(());
            }
            Ok(false) => {}
            Err(error @ StoreError::Unavailable(_)) => {
                tracing::warn!(%error, "store unavailable at startup; retrying");
                tokio::time::sleep(RETRY_EVERY).await;
            }
            Err(error) => {
                tracing::error!(%error, "cannot read the store at startup");
                break;
            }
        }
    }
    tracing::warn!("starting without the store; serving house ads only until it is read");
    Ok(())
}

/// Records windows and budgets that differ from the fleet's, and takes a first lease of every budget. All
/// of it is in the store before the first request is served.
async fn publish_and_lease(app: &AppState, shared: &ClusterLedger) -> anyhow::Result<()> {
    app.ledger.write_rules()?;
    app.publishing.write_budgets(app.world.live().snapshot()).await?;
    app.leasing.lease_first().await?;
    while !shared.send_files().await? {}
    while !shared.follow().await? {}
    Ok(())
}

/// Starts the tasks, which run until the server stops.
pub fn start(app: &Data<AppState>, shared: &Arc<ClusterLedger>) -> Vec<JoinHandle<()>> {
    vec![
        tokio::spawn(shared.clone().ship()),
        tokio::spawn(follow_log(app.clone(), shared.clone())),
        tokio::spawn(heartbeat(app.clone(), shared.clone())),
        tokio::spawn(check_replication(shared.clone())),
        tokio::spawn(lease(app.clone())),
        tokio::spawn(visitor_limits(app.clone())),
        tokio::spawn(reply_to_record_requests(app.clone())),
        tokio::spawn(sync_catalog(app.clone())),
    ]
}

/// Leaves the fleet and sends unsent records, for a limited time. The next start on this data directory
/// sends the rest.
pub async fn leave(app: &AppState, shared: &Arc<ClusterLedger>) {
    if let Err(error) = app.leasing.release_unused_leases().await {
        tracing::warn!(%error, "cannot return budget leases; the fleet reclaims them later");
    }
    if let Err(error) = app.ledger.leave(app.clock.now_ms()).await {
        tracing::warn!(%error, "cannot leave the fleet; others wait until the heartbeat expires");
    }
    let send_and_leave = async {
        while shared.status().unsent > 0 {
            if !matches!(shared.send_files().await, Ok(true)) {
                tokio::time::sleep(RETRY_EVERY).await;
            }
        }
        shared.leave().await
    };
    let finished = tokio::time::timeout(STORE_TIMEOUT, send_and_leave).await;
    let unsent = shared.status().unsent;
    if unsent > 0 || !matches!(finished, Ok(Ok(()))) {
        tracing::warn!(
            unsent,
            "unsent records remain in the journal; the next start on this data directory sends them"
        );
    }
}

async fn follow_log(app: Data<AppState>, shared: Arc<ClusterLedger>) {
    let mut is_published = false;
    let mut telling = StoreErrorLog::new("the shared log is not read");
    loop {
        let read = shared.follow().await;
        shared.set_reading_blocked(telling.observe(&read));
        let pause = match read {
            Ok(false) => Duration::ZERO,
            Ok(true) => POLL_EVERY,
            Err(StoreError::Unavailable(_)) => RETRY_EVERY,
            Err(_) => RETRY_EVERY * 2,
        };
        if !is_published && shared.is_caught_up() {
            // Needs the windows and budgets that other instances have recorded.
            let live = app.world.live();
            is_published = app.ledger.write_rules().is_ok()
                && app.publishing.write_budgets(live.snapshot()).await.is_ok()
                && app.leasing.lease_first().await.is_ok();
        }
        tokio::time::sleep(pause).await;
    }
}

/// Follows catalog changes by other instances.
async fn sync_catalog(app: Data<AppState>) {
    let mut last_error = String::new();
    loop {
        tokio::time::sleep(CATALOG_EVERY).await;
        match app.publishing.catch_up().await {
            Ok(()) => last_error.clear(),
            Err(error) => {
                let message = error.to_string();
                if message != last_error {
                    tracing::warn!(%error, "catalog sync failed; serving the last known catalog");
                    last_error = message;
                }
            }
        }
    }
}

/// Requests budget leases, and reclaims those of dead instances.
async fn lease(app: Data<AppState>) {
    let (mut missing, mut last_reclaim) = (AbsentHolders::default(), std::time::Instant::now());
    loop {
        tokio::time::sleep(LEASE_EVERY).await;
        let mut result = app.leasing.lease_budgets().await;
        let now = std::time::Instant::now();
        if now - last_reclaim >= HEARTBEAT_EVERY {
            last_reclaim = now;
            result = result.and(app.leasing.reclaim(&mut missing, now).await);
        }
        if let Err(error) = result {
            tracing::debug!(%error, "budget leases not updated: the journal rejects writes");
        }
    }
}

/// Enforces visitor rate limits across the fleet.
async fn visitor_limits(app: Data<AppState>) {
    for turn in 1u64.. {
        let report = async {
            app.events.sync_visitor_salt().await?;
            app.events.report_visitor_activity().await?;
            if turn.is_multiple_of(REPORTS_PER_CHECK) {
                app.events.enforce_visitor_limits().await?;
            }
            Ok::<_, LimitError>(())
        };
        if let Err(error) = report.await {
            tracing::debug!(%error, "fleet-wide visitor limits delayed");
        }
        tokio::time::sleep(VISITORS_EVERY).await;
    }
}

/// Replies to other instances' requests for decision records.
async fn reply_to_record_requests(app: Data<AppState>) {
    loop {
        let replied = app.explain.answer_record_requests().await;
        if let Err(error) = &replied {
            tracing::debug!(%error, "cannot read record requests");
        }
        tokio::time::sleep(if replied.is_ok() { RECORD_REQUESTS_EVERY } else { RETRY_EVERY }).await;
    }
}

async fn heartbeat(app: Data<AppState>, shared: Arc<ClusterLedger>) {
    let start = ProcessStart {
        data: app.ledger.store_id(),
        host: host(),
        ops: app.ops.to_string(),
        at_ms: app.clock.now_ms(),
    };
    let mut every = tokio::time::interval(HEARTBEAT_EVERY);
    for heartbeats in 0_u64.. {
        every.tick().await;
        let mut sent = shared.heartbeat(app.clock.now_ms()).await;
        // Repeated, since the store may lose its data.
        if sent.is_ok() && heartbeats % HEARTBEATS_PER_ANNOUNCEMENT == 0 {
            sent = starts::register(shared.client(), app.incarnation, &start).await;
        }
        if let Err(error) = sent {
            tracing::debug!(%error, "heartbeat failed");
        }
    }
}

/// Checks which records the replicas have acknowledged.
async fn check_replication(shared: Arc<ClusterLedger>) {
    let mut every = tokio::time::interval(HEARTBEAT_EVERY);
    let mut last = None;
    loop {
        every.tick().await;
        if let Err(error) = shared.confirm(&mut last).await {
            tracing::debug!(%error, "cannot check the replication status");
        }
    }
}

/// The host name.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "unknown-host".to_owned() } else { name.to_owned() }
}
