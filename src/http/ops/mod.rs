//! The operations listener: probes, metrics, admin. Never on the open network.

pub mod admin;
pub mod console;
pub mod probes;

use crate::http::Face;
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

/// Every route of the operations listener, with who uses it.
pub fn table() -> Vec<At> {
    let mut rows = vec![
        // The process manager and the balancer.
        at("/livez").reads(probes::live),
        at("/readyz").reads(probes::ready),
        at("/version").reads(probes::version),
        // Prometheus.
        at("/metrics").reads(probes::metrics),
        // The operator at 3 a.m., with a browser and without.
        at("/console").reads(console::console),
        at("/embed/{file:.*}").reads(assets::file),
        at("/v1/decisions/{id}/explain").reads(explain::explain),
        at("/v1/decisions/{id}/events").reads(explain::events),
    ];
    // The operator's tools.
    rows.extend(admin::table());
    rows
}

/// Serves the table.
pub fn routes(face: Data<Face>) -> impl FnOnce(&mut ServiceConfig) {
    move |config: &mut ServiceConfig| {
        config.app_data(face).configure(extract::settings);
        let scope = web::scope("").wrap(from_fn(guard::guard)).wrap(public::manners("same-origin"));
        let scope = table().into_iter().fold(scope, |scope, row| scope.service(row));
        config.service(scope.default_service(web::to(public::nowhere)));
    }
}
