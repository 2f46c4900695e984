//! The caller of a request: the reader's address (forwarded headers from trusted proxies only), the API
//! key, and the browser's headers.

use crate::config::keys::{Identity, Role};
use crate::domain::region::Country;
use crate::events::record::EventContext;
use crate::http::AppState;
use crate::http::problem::ApiError;
use crate::traffic::reader_address;
use crate::traffic::signals::Signals;
use actix_web::HttpRequest;
use actix_web::http::Method;
use std::net::{IpAddr, Ipv4Addr};

/// A header's value; `None` if it is absent or not visible ASCII.
pub(crate) fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// The identity of the key in `Authorization: Bearer …`; `None` without the header.
///
/// # Errors
/// 401 if the key is unknown, expired or revoked.
pub(crate) fn identity(
    app: &AppState,
    request: &HttpRequest,
) -> Result<Option<Identity>, ApiError> {
    let Some(text) = header(request, "authorization") else { return Ok(None) };
    identity_of(app, text.strip_prefix("Bearer ").unwrap_or(text)).map(Some)
}

/// The identity of a key, wherever the request carried it.
///
/// # Errors
/// 401 if the key is unknown, expired or revoked.
pub(crate) fn identity_of(app: &AppState, presented: &str) -> Result<Identity, ApiError> {
    match app.identity(presented.trim()) {
        Some(identity) => Ok(identity),
        None => Err(ApiError::unauthorized("the API key is unknown, expired or revoked")),
    }
}

/// The operator's identity.
///
/// # Errors
/// 401 without a valid key, 403 with a key of another role.
pub(crate) fn require_operator(
    app: &AppState,
    request: &HttpRequest,
) -> Result<Identity, ApiError> {
    match identity(app, request)? {
        Some(identity) if identity.role == Role::Operator => Ok(identity),
        Some(_) => Err(ApiError::forbidden("an operator key is required")),
        None => Err(ApiError::unauthorized("an operator key is required")),
    }
}

/// A request's reader: address, country and browser signals.
pub(crate) struct Caller<'a> {
    /// The reader's address: from forwarded headers of trusted proxies, or declared by a server with
    /// the publisher's secret key; else the peer's.
    pub(crate) address: IpAddr,
    /// The country: from a trusted proxy's header, else from the operator's GeoIP table.
    pub(crate) country: Option<Country>,
    /// Whether the request has `Sec-GPC: 1`.
    pub(crate) gpc: bool,
    /// Signals for invalid-traffic detection.
    pub(crate) signals: Signals<'a>,
}

impl<'a> Caller<'a> {
    /// Reads a request. `trusted`: the caller is a server with the publisher's secret key, so its
    /// declarations about the reader are accepted.
    pub(crate) fn read(app: &AppState, request: &'a HttpRequest, trusted: bool) -> Caller<'a> {
        let settings = app.settings.get();
        let settings = &settings.server;
        let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let peer = request.peer_addr().map_or(unknown, |peer| peer.ip());
        let forwarded =
            request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
        let resolved = reader_address::reader_address(peer, forwarded, &settings.trusted_proxies);
        let declared = header(request, "adjacent-reader-address").filter(|_| trusted);
        let behind_proxy = settings.trusted_proxies.iter().any(|network| network.contains(&peer));
        let country = settings
            .country_header
            .as_deref()
            .filter(|_| behind_proxy)
            .and_then(|name| header(request, name))
            .and_then(|text| text.parse().ok());
        let agent = header(request, "adjacent-reader-agent")
            .filter(|_| trusted)
            .or_else(|| header(request, "user-agent"));
        let address = declared.and_then(|text| text.parse().ok()).unwrap_or(resolved);
        Caller {
            address,
            country: country.or_else(|| app.countries.as_ref()?.find(address)),
            gpc: header(request, "sec-gpc") == Some("1"),
            signals: Signals {
                agent,
                accepts: request.headers().contains_key("accept"),
                head: *request.method() == Method::HEAD,
                fetch_dest: header(request, "sec-fetch-dest"),
                sec_purpose: header(request, "sec-purpose"),
                purpose: header(request, "purpose"),
                x_moz: header(request, "x-moz"),
                origin: header(request, "origin"),
                referer: header(request, "referer"),
                datacenter: app.datacenters.load().contains(address),
                ..Signals::default()
            },
        }
    }

    /// Converts to the context in which an event is validated.
    pub(crate) fn event_context(self) -> EventContext<'a> {
        EventContext {
            signals: self.signals,
            address: self.address,
            country: self.country,
            gpc: self.gpc,
        }
    }
}
