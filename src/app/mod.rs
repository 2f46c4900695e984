//! Application wiring: opens the data, binds both listeners, starts background tasks, serves and drains.

pub mod banner;
pub mod cluster;
pub mod file_limits;
pub mod lock;
pub mod open;
pub mod reload;
pub mod tasks;

use crate::adapters;
use crate::clock::{Clock, SystemClock};
use crate::config::geo::CountryDatabase;
use crate::config::keys::{ApiKeys, LocalKeys, TokenKeys};
use crate::config::{ConfigError, CurrentSettings, Settings};
use crate::decision_log::DecisionLog;
use crate::decision_log::writer::DecisionLogOptions;
use crate::events;
use crate::events::Events;
use crate::events::opportunities::OpportunityCounters;
use crate::explain::Explain;
use crate::http;
use crate::http::AppState;
use crate::ledger::Ledger;
use crate::ledger::running::Listener;
use crate::reporting::Reporting;
use crate::server::{Parts, Server};
use crate::store::{Address, Client};
use crate::token::PARTITIONS;
use crate::traffic::flood::FloodGuard;
use crate::traffic::limits::{Quotas, VisitorLimits};
use crate::traffic::{Arrivals, Quota, agents};
use crate::world::Worlds;
use crate::world::campaign_budget::CampaignBudgets;
use crate::world::images::ImageSet;
use crate::world::live::Live;
use actix_web::web::Data;
use actix_web::{App as Actix, HttpServer};
use anyhow::Context;
use arc_swap::ArcSwap;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Listen backlog; the kernel's `somaxconn` may cap it lower.
const BACKLOG: i32 = 4_096;

/// Command line options besides the settings.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The settings file, if given.
    pub config: Option<PathBuf>,
    /// The weights file, if given.
    pub weights: Option<PathBuf>,
    /// The inventory file or folder to apply at startup.
    pub inventory: Option<PathBuf>,
    /// Whether to apply the inventory again whenever it changes.
    pub watch: bool,
}

/// A server with bound listeners, ready to run.
pub struct App {
    app: Data<AppState>,
    public: actix_web::dev::Server,
    ops: actix_web::dev::Server,
    tasks: tasks::Tasks,
    /// Locks the data directory while the server lives.
    _lock: lock::DataLock,
    /// Address of the public listener.
    pub address: SocketAddr,
    /// Address of the operations listener.
    pub ops_address: SocketAddr,
    /// Keys generated on a first local run.
    pub local_keys: Option<LocalKeys>,
}

