#![doc = include_str!("../web/guides/adapters.md")]

pub mod ethicalads;
pub mod kevel;
pub mod names;
pub mod openrtb;
pub mod response;

use crate::http::Face;
use crate::http::problem::ApiError;
use crate::http::routes::At;
use crate::http::routes::at;
use actix_web::HttpResponse;
use std::time::Instant;

string_enum! {
    /// A third-party client protocol.
    Dialect {
        /// The EthicalAds client and its decision endpoint.
        EthicalAds = "ethicalads",
        /// The Kevel Decision API.
        Kevel = "kevel",
        /// OpenRTB 2.6 with Native 1.2.
        OpenRtb = "openrtb",
    }
}

/// Routes of all protocols; all are on the public listener.
pub fn table() -> Vec<At> {
    vec![
        at("/api/v1/decision/").get(ethicalads::create_from_query).post(ethicalads::create),
        at("/api/v2").post(kevel::create),
        at("/openrtb2/2.6/bids").post(openrtb::create),
    ]
}

/// Fails with 404 `adapter_disabled` unless the settings enable this protocol.
fn require_enabled(face: &Face, dialect: Dialect) -> Result<(), ApiError> {
    let settings = face.server.settings();
    let enabled = match dialect {
        Dialect::EthicalAds => settings.adapters.ethicalads,
        Dialect::Kevel => settings.adapters.kevel,
        Dialect::OpenRtb => settings.adapters.openrtb,
    };
    let how = format!("the adapter is disabled: set `{dialect} = true` under `[adapters]`");
    if enabled { Ok(()) } else { Err(ApiError::missing("adapter_disabled", how)) }
}

/// Records the outcome and latency of a call to an enabled protocol.
fn record_call(
    face: &Face,
    dialect: Dialect,
    began: Instant,
    answer: Result<HttpResponse, ApiError>,
) -> Result<HttpResponse, ApiError> {
    let metrics = &face.server.metrics;
    metrics.decided_in(began.elapsed());
    let outcome = match &answer {
        Ok(answer) if answer.headers().contains_key(response::NO_FILL_HEADER) => "no_fill",
        Ok(_) => "filled",
        Err(_) => "refused",
    };
    metrics.adapted(dialect.as_str(), outcome);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ADAPTERS;

    #[test]
    fn every_protocol_has_a_metric_label() {
        assert!(Dialect::ALL.iter().map(|dialect| dialect.as_str()).eq(ADAPTERS));
    }
}
