//! Builds the services, each from what it needs, and the state that the request handlers share.

use crate::app::foundation::Foundation;
use crate::app::open;
use crate::config::Settings;
use crate::config::geo::CountryDatabase;
use crate::config::keys::{ApiKeys, LocalKeys, TokenKeys};
use crate::delivery;
use crate::delivery::Delivery;
use crate::events;
use crate::events::Events;
use crate::explain::Explain;
use crate::forecast::Forecasting;
use crate::http::AppState;
use crate::http::gate::Gates;
use crate::http::public::decisions::Decider;
use crate::http::public::embed_reports::EmbedReports;
use crate::http::public::known_requests::KnownRequests;
use crate::http::public::reports::ReportSources;
use crate::http::public::reports::threads::ReportThreads;
use crate::http::readiness::Readiness;
use crate::http::wrong_keys::WrongKeys;
use crate::ledger::Ledger;
use crate::notices::Notices;
use crate::publishing;
use crate::publishing::Publishing;
use crate::replay::Replaying;
use crate::reporting;
use crate::reporting::Reporting;
use crate::token::Keyring;
use crate::traffic::agreed_rate::AgreedRates;
use crate::traffic::flood::FloodGuard;
use crate::traffic::limits::VisitorLimits;
use crate::world::Worlds;
use crate::world::leasing::Leasing;
use crate::world::live_feed::LiveFeed;
use actix_web::web::{Data, ServiceConfig};
use arc_swap::ArcSwap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The services, each for the handlers and tasks that use it.
pub struct Services {
    /// The world being served, to read.
    pub world: Arc<Worlds>,
    /// Reports, credits, audit and metrics.
    pub reporting: Arc<Reporting>,
    /// Explanations of decisions.
    pub(crate) explain: Arc<Explain>,
    /// Forecasts of flights.
    pub(crate) forecasting: Arc<Forecasting>,
    /// Replays of recorded decisions.
    pub(crate) replaying: Arc<Replaying>,
    /// Records events.
    pub events: Arc<Events>,
    /// Decides, and seals event tokens.
    pub(crate) delivery: Arc<Delivery>,
    /// Changes the catalog and serves it.
    pub publishing: Arc<Publishing>,
    /// Events, accounts and budget leases; for the tasks of a fleet.
    pub ledger: Arc<Ledger>,
    /// Budget leases of this instance; for the tasks of a fleet.
    pub leasing: Arc<Leasing>,
    /// What readers report about units.
    pub(crate) notices: Arc<Notices>,
    /// Where reports are made.
    pub(crate) report_threads: Arc<ReportThreads>,
    /// What pages reported, for the publishers' pages.
    pub(crate) embed_reports: Arc<EmbedReports>,
    /// Decision requests that were made before.
    pub(crate) known_requests: Arc<KnownRequests>,
    /// Decisions and events for operators who watch.
    pub(crate) feed: Arc<LiveFeed>,
    /// Whether this instance should get requests.
    pub(crate) readiness: Arc<Readiness>,
}

impl Services {
    /// Registers each service that handlers receive, and those that they receive together.
    pub(crate) fn configure(&self, app: &Data<AppState>, config: &mut ServiceConfig) {
        config
            .app_data(Data::new(Decider {
                app: app.clone(),
                delivery: self.delivery.clone(),
                world: self.world.clone(),
                explain: self.explain.clone(),
                embed_reports: self.embed_reports.clone(),
                known: self.known_requests.clone(),
            }))
            .app_data(Data::new(ReportSources {
                app: app.clone(),
                reporting: self.reporting.clone(),
                events: self.events.clone(),
                world: self.world.clone(),
                threads: self.report_threads.clone(),
                embed_reports: self.embed_reports.clone(),
            }))
            .app_data(Data::from(self.world.clone()))
            .app_data(Data::from(self.reporting.clone()))
            .app_data(Data::from(self.explain.clone()))
            .app_data(Data::from(self.forecasting.clone()))
            .app_data(Data::from(self.replaying.clone()))
            .app_data(Data::from(self.events.clone()))
            .app_data(Data::from(self.publishing.clone()))
            .app_data(Data::from(self.notices.clone()))
            .app_data(Data::from(self.feed.clone()))
            .app_data(Data::from(self.readiness.clone()));
    }
}

