//! The life of an instance in a fleet: shipping, following the log, heartbeats, leases, catalog sync.

use crate::cluster::lifecycle::{Done, Lifecycle, Running};
use crate::cluster::log::{NextRead, SharedLog, StoreErrorLog};
use crate::journal::JournalError;
use crate::ledger::event_log::EventLog;
use crate::ledger::record::Record;
use crate::store::starts::ProcessStart;
use crate::store::{StoreError, starts};
use futures_util::future::BoxFuture;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

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

/// How long a shutdown waits for the store.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);

/// An instance of a fleet.
pub(crate) struct Fleet {
    log: Arc<SharedLog>,
}

impl Fleet {
    /// Exchanges with the instances that follow the same log.
    pub(crate) fn new(log: Arc<SharedLog>) -> Fleet {
        Fleet { log }
    }

    async fn join_fleet(&self, instance: &Running, deadline: Instant) -> Result<(), JournalError> {
        let read = tokio::time::timeout_at(deadline, self.read(instance, deadline)).await;
        // Its stamps are above all that was read.
        instance.ledger.join(instance.clock.now_ms()).await?;
        let is_leased = match read {
            Ok(true) => tokio::time::timeout_at(deadline, self.publish_and_lease(instance)).await,
            Ok(false) => Ok(Ok(())),
            Err(elapsed) => Err(elapsed),
        };
        match is_leased {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot lease budgets yet; retrying in the background");
            }
            Err(_) => {
                // What was being sent when the time was over is in the files.
                self.log.request_resend();
                tracing::warn!("the store does not answer in time; starting without it");
            }
        }
        if !self.log.membership().may_sell() {
            tracing::warn!("serving house ads only until the store is read");
        }
        Ok(())
    }

    /// Reads what others have recorded; `false` if the store cannot be read.
    async fn read(&self, instance: &Running, deadline: Instant) -> bool {
        let log = &self.log;
        // With sums from an earlier run it can serve at once, so it waits less.
        let end = if log.has_state() { Instant::now() + RETRY_EVERY } else { deadline };
        loop {
            let read = match log.heartbeat(instance.clock.now_ms(), None).await {
                Ok(()) => log.follow().await,
                Err(error) => Err(error),
            };
            match read {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error @ StoreError::Unavailable(_)) if Instant::now() < end => {
                    tracing::warn!(%error, "store unavailable at startup; retrying");
                    tokio::time::sleep(RETRY_EVERY).await;
                }
                Err(error) => {
                    tracing::error!(%error, "cannot read the store at startup; starting without it");
                    return false;
                }
            }
        }
    }

    /// Waits until the others know of this writer. What they have taken for final without it is below the
    /// stamps that they had told by then; later records of this instance are above.
    async fn be_awaited(&self, instance: &Running) -> Result<(), StoreError> {
        while !self.log.send_files().await? {}
        self.log.heartbeat(instance.clock.now_ms(), None).await?;
        self.log.stamp_above_all_reached();
        Ok(())
    }

    /// Records windows and budgets that differ from the fleet's, and takes a first lease of every budget.
    /// All of it is in the store before the first request is served.
    async fn publish_and_lease(
        &self,
        instance: &Running,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.be_awaited(instance).await?;
        publish(instance).await?;
        while !self.log.send_files().await? {}
        while !self.log.follow().await? {}
        Ok(())
    }

    async fn leave_fleet(&self, instance: &Running) {
        if let Err(error) = instance.services.release_leases().await {
            tracing::warn!(%error, "cannot return budget leases; the fleet reclaims them later");
        }
        if let Err(error) = instance.ledger.leave(instance.clock.now_ms()).await {
            tracing::warn!(%error, "cannot leave the fleet; others wait until the heartbeat expires");
        }
        let log = &self.log;
        let send_and_leave = async {
            while log.status().unsent > 0 {
                if !matches!(log.send_files().await, Ok(true)) {
                    tokio::time::sleep(RETRY_EVERY).await;
                }
            }
            log.leave().await
        };
        let finished = tokio::time::timeout(LEAVE_TIMEOUT, send_and_leave).await;
        let unsent = log.status().unsent;
        if unsent > 0 || !matches!(finished, Ok(Ok(()))) {
            tracing::warn!(
                unsent,
                "unsent records remain in the journal; the next start on this data directory sends them"
            );
        }
    }
}

impl Lifecycle for Fleet {
    fn join<'a>(&'a self, instance: &'a Running, deadline: Instant) -> Done<'a> {
        Box::pin(self.join_fleet(instance, deadline))
    }

    fn start(&self, instance: &Running) -> Vec<JoinHandle<()>> {
        let log = || self.log.clone();
        vec![
            tokio::spawn(log().ship()),
            tokio::spawn(log().announce()),
            tokio::spawn(log().listen()),
            tokio::spawn(follow_log(instance.clone(), log())),
            tokio::spawn(heartbeat(instance.clone(), log())),
            tokio::spawn(check_replication(log())),
            tokio::spawn(lease(instance.clone())),
            tokio::spawn(visitor_limits(instance.clone())),
            tokio::spawn(reply_to_record_requests(instance.clone())),
            tokio::spawn(sync_catalog(instance.clone())),
        ]
    }

