//! `GET /v1/unit`: a page with only the unit, for iframes, edge includes and browsers without script.

use crate::http::problem::ApiError;
use crate::http::public::decisions::Decider;
use crate::http::public::{decisions, ignored, request};
use crate::web;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

/// `GET /v1/unit`: same parameters as `GET /v1/decisions`; only the first placement is decided.
pub(crate) async fn unit(
    decider: Data<Decider>,
    http: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let (mut request, unread) = request::from_query(http.query_string())?;
    request.placements.truncate(1);
    request.explain = false;
    let language = request.page.language.clone().unwrap_or_else(|| "en".into());
    let text =
        decisions::with_first(&decider, &http, request, |unit| web::unit::page(unit, &language))?;
    let mut response = HttpResponse::Ok()
        .content_type(web::HTML)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_SECURITY_POLICY, web::UNIT_POLICY))
        .insert_header((header::REFERRER_POLICY, "strict-origin"))
        .body(text);
    ignored::list(response.headers_mut(), unread);
    Ok(response)
}
