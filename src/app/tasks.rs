//! Background tasks: serving state, pacing, pending events, disk guard, images, salts, reconciliation,
//! reloads.

use crate::app::options::Options;
use crate::app::reload;
use crate::app::reload::ReloadTarget;
use crate::app::services::Services;
use crate::config::keys::{ApiKeys, TokenKeys};
use crate::config::settings::Activation;
use crate::config::{ConfigError, Settings, Watch};
use crate::delivery::Delivery;
use crate::events::Events;
use crate::http::AppState;
use crate::publishing::Publishing;
use crate::reporting::Reporting;
use actix_web::web::Data;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// Refresh interval for budgets and pacing.
const STATE_EVERY: Duration = Duration::from_millis(100);
/// Interval for reading the traffic of the last weeks.
const TRAFFIC_EVERY: Duration = Duration::from_hours(1);
/// Interval for learning which creatives get clicks.
const ROTATION_EVERY: Duration = Duration::from_mins(5);
/// Interval for settling pending events, recording opportunities, judging the canary and checking free disk space.
const TICK_EVERY: Duration = Duration::from_secs(1);
/// Interval for checking whether missing images were restored.
const IMAGES_EVERY: Duration = Duration::from_secs(5);
/// Interval for sampling the totals of the last minutes.
const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// Interval for evicting idle visitors and addresses.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// Reconciliation pauses for at least this multiple of its duration.
const RECONCILE_PAUSE_FACTOR: u32 = 20;

/// The running tasks.
pub(crate) struct Tasks {
    running: Vec<JoinHandle<()>>,
    _watch: Watch,
}

impl Tasks {
    pub(crate) fn add(&mut self, running: Vec<JoinHandle<()>>) {
        self.running.extend(running);
    }

    /// Aborts all tasks and waits for them.
    pub(crate) async fn stop(self) {
        for task in self.running {
            task.abort();
            // An aborted task has no result.
            let _ = task.await;
        }
    }
}

/// Starts every task of a single instance.
pub(crate) fn start(
    app: &Data<AppState>,
    services: &Arc<Services>,
    settings: &Settings,
    options: &Options,
) -> Result<Tasks, ConfigError> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let watched = watched(settings, options);
    let paths: Vec<PathBuf> = watched.iter().map(|(path, _)| path.clone()).collect();
    let watch_sender = sender.clone();
    let watch = Watch::start(paths, move |changed| {
        for (_, what) in watched.iter().filter(|(path, _)| changed.contains(path)) {
            // The receiver is gone only during shutdown.
            watch_sender.send(*what).ok();
        }
    })?;
    if settings.weights.activation == Activation::Command {
        // A file that changed while the server was stopped becomes a draft, too.
        sender.send(ReloadRequest::File(ReloadTarget::Weights)).ok();
    }
    // Installed before the first task runs: without a handler SIGHUP ends the process.
    let hang_up = signal(SignalKind::hangup())
        .map_err(|error| ConfigError::Usage(format!("cannot install a SIGHUP handler: {error}")))?;
    let key_folder = settings.store.keys().to_owned();
    let running = vec![
        tokio::spawn(refresh_state(services.publishing.clone())),
        tokio::spawn(read_traffic(services.publishing.clone())),
        tokio::spawn(learn_rotation(services.publishing.clone())),
        tokio::spawn(watch_canary(services.publishing.clone())),
        tokio::spawn(tick(services.events.clone())),
        tokio::spawn(sample_totals(services.reporting.clone())),
        tokio::spawn(check_disk_space(services.delivery.clone())),
        tokio::spawn(restore_images(services.publishing.clone())),
        tokio::spawn(evict_idle_visitors(app.clone(), services.events.clone())),
        tokio::spawn(retire_token_keys(
            app.clone(),
            key_folder.clone(),
            settings.windows.click_seconds,
        )),
        tokio::spawn(reconcile(
            services.reporting.clone(),
            settings.store.reconcile_interval_seconds,
        )),
        tokio::spawn(reload_changes(
            app.clone(),
            services.clone(),
            key_folder,
            options.clone(),
            receiver,
        )),
        tokio::spawn(reload_on_hang_up(hang_up, sender)),
    ];
    Ok(Tasks { running, _watch: watch })
}

/// What to reload after a file change or `SIGHUP`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReloadRequest {
    File(ReloadTarget),
    ApiKeys,
    TokenKeys,
}

