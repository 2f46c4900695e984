#![doc = include_str!("README.md")]

pub mod answers;
pub mod ethicalads;
pub mod kevel;
pub mod names;
pub mod openrtb;

use crate::http::Face;
use crate::http::problem::ApiError;
use crate::http::routes::At;
use crate::http::routes::at;
use actix_web::HttpResponse;
use std::time::Instant;

closed! {
    /// Another client's way of asking.
    Dialect {
        /// The EthicalAds client and its decision endpoint.
        EthicalAds = "ethicalads",
        /// The Kevel Decision API.
        Kevel = "kevel",
        /// OpenRTB with native units.
        OpenRtb = "openrtb",
    }
}

/// Every route of the dialects, all of them on the public listener.
pub fn table() -> Vec<At> {
    vec![
        at("/api/v1/decision/").get(ethicalads::from_parameters).post(ethicalads::create),
        at("/api/v2").post(kevel::create),
        at("/openrtb2/2.6/bids").post(openrtb::create),
    ]
}

/// Whether a dialect is spoken here, or a refusal.
fn spoken(face: &Face, dialect: Dialect) -> Result<(), ApiError> {
    let settings = face.server.settings();
    let on = match dialect {
        Dialect::EthicalAds => settings.adapters.ethicalads,
        Dialect::Kevel => settings.adapters.kevel,
        Dialect::OpenRtb => settings.adapters.openrtb,
    };
    let how = format!("this dialect is not spoken here: `{dialect}` of `[adapters]` turns it on");
    if on { Ok(()) } else { Err(ApiError::missing("adapter_off", how)) }
}

/// Counts a call of a dialect that is spoken, and how long it took.
fn counted(
    face: &Face,
    dialect: Dialect,
    began: Instant,
    answer: Result<HttpResponse, ApiError>,
) -> Result<HttpResponse, ApiError> {
    let metrics = &face.server.metrics;
    metrics.decided_in(began.elapsed());
    let outcome = match &answer {
        Ok(answer) if answer.headers().contains_key(answers::NO_FILL) => "no_fill",
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
    fn every_dialect_is_a_label() {
        assert!(Dialect::ALL.iter().map(|dialect| dialect.as_str()).eq(ADAPTERS));
    }
}