/// Opens the key files. The local keys are those that a first local run generates.
pub(crate) fn keys(
    settings: &Settings,
    foundation: &Foundation,
) -> anyhow::Result<((ApiKeys, TokenKeys), Option<LocalKeys>)> {
    let (folder, now) = (settings.store.keys(), foundation.clock.now());
    let mut api_keys = ApiKeys::open(folder)?;
    let live = foundation.world.live();
    let inventory = &live.snapshot().inventory;
    let local_keys = LocalKeys::open(
        folder,
        &mut api_keys,
        inventory.advertisers.iter().map(|advertiser| advertiser.id.as_str()),
        inventory.publishers.iter().map(|publisher| publisher.id.as_str()),
        now,
    )?;
    Ok(((api_keys, TokenKeys::open(folder, now)?), local_keys))
}

/// Builds every service and the state of all handlers, and logs the world and its faults.
pub(crate) fn build(
    foundation: Foundation,
    (api_keys, token_keys): (ApiKeys, TokenKeys),
    settings: &Settings,
    (public, ops): (SocketAddr, SocketAddr),
) -> anyhow::Result<(AppState, Services)> {
    let table = settings.server.geoip.as_deref().map(Path::new);
    let countries = table.map(CountryDatabase::open).transpose()?;
    let datacenters = open::datacenters(settings)?;
    let keyring = Arc::new(ArcSwap::from_pointee(token_keys.keyring()));
    let reporting = Arc::new(reporting_of(&foundation));
    reporting.log_recovery();
    // Before anything is served, so that the first minutes have something to be compared with.
    reporting.sample_totals();
    let replaying = Arc::new(replaying(&foundation, settings));
    let api_keys = Arc::new(ArcSwap::from_pointee(api_keys));
    let publishing = publishing(&foundation, &replaying, &api_keys);
    foundation.world.log_image_faults();
    let services = Services {
        explain: Arc::new(explain(&foundation)),
        forecasting: Arc::new(forecasting(&foundation, settings)),
        replaying,
        events: Arc::new(events(&foundation, settings, &keyring, &reporting)),
        delivery: Arc::new(delivery(&foundation, &keyring)),
        publishing: Arc::new(publishing),
        notices: Arc::new(Notices::of(Path::new(&settings.store.data))),
        report_threads: ReportThreads::start()?,
        embed_reports: Arc::new(EmbedReports::new(foundation.clock.now())),
        known_requests: Arc::default(),
        reporting,
        readiness: Arc::new(Readiness::new(foundation.ledger.clone(), foundation.leasing.clone())),
        feed: foundation.feed,
        world: foundation.world,
        ledger: foundation.ledger,
        leasing: foundation.leasing,
    };
    let state = AppState {
        keys: api_keys,
        countries,
        datacenters: ArcSwap::from_pointee(datacenters),
        agreed_rates: AgreedRates::default(),
        flood: FloodGuard::new(settings.limits.flood_per_second, settings.limits.visitors),
        wrong_keys: WrongKeys::default(),
        gates: Gates::default(),
        keyring,
        links: ArcSwap::from_pointee(token_keys.links()),
        body_timeout: Duration::from_millis(settings.server.body_timeout_ms),
        own_origin: origin(&foundation.public_url),
        own_host: host(&foundation.public_url),
        ops,
        public,
        started: foundation.clock.now(),
        clock: foundation.clock,
        settings: foundation.settings,
        metrics: foundation.metrics,
        incarnation: foundation.incarnation,
        public_url: foundation.public_url,
    };
    Ok((state, services))
}

