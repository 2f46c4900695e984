//! The operations listener: probes, metrics, admin. Must not be reachable from the public network.

pub mod admin;
pub(crate) mod console;
pub(crate) mod probes;

use crate::http::public::{assets, explain, funnel, rotation};
use crate::http::routes::{Route, route};
use crate::http::{AppState, extract, guard, public};
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Data, ServiceConfig};
use actix_web::{Error, web};

/// Every route of the operations listener, grouped by its users.
pub fn table() -> Vec<Route> {
    let mut rows = vec![
        // Process manager and load balancer.
        route("/livez").get_and_head(public::live),
        route("/readyz").get_and_head(probes::ready),
        route("/version").get_and_head(probes::version),
        // Prometheus.
        route("/metrics").get_and_head(probes::metrics),
        // Operators investigating an incident, with or without a browser.
        route("/console").get_and_head(console::console),
        route("/embed/{file:.*}").get_and_head(assets::file),
        route("/v1/decisions/{id}/explain").get_and_head(explain::explain),
        route("/v1/decisions/{id}/events").get_and_head(explain::events),
        route("/v1/flights/{id}/funnel").get_and_head(funnel::funnel),
        route("/v1/flights/{id}/rotation").get_and_head(rotation::rotation),
    ];
    // The operators' tools.
    rows.extend(admin::table());
    rows
}

async fn around(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, Error> {
    let mut response = guard::guard(request, next).await?;
    public::add_security_headers(response.headers_mut(), "same-origin");
    Ok(response)
}

/// Registers the routes of [`table`] with their middleware.
pub(crate) fn routes(app: Data<AppState>) -> impl FnOnce(&mut ServiceConfig) {
    move |config: &mut ServiceConfig| {
        config.app_data(app).configure(extract::settings);
        let scope = web::scope("").wrap(from_fn(around));
        let scope = table().into_iter().fold(scope, |scope, row| scope.service(row));
        config.service(scope.default_service(web::to(public::not_found)));
    }
}
