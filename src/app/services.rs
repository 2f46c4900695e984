//! Builds the services, each from what it needs, and the state that the request handlers share.

use crate::app::foundation::Foundation;
use crate::app::open;
use crate::config::Settings;
use crate::config::geo::CountryDatabase;
use crate::config::keys::{ApiKeys, LocalKeys, TokenKeys};
use crate::config::settings::QuotaSetting;
use crate::delivery;
use crate::delivery::Delivery;
use crate::events;
use crate::events::Events;
use crate::explain::Explain;
use crate::http::AppState;
use crate::publishing;
use crate::publishing::Publishing;
use crate::reporting::Reporting;
use crate::token::Keyring;
use crate::traffic::Quota;
use crate::traffic::flood::FloodGuard;
use crate::traffic::limits::{Quotas, VisitorLimits};
use arc_swap::ArcSwap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

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

/// Builds every service, and logs the world and its faults.
pub(crate) fn state(
    foundation: Foundation,
    (api_keys, token_keys): (ApiKeys, TokenKeys),
    settings: &Settings,
    ops: SocketAddr,
) -> anyhow::Result<AppState> {
    let table = settings.server.geoip.as_deref().map(Path::new);
    let countries = table.map(CountryDatabase::open).transpose()?;
    let datacenters = open::datacenters(settings)?;
    let keyring = Arc::new(ArcSwap::from_pointee(token_keys.keyring()));
    let reporting = Arc::new(reporting(&foundation));
    reporting.log_recovery();
    let publishing = publishing(&foundation);
    foundation.world.log_image_faults();
    Ok(AppState {
        explain: Arc::new(explain(&foundation)),
        events: Arc::new(events(&foundation, settings, &keyring, &reporting)),
        delivery: Arc::new(delivery(&foundation, &keyring)),
        publishing: Arc::new(publishing),
        reporting,
        keys: ArcSwap::from_pointee(api_keys),
        countries,
        datacenters: ArcSwap::from_pointee(datacenters),
        flood: FloodGuard::new(settings.limits.flood_per_second, settings.limits.visitors),
        keyring,
        links: ArcSwap::from_pointee(token_keys.links()),
        local: settings.server.public_url.is_none(),
        body_timeout: Duration::from_millis(settings.server.body_timeout_ms),
        own_origin: origin(&foundation.public_url),
        ops,
        draining: AtomicBool::new(false),
        clock: foundation.clock,
        settings: foundation.settings,
        metrics: foundation.metrics,
        world: foundation.world,
        ledger: foundation.ledger,
        leasing: foundation.leasing,
        incarnation: foundation.incarnation,
        public_url: foundation.public_url,
    })
}

fn reporting(foundation: &Foundation) -> Reporting {
    Reporting::new(
        foundation.clock.clone(),
        foundation.settings.clone(),
        foundation.metrics.clone(),
        foundation.world.clone(),
        foundation.ledger.clone(),
    )
}

fn explain(foundation: &Foundation) -> Explain {
    Explain::new(
        foundation.log.clone(),
        foundation.world.clone(),
        foundation.cluster.records.clone(),
        foundation.metrics.clone(),
    )
}

fn events(
    foundation: &Foundation,
    settings: &Settings,
    keyring: &Arc<ArcSwap<Keyring>>,
    reporting: &Arc<Reporting>,
) -> Events {
    Events::new(events::Parts {
        clock: foundation.clock.clone(),
        settings: foundation.settings.clone(),
        metrics: foundation.metrics.clone(),
        world: foundation.world.clone(),
        ledger: foundation.ledger.clone(),
        keyring: keyring.clone(),
        campaign_budgets: foundation.campaign_budgets.clone(),
        opportunities: foundation.opportunities.clone(),
        visitors: visitors(settings),
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
        incarnation: foundation.incarnation,
        public_url: foundation.public_url.clone(),
    })
}

fn publishing(foundation: &Foundation) -> Publishing {
    Publishing::new(publishing::Parts {
        clock: foundation.clock.clone(),
        metrics: foundation.metrics.clone(),
        world: foundation.world.clone(),
        catalog: foundation.catalog.clone(),
        sync: foundation.cluster.catalog.clone(),
        ledger: foundation.ledger.clone(),
        log: foundation.log.clone(),
        campaign_budgets: foundation.campaign_budgets.clone(),
        leasing: foundation.leasing.clone(),
        public_url: foundation.public_url.clone(),
    })
}

fn origin(address: &str) -> String {
    url::Url::parse(address)
        .map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

fn visitors(settings: &Settings) -> VisitorLimits {
    let quotas = |list: &[QuotaSetting]| -> Vec<Quota> {
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
