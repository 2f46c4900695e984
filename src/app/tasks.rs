//! What goes on beside requests: state, pace, grace, salts, audits, files.

use crate::app::Options;
use crate::app::reload;
use crate::app::reload::What;
use crate::app::sharing;
use crate::config::ConfigError;
use crate::config::Settings;
use crate::config::Watch;
use crate::config::keys::ApiKeys;
use crate::config::keys::TokenKeys;
use crate::http::Face;
use actix_web::web::Data;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// Between two looks at budgets and paces.
const STATE_EVERY: Duration = Duration::from_millis(100);
/// Between two looks at events that wait for their impression and at what was asked for,
/// and at the disk.
const TICK_EVERY: Duration = Duration::from_secs(1);
const HEAL_EVERY: Duration = Duration::from_secs(5);
/// Between two sweeps of visitors that nobody remembers.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// An audit runs for at most this part of the time.
const AUDIT_SHARE: u32 = 20;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Running tasks; they end with the server.
pub struct Tasks {
    running: Vec<JoinHandle<()>>,
    _watch: Watch,
}

impl Tasks {
    /// Ends them all.
    pub async fn stop(self) {
        for task in self.running {
            task.abort();
            // A task that was ended has nothing to report.
            let _ = task.await;
        }
    }
}

/// Starts every task.
pub fn start(
    face: &Data<Face>,
    settings: &Settings,
    options: &Options,
) -> Result<Tasks, ConfigError> {
    let (tell, told) = mpsc::unbounded_channel();
    let watched = watched(settings, options);
    let paths: Vec<PathBuf> = watched.iter().map(|(path, _)| path.clone()).collect();
    let heard = tell.clone();
    let watch = Watch::start(paths, move |changed| {
        for (_, what) in watched.iter().filter(|(path, _)| changed.contains(path)) {
            // The server is going away when nobody listens.
            heard.send(*what).ok();
        }
    })?;
    // Listened for before the first task runs: until then it would end the process.
    let hang_up = signal(SignalKind::hangup())
        .map_err(|error| ConfigError::Usage(format!("SIGHUP cannot be listened for: {error}")))?;
    let key_folder = settings.store.keys().to_owned();
    let mut running = vec![
        tokio::spawn(state(face.clone())),
        tokio::spawn(ticks(face.clone())),
        tokio::spawn(room(face.clone())),
        tokio::spawn(heals(face.clone())),
        tokio::spawn(sweeps(face.clone())),
        tokio::spawn(keys(face.clone(), key_folder.clone(), settings.windows.click_seconds)),
        tokio::spawn(audits(face.clone(), settings.store.bookkeeping_seconds)),
        tokio::spawn(reloads(face.clone(), key_folder, options.clone(), told)),
        tokio::spawn(hang_ups(hang_up, tell)),
    ];
    if let Some(shared) = face.server.ledger.shared() {
        running.extend(sharing::start(face, shared));
    }
    Ok(Tasks { running, _watch: watch })
}

/// What a changed file leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Changed {
    File(What),
    ApiKeys,
    TokenKeys,
}

