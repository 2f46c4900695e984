//! The operations listener: probes, metrics, admin. Must not be reachable from the public network.

pub mod admin;
pub mod console;
pub mod probes;

use crate::http::AppState;
use crate::http::extract;
use crate::http::guard;
use crate::http::public;
use crate::http::public::assets;
use crate::http::public::explain;
use crate::http::routes::At;
use crate::http::routes::at;
use actix_web::middleware::from_fn;
use actix_web::web;
use actix_web::web::Data;
use actix_web::web::ServiceConfig;

/// Every route of the operations listener, grouped by its users.
pub fn table() -> Vec<At> {
    let mut rows = vec![
        // Process manager and load balancer.
        at("/livez").reads(probes::live),
        at("/readyz").reads(probes::ready),
        at("/version").reads(probes::version),
        // Prometheus.
        at("/metrics").reads(probes::metrics),
        // Operators investigating an incident, with or without a browser.
        at("/console").reads(console::console),
        at("/embed/{file:.*}").reads(assets::file),
        at("/v1/decisions/{id}/explain").reads(explain::explain),
        at("/v1/decisions/{id}/events").reads(explain::events),
    ];
    // The operators' tools.
    rows.extend(admin::table());
    rows
}

/// Registers the routes of [`table`] with their middleware.
pub fn routes(app: Data<AppState>) -> impl FnOnce(&mut ServiceConfig) {
    move |config: &mut ServiceConfig| {
        config.app_data(app).configure(extract::settings);
        let scope = web::scope("")
            .wrap(from_fn(guard::guard))
            .wrap(public::security_headers("same-origin"));
        let scope = table().into_iter().fold(scope, |scope, row| scope.service(row));
        config.service(scope.default_service(web::to(public::not_found)));
    }
}
