//! Who calls: the reader's address by trusted proxies only, the key, what the browser says.

use crate::config::keys::Identity;
use crate::config::keys::Role;
use crate::domain::region::Country;
use crate::http::Face;
use crate::http::problem::ApiError;
use crate::server::record::Sighting;
use crate::traffic::client;
use crate::traffic::signals::Signals;
use actix_web::HttpRequest;
use actix_web::http::Method;
use std::net::IpAddr;
use std::net::Ipv4Addr;

/// A header as text.
pub fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// The key of `Authorization: Bearer …`, if one is given; an unknown one is refused.
pub fn identity(face: &Face, request: &HttpRequest) -> Result<Option<Identity>, ApiError> {
    let Some(text) = header(request, "authorization") else { return Ok(None) };
    known(face, text.strip_prefix("Bearer ").unwrap_or(text)).map(Some)
}

/// Whose key this is, wherever it was given; an unknown one is refused.
pub fn known(face: &Face, presented: &str) -> Result<Identity, ApiError> {
    match face.identity(presented.trim()) {
        Some(identity) => Ok(identity),
        None => Err(ApiError::unauthorized("this key is not known, has expired or was revoked")),
    }
}

/// The operator, or a refusal.
pub fn operator(face: &Face, request: &HttpRequest) -> Result<Identity, ApiError> {
    match identity(face, request)? {
        Some(identity) if identity.role == Role::Operator => Ok(identity),
        Some(_) => Err(ApiError::forbidden("this needs an operator's key")),
        None => Err(ApiError::unauthorized("this needs an operator's key")),
    }
}

/// What a request says of its reader.
pub struct Caller<'a> {
    /// The address, by trusted proxies only; or what a server with the publisher's key says.
    pub address: IpAddr,
    /// The country that a trusted proxy or the operator's table names.
    pub country: Option<Country>,
    /// `Sec-GPC: 1`.
    pub gpc: bool,
    /// What the request says of itself.
    pub signals: Signals<'a>,
}

impl<'a> Caller<'a> {
    /// Reads a request. `trusted` is a server that gave the publisher's secret key: what it says of
    /// the reader is believed.
    pub fn read(face: &Face, request: &'a HttpRequest, trusted: bool) -> Caller<'a> {
        let settings = face.server.settings();
        let settings = &settings.server;
        let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let peer = request.peer_addr().map_or(unknown, |peer| peer.ip());
        let forwarded =
            request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
        let resolved = client::reader_address(peer, forwarded, &settings.trusted_proxies);
        let told = header(request, "adjacent-reader-address").filter(|_| trusted);
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
        let address = told.and_then(|text| text.parse().ok()).unwrap_or(resolved);
        Caller {
            address,
            country: country.or_else(|| face.countries.as_ref()?.find(address)),
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
                datacenter: face.server.datacenters.load().holds(address),
                ..Signals::default()
            },
        }
    }

    /// The same for the judgement of an event.
    pub fn sighting(self) -> Sighting<'a> {
        Sighting {
            signals: self.signals,
            address: self.address,
            country: self.country,
            gpc: self.gpc,
        }
    }
}
