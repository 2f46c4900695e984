//! The public listener: pages, browsers, advertisers, publishers.

pub mod advertiser;
pub mod assets;
pub mod decisions;
pub mod events;
pub mod explain;
pub mod limits;
pub mod pages;
pub mod render;
pub mod reply;
pub mod reports;
pub mod request;
pub mod unit_page;

use crate::http::Face;
use crate::http::guard;
use crate::http::ops::admin::stops;
use crate::http::problem::ApiError;
use actix_cors::Cors;
use actix_web::HttpResponse;
use actix_web::middleware::DefaultHeaders;
use actix_web::middleware::from_fn;
use actix_web::web;
use actix_web::web::Data;
use actix_web::web::ServiceConfig;

/// Every route of the public listener, with who uses it.
pub fn routes(face: Data<Face>) -> impl FnOnce(&mut ServiceConfig) {
    move |config: &mut ServiceConfig| {
        config.app_data(face);
        config.service(
            web::scope("")
                .wrap(from_fn(guard::panics))
                .wrap(from_fn(guard::closes))
                .wrap(DefaultHeaders::new().add(("X-Content-Type-Options", "nosniff")))
                .wrap(cors())
                // Pages and servers that ask for units.
                .service(
                    web::resource("/v1/decisions")
                        .post(decisions::create)
                        .get(decisions::from_parameters),
                )
                .route("/v1/unit", web::get().to(unit_page::unit))
                // Their browsers.
                .route("/embed/{file:.*}", web::get().to(assets::file))
                // The three parties, asking why.
                .route("/v1/decisions/{id}/explain", web::get().to(explain::explain))
                .route("/v1/decisions/{id}/events", web::get().to(explain::events))
                // Browsers that report.
                .service(web::resource("/e/{token}").get(events::record).post(events::record))
                .service(web::resource("/c/{token}").get(events::redirect).head(events::redirect))
                // Publishers in an emergency.
                .route("/v1/publishers/{id}/stops", web::post().to(stops::own))
                // Advertisers and publishers that count.
                .route("/v1/reports/{party}/{id}", web::get().to(reports::report))
                .route("/advertisers/{id}", web::get().to(advertiser::page))
                // Readers who ask why.
                .route("/w/{id}", web::get().to(pages::reader))
                // Everybody.
                .route("/", web::get().to(pages::start))
                .route("/demo", web::get().to(pages::demo))
                .route("/demo/explain/{id}", web::get().to(pages::demo_explain))
                .route("/docs", web::get().to(pages::reference))
                .route("/openapi.json", web::get().to(pages::openapi))
                .route("/v1/limits", web::get().to(limits::limits))
                .route("/v1/privacy", web::get().to(limits::privacy))
                .route("/livez", web::get().to(live))
                .default_service(web::to(nowhere)),
        );
    }
}

/// Open for pages everywhere, without credentials; one preflight a day.
fn cors() -> Cors {
    Cors::default()
        .allow_any_origin()
        .send_wildcard()
        .allowed_methods(["GET", "POST"])
        .allowed_headers(["content-type", "authorization"])
        .expose_headers([events::RECORDED])
        .max_age(86_400)
}

/// `GET /livez`: the process answers.
async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("live\n")
}

async fn nowhere() -> Result<HttpResponse, ApiError> {
    Err(ApiError::no_route(false))
}
