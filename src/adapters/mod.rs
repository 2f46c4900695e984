#![doc = include_str!("../web/guides/adapters.md")]

pub(crate) mod ethicalads;
pub(crate) mod kevel;
pub(crate) mod lenient;
pub(crate) mod names;
pub(crate) mod openrtb;
pub mod response;

use crate::domain::protocol::Protocol;
use crate::http::AppState;
use crate::http::problem::ApiError;
use crate::http::routes::{Route, route};
use actix_web::HttpResponse;
use std::time::Instant;

/// Routes of all protocols; all are on the public listener.
pub fn table() -> Vec<Route> {
    vec![
        route("/api/v1/decision/").get(ethicalads::create_from_query).post(ethicalads::create),
        route("/api/v2").post(kevel::create),
        route("/openrtb2/2.6/bids").post(openrtb::create),
    ]
}

/// Fails with 404 `adapter_disabled` unless the settings enable this protocol.
fn require_enabled(app: &AppState, protocol: Protocol) -> Result<(), ApiError> {
    if app.settings.get().adapters.enabled(protocol) {
        return Ok(());
    }
    let how = format!("the adapter is disabled: set `{protocol} = true` under `[adapters]`");
    Err(ApiError::not_found("adapter_disabled", how))
}

/// Records the outcome and latency of a call to an enabled protocol.
fn record_call(
    app: &AppState,
    protocol: Protocol,
    began: Instant,
    answer: Result<HttpResponse, ApiError>,
) -> Result<HttpResponse, ApiError> {
    let metrics = &app.metrics;
    metrics.observe_decision(began.elapsed());
    let outcome = match &answer {
        Ok(answer) if answer.headers().contains_key(response::NO_FILL_HEADER) => "no_fill",
        Ok(_) => "filled",
        Err(_) => "refused",
    };
    metrics.count_adapter_request(protocol.as_str(), outcome);
    answer
}
