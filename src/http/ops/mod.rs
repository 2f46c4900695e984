//! The operations listener: probes, metrics, admin. Never on the open network.

pub mod admin;
pub mod probes;

use crate::http::Face;
use crate::http::guard;
use crate::http::problem::ApiError;
use crate::http::public::explain;
use actix_web::HttpResponse;
use actix_web::middleware::DefaultHeaders;
use actix_web::middleware::from_fn;
use actix_web::web;
use actix_web::web::Data;
use actix_web::web::ServiceConfig;

/// Every route of the operations listener, with who uses it.
pub fn routes(face: Data<Face>) -> impl FnOnce(&mut ServiceConfig) {
    move |config: &mut ServiceConfig| {
        config.app_data(face);
        config.service(
            web::scope("")
                .wrap(from_fn(guard::panics))
                .wrap(DefaultHeaders::new().add(("X-Content-Type-Options", "nosniff")))
                // The process manager and the balancer.
                .route("/livez", web::get().to(probes::live))
                .route("/readyz", web::get().to(probes::ready))
                .route("/version", web::get().to(probes::version))
                // Prometheus.
                .route("/metrics", web::get().to(probes::metrics))
                // The operator at 3 a.m.
                .route("/v1/decisions/{id}/explain", web::get().to(explain::explain))
                .route("/v1/decisions/{id}/events", web::get().to(explain::events))
                // The operator's tools.
                .configure(admin::routes)
                .default_service(web::to(nowhere)),
        );
    }
}

async fn nowhere() -> Result<HttpResponse, ApiError> {
    Err(ApiError::no_route(false))
}
