//! CORS: open to all origins, never with credentials; preflights are cached for a day.

use crate::http::public::events;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};

/// `Access-Control-Max-Age`: how long a browser may cache a preflight, in seconds.
const PREFLIGHT_MAX_AGE: &str = "86400";

/// Request headers that a page's script may send. The Kevel client sends its headers with every event,
/// too; they are ignored if that adapter is disabled.
const ALLOWED_HEADERS: &str = "authorization, content-type, user-agent, x-adzerk-apikey, x-adzerk-explain, \
     x-adzerk-sdk-version, x-kevel-apikey";

/// Adds the CORS headers to every response, whether or not the request has an `Origin`. Responses thus
/// do not vary by `Origin`, and a cache stores one copy of an embed file for all sites.
pub async fn open<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let mut response = if is_preflight(&request) {
        let preflight = HttpResponse::NoContent()
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST"))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS))
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
