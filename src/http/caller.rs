//! The caller of a request: the reader's address (forwarded headers from trusted proxies only), the API
//! key, and the browser's headers.

use crate::config::keys::{Identity, Role};
use crate::domain::region::Country;
use crate::events::record::{EventContext, EventReporter};
use crate::http::AppState;
use crate::http::problem::ApiError;
use crate::http::wrong_keys::WrongKey;
use crate::traffic::reader_address;
use crate::traffic::reader_address::is_trusted;
use crate::traffic::signals::Signals;
use actix_web::http::Method;
use actix_web::http::header::{
    AUTHORIZATION, AsHeaderName, HeaderMap, HeaderValue, X_FORWARDED_FOR,
};
use actix_web::{HttpMessage, HttpRequest};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Once;

/// The headers that say who the reader is: of each the first value. One pass over the headers costs less than
/// a look-up of each.
#[derive(Default)]
struct ReaderHeaders<'a> {
    accept: Option<&'a HeaderValue>,
    forwarded_for: Option<&'a HeaderValue>,
    origin: Option<&'a HeaderValue>,
    purpose: Option<&'a HeaderValue>,
    reader_address: Option<&'a HeaderValue>,
    reader_agent: Option<&'a HeaderValue>,
    referer: Option<&'a HeaderValue>,
    sec_fetch_dest: Option<&'a HeaderValue>,
    sec_gpc: Option<&'a HeaderValue>,
    sec_purpose: Option<&'a HeaderValue>,
    signature_agent: Option<&'a HeaderValue>,
    signature_input: Option<&'a HeaderValue>,
    user_agent: Option<&'a HeaderValue>,
    x_moz: Option<&'a HeaderValue>,
    x_purpose: Option<&'a HeaderValue>,
}

impl<'a> ReaderHeaders<'a> {
    fn read(headers: &'a HeaderMap) -> ReaderHeaders<'a> {
        let mut found = ReaderHeaders::default();
        for (name, value) in headers {
            let field = match name.as_str() {
                "accept" => &mut found.accept,
                "adjacent-reader-address" => &mut found.reader_address,
                "adjacent-reader-agent" => &mut found.reader_agent,
                "origin" => &mut found.origin,
                "purpose" => &mut found.purpose,
                "referer" => &mut found.referer,
                "sec-fetch-dest" => &mut found.sec_fetch_dest,
                "sec-gpc" => &mut found.sec_gpc,
                "sec-purpose" => &mut found.sec_purpose,
                "signature-agent" => &mut found.signature_agent,
                "signature-input" => &mut found.signature_input,
                "user-agent" => &mut found.user_agent,
                "x-forwarded-for" => &mut found.forwarded_for,
                "x-moz" => &mut found.x_moz,
                "x-purpose" => &mut found.x_purpose,
                _ => continue,
            };
            field.get_or_insert(value);
        }
        found
    }
}

/// A value's text; `None` if it is absent or not visible ASCII.
fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value?.to_str().ok()
}

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

/// Whether an AI agent signed the request. Browsers sign none; a proxy may sign what it forwards, so there a
/// signature must say that it is an agent's.
fn is_signed_by_agent(headers: &ReaderHeaders<'_>, behind_proxy: bool) -> bool {
    let names_agent = |input: &str| {
        let tag = input.split("tag=\"").nth(1).and_then(|rest| rest.split('"').next());
        tag.is_some_and(|tag| tag.contains("agent") || tag.contains("bot"))
    };
    headers.signature_agent.is_some()
        || text(headers.signature_input).is_some_and(|input| !behind_proxy || names_agent(input))
}

/// A request's reader: address, country and browser signals.
pub(crate) struct Caller<'a> {
    /// The reader's address: the peer's, or from forwarded headers of trusted proxies. If the caller speaks
    /// for the reader, what it declares; `None` if it declares nothing that can be read.
    pub(crate) address: Option<IpAddr>,
    /// The country: from a trusted proxy's header, else from the operator's GeoIP table.
    pub(crate) country: Option<Country>,
    /// The reader's agent as declared by a server with a key.
    pub(crate) declared_agent: Option<&'a str>,
    /// Whether the request has `Sec-GPC: 1`.
    pub(crate) gpc: bool,
    /// Signals for invalid-traffic detection.
    pub(crate) signals: Signals<'a>,
    /// Whether the flood guard checks the address: neither of a trusted proxy itself, nor declared.
    pub(crate) is_guarded: bool,
    /// The reader headers that were not used, each with the reason.
    pub(crate) ignored: Vec<(&'static str, &'static str)>,
}

/// Headers in which a publisher's server declares the reader.
const READER_ADDRESS: &str = "Adjacent-Reader-Address";
const READER_AGENT: &str = "Adjacent-Reader-Agent";

