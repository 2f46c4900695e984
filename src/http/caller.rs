//! The caller of a request: the reader's address (forwarded headers from trusted proxies only), the API
//! key, and the browser's headers.

use crate::config::keys::{Identity, Role};
use crate::domain::region::Country;
use crate::events::record::EventContext;
use crate::http::AppState;
use crate::http::problem::ApiError;
use crate::http::wrong_keys::WrongKey;
use crate::traffic::reader_address;
use crate::traffic::signals::Signals;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT, AUTHORIZATION, AsHeaderName, HeaderName, ORIGIN, REFERER, USER_AGENT, X_FORWARDED_FOR,
};
use actix_web::{HttpMessage, HttpRequest};
use std::net::{IpAddr, Ipv4Addr};

// Every decision looks these up; a name in a `&str` would be parsed each time.
static PURPOSE: HeaderName = HeaderName::from_static("purpose");
static SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
static SEC_GPC: HeaderName = HeaderName::from_static("sec-gpc");
static SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");
static X_MOZ: HeaderName = HeaderName::from_static("x-moz");

/// A header's value; `None` if it is absent or not visible ASCII.
pub(crate) fn header(request: &HttpRequest, name: impl AsHeaderName) -> Option<&str> {
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
    let Some(text) = header(request, AUTHORIZATION) else { return Ok(None) };
    identity_of(app, request, text.strip_prefix("Bearer ").unwrap_or(text)).map(Some)
}

/// The identity of a key, wherever the request carried it.
///
/// # Errors
/// 401 if the key is unknown, expired or revoked.
pub(crate) fn identity_of(
    app: &AppState,
    request: &HttpRequest,
    presented: &str,
) -> Result<Identity, ApiError> {
    match app.identity(presented.trim()) {
        Some(identity) => Ok(identity),
        None => {
            request.extensions_mut().insert(WrongKey);
            Err(ApiError::unauthorized("the API key is unknown, expired or revoked"))
        }
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
            request.headers().get_all(X_FORWARDED_FOR).filter_map(|value| value.to_str().ok());
        let resolved = reader_address::reader_address(peer, forwarded, &settings.trusted_proxies);
        let declared = |name| if trusted { header(request, name) } else { None };
        let behind_proxy = settings.trusted_proxies.iter().any(|network| network.contains(&peer));
        let country = settings
            .country_header
            .as_deref()
            .filter(|_| behind_proxy)
            .and_then(|name| header(request, name))
            .and_then(|text| text.parse().ok());
        let agent = declared("adjacent-reader-agent").or_else(|| header(request, USER_AGENT));
        let address = declared("adjacent-reader-address").and_then(|text| text.parse().ok());
        let address = address.unwrap_or(resolved);
        Caller {
            address,
            country: country.or_else(|| app.countries.as_ref()?.find(address)),
            gpc: header(request, &SEC_GPC) == Some("1"),
            signals: Signals {
                agent,
                accepts: request.headers().contains_key(ACCEPT),
                head: *request.method() == Method::HEAD,
                fetch_dest: header(request, &SEC_FETCH_DEST),
                sec_purpose: header(request, &SEC_PURPOSE),
                purpose: header(request, &PURPOSE),
                x_moz: header(request, &X_MOZ),
                origin: header(request, ORIGIN),
                referer: header(request, REFERER),
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
