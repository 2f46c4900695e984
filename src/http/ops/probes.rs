//! Readiness, version and metrics.

use crate::http::readiness::Readiness;
use crate::http::{AppState, json};
use crate::reporting::Reporting;
use crate::world::Worlds;
use actix_web::HttpResponse;
use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

/// Content type of the metrics (Prometheus text format).
pub(crate) const METRICS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /readyz`: 503 with the reason while requests should go to other instances.
pub(crate) async fn ready(readiness: Data<Readiness>) -> HttpResponse {
    match readiness.not_ready_reason() {
        None => HttpResponse::Ok().content_type("text/plain").body("ready\n"),
        Some(reason) => {
            let text = format!("not ready: {reason}\n");
            HttpResponse::ServiceUnavailable().content_type("text/plain").body(text)
        }
    }
}

/// The running program and the versions that it serves.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Version<'a> {
    /// Version of the program.
    pub(crate) version: &'a str,
    /// Random id of this process start, in hexadecimal.
    pub(crate) incarnation: String,
    /// The public URL.
    pub(crate) public_url: &'a str,
    /// Content hash of the inventory being served.
    pub(crate) inventory: &'a str,
    /// Content hash of the weights being served.
    pub(crate) weights: &'a str,
    /// Content hash of the labels being served.
    pub(crate) labels: &'a str,
    /// Number of the current budget and pacing state.
    pub(crate) state: u64,
}

/// `GET /version`.
pub(crate) async fn version(app: Data<AppState>, world: Data<Worlds>) -> HttpResponse {
    let live = world.live();
    let snapshot = live.snapshot();
    json(&Version {
        version: env!("CARGO_PKG_VERSION"),
        incarnation: format!("{:016x}", app.incarnation),
        public_url: &app.public_url,
        inventory: &snapshot.inventory_hash,
        weights: &snapshot.weights_hash,
        labels: &snapshot.labels_hash,
        state: live.world.state.number,
    })
}

/// `GET /metrics`: Prometheus text.
pub(crate) async fn metrics(reporting: Data<Reporting>) -> HttpResponse {
    let text = reporting.scrape();
    HttpResponse::Ok().content_type(METRICS_CONTENT_TYPE).body(text)
}
