//! The terms of a score, with the price that it counts.

use crate::domain::event::Pricing;
use crate::domain::money::Micros;
use crate::selection::boosts::Level;
use crate::selection::fixed::Q32;
use crate::selection::score::Score;
use crate::selection::snapshot::Snapshot;
use schemars::JsonSchema;
use serde::Serialize;

/// The factors of a score.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct TermsView {
    /// How closely its topics match the page's.
    pub(crate) topic: Level,
    /// How closely its regions match the reader's.
    pub(crate) region: Level,
    /// Whether one of its entities is on the page.
    pub(crate) entity: bool,
    /// Whether one of its keywords is on the page.
    pub(crate) keyword: bool,
    /// Relevance: topic, region, entity and keyword combined, clamped.
    pub(crate) relevance: f64,
    /// Weight and price combined.
    pub(crate) weight_and_price: f64,
    /// The price; absent for a flight without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price: Option<PriceView>,
}

/// A price in its own currency, and what it counts in a score.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct PriceView {
    /// What the flight pays for.
    pub(crate) pricing: Pricing,
    /// The price in micros of its currency.
    pub(crate) micros: i64,
    /// The advertiser's currency.
    pub(crate) currency: String,
    /// What it counts, if the weights have exchange rates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<ReferencePrice>,
}

/// A price in the reference currency of the exchange rates.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct ReferencePrice {
    /// The reference currency.
    pub(crate) currency: String,
    /// The price in it, rounded to a micro; the score uses it unrounded. `null` if no rate was in force: then the
    /// price did not count.
    pub(crate) micros: Option<i64>,
    /// Units of the price's currency for one unit of the reference currency; absent if both are the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<String>,
    /// The first day of the rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rate_from: Option<String>,
}

/// The terms of the score of the flight at `place`, at the time of the decision.
pub(super) fn terms(snapshot: &Snapshot, place: usize, score: &Score, at_ms: i64) -> TermsView {
    TermsView {
        topic: score.topic,
        region: score.region,
        entity: score.entity,
        keyword: score.keyword,
        relevance: factor(score.ln_relevance),
        weight_and_price: factor(score.ln_static),
        price: price(snapshot, place, at_ms),
    }
}

fn price(snapshot: &Snapshot, place: usize, at_ms: i64) -> Option<PriceView> {
    let row = &snapshot.flights[place];
    let flight = &snapshot.inventory.flights[row.doc];
    if flight.price_micros <= Micros::ZERO {
        return None;
    }
    let (micros, currency) =
        (flight.price_micros.get(), snapshot.inventory.advertisers[row.advertiser].currency);
    let reference = snapshot.boosts.exchange_rates.as_ref().map(|rates| {
        let own = currency == rates.reference;
        let rate = rates.at(currency, at_ms).filter(|_| !own);
        let converted = rate.map(|rate| rate.per_reference.to_reference(micros));
        ReferencePrice {
            currency: rates.reference.to_string(),
            micros: if own { Some(micros) } else { converted },
            rate: rate.map(|rate| rate.per_reference.to_string()),
            rate_from: rate.map(|rate| rate.from.to_string()),
        }
    });
    Some(PriceView { pricing: flight.pricing, micros, currency: currency.to_string(), reference })
}

/// A probability in units of 2^-32 as a number from 0 to 1.
pub(super) fn chance(part: u32) -> f64 {
    f64::from(part) / 4_294_967_296.0
}

/// `exp` of a logarithm, rounded for display.
pub(super) fn factor(ln: Q32) -> f64 {
    (ln.to_f64().exp() * 10_000.0).round() / 10_000.0
}
