//! Application wiring: opens the data, binds both listeners, starts background tasks, serves and drains.

pub(crate) mod banner;
pub(crate) mod connections;
pub(crate) mod exchange;
pub(crate) mod file_limits;
pub(crate) mod first;
pub(crate) mod foundation;
pub(crate) mod listeners;
pub(crate) mod lock;
pub(crate) mod open;
pub(crate) mod options;
pub(crate) mod permissions;
pub(crate) mod reload;
pub(crate) mod services;
pub(crate) mod tasks;

use crate::app::foundation::Foundation;
use crate::app::listeners::Listeners;
pub use crate::app::options::Options;
pub use crate::app::services::Services;
use crate::clock::{Clock, SystemClock};
use crate::cluster::Lifecycle;
use crate::config::keys::LocalKeys;
use crate::config::{ConfigError, Settings};
use crate::decision_log::DecisionLog;
use crate::http::AppState;
use crate::store::Address;
use crate::token::PARTITIONS;
use crate::traffic::agents;
use actix_web::dev::Server;
use actix_web::web::Data;
use anyhow::Context;
use futures_util::{Stream, StreamExt};
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// A request to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopSignal {
    /// From a service manager, `SIGTERM`: a load balancer may still send requests.
    Terminate,
    /// From a terminal, `SIGINT`.
    Interrupt,
}

/// A server with bound listeners, ready to run.
pub struct App {
    app: Data<AppState>,
    services: Arc<Services>,
    public: Server,
    ops: Server,
    tasks: tasks::Tasks,
    lifecycle: Arc<dyn Lifecycle>,
    log: Arc<DecisionLog>,
    /// Locks the data directory while the server lives.
    _lock: lock::DataLock,
    /// Address of the public listener.
    pub address: SocketAddr,
    /// Address of the operations listener.
    pub ops_address: SocketAddr,
    /// Keys generated on a first local run.
    pub(crate) local_keys: Option<LocalKeys>,
}

impl App {
    /// Opens the data directory, recovers the ledger, compiles the inventory and binds the listeners.
    /// Port 0 picks a free port.
    pub async fn build(settings: Settings, options: Options) -> anyhow::Result<App> {
        let clock =
            |latest_ms| -> Arc<dyn Clock> { Arc::new(SystemClock::starting_at_least(latest_ms)) };
        App::build_with_clock(settings, options, clock).await
    }

    /// Like [`App::build`], with a clock made by the caller from the latest recorded time in Unix
    /// milliseconds. For tests that advance time.
    pub async fn build_with_clock(
        settings: Settings,
        options: Options,
        clock: impl FnOnce(i64) -> Arc<dyn Clock>,
    ) -> anyhow::Result<App> {
        let store: Address = settings
            .store
            .url
            .parse()
            .map_err(|error| ConfigError::Usage(format!("store.url: {error}")))?;
        let lock = lock::DataLock::acquire(Path::new(&settings.store.data))?;
        let listeners = Listeners::bind(&settings)?;
        let (address, ops_address) = (listeners.address, listeners.ops_address);
        let foundation = Foundation::open(store, &settings, &options, clock, address).await?;
        let log = foundation.log.clone();
        let lifecycle = foundation.cluster.lifecycle.clone();
        let store_deadline = foundation.store_deadline;
        let (keys, local_keys) = services::keys(&settings, &foundation)?;
        let (state, services) =
            services::build(foundation, keys, &settings, (address, ops_address))?;
        let (app, services) = (Data::new(state), Arc::new(services));
        let instance = exchange::instance(&app, &services);
        lifecycle.join(&instance, store_deadline).await.context("the journal rejects writes")?;
        agents::warm();
        lock.publish_address(ops_address).context("cannot write the lock file")?;
        let mut tasks = tasks::start(&app, &services, &settings, &options)?;
        tasks.add(lifecycle.start(&instance));
        let (public, ops) =
            listeners.serve(&app, &services, settings.server.drain_timeout_seconds)?;
        Ok(App {
            app,
            services,
            public,
            ops,
            tasks,
            lifecycle,
            log,
            _lock: lock,
            address,
            ops_address,
            local_keys,
        })
    }

    /// The services.
    pub fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// The state shared by the request handlers.
    pub fn state(&self) -> &Data<AppState> {
        &self.app
    }

    /// Serves until the first signal. Then `/readyz` fails for the drain delay, requests in flight
    /// finish, and all buffered data is flushed to disk. A second signal leaves out what is not done by
    /// then, except the flush.
    pub async fn run(self, signals: impl Stream<Item = StopSignal>) -> anyhow::Result<()> {
        let (public, ops) = (self.public.handle(), self.ops.handle());
        let (app, services) = (self.app, self.services);
        let mut signals = pin!(signals);
        let mut servers = pin!(async { tokio::try_join!(self.public, self.ops) });
        let signal = tokio::select! {
            ended = &mut servers => return Ok(ended.map(drop)?),
            signal = signals.next() => signal,
        };
        tracing::info!("shutdown requested; draining connections");
        services.readiness.drain();
        let settings = app.settings.get();
        let stop = async {
            tokio::time::sleep(drain_delay(&settings, signal)).await;
            public.stop(true).await;
            ops.stop(true).await;
            Ok(())
        };
        let graceful = async {
            tokio::try_join!(servers, stop)?;
            self.tasks.stop().await;
            if let Err(error) = services.events.record_opportunities().await {
                tracing::warn!(%error, "opportunities of the last second are missing in reports");
            }
            self.lifecycle.leave(&exchange::instance(&app, &services)).await;
            anyhow::Ok(())
        };
        tokio::select! {
            ended = graceful => ended?,
            Some(_) = signals.next() => {
                tracing::warn!("second signal; closing connections without waiting for requests");
            }
        }
        self.log.flush();
        tracing::info!("server stopped");
        Ok(())
    }
}

/// How long a stopping server goes on accepting connections while it reports not ready. A trial, which
/// is stopped from its terminal or has no public URL, has no load balancer in front.
fn drain_delay(settings: &Settings, signal: Option<StopSignal>) -> Duration {
    let is_trial = signal != Some(StopSignal::Terminate) || settings.server.public_url.is_none();
    Duration::from_millis(if is_trial { 0 } else { settings.server.drain_delay_ms })
}

const _: () = assert!(PARTITIONS == crate::journal::PARTITIONS, "tokens name journal partitions");