    fn leave<'a>(&'a self, instance: &'a Running) -> BoxFuture<'a, ()> {
        Box::pin(self.leave_fleet(instance))
    }
}

/// Records windows and budgets that differ from the fleet's, and requests a first lease of every budget.
async fn publish(instance: &Running) -> Result<(), JournalError> {
    instance.ledger.write_rules()?;
    instance.services.publish_budgets().await
}

async fn follow_log(instance: Running, log: Arc<SharedLog>) {
    let mut is_published = false;
    let mut errors = StoreErrorLog::new("the shared log is not read");
    let mut next_read = NextRead::of(&log);
    loop {
        let read = log.follow().await;
        log.set_reading_blocked(errors.observe(&read));
        let pause = match read {
            Ok(_) => Duration::ZERO,
            Err(StoreError::Unavailable(_)) => RETRY_EVERY,
            Err(_) => RETRY_EVERY * 2,
        };
        if !is_published && log.membership().may_sell() {
            // Needs the windows and budgets that other instances have recorded.
            is_published = publish(&instance).await.is_ok();
        }
        match read {
            Ok(true) => next_read.wait().await,
            _ => tokio::time::sleep(pause).await,
        }
    }
}

/// Follows catalog changes by other instances.
async fn sync_catalog(instance: Running) {
    let mut last_error = String::new();
    loop {
        tokio::time::sleep(CATALOG_EVERY).await;
        match instance.services.sync_catalog().await {
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
async fn lease(instance: Running) {
    let mut last_reclaim = Instant::now();
    loop {
        tokio::time::sleep(LEASE_EVERY).await;
        let now = Instant::now();
        let reclaims = now - last_reclaim >= HEARTBEAT_EVERY;
        if reclaims {
            last_reclaim = now;
        }
        if let Err(error) = instance.services.lease_budgets(reclaims).await {
            tracing::debug!(%error, "budget leases not updated: the journal rejects writes");
        }
    }
}

/// Enforces visitor rate limits across the fleet.
async fn visitor_limits(instance: Running) {
    for turn in 1u64.. {
        let checks = turn.is_multiple_of(REPORTS_PER_CHECK);
        if let Err(error) = instance.services.exchange_visitors(checks).await {
            tracing::debug!(%error, "fleet-wide visitor limits delayed");
        }
        tokio::time::sleep(VISITORS_EVERY).await;
    }
}

/// Replies to other instances' requests for decision records.
async fn reply_to_record_requests(instance: Running) {
    loop {
        let replied = instance.services.answer_record_requests().await;
        if let Err(error) = &replied {
            tracing::debug!(%error, "cannot read record requests");
        }
        tokio::time::sleep(if replied.is_ok() { RECORD_REQUESTS_EVERY } else { RETRY_EVERY }).await;
    }
}

async fn heartbeat(instance: Running, log: Arc<SharedLog>) {
    let Running { clock, ledger, ops, .. } = &instance;
    let start = ProcessStart {
        data: ledger.store_id(),
        host: host(),
        ops: ops.to_string(),
        at_ms: clock.now_ms(),
    };
    let mut every = tokio::time::interval(HEARTBEAT_EVERY);
    for heartbeats in 0_u64.. {
        every.tick().await;
        let reached = log.sent_until(ledger, clock.now_ms()).await;
        let mut sent = log.heartbeat(clock.now_ms(), reached.as_ref()).await;
        if sent.is_ok()
            && let Err(error) = keep_writers(&instance, &log).await
        {
            tracing::debug!(%error, "writers not updated: the journal rejects writes");
        }
        // Repeated, since the store may lose its data.
        if sent.is_ok() && heartbeats % HEARTBEATS_PER_ANNOUNCEMENT == 0 {
            let incarnation = log.membership().incarnation();
            sent = starts::register(log.client(), incarnation, &start).await;
        }
        if let Err(error) = sent {
            tracing::debug!(%error, "heartbeat failed");
        }
    }
}

/// Declares writers gone that have been silent for too long, and joins again where this one was.
async fn keep_writers(instance: &Running, log: &SharedLog) -> Result<(), JournalError> {
    let (ledger, now_ms) = (&instance.ledger, instance.clock.now_ms());
    for partition in log.partitions_without_this() {
        ledger.join_partition(partition, now_ms).await?;
    }
    let membership = log.membership();
    if !membership.is_first() || !membership.may_sell() {
        return Ok(());
    }
    for (partition, incarnation, lsn) in log.silent(&membership.members(), now_ms) {
        tracing::warn!(
            partition,
            incarnation = format!("{incarnation:016x}"),
            "an instance was silent for too long: its unsent events will not be billed"
        );
        ledger.write(partition, &Record::Gone { at_ms: now_ms, incarnation, lsn }).await?;
    }
    Ok(())
}

/// Checks which records the replicas have acknowledged.
async fn check_replication(log: Arc<SharedLog>) {
    let mut every = tokio::time::interval(HEARTBEAT_EVERY);
    let mut last = None;
    loop {
        every.tick().await;
        if let Err(error) = log.confirm(&mut last).await {
            tracing::debug!(%error, "cannot check the replication status");
        }
    }
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "unknown-host".to_owned() } else { name.to_owned() }
}
