//! HTTP: routes, wire formats, security headers. The tables of [`public`] and [`ops`] list every
//! route, one line each.

pub(crate) mod body;
pub(crate) mod caller;
pub(crate) mod change;
pub(crate) mod extract;
pub mod guard;
pub mod openapi;
pub mod ops;
pub mod problem;
pub mod public;
pub mod routes;

use crate::clock::Clock;
use crate::config::CurrentSettings;
use crate::config::geo::CountryDatabase;
use crate::config::keys::{ApiKeys, Identity, Links};
use crate::delivery::Delivery;
use crate::events::Events;
use crate::explain::Explain;
use crate::http::problem::ApiError;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::publishing::Publishing;
use crate::reporting::Reporting;
use crate::token::Keyring;
use crate::traffic::Datacenters;
use crate::traffic::flood::FloodGuard;
use crate::world::Worlds;
use crate::world::leasing::Leasing;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use arc_swap::ArcSwap;
use serde::Serialize;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Application state that all handlers share: the services, the keys and start-up options.
pub struct AppState {
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
    /// The settings in effect.
    pub settings: Arc<CurrentSettings>,
    /// Prometheus metrics.
    pub metrics: Arc<Metrics>,
    /// The world being served, to read.
    pub world: Arc<Worlds>,
    /// Reports, credits, audit and metrics.
    pub reporting: Arc<Reporting>,
    /// Explanations of decisions.
    pub(crate) explain: Arc<Explain>,
    /// Records events.
    pub events: Arc<Events>,
    /// Decides, and seals event tokens.
    pub(crate) delivery: Arc<Delivery>,
    /// Changes the catalog and serves it.
    pub publishing: Arc<Publishing>,
    /// Events, accounts and budget leases; for readiness and the tasks of a fleet.
    pub ledger: Arc<Ledger>,
    /// Budget leases of this instance; for readiness and the tasks of a fleet.
    pub leasing: Arc<Leasing>,
    /// API keys of operators, advertisers and publishers.
    pub(crate) keys: ArcSwap<ApiKeys>,
    /// The operator's GeoIP table (country by address).
    pub(crate) countries: Option<CountryDatabase>,
    /// Networks of datacenters.
    pub(crate) datacenters: ArcSwap<Datacenters>,
    /// Per-address flood guard.
    pub(crate) flood: FloodGuard,
    /// Keys that seal event tokens.
    pub keyring: Arc<ArcSwap<Keyring>>,
    /// Signs and verifies links to advertiser pages.
    pub(crate) links: ArcSwap<Links>,
    /// Local trial: the public listener is on loopback and no other public address is configured.
    pub(crate) local: bool,
    /// Deadline for receiving a request body.
    pub(crate) body_timeout: Duration,
    /// Random number of this process start.
    pub(crate) incarnation: u64,
    /// Public base URL, without a trailing slash.
    pub(crate) public_url: String,
    /// Origin of the public URL.
    pub(crate) own_origin: String,
    /// Address of the operations listener.
    pub(crate) ops: SocketAddr,
    /// Set during shutdown: requests in progress finish, new ones should go to other instances.
    pub(crate) draining: AtomicBool,
}

impl AppState {
    /// The identity of a key; `None` if it is unknown, expired or revoked.
    pub(crate) fn identity(&self, presented: &str) -> Option<Identity> {
        self.keys.load().find(presented, self.clock.now()).cloned()
    }

    /// Whether the peer address is in `trusted_proxies`.
    pub(crate) fn is_trusted_peer(&self, request: &HttpRequest) -> bool {
        let settings = self.settings.get();
        let trusted = &settings.server.trusted_proxies;
        !trusted.is_empty()
            && request
                .peer_addr()
                .is_some_and(|peer| trusted.iter().any(|network| network.contains(&peer.ip())))
    }

    /// Why the instance is not ready for requests; `None` when it is ready.
    pub(crate) fn not_ready_reason(&self) -> Option<&'static str> {
        if self.draining.load(Ordering::Acquire) {
            Some("shutting down")
        } else if self.ledger.has_failed() {
            Some("the journal cannot record events")
        } else if self.leasing.is_clock_off() {
            Some("the clock differs too much from the shared store's")
        } else {
            None
        }
    }
}

/// A JSON response with `Cache-Control: no-store`.
pub(crate) fn json(document: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(document)
}

/// Runs slow or blocking work on the blocking thread pool. A panic in `work` is resumed here, so that
/// panics are counted in one place: the guard around every handler.
pub async fn blocking<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, ApiError>
where
    T: Send + 'static,
    E: Send + 'static,
    ApiError: From<E>,
{
    match actix_web::web::block(work).await {
        Ok(result) => result.map_err(ApiError::from),
        // The only cause is a panic, which was already logged where it happened.
        Err(error) => std::panic::resume_unwind(Box::new(error.to_string())),
    }
}
