//! Is it alive, does it take requests, what is it, how does it do.

use crate::http::Face;
use crate::http::public::explain;
use actix_web::HttpResponse;
use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;

/// The format of the series.
pub const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /livez`: the process answers.
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("live\n")
}

/// `GET /readyz`: 503 while requests should go elsewhere, and why.
pub async fn ready(face: Data<Face>) -> HttpResponse {
    match face.hindrance() {
        None => HttpResponse::Ok().content_type("text/plain").body("ready\n"),
        Some(why) => {
            let said = format!("not ready: {why}\n");
            HttpResponse::ServiceUnavailable().content_type("text/plain").body(said)
        }
    }
}

/// What runs here.
#[derive(Serialize, JsonSchema)]
pub struct Version<'a> {
    /// The program's version.
    pub version: &'a str,
    /// This process start, in hexadecimal.
    pub incarnation: String,
    /// The public listener's address, as readers reach it.
    pub public_url: &'a str,
    /// Content hash of the inventory being served.
    pub inventory: &'a str,
    /// Content hash of the weights being served.
    pub weights: &'a str,
    /// Content hash of the labels being served.
    pub labels: &'a str,
    /// The state's number.
    pub state: u64,
}

/// `GET /version`.
pub async fn version(face: Data<Face>) -> HttpResponse {
    let live = face.server.live();
    let snapshot = live.snapshot();
    explain::json(&Version {
        version: env!("CARGO_PKG_VERSION"),
        incarnation: format!("{:016x}", face.server.incarnation),
        public_url: &face.server.public_url,
        inventory: &snapshot.inventory_hash,
        weights: &snapshot.weights_hash,
        labels: &snapshot.labels_hash,
        state: live.world.state.number,
    })
}

/// `GET /metrics`: Prometheus text.
pub async fn metrics(face: Data<Face>) -> HttpResponse {
    let text = face.server.scrape();
    HttpResponse::Ok().content_type(METRICS).body(text)
}