fn usage(reason: impl Into<String>) -> anyhow::Error {
    ConfigError::Usage(reason.into()).into()
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
        let store: Address =
            settings.store.url.parse().map_err(|error| usage(format!("store.url: {error}")))?;
        let data = PathBuf::from(&settings.store.data);
        let lock = lock::DataLock::acquire(&data)?;
        let public_listener = bind(settings.server.listen, "server.listen")?;
        let ops_listener = bind(settings.server.ops_listen, "server.ops_listen")?;
        let (address, ops_address) = (public_listener.local_addr()?, ops_listener.local_addr()?);
        let public_url = public_url(&settings, address)?;
        let local = settings.server.public_url.is_none();

        let incarnation = rand::random::<u64>();
        let campaign_budgets = Arc::new(CampaignBudgets::default());
        let listener = campaign_budgets.clone();
        let listener: Listener = Box::new(move |change| listener.on_ledger_change(&change));
        let folder = data.join("journal");
        let (bytes, rules) = (settings.store.segment_bytes, open::rules(&settings));
        let ledger = match store {
            Address::Embedded => Ledger::open(&folder, incarnation, bytes, rules, listener),
            Address::Redis(config) => {
                let client = Client::new(open::store_config(config, &settings)?);
                Ledger::open_cluster(&folder, incarnation, bytes, rules, listener, client)
            }
        }
        .context("cannot open the journal")?;
        campaign_budgets.recover(&ledger.state());
        let clock = clock(ledger.state().latest_ms());
        let client = ledger.cluster().map(|shared| shared.client());
        let opened = open::catalog(&data, &settings, &options, &*clock, client).await?;
        let (inventory, stored) = (&opened.snapshot.inventory, opened.catalog.images());
        let images = ImageSet::open(inventory, stored, &public_url, &ImageSet::default());
        let live = Live::new(opened.snapshot.clone(), images, &campaign_budgets, 1);
        let metrics =
            open::metrics(&opened.snapshot, &settings).context("cannot register metrics")?;
        let log = DecisionLog::start(
            &data.join("decisions"),
            incarnation,
            clock.now_ms(),
            DecisionLogOptions {
                flush: Duration::from_millis(settings.decision_log.flush_ms),
                segment_bytes: settings.decision_log.segment_bytes,
                retention: Duration::from_secs(u64::from(settings.decision_log.days) * 86_400),
            },
        )
        .context("cannot open the decision log")?;
        let now = clock.now();
        let mut api_keys = ApiKeys::open(settings.store.keys())?;
        let inventory = &opened.snapshot.inventory;
        let local_keys = LocalKeys::open(
            settings.store.keys(),
            &mut api_keys,
            inventory.advertisers.iter().map(|advertiser| advertiser.id.as_str()),
            inventory.publishers.iter().map(|publisher| publisher.id.as_str()),
            now,
        )?;
        let token_keys = TokenKeys::open(settings.store.keys(), now)?;
        let table = settings.server.geoip.as_deref().map(Path::new);
        let countries = table.map(CountryDatabase::open).transpose()?;
        let datacenters = open::datacenters(&settings)?;
        let hot = Arc::new(CurrentSettings::new(settings.clone()));
        let (metrics, ledger) = (Arc::new(metrics), Arc::new(ledger));
        let catalog = Arc::new(opened.catalog);
        let world = Arc::new(Worlds::new(live, catalog.clone(), clock.now_ms()));
        let arrivals = Arc::new(Arrivals::default());
        let reporting = Arc::new(Reporting::new(
            clock.clone(),
            hot.clone(),
            metrics.clone(),
            world.clone(),
            ledger.clone(),
            arrivals.clone(),
        ));
        reporting.log_recovery();
        let log = Arc::new(log);
        let explain = Arc::new(Explain::new(log.clone(), world.clone(), ledger.clone()));
        let keyring = Arc::new(ArcSwap::from_pointee(token_keys.keyring()));
        let opportunities = Arc::new(OpportunityCounters::default());
        let events = Arc::new(Events::new(events::Parts {
            clock: clock.clone(),
            settings: hot.clone(),
            metrics: metrics.clone(),
            world: world.clone(),
            ledger: ledger.clone(),
            keyring: keyring.clone(),
            campaign_budgets: campaign_budgets.clone(),
            opportunities: opportunities.clone(),
            arrivals,
            visitors: visitors(&settings),
            reporting: reporting.clone(),
            own_origin: origin(&public_url),
        }));
        let server = Arc::new(Server::new(Parts {
            opportunities,
            flood: FloodGuard::new(settings.limits.flood_per_second, settings.limits.visitors),
            datacenters,
            metrics: metrics.clone(),
            catalog,
            keyring: keyring.clone(),
            clock: clock.clone(),
            ledger,
            log,
            campaign_budgets,
            incarnation,
            public_url: public_url.clone(),
            world: world.clone(),
            settings: hot.clone(),
        }));
        world.log_image_faults();
        match server.ledger.cluster() {
            None => server
                .write_budgets(&opened.snapshot)
                .await
                .context("cannot record campaign budgets")?,
            Some(shared) => cluster::join(&server, &world, shared).await?,
        }
        agents::warm();
        let app = Data::new(AppState {
            keys: ArcSwap::from_pointee(api_keys),
            countries,
            links: ArcSwap::from_pointee(token_keys.links()),
            local,
            body_timeout: Duration::from_millis(settings.server.body_timeout_ms),
            own_origin: origin(&public_url),
            ops: ops_address,
            draining: AtomicBool::new(false),
            clock,
            settings: hot,
            metrics,
            world,
            reporting,
            explain,
            events,
            keyring,
            server: server.clone(),
        });
        lock.publish_address(ops_address).context("cannot write the lock file")?;
        let tasks = tasks::start(&app, &settings, &options)?;
        let drain = settings.server.drain_timeout_seconds;
        let shared = app.clone();
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let public = HttpServer::new(move || {
            let protocols = adapters::table();
            Actix::new().configure(http::public::routes(shared.clone(), protocols))
        })
        .disable_signals()
        .workers(workers)
        .max_connections(file_limits::connections_per_worker(workers))
        .keep_alive(Duration::from_secs(75))
        .client_request_timeout(Duration::from_secs(5))
        .shutdown_timeout(drain)
        .listen(public_listener)?
        .run();
        let shared = app.clone();
        let ops =
            HttpServer::new(move || Actix::new().configure(http::ops::routes(shared.clone())))
                .disable_signals()
                .workers(1)
                .max_connections(file_limits::OPS_CONNECTIONS)
                .client_request_timeout(Duration::from_secs(5))
                .shutdown_timeout(drain)
                .listen(ops_listener)?
                .run();
        Ok(App { app, public, ops, tasks, _lock: lock, address, ops_address, local_keys })
    }

    /// The state shared by the request handlers.
    pub fn state(&self) -> &Data<AppState> {
        &self.app
    }

    /// Serves until `shutdown` completes. Then `/readyz` fails for the drain delay, requests in flight
    /// finish, and all buffered data is flushed to disk.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let (public, ops) = (self.public.handle(), self.ops.handle());
        let app = self.app.clone();
        let delay = Duration::from_millis(app.settings.get().server.drain_delay_ms);
        let stop = async {
            shutdown.await;
            tracing::info!("shutdown requested; draining connections");
            app.draining.store(true, Ordering::Release);
            tokio::time::sleep(delay).await;
            public.stop(true).await;
            ops.stop(true).await;
            Ok(())
        };
        tokio::try_join!(self.public, self.ops, stop)?;
        self.tasks.stop().await;
        if let Err(error) = app.events.record_opportunities().await {
            tracing::warn!(%error, "opportunities of the last second are missing in reports");
        }
        if let Some(shared) = app.server.ledger.cluster() {
            cluster::leave(&app.server, shared).await;
        }
        app.server.log.flush();
        tracing::info!("server stopped");
        Ok(())
    }
}

fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).and_then(|listener| {
        // The standard library's backlog of 128 overflows in traffic peaks, so clients resend their SYN.
        rustix::net::listen(&listener, BACKLOG)?;
        Ok(listener)
    });
    listener.map_err(|error| usage(format!("{setting} = {address}: cannot bind: {error}")))
}

/// The public base URL: `server.public_url`, or the listener's address when it is loopback.
fn public_url(settings: &Settings, address: SocketAddr) -> anyhow::Result<String> {
    match &settings.server.public_url {
        Some(url) => Ok(url.trim_end_matches('/').to_owned()),
        None if address.ip().is_loopback() => Ok(format!("http://{address}")),
        None => Err(usage(format!(
            "server.public_url is required because server.listen = {} is not loopback: set it to the \
             URL that readers use, such as https://units.example",
            settings.server.listen
        ))),
    }
}

fn origin(address: &str) -> String {
    url::Url::parse(address)
        .map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

fn visitors(settings: &Settings) -> VisitorLimits {
    let quotas = |list: &[crate::config::settings::QuotaSetting]| -> Vec<Quota> {
        list.iter().map(|q| Quota { count: q.count, seconds: q.seconds }).collect()
    };
    let limits = &settings.limits;
    let quotas = Quotas {
        impressions: quotas(&limits.impressions),
        clicks: quotas(&limits.clicks),
        network_impressions: quotas(&limits.network_impressions),
        network_clicks: quotas(&limits.network_clicks),
    };
    VisitorLimits::new(quotas, limits.visitors, rand::random())
}

const _: () = assert!(PARTITIONS == crate::journal::PARTITIONS, "tokens name journal partitions");
