//! CORS: open to all origins, never with credentials; preflights are cached for a day.

use crate::domain::protocol::Protocol;
use crate::http::public::events;
use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::http::{Method, header};
use std::sync::LazyLock;

/// `Access-Control-Max-Age`: how long a browser may cache a preflight, in seconds.
const PREFLIGHT_MAX_AGE: &str = "86400";

/// Request headers that are allowed if a preflight names none. Those of an adapter's client are ignored if
/// the adapter is disabled.
static ALLOWED_HEADERS: LazyLock<String> = LazyLock::new(|| {
    let of_clients = Protocol::ALL.iter().flat_map(|protocol| protocol.request_headers());
    let all = ["authorization", "content-type", "user-agent"].iter().chain(of_clients);
    all.copied().collect::<Vec<_>>().join(", ")
});

/// Adds the CORS headers to every response, whether or not the request has an `Origin`. Responses thus
/// do not vary by `Origin`, and a cache stores one copy of an embed file for all sites.
pub(crate) fn open(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers
        .insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(events::EXPOSED));
}

/// The response to a preflight; `None` if the request is none.
pub(crate) fn preflight(request: &ServiceRequest) -> Option<HttpResponse> {
    is_preflight(request).then(|| {
        HttpResponse::NoContent()
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST"))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(request)))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE))
            .insert_header((header::VARY, header::ACCESS_CONTROL_REQUEST_HEADERS.as_str()))
            .finish()
    })
}

/// All headers that the page wants to send: tracing libraries add theirs to every request of a page, and a
/// refusal would block the call. Unknown headers are not read.
fn allowed_headers(preflight: &ServiceRequest) -> HeaderValue {
    let wanted = preflight.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let wanted = wanted.filter(|names| !names.is_empty());
    wanted.cloned().unwrap_or_else(|| {
        HeaderValue::from_str(&ALLOWED_HEADERS).expect("header names are a valid header value")
    })
}

fn is_preflight(request: &ServiceRequest) -> bool {
    *request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
