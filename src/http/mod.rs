//! HTTP: routes, wire shapes, manners. Routes stand in the tables of [`public`] and
//! [`ops`], one line each.

pub mod body;
pub mod caller;
pub mod extract;
pub mod guard;
pub mod openapi;
pub mod ops;
pub mod problem;
pub mod public;
pub mod routes;

use crate::config::geo::Countries;
use crate::config::keys::ApiKeys;
use crate::config::keys::Identity;
use crate::config::keys::Links;
use crate::http::problem::ApiError;
use crate::server::Server;
use actix_web::HttpRequest;
use arc_swap::ArcSwap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What every handler has: the server, the keys, and what depends on how it was started.
pub struct Face {
    /// The verbs.
    pub server: Arc<Server>,
    /// The keys of parties.
    pub keys: ArcSwap<ApiKeys>,
    /// The operator's table of countries by address.
    pub countries: Option<Countries>,
    /// Signs links to advertisers' pages.
    pub links: ArcSwap<Links>,
    /// The public listener is on loopback and nothing else is its public address: a trial.
    pub local: bool,
    /// How long a body may take.
    pub body_timeout: Duration,
    /// The origin of the public address.
    pub own_origin: String,
    /// Where the operations listener is.
    pub ops: SocketAddr,
    /// Requests are to be ended, new ones go elsewhere.
    pub draining: AtomicBool,
}

impl Face {
    /// Whose key this is, if it is good now.
    pub fn identity(&self, presented: &str) -> Option<Identity> {
        self.keys.load().find(presented, self.server.clock.now()).cloned()
    }

    /// Whether the peer is one of the operator's proxies.
    pub fn is_trusted_peer(&self, request: &HttpRequest) -> bool {
        let settings = self.server.settings();
        let trusted = &settings.server.trusted_proxies;
        !trusted.is_empty()
            && request
                .peer_addr()
                .is_some_and(|peer| trusted.iter().any(|network| network.contains(&peer.ip())))
    }

    /// Why requests should go elsewhere, if they should.
    pub fn hindrance(&self) -> Option<&'static str> {
        if self.draining.load(Ordering::Acquire) {
            Some("it ends")
        } else if self.server.ledger.has_failed() {
            Some("nothing can be recorded")
        } else if self.server.is_clock_off() {
            Some("its clock is not the shared store's")
        } else {
            None
        }
    }
}

/// Runs what may take long where it keeps no other request waiting. When it panics, so does this:
/// a panic is counted in one place, the guard around every handler.
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
        // The panic was told where it happened; nothing else ends such work.
        Err(ended) => std::panic::resume_unwind(Box::new(ended.to_string())),
    }
}
