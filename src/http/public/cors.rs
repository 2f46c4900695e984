//! CORS: open to all origins, never with credentials; preflights are cached for a day.

use crate::domain::protocol::Protocol;
use crate::http::public::events;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};
use std::sync::LazyLock;

/// `Access-Control-Max-Age`: how long a browser may cache a preflight, in seconds.
const PREFLIGHT_MAX_AGE: &str = "86400";

/// Request headers that a page's script may send. Those of an adapter's client are ignored if the adapter
/// is disabled.
static ALLOWED_HEADERS: LazyLock<String> = LazyLock::new(|| {
    let of_clients = Protocol::ALL.iter().flat_map(|protocol| protocol.request_headers());
    let all = ["authorization", "content-type", "user-agent"].iter().chain(of_clients);
    all.copied().collect::<Vec<_>>().join(", ")
});

/// Adds the CORS headers to every response, whether or not the request has an `Origin`. Responses thus
/// do not vary by `Origin`, and a cache stores one copy of an embed file for all sites.
pub(crate) async fn open<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let mut response = if is_preflight(&request) {
        let preflight = HttpResponse::NoContent()
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST"))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS.as_str()))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE))
            .finish();
        request.into_response(preflight).map_into_right_body()
    } else {
        next.call(request).await?.map_into_left_body()
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers
        .insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(events::EXPOSED));
    Ok(response)
}

fn is_preflight(request: &ServiceRequest) -> bool {
    *request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
