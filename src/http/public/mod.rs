//! The public listener: pages, browsers, advertisers, publishers.

pub mod advertiser;
pub mod assets;
pub mod cors;
pub mod decisions;
pub mod events;
pub mod explain;
pub mod filling;
pub mod limits;
pub mod pages;
pub mod pictures;
pub mod render;
pub mod reply;
pub mod reports;
pub mod request;
pub mod unit_page;

use crate::http::Face;
use crate::http::extract;
use crate::http::guard;
use crate::http::ops::admin::stops;
use crate::http::ops::probes;
use crate::http::problem::ApiError;
use crate::http::routes::At;
use crate::http::routes::at;
use actix_web::HttpResponse;
use actix_web::middleware::DefaultHeaders;
use actix_web::middleware::from_fn;
use actix_web::web;
use actix_web::web::Data;
use actix_web::web::ServiceConfig;

/// Every route of the public listener, with who uses it.
pub fn table() -> Vec<At> {
    vec![
        // Pages and servers that ask for units.
        at("/v1/decisions").get(decisions::from_parameters).post(decisions::create),
        at("/v1/unit").get(unit_page::unit),
        // Their browsers.
        at("/embed/pictures/{file}").reads(pictures::file),
        at("/embed/{file:.*}").reads(assets::file),
        // The three parties, asking why.
        at("/v1/decisions/{id}/explain").reads(explain::explain),
        at("/v1/decisions/{id}/events").reads(explain::events),
        // Browsers that report.
        at("/e/{token}").get(events::record).post(events::record),
        at("/c/{token}").reads(events::redirect),
        // Publishers in an emergency.
        at("/v1/publishers/{id}/stops").post(stops::own),
        // Advertisers and publishers that count.
        at("/v1/reports/{party}/{id}").reads(reports::report),
        at("/reports/{id}").reads(advertiser::page),
        // Readers who ask why.
        at("/w/{id}").reads(pages::reader),
        // Everybody.
        at("/").reads(pages::start),
        at("/demo").reads(pages::demo),
        at("/demo/explain/{id}").reads(pages::demo_explain),
        at("/docs").reads(pages::reference),
        at("/docs/{guide}").reads(pages::guide),
        at("/openapi.json").reads(pages::openapi),
        at("/v1/limits").reads(limits::limits),
        at("/v1/privacy").reads(limits::privacy),
        at("/livez").reads(probes::live),
    ]
}

/// Serves the table, and what other faces have on this listener `besides`.
pub fn routes(face: Data<Face>, besides: Vec<At>) -> impl FnOnce(&mut ServiceConfig) {
    move |config: &mut ServiceConfig| {
        config.app_data(face).configure(extract::settings);
        let scope = web::scope("")
            .wrap(from_fn(guard::guard))
            .wrap(from_fn(cors::open))
            .wrap(manners("cross-origin"));
        let scope = table().into_iter().chain(besides).fold(scope, |scope, row| scope.service(row));
        config.service(scope.default_service(web::to(nowhere)));
    }
}

/// Headers of every answer: `resource` says who may embed it.
pub fn manners(resource: &'static str) -> DefaultHeaders {
    DefaultHeaders::new()
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("Cross-Origin-Resource-Policy", resource))
}

/// The answer where there is no route.
pub async fn nowhere() -> Result<HttpResponse, ApiError> {
    Err(ApiError::no_route())
}