fn reporting_of(foundation: &Foundation) -> Reporting {
    Reporting::new(reporting::Parts {
        clock: foundation.clock.clone(),
        settings: foundation.settings.clone(),
        metrics: foundation.metrics.clone(),
        world: foundation.world.clone(),
        ledger: foundation.ledger.clone(),
        log: foundation.log.clone(),
        recent_stages: foundation.recent_stages.clone(),
        topic_shares: foundation.topic_shares.clone(),
        shadow: foundation.shadow.clone(),
    })
}

fn explain(foundation: &Foundation) -> Explain {
    Explain::new(
        foundation.log.clone(),
        foundation.world.clone(),
        foundation.cluster.records.clone(),
        foundation.metrics.clone(),
    )
}

fn forecasting(foundation: &Foundation, settings: &Settings) -> Forecasting {
    Forecasting::new(
        foundation.clock.clone(),
        foundation.world.clone(),
        foundation.ledger.clone(),
        foundation.log.clone(),
        Path::new(&settings.store.data).join("decisions"),
    )
}

fn replaying(foundation: &Foundation, settings: &Settings) -> Replaying {
    Replaying::new(
        foundation.clock.clone(),
        foundation.world.clone(),
        foundation.catalog.clone(),
        foundation.ledger.clone(),
        foundation.log.clone(),
        foundation.settings.clone(),
        Path::new(&settings.store.data).to_owned(),
    )
}

fn events(
    foundation: &Foundation,
    settings: &Settings,
    keyring: &Arc<ArcSwap<Keyring>>,
    reporting: &Arc<Reporting>,
) -> Events {
    let limits = &settings.limits;
    Events::new(events::Parts {
        clock: foundation.clock.clone(),
        settings: foundation.settings.clone(),
        metrics: foundation.metrics.clone(),
        world: foundation.world.clone(),
        ledger: foundation.ledger.clone(),
        keyring: keyring.clone(),
        budgets: foundation.budgets.clone(),
        opportunities: foundation.opportunities.clone(),
        topic_shares: foundation.topic_shares.clone(),
        visitors: VisitorLimits::new(&limits.quotas(), limits.visitors, rand::random()),
        exchange: foundation.cluster.visitors.clone(),
        reporting: reporting.clone(),
        own_origin: origin(&foundation.public_url),
    })
}

fn delivery(foundation: &Foundation, keyring: &Arc<ArcSwap<Keyring>>) -> Delivery {
    Delivery::new(delivery::Parts {
        clock: foundation.clock.clone(),
        settings: foundation.settings.clone(),
        metrics: foundation.metrics.clone(),
        world: foundation.world.clone(),
        ledger: foundation.ledger.clone(),
        log: foundation.log.clone(),
        keyring: keyring.clone(),
        leasing: foundation.leasing.clone(),
        opportunities: foundation.opportunities.clone(),
        recent_stages: foundation.recent_stages.clone(),
        shadow: foundation.shadow.clone(),
        feed: foundation.feed.clone(),
        incarnation: foundation.incarnation,
        public_url: foundation.public_url.clone(),
    })
}

fn publishing(
    foundation: &Foundation,
    replaying: &Arc<Replaying>,
    keys: &Arc<ArcSwap<ApiKeys>>,
) -> Publishing {
    Publishing::new(publishing::Parts {
        clock: foundation.clock.clone(),
        keys: keys.clone(),
        settings: foundation.settings.clone(),
        metrics: foundation.metrics.clone(),
        world: foundation.world.clone(),
        catalog: foundation.catalog.clone(),
        sync: foundation.cluster.catalog.clone(),
        ledger: foundation.ledger.clone(),
        log: foundation.log.clone(),
        budgets: foundation.budgets.clone(),
        topic_shares: foundation.topic_shares.clone(),
        shadow: foundation.shadow.clone(),
        arms: foundation.arms.clone(),
        leasing: foundation.leasing.clone(),
        effect: replaying.clone(),
        pending: foundation.pending.clone(),
        public_url: foundation.public_url.clone(),
    })
}

fn origin(address: &str) -> String {
    url::Url::parse(address)
        .map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

fn host(address: &str) -> String {
    let url = url::Url::parse(address).ok();
    url.as_ref().and_then(url::Url::host_str).unwrap_or_default().to_owned()
}
