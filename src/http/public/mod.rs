//! The public listener, for pages, browsers, advertisers and publishers.

pub mod advertiser;
pub mod assets;
pub mod cors;
pub mod decisions;
pub mod events;
pub mod explain;
pub mod filling;
pub mod images;
pub mod limits;
pub mod pages;
pub mod render;
pub mod reply;
pub mod reports;
pub mod request;
pub mod unit_page;

use crate::http::AppState;
use crate::http::extract;
use crate::http::guard;
use crate::http::ops::admin::pauses;
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

/// Every route of the public listener, grouped by its users.
pub fn table() -> Vec<At> {
    vec![
        // Pages and publishers' servers requesting units.
        at("/v1/decisions").get(decisions::from_parameters).post(decisions::create),
        at("/v1/unit").get(unit_page::unit),
        // Browsers loading scripts, styles and images.
        at("/embed/pictures/{file}").reads(images::file),
        at("/embed/{file:.*}").reads(assets::file),
        // Operators, advertisers and publishers explaining a decision.
        at("/v1/decisions/{id}/explain").reads(explain::explain),
        at("/v1/decisions/{id}/events").reads(explain::events),
        // Browsers reporting events.
        at("/e/{token}").get(events::record).post(events::record),
        at("/c/{token}").reads(events::redirect),
        // Publishers pausing their pages in an emergency.
        at("/v1/publishers/{id}/pauses").post(pauses::own),
        // Advertisers and publishers reading reports.
        at("/v1/reports/{party}/{id}").reads(reports::report),
        at("/reports/{id}").reads(advertiser::page),
        // Readers asking why they see a unit.
        at("/w/{id}").reads(pages::why_page),
        // Anyone.
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

/// Registers the routes of [`table`] and the `additional` ones of the protocol adapters, with their
/// middleware.
pub fn routes(app: Data<AppState>, additional: Vec<At>) -> impl FnOnce(&mut ServiceConfig) {
    move |config: &mut ServiceConfig| {
        config.app_data(app).configure(extract::settings);
        let scope = web::scope("")
            .wrap(from_fn(guard::guard))
            .wrap(from_fn(cors::open))
            .wrap(security_headers("cross-origin"));
        let scope =
            table().into_iter().chain(additional).fold(scope, |scope, row| scope.service(row));
        config.service(scope.default_service(web::to(not_found)));
    }
}

/// Headers of every response. `resource_policy` is the `Cross-Origin-Resource-Policy`.
pub fn security_headers(resource_policy: &'static str) -> DefaultHeaders {
    DefaultHeaders::new()
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("Cross-Origin-Resource-Policy", resource_policy))
}

/// The response for paths without a route: 404.
pub async fn not_found() -> Result<HttpResponse, ApiError> {
    Err(ApiError::no_route())
}