impl<'a> Caller<'a> {
    /// Reads a request. This is the one place that says whose address, country and agent count.
    ///
    /// `speaks`: the caller is a server that speaks for the reader ([`Identity::speaks_for`]). Then its own
    /// address, the country of it and its own headers say nothing about the reader: only what it declares
    /// does, and the reader's headers that it passes on (`Sec-GPC`, `Purpose`).
    pub(crate) fn read(app: &AppState, request: &'a HttpRequest, speaks: bool) -> Caller<'a> {
        let settings = app.settings.get();
        let settings = &settings.server;
        let headers = ReaderHeaders::read(request.headers());
        let mut ignored = Vec::new();
        let (address, agent) = if speaks {
            let address = headers
                .reader_address
                .and_then(|_| declared_address(request, &settings.trusted_proxies, &mut ignored));
            (address, declared_agent(&headers, &mut ignored))
        } else {
            let sent =
                [(headers.reader_address, READER_ADDRESS), (headers.reader_agent, READER_AGENT)];
            for (_, name) in sent.into_iter().filter(|(value, _)| value.is_some()) {
                ignored.push((name, "accepted only with the publisher's secret key"));
            }
            if headers.forwarded_for.is_some() {
                warn_of_untrusted_proxy(request, &settings.trusted_proxies);
            }
            // Some phones put names of other alphabets into it.
            let agent =
                headers.user_agent.and_then(|agent| std::str::from_utf8(agent.as_bytes()).ok());
            (Some(resolved_address(request, &settings.trusted_proxies)), agent)
        };
        let behind_proxy = is_from_proxy(request, &settings.trusted_proxies);
        let country = settings
            .country_header
            .as_deref()
            .filter(|_| !speaks && behind_proxy)
            .and_then(|name| header(request, name))
            .and_then(|text| text.parse().ok());
        let own = |value| if speaks { None } else { text(value) };
        Caller {
            address,
            country: country.or_else(|| app.countries.as_ref()?.find(address?)),
            declared_agent: agent.filter(|_| speaks),
            gpc: text(headers.sec_gpc) == Some("1"),
            signals: Signals {
                agent,
                declared: speaks,
                accepts: speaks || headers.accept.is_some(),
                head: *request.method() == Method::HEAD,
                fetch_dest: own(headers.sec_fetch_dest),
                sec_purpose: text(headers.sec_purpose),
                purpose: text(headers.purpose),
                x_purpose: text(headers.x_purpose),
                x_moz: text(headers.x_moz),
                signed: !speaks && is_signed_by_agent(&headers, behind_proxy),
                origin: own(headers.origin),
                referer: own(headers.referer),
                datacenter: address.is_some_and(|address| app.datacenters.load().contains(address)),
                ..Signals::default()
            },
            is_guarded: !speaks
                && address.is_some_and(|own| !is_trusted(own, &settings.trusted_proxies)),
            ignored,
        }
    }

    /// The headers that were not used, as warnings.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        self.ignored.iter().map(|(name, why)| format!("{name}: {why}"))
    }

    /// The address of a caller that speaks for itself.
    pub(crate) fn own_address(&self) -> IpAddr {
        self.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// Converts to the context in which an event is validated.
    fn event_context(self) -> EventContext<'a> {
        let Caller { address, country, gpc, signals, .. } = self;
        EventContext { signals, address, country, gpc }
    }
}

/// Who reports an event, and the reader headers that were not used. The publisher is known only once the
/// token is open, so both readings are prepared: as a reader's browser, and as the server of the key's
/// publisher. A wrong key is none, but its answer is late, as everywhere.
pub(crate) fn reporter<'a>(
    app: &AppState,
    request: &'a HttpRequest,
) -> (EventReporter<'a>, Vec<&'static str>) {
    let identity = identity(app, request).ok().flatten();
    let own = Caller::read(app, request, false);
    let server =
        identity.filter(|key| matches!(key.role, Role::Publisher | Role::Exchange)).map(|key| {
            let declared = Caller::read(app, request, true);
            (key, declared)
        });
    let ignored = server.as_ref().map_or(&own, |(_, declared)| declared).ignored.iter();
    let ignored = ignored.map(|(name, _)| *name).collect();
    let server = server.map(|(key, declared)| (key, declared.event_context()));
    (EventReporter::new(own.event_context(), server), ignored)
}

/// Says once that all readers behind a proxy, which names them, have its address: it is not trusted.
fn warn_of_untrusted_proxy(request: &HttpRequest, trusted: &[IpNet]) {
    static WARNED: Once = Once::new();
    let peer = peer(request);
    if reader_address::is_private(peer) && !is_trusted(peer, trusted) {
        WARNED.call_once(|| {
            tracing::warn!(
                "requests come through a proxy that is not in `server.trusted_proxies`: all its \
                 readers share the limits of its address; add its network"
            );
        });
    }
}

/// The address of the connection, in its canonical form.
fn peer(request: &HttpRequest) -> IpAddr {
    let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    request.peer_addr().map_or(unknown, |peer| peer.ip().to_canonical())
}

fn is_from_proxy(request: &HttpRequest, trusted: &[IpNet]) -> bool {
    is_trusted(peer(request), trusted)
}

fn resolved_address(request: &HttpRequest, trusted: &[IpNet]) -> IpAddr {
    let forwarded = request.headers().get_all(X_FORWARDED_FOR);
    let forwarded = forwarded.filter_map(|value| value.to_str().ok());
    reader_address::reader_address(peer(request), forwarded, trusted)
}

fn declared_address(
    request: &HttpRequest,
    trusted: &[IpNet],
    ignored: &mut Vec<(&'static str, &'static str)>,
) -> Option<IpAddr> {
    let values = request.headers().get_all(READER_ADDRESS);
    let values = values.map(|value| value.to_str().unwrap_or(""));
    let found = reader_address::declared_address(values, trusted);
    if found.is_none() {
        ignored.push((READER_ADDRESS, "not an IP address: the reader's address is unknown"));
    }
    found
}

fn declared_agent<'a>(
    headers: &ReaderHeaders<'a>,
    ignored: &mut Vec<(&'static str, &'static str)>,
) -> Option<&'a str> {
    let value = headers.reader_agent?;
    let agent = value.to_str().ok().filter(|agent| !agent.is_empty());
    if agent.is_none() {
        ignored.push((READER_AGENT, "empty or not ASCII: the reader's agent is unknown"));
    }
    agent
}
