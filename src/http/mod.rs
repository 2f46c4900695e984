//! HTTP: routes, wire formats, security headers. The tables of [`public`] and [`ops`] list every
//! route, one line each.

pub(crate) mod activity;
pub(crate) mod body;
pub(crate) mod caller;
pub(crate) mod change;
pub(crate) mod extract;
pub(crate) mod gate;
pub mod guard;
pub mod openapi;
pub mod ops;
pub(crate) mod overload;
pub mod problem;
pub mod public;
pub(crate) mod readiness;
pub mod routes;
pub(crate) mod wrong_keys;

use crate::blocking::run_blocking;
use crate::clock::Clock;
use crate::config::geo::CountryDatabase;
use crate::config::keys::{ApiKeys, Identity, Links};
use crate::config::{CurrentSettings, host_name};
use crate::http::gate::Gates;
use crate::http::problem::ApiError;
use crate::http::wrong_keys::WrongKeys;
use crate::metrics::Metrics;
use crate::token::Keyring;
use crate::traffic::Datacenters;
use crate::traffic::agreed_rate::AgreedRates;
use crate::traffic::flood::FloodGuard;
use actix_web::HttpResponse;
use actix_web::http::header;
use arc_swap::ArcSwap;
use serde::Serialize;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What requests of every kind need: the keys, the settings and start-up options. A handler receives the
/// services that it uses one by one.
pub struct AppState {
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
    /// The settings in effect.
    pub settings: Arc<CurrentSettings>,
    /// Prometheus metrics.
    pub metrics: Arc<Metrics>,
    /// API keys of operators, advertisers, publishers and exchanges.
    pub(crate) keys: Arc<ArcSwap<ApiKeys>>,
    /// The operator's GeoIP table (country by address).
    pub(crate) countries: Option<CountryDatabase>,
    /// Networks of datacenters.
    pub(crate) datacenters: ArcSwap<Datacenters>,
    /// Per-address flood guard.
    pub(crate) flood: FloodGuard,
    /// Recent wrong API keys, by address.
    pub(crate) wrong_keys: WrongKeys,
    /// Gates in front of calls that read files or compute much.
    pub(crate) gates: Gates,
    /// The agreed request rates of keys.
    pub(crate) agreed_rates: AgreedRates,
    /// Keys that seal event tokens.
    pub keyring: Arc<ArcSwap<Keyring>>,
    /// Signs and verifies links to report pages.
    pub(crate) links: ArcSwap<Links>,
    /// Deadline for receiving a request body.
    pub(crate) body_timeout: Duration,
    /// When this process began to serve.
    pub(crate) started: jiff::Timestamp,
    /// Address of the public listener.
    pub(crate) public: SocketAddr,
    /// Random number of this process start.
    pub(crate) incarnation: u64,
    /// Public base URL, without a trailing slash.
    pub(crate) public_url: String,
    /// Origin of the public URL.
    pub(crate) own_origin: String,
    /// Host name or address of the public URL.
    pub(crate) own_host: String,
    /// Address of the operations listener.
    pub(crate) ops: SocketAddr,
}

impl AppState {
    /// The identity of a key; `None` if it is unknown, expired or revoked.
    pub(crate) fn identity(&self, presented: &str) -> Option<Identity> {
        self.keys.load().find(presented, self.clock.now()).cloned()
    }

    /// Whether this is a trial, see [`Settings`](crate::config::Settings).
    pub(crate) fn is_trial(&self) -> bool {
        self.settings.get().server.is_trial()
    }

    /// Whether a client that sends this `Host` may have meant this server.
    pub(crate) fn accepts_host(&self, host: &str) -> bool {
        host_name::accepts(host, &self.own_host, &self.settings.get().server.hosts)
    }
}

/// A JSON response with `Cache-Control: no-store`.
pub(crate) fn json(document: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(document)
}

/// Runs slow or blocking work on the blocking thread pool, with low priority. A panic in `work` is resumed here, so that
/// panics are counted in one place: the guard around every handler.
pub async fn blocking<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, ApiError>
where
    T: Send + 'static,
    E: Send + 'static,
    ApiError: From<E>,
{
    run_blocking(work).await.map_err(ApiError::from)
}