fn watched(settings: &Settings, options: &Options) -> Vec<(PathBuf, Changed)> {
    let usual = |named: &Option<PathBuf>, usual: &str| {
        named.clone().unwrap_or_else(|| PathBuf::from(usual))
    };
    let data = settings.store.keys();
    let mut watched = vec![
        (usual(&options.config, "config/adjacent.toml"), Changed::File(What::Config)),
        (usual(&options.weights, "config/weights.toml"), Changed::File(What::Weights)),
        (PathBuf::from("config/labels.toml"), Changed::File(What::Labels)),
        (data.join("keys.toml"), Changed::ApiKeys),
        (data.join("token-keys.toml"), Changed::TokenKeys),
    ];
    if let Some(networks) = &settings.traffic.datacenters {
        watched.push((PathBuf::from(networks), Changed::File(What::Datacenters)));
    }
    if let Some(inventory) = options.inventory.clone().filter(|_| options.watch) {
        watched.push((inventory, Changed::File(What::Inventory)));
    }
    watched
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

async fn state(face: Data<Face>) {
    let mut interval = every(STATE_EVERY);
    loop {
        interval.tick().await;
        face.server.refresh();
    }
}

async fn ticks(face: Data<Face>) {
    let mut interval = every(TICK_EVERY);
    loop {
        interval.tick().await;
        if let Err(error) = face.server.tick().await {
            tracing::debug!(%error, "nothing is settled while the journal takes nothing");
        }
        if let Err(error) = face.server.note_asked().await {
            tracing::debug!(%error, "what was asked for waits while the journal takes nothing");
        }
    }
}

/// Shows pictures again that somebody put back.
async fn heals(face: Data<Face>) {
    let mut interval = every(HEAL_EVERY);
    loop {
        interval.tick().await;
        if let Err(error) = face.server.heal().await {
            tracing::debug!(%error, "pictures that are back wait while the journal takes nothing");
        }
    }
}

async fn room(face: Data<Face>) {
    let mut interval = every(TICK_EVERY);
    loop {
        interval.tick().await;
        let server = face.server.clone();
        // Asking a file system may wait for a disk.
        if let Err(error) = actix_web::web::block(move || server.look_for_room()).await {
            tracing::error!(%error, "looking for room broke off");
        }
    }
}

async fn sweeps(face: Data<Face>) {
    let mut interval = every(SWEEP_EVERY);
    let mut day = face.server.clock.now_ms().div_euclid(DAY_MS);
    loop {
        interval.tick().await;
        let now_ms = face.server.clock.now_ms();
        face.server.visitors.sweep(now_ms);
        face.server.flood.sweep(now_ms);
        let today = now_ms.div_euclid(DAY_MS);
        // Where machines share a store, they share the salt, too.
        if today != day && face.server.ledger.shared().is_none() {
            day = today;
            face.server.visitors.renew(rand::random());
        }
    }
}

/// Retires token keys that have been previous for the click window.
async fn keys(face: Data<Face>, data: PathBuf, window_seconds: u32) {
    let mut interval = every(Duration::from_secs(60));
    loop {
        interval.tick().await;
        let now = face.server.clock.now();
        let retired = TokenKeys::open(&data, now)
            .and_then(|mut keys| keys.retire(window_seconds, now).map(|changed| (keys, changed)));
        match retired {
            Ok((keys, true)) => take_token_keys(&face, &keys),
            Ok((_, false)) => {}
            Err(error) => tracing::warn!(%error, "token keys cannot be read"),
        }
    }
}

fn take_token_keys(face: &Face, keys: &TokenKeys) {
    face.server.keyring.store(Arc::new(keys.keyring()));
    face.links.store(Arc::new(keys.links()));
}

async fn audits(face: Data<Face>, every_seconds: u32) {
    let every = Duration::from_secs(every_seconds.into());
    let mut pause = every;
    loop {
        tokio::time::sleep(pause).await;
        let server = face.server.clone();
        let began = std::time::Instant::now();
        let pass = move || {
            server.look_for_findings();
            server.keep_books()
        };
        match actix_web::web::block(pass).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::error!(%error, "the journal cannot be audited"),
            Err(error) => tracing::error!(%error, "the audit broke off"),
        }
        pause = every.max(began.elapsed() * AUDIT_SHARE);
    }
}

async fn reloads(
    face: Data<Face>,
    data: PathBuf,
    options: Options,
    mut told: mpsc::UnboundedReceiver<Changed>,
) {
    while let Some(changed) = told.recv().await {
        match changed {
            Changed::File(what) => reload::reload(&face, &options, what).await,
            Changed::ApiKeys => match ApiKeys::open(&data) {
                Ok(keys) => face.keys.store(Arc::new(keys)),
                Err(error) => tracing::warn!(%error, "keys not reloaded, those before stay"),
            },
            Changed::TokenKeys => match TokenKeys::open(&data, face.server.clock.now()) {
                Ok(keys) => take_token_keys(&face, &keys),
                Err(error) => tracing::warn!(%error, "token keys not reloaded, those before stay"),
            },
        }
    }
}

/// `SIGHUP` reloads everything.
async fn hang_ups(mut hang_up: Signal, tell: mpsc::UnboundedSender<Changed>) {
    while hang_up.recv().await.is_some() {
        for what in What::ALL {
            tell.send(Changed::File(what)).ok();
        }
        tell.send(Changed::ApiKeys).ok();
        tell.send(Changed::TokenKeys).ok();
    }
}
