//! The weights as logarithms, and the terms of a score that they give.

use crate::domain::event::Pricing;
use crate::domain::exchange_rates::ExchangeRates;
use crate::domain::money::Micros;
use crate::domain::weights::Weights;
use crate::selection::fixed::Q32;
use crate::selection::price::PriceShifts;

string_enum! {
    /// How closely a flight's targeting matches the page's topic or the reader's country.
    Level {
        /// Targets the topic or country itself.
        Exact = "exact",
        /// Targets an ancestor topic, or a group that contains the country.
        Broader = "broader",
        /// Does not target this dimension.
        Any = "any",
    }
}

/// The weights as logarithms.
#[derive(Clone, Debug)]
pub(crate) struct Boosts {
    /// Relevance per combination of topic level, region level, entity match and keyword match.
    relevance: [[[[Q32; 2]; 2]; 3]; 3],
    /// Minimum relevance.
    pub(crate) floor: Q32,
    sharpness: Q32,
    price_weight: Q32,
    ln_reference: Q32,
    ln_clicks: Q32,
    /// The rates by which prices are compared, for explanations.
    pub(crate) exchange_rates: Option<ExchangeRates>,
    /// The same as logarithms.
    pub(crate) prices: PriceShifts,
    /// Expected clicks per thousand impressions.
    pub(crate) clicks_per_thousand: f64,
    /// Share of draws that ignore scores, in units of 2^-32.
    pub(crate) explore: u32,
    /// Maximum number of candidates per tier in a draw.
    pub(crate) max_candidates: usize,
}

impl Boosts {
    /// Computes the logarithms of `weights`, once per snapshot; `rates` are those by which prices are converted.
    pub(crate) fn new(weights: &Weights, rates: Option<&ExchangeRates>) -> Boosts {
        let topic = &weights.topic_boost;
        let region = &weights.region_boost;
        let reference = u64::try_from(weights.price_reference_micros).unwrap_or(1).max(1);
        let price_weight = Q32::from_f64(weights.price_weight);
        let cap = Q32::ln_of(weights.relevance_cap);
        let clamped = |terms: Q32| terms.min(cap).max(Q32::ZERO);
        let entity = [Q32::ZERO, Q32::ln_of(weights.entity_boost)];
        let keyword = [Q32::ZERO, Q32::ln_of(weights.keyword_boost)];
        let topic = [topic.exact, topic.ancestor, topic.run_of_site].map(Q32::ln_of);
        let region = [region.country, region.group, region.any].map(Q32::ln_of);
        Boosts {
            relevance: topic
                .map(|t| region.map(|r| entity.map(|e| keyword.map(|k| clamped(t + r + e + k))))),
            floor: Q32::ln_of(weights.relevance_floor),
            sharpness: Q32::from_f64(weights.sharpness),
            price_weight,
            ln_reference: Q32::ln_of_int(reference),
            ln_clicks: Q32::ln_of(weights.clicks_per_thousand),
            prices: PriceShifts::new(rates, price_weight),
            exchange_rates: rates.cloned(),
            clicks_per_thousand: weights.clicks_per_thousand,
            explore: share(weights.explore_floor),
            max_candidates: usize::try_from(weights.max_candidates).unwrap_or(usize::MAX),
        }
    }

    /// The logarithm of the relevance: topic, region, entity and keyword combined, clamped to the cap.
    #[inline]
    pub(crate) fn ln_relevance(
        &self,
        topic: Level,
        region: Level,
        entity: bool,
        keyword: bool,
    ) -> Q32 {
        let of_topic = &self.relevance[topic as usize][region as usize];
        of_topic[usize::from(entity)][usize::from(keyword)]
    }

    /// The logarithm of the score: weight, price and relevance, raised to the sharpness.
    #[inline]
    pub(crate) fn ln_score(&self, ln_static: Q32, ln_relevance: Q32) -> Q32 {
        self.sharpness.times(ln_static + ln_relevance)
    }

    /// The page-independent part of the score: weight and price, which is not converted. A price of zero
    /// counts as the reference price, so that flat-rate and house flights compete by weight only.
    pub(crate) fn ln_static(&self, weight: f64, pricing: Pricing, price_micros: Micros) -> Q32 {
        let ln_price = match u64::try_from(price_micros.get()) {
            Ok(0) | Err(_) => self.ln_reference,
            Ok(price) if pricing == Pricing::Cpc => Q32::ln_of_int(price) + self.ln_clicks,
            Ok(price) => Q32::ln_of_int(price),
        };
        Q32::ln_of(weight) + self.price_weight.times(ln_price - self.ln_reference)
    }
}

/// A share in units of 2^-32, from a number that validation limits to 0 to ½.
fn share(part: f64) -> u32 {
    let raw = Q32::from_f64(part).raw();
    u32::try_from(raw.max(0)).unwrap_or(u32::MAX)
}
