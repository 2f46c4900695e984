//! What goes on where machines share a store: sending, reading, saying who is here.

use crate::http::Face;
use crate::ledger::shared::Shared;
use crate::ledger::shared::Telling;
use crate::server::Server;
use crate::server::lending::Missing;
use crate::server::sightings::LimitError;
use crate::store::StoreError;
use crate::store::starts;
use crate::store::starts::Start;
use actix_web::web::Data;
use anyhow::Context;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Between two looks at the logs.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Between two looks while the store is away.
const AWAY: Duration = Duration::from_millis(500);

/// Between two looks for what others have changed.
const CATALOG_EVERY: Duration = Duration::from_millis(500);

/// Between two words that this instance is here.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// After so many of them it says where it runs.
const ANNOUNCED_EVERY: u64 = 10;

/// Between two looks for money that is needed here or not any more.
const LEND_EVERY: Duration = Duration::from_millis(50);

/// Between two times that the store is told of visitors, and after how many of these somebody looks
/// at them: a look may read the log.
const LIMITS_EVERY: Duration = Duration::from_millis(500);
const LOOKED_AT_EVERY: u64 = 6;

/// Between two looks whether others want the record of a decision.
const ASKED_EVERY: Duration = Duration::from_millis(250);

/// How long a start waits for the store before it serves house units alone.
const PATIENCE: Duration = Duration::from_secs(10);

/// Says that this instance is here, and reads what the store has before the first page is answered,
/// as long as that makes sense.
pub async fn begin(server: &Server, shared: &Shared) -> anyhow::Result<()> {
    server.ledger.come(server.clock.now_ms()).await.context("the journal takes nothing")?;
    // One that knows what was there serves and reports it.
    let end = Instant::now() + if shared.is_known() { AWAY } else { PATIENCE };
    while Instant::now() < end {
        let read = match shared.beat(server.clock.now_ms()).await {
            Ok(()) => shared.follow().await,
            Err(error) => Err(error),
        };
        match read {
            Ok(true) => {
                if let Err(error) = take_part(server, shared).await {
                    tracing::warn!(%error, "budgets are shared a little later");
                }
                return Ok(());
            }
            Ok(false) => {}
            Err(error @ StoreError::Away(_)) => {
                tracing::warn!(%error, "the store is not read yet");
                tokio::time::sleep(AWAY).await;
            }
            Err(error) => {
                tracing::error!(%error, "the store cannot be read");
                break;
            }
        }
    }
    tracing::warn!("house units alone, until the store was read");
    Ok(())
}

/// Puts windows and budgets on record that differ from those that others have, and takes a first part
/// of every budget; what is sold here is known to all before the first page is answered.
async fn take_part(server: &Server, shared: &Shared) -> anyhow::Result<()> {
    server.ledger.write_rules()?;
    server.write_budgets(server.live().snapshot()).await?;
    server.lend_first().await?;
    while !shared.send_files().await? {}
    while !shared.follow().await? {}
    Ok(())
}

/// Starts what goes on for ever.
pub fn start(face: &Data<Face>, shared: &Arc<Shared>) -> Vec<JoinHandle<()>> {
    vec![
        tokio::spawn(shared.clone().ship()),
        tokio::spawn(follow(face.clone(), shared.clone())),
        tokio::spawn(beat(face.clone(), shared.clone())),
        tokio::spawn(confirm(shared.clone())),
        tokio::spawn(lend(face.clone())),
        tokio::spawn(limits(face.clone())),
        tokio::spawn(records(face.clone())),
        tokio::spawn(catalog(face.clone())),
    ]
}

/// Says that this instance is gone, and sends what is still here, as long as that makes sense. What
/// is left is sent by the next start on these files.
pub async fn end(server: &Server, shared: &Arc<Shared>) {
    if let Err(error) = server.give_back().await {
        tracing::warn!(%error, "this instance's part of each budget comes back later");
    }
    if let Err(error) = server.ledger.go(server.clock.now_ms()).await {
        tracing::warn!(%error, "others wait for this instance, which cannot say that it is gone");
    }
    let all = async {
        while shared.standing().unsent > 0 {
            if !matches!(shared.send_files().await, Ok(true)) {
                tokio::time::sleep(AWAY).await;
            }
        }
        shared.leave().await
    };
    let left = tokio::time::timeout(PATIENCE, all).await;
    let unsent = shared.standing().unsent;
    if unsent > 0 || !matches!(left, Ok(Ok(()))) {
        tracing::warn!(unsent, "events wait in the journal for the next start on these files");
    }
}

