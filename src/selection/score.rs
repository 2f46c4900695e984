//! The score of a candidate on a page: a product, computed as a sum of logarithms.
//!
//! `ln score = sharpness·(ln weight + price_weight·ln(price / rate / reference) + ln relevance)`, all in Q32
//! fixed point, so that every instance computes the same bits. The rate is that of the price's currency, 1
//! without exchange rates.

use crate::domain::entity::EntityIx;
use crate::domain::taxonomy::TopicIx;
use crate::selection::boosts::Level;
use crate::selection::compiled::{Compiled, FlightRow};
use crate::selection::fixed::Q32;
use crate::selection::page::{Page, Role};
use serde::Serialize;

/// A candidate's score and its terms; logarithms are Q32.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// How its topics match the page's.
    pub(crate) topic: Level,
    /// Whether it targets an entity of the page.
    pub(crate) entity: bool,
    /// How its regions match the reader's.
    pub(crate) region: Level,
    /// Whether it targets a keyword of the page.
    pub(crate) keyword: bool,
    /// Topic, entity, region and keyword combined, clamped to the cap.
    pub(crate) ln_relevance: Q32,
    /// Weight and price, converted by the exchange rates of the time.
    pub(crate) ln_static: Q32,
    /// The final score, raised to the sharpness, as used in the draw.
    pub ln_score: Q32,
}

/// What a flight matched on the page, for attribution and placeholders in ad text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Matched {
    /// The page's topic that the flight targets.
    pub(crate) topic: Option<TopicIx>,
    /// The page's entity that the flight targets.
    pub(crate) entity: Option<EntityIx>,
}

impl Matched {
    /// The topic that a slot on this page is attributed to: the matched one, else the page's first.
    pub(crate) fn attributed_topic(&self, page: &Page) -> Option<TopicIx> {
        self.topic.or_else(|| page.topics.first().copied())
    }
}

/// The topic that a slot on this page is attributed to if the flight wins it.
pub(crate) fn attributed_topic(
    compiled: &Compiled,
    flight: &FlightRow,
    page: &Page,
) -> Option<TopicIx> {
    let topics = &page.topics;
    let exact = topics.iter().find(|topic| flight.targets.topics.any.contains(topic));
    let topic = exact.or_else(|| broader_topic(compiled, flight, page)).or(topics.first());
    topic.copied()
}

/// The page's first topic below one that the flight targets.
fn broader_topic<'a>(
    compiled: &Compiled,
    flight: &FlightRow,
    page: &'a Page,
) -> Option<&'a TopicIx> {
    page.topics.iter().find(|topic| {
        flight.targets.topics.any.iter().any(|mine| compiled.taxonomy.covers(*mine, **topic))
    })
}

/// Scores a flight that passed all rules, at this time.
pub(crate) fn score(compiled: &Compiled, flight: &FlightRow, page: &Page, now_ms: i64) -> Score {
    let boosts = &compiled.boosts;
    let topic = match flight.targets.topics.any.as_slice() {
        [] => Level::Any,
        mine if page.topics.iter().any(|topic| mine.contains(topic)) => Level::Exact,
        _ => Level::Broader,
    };
    let region = match flight.targets.regions.any.as_slice() {
        [] => Level::Any,
        mine => match page.viewer.country {
            Some(country) if mine.iter().any(|region| region.is_country(country)) => Level::Exact,
            _ => Level::Broader,
        },
    };
    let entity = !flight.targets.entities.any.is_empty();
    let keyword = !flight.targets.keywords.any.is_empty();
    let ln_relevance = boosts.ln_relevance(topic, region, entity, keyword);
    let ln_static = flight.ln_static_at(boosts.prices.at(now_ms));
    let ln_score = boosts.ln_score(ln_static, ln_relevance);
    Score { topic, entity, region, keyword, ln_relevance, ln_static, ln_score }
}

/// The page's topic and entity that a flight matched. Exact topics take precedence over broader ones
/// and subjects over mentions; otherwise the first in the page's order.
pub(crate) fn matched(compiled: &Compiled, flight: &FlightRow, page: &Page) -> Matched {
    let exact = page.topics.iter().find(|topic| flight.targets.topics.any.contains(topic));
    let broader = || broader_topic(compiled, flight, page);
    let covers = |entity: &&(EntityIx, Role)| {
        flight.targets.entities.any.iter().any(|mine| compiled.entities.covers(*mine, entity.0))
    };
    let subject = page.entities.iter().filter(|(_, role)| *role == Role::Subject).find(covers);
    Matched {
        topic: exact.or_else(broader).copied(),
        entity: subject.or_else(|| page.entities.iter().find(covers)).map(|(ix, _)| *ix),
    }
}
