//! Open for pages everywhere, never with credentials; one preflight a day.

use crate::http::public::events;
use actix_web::Error;
use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::body::EitherBody;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::http::header::HeaderValue;
use actix_web::middleware::Next;

/// How long a browser may remember a preflight, in seconds.
const REMEMBERED: &str = "86400";

/// Headers that a page's script may send. Those of the Kevel client are harmless where that dialect is
/// off, and its client sends them with every event, too.
const ALLOWED: &str = "authorization, content-type, user-agent, x-adzerk-apikey, x-adzerk-explain, \
     x-adzerk-sdk-version, x-kevel-apikey";

/// Every answer says that any page may read it, asked or not: so no answer varies by `Origin`, and
/// a cache holds one copy of an embed file for all sites.
pub async fn open<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let mut answer = if is_preflight(&request) {
        let allowed = HttpResponse::NoContent()
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST"))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, REMEMBERED))
            .finish();
        request.into_response(allowed).map_into_right_body()
    } else {
        next.call(request).await?.map_into_left_body()
    };
    let headers = answer.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers
        .insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(events::EXPOSED));
    Ok(answer)
}

fn is_preflight(request: &ServiceRequest) -> bool {
    *request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