async fn follow(face: Data<Face>, shared: Arc<Shared>) {
    let mut is_written = false;
    let mut telling = Telling::of("the shared log is not read");
    loop {
        let read = shared.follow().await;
        shared.reading_is_refused(telling.hears(&read));
        let pause = match read {
            Ok(false) => Duration::ZERO,
            Ok(true) => LOOK_EVERY,
            Err(StoreError::Away(_)) => AWAY,
            Err(_) => AWAY * 2,
        };
        if !is_written && shared.is_current() {
            // Only now is it known which windows and budgets the others have put on record.
            let live = face.server.live();
            is_written = face.server.ledger.write_rules().is_ok()
                && face.server.write_budgets(live.snapshot()).await.is_ok()
                && face.server.lend_first().await.is_ok();
        }
        tokio::time::sleep(pause).await;
    }
}

/// Serves what others have changed.
async fn catalog(face: Data<Face>) {
    let mut told = String::new();
    loop {
        tokio::time::sleep(CATALOG_EVERY).await;
        match face.server.catch_up().await {
            Ok(()) => told.clear(),
            Err(error) => {
                let said = error.to_string();
                if said != told {
                    tracing::warn!(%error, "what others have changed is not known here");
                    told = said;
                }
            }
        }
    }
}

/// Asks for parts of budgets, and takes back what the dead have.
async fn lend(face: Data<Face>) {
    let server = &face.server;
    let (mut missing, mut looked) = (Missing::default(), std::time::Instant::now());
    loop {
        tokio::time::sleep(LEND_EVERY).await;
        let mut lent = server.lend().await;
        let now = std::time::Instant::now();
        if now - looked >= BEAT_EVERY {
            looked = now;
            lent = lent.and(server.reclaim(&mut missing, now).await);
        }
        if let Err(error) = lent {
            tracing::debug!(%error, "nothing is asked for while the journal takes nothing");
        }
    }
}

/// Limits of visitors over all machines.
async fn limits(face: Data<Face>) {
    for turn in 1u64.. {
        let told = async {
            face.server.share_salt().await?;
            face.server.tell_sightings().await?;
            if turn.is_multiple_of(LOOKED_AT_EVERY) {
                face.server.look_at_visitors().await?;
            }
            Ok::<_, LimitError>(())
        };
        if let Err(error) = told.await {
            tracing::debug!(%error, "limits over all machines wait");
        }
        tokio::time::sleep(LIMITS_EVERY).await;
    }
}

/// Tells others what was decided here, where they ask.
async fn records(face: Data<Face>) {
    loop {
        let told = face.server.answer_others().await;
        if let Err(error) = &told {
            tracing::debug!(%error, "what others ask for is not known");
        }
        tokio::time::sleep(if told.is_ok() { ASKED_EVERY } else { AWAY }).await;
    }
}

async fn beat(face: Data<Face>, shared: Arc<Shared>) {
    let start = Start {
        data: face.server.ledger.store(),
        host: host(),
        ops: face.ops.to_string(),
        at_ms: face.server.clock.now_ms(),
    };
    let mut every = tokio::time::interval(BEAT_EVERY);
    for beats in 0_u64.. {
        every.tick().await;
        let mut told = shared.beat(face.server.clock.now_ms()).await;
        // Again and again, because a store may come back empty.
        if told.is_ok() && beats % ANNOUNCED_EVERY == 0 {
            told = starts::announce(shared.client(), face.server.incarnation, &start).await;
        }
        if let Err(error) = told {
            tracing::debug!(%error, "nobody was told that this instance is here");
        }
    }
}

/// Looks whether replicas have what was sent.
async fn confirm(shared: Arc<Shared>) {
    let mut every = tokio::time::interval(BEAT_EVERY);
    let mut last = None;
    loop {
        every.tick().await;
        if let Err(error) = shared.confirm(&mut last).await {
            tracing::debug!(%error, "whether replicas follow is not known");
        }
    }
}

/// What this machine calls itself.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "an unnamed machine".to_owned() } else { name.to_owned() }
}