fn watched(settings: &Settings, options: &Options) -> Vec<(PathBuf, ReloadRequest)> {
    let or_default = |given: &Option<PathBuf>, default: &str| {
        given.clone().unwrap_or_else(|| PathBuf::from(default))
    };
    let data = settings.store.keys();
    let mut watched = vec![
        (
            or_default(&options.config, "config/adjacent.toml"),
            ReloadRequest::File(ReloadTarget::Config),
        ),
        (
            or_default(&options.weights, "config/weights.toml"),
            ReloadRequest::File(ReloadTarget::Weights),
        ),
        (PathBuf::from("config/labels.toml"), ReloadRequest::File(ReloadTarget::Labels)),
        (data.join("keys.toml"), ReloadRequest::ApiKeys),
        (data.join("token-keys.toml"), ReloadRequest::TokenKeys),
    ];
    if let Some(networks) = &settings.traffic.datacenters {
        watched.push((PathBuf::from(networks), ReloadRequest::File(ReloadTarget::Datacenters)));
    }
    if let Some(inventory) = options.inventory.clone().filter(|_| options.watch) {
        watched.push((inventory, ReloadRequest::File(ReloadTarget::Inventory)));
    }
    watched
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

async fn refresh_state(publishing: Arc<Publishing>) {
    let mut interval = every(STATE_EVERY);
    loop {
        interval.tick().await;
        publishing.refresh();
    }
}

async fn read_traffic(publishing: Arc<Publishing>) {
    let mut interval = every(TRAFFIC_EVERY);
    loop {
        interval.tick().await;
        publishing.read_traffic().await;
    }
}

async fn learn_rotation(publishing: Arc<Publishing>) {
    let mut interval = every(ROTATION_EVERY);
    loop {
        interval.tick().await;
        publishing.learn_rotation().await;
    }
}

async fn watch_canary(publishing: Arc<Publishing>) {
    let mut interval = every(TICK_EVERY);
    loop {
        interval.tick().await;
        publishing.watch_canary().await;
    }
}

async fn tick(events: Arc<Events>) {
    let mut interval = every(TICK_EVERY);
    loop {
        interval.tick().await;
        if let Err(error) = events.settle_pending().await {
            tracing::debug!(%error, "pending events not settled: the journal rejects writes");
        }
        if let Err(error) = events.record_opportunities().await {
            tracing::debug!(%error, "opportunities not recorded yet: the journal rejects writes");
        }
    }
}

/// Serves missing images again once they are restored.
async fn restore_images(publishing: Arc<Publishing>) {
    let mut interval = every(IMAGES_EVERY);
    loop {
        interval.tick().await;
        if let Err(error) = publishing.restore_images().await {
            tracing::debug!(%error, "restored images not served yet: the journal rejects writes");
        }
    }
}

async fn sample_totals(reporting: Arc<Reporting>) {
    let mut interval = every(SAMPLE_EVERY);
    loop {
        interval.tick().await;
        let reporting = reporting.clone();
        if let Err(error) = actix_web::web::block(move || reporting.sample_totals()).await {
            tracing::error!(%error, "totals of the last minutes not sampled");
        }
    }
}

async fn check_disk_space(delivery: Arc<Delivery>) {
    let mut interval = every(TICK_EVERY);
    loop {
        interval.tick().await;
        let delivery = delivery.clone();
        // Querying a file system may block.
        if let Err(error) = actix_web::web::block(move || delivery.check_disk_space()).await {
            tracing::error!(%error, "disk space check failed");
        }
    }
}

async fn evict_idle_visitors(app: Data<AppState>, events: Arc<Events>) {
    let mut interval = every(SWEEP_EVERY);
    loop {
        interval.tick().await;
        let now_ms = app.clock.now_ms();
        events.evict_idle_visitors(now_ms);
        app.flood.sweep(now_ms);
        if let Err(error) = events.renew_visitor_salt().await {
            tracing::debug!(%error, "shared salt of visitor keys delayed");
        }
    }
}

/// Retires token keys that were rotated out longer than the click window ago.
async fn retire_token_keys(app: Data<AppState>, data: PathBuf, window_seconds: u32) {
    let mut interval = every(Duration::from_secs(60));
    loop {
        interval.tick().await;
        let now = app.clock.now();
        let retired = TokenKeys::open(&data, now)
            .and_then(|mut keys| keys.retire(window_seconds, now).map(|changed| (keys, changed)));
        match retired {
            Ok((keys, true)) => use_token_keys(&app, &keys),
            Ok((_, false)) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot read the token keys; keeping the current ones")
            }
        }
    }
}

fn use_token_keys(app: &AppState, keys: &TokenKeys) {
    app.keyring.store(Arc::new(keys.keyring()));
    app.links.store(Arc::new(keys.links()));
}

async fn reconcile(reporting: Arc<Reporting>, every_seconds: u32) {
    let every = Duration::from_secs(every_seconds.into());
    let mut pause = every;
    loop {
        tokio::time::sleep(pause).await;
        let reporting = reporting.clone();
        let started = std::time::Instant::now();
        let pass = move || {
            reporting.review_traffic();
            reporting.reconcile()
        };
        match actix_web::web::block(pass).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "reconciliation failed: cannot read the journal")
            }
            Err(error) => tracing::error!(%error, "reconciliation task failed"),
        }
        pause = every.max(started.elapsed() * RECONCILE_PAUSE_FACTOR);
    }
}

async fn reload_changes(
    app: Data<AppState>,
    services: Arc<Services>,
    data: PathBuf,
    options: Options,
    mut receiver: mpsc::UnboundedReceiver<ReloadRequest>,
) {
    while let Some(changed) = receiver.recv().await {
        match changed {
            ReloadRequest::File(what) => reload::reload(&app, &services, &options, what).await,
            ReloadRequest::ApiKeys => match ApiKeys::open(&data) {
                Ok(keys) => {
                    let changes = keys.changes_since(&app.keys.load());
                    app.keys.store(Arc::new(keys));
                    if !changes.is_empty() {
                        tracing::info!(
                            file = "keys.toml",
                            changes = changes.join(", "),
                            "API keys changed"
                        );
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "API keys not reloaded; keeping the previous keys")
                }
            },
            ReloadRequest::TokenKeys => match TokenKeys::open(&data, app.clock.now()) {
                Ok(keys) => {
                    use_token_keys(&app, &keys);
                    tracing::info!(
                        file = "token-keys.toml",
                        active = keys.current(),
                        "token keys changed"
                    );
                }
                Err(error) => {
                    tracing::warn!(%error, "token keys not reloaded; keeping the previous keys")
                }
            },
        }
    }
}

/// Reloads everything on `SIGHUP`.
async fn reload_on_hang_up(mut hang_up: Signal, sender: mpsc::UnboundedSender<ReloadRequest>) {
    while hang_up.recv().await.is_some() {
        for what in ReloadTarget::ALL {
            sender.send(ReloadRequest::File(what)).ok();
        }
        sender.send(ReloadRequest::ApiKeys).ok();
        sender.send(ReloadRequest::TokenKeys).ok();
    }
}
