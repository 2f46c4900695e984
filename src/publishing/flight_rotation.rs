//! How the creatives of a flight take turns: the document for its operator and its advertiser.

use crate::domain::campaign::Rotation;
use crate::domain::taxonomy::TopicIx;
use crate::selection::compiled::{FlightRow, place_bit};
use crate::selection::rotation::{Row, Scope};
use crate::selection::snapshot::{Snapshot, World};
use crate::world::rotation::OnSnapshot;
use schemars::JsonSchema;
use serde::Serialize;

/// How the creatives of a flight take turns at present.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct FlightRotation {
    /// Flight id.
    pub(crate) flight: String,
    /// How its creatives take turns.
    pub(crate) rotation: Rotation,
    /// The probabilities of its live creatives: first of all pages, then, if the flight learns, of the groups of
    /// topics and the topics that it has learned something about. The most specific one holds for a page.
    pub(crate) pages: Vec<PagesRotation>,
}

/// The probabilities of a flight's creatives on some pages.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct PagesRotation {
    /// `flight` for all pages, `topic_group` for topics with the same first ancestor, or `topic`.
    pub(crate) scope: &'static str,
    /// The topic, or the first ancestor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) topic: Option<String>,
    /// The creatives; those that cannot be shown on a page leave their parts to the others.
    pub(crate) creatives: Vec<CreativeRotation>,
}

/// A creative's part.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct CreativeRotation {
    /// Creative id.
    pub(crate) creative: String,
    /// P(creative | flight), with all its text variants.
    pub(crate) probability: f64,
    /// What its probability was learned from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) learned: Option<LearnedRate>,
}

/// What is known of a creative on some pages.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct LearnedRate {
    /// Counted impressions; older ones count less.
    pub(crate) impressions: f64,
    /// Counted clicks on these.
    pub(crate) clicks: f64,
    /// The click rate to expect, from 0 to 1: also from what is known of its other pages and of other creatives.
    pub(crate) expected_rate: f64,
}

/// The document of the flight at `place`.
pub(super) fn of_flight(world: &World, place: usize, learned: &OnSnapshot<'_>) -> FlightRotation {
    let snapshot = &*world.snapshot;
    let flight = &snapshot.flights[place];
    let is_learning = flight.rotation == Rotation::Optimise && flight.creatives.len() > 1;
    let rows = if is_learning { world.state.rotations.of_flight(place_bit(place)) } else { &[] };
    let rows = rows.iter().filter(|row| row.parts.len() == flight.creatives.len());
    let mut pages: Vec<PagesRotation> =
        rows.map(|row| of_row(snapshot, flight, row, learned)).collect();
    if pages.is_empty() {
        let weights = flight.creatives.iter().map(|creative| weight(snapshot, flight, *creative));
        let creatives = with_parts(snapshot, flight, &weights.collect::<Vec<u64>>());
        pages.push(PagesRotation { scope: Scope::Flight.as_str(), topic: None, creatives });
    }
    FlightRotation {
        flight: snapshot.inventory.flights[flight.doc].id.to_string(),
        rotation: flight.rotation,
        pages,
    }
}

fn of_row(
    snapshot: &Snapshot,
    flight: &FlightRow,
    row: &Row,
    learned: &OnSnapshot<'_>,
) -> PagesRotation {
    let parts: Vec<u64> = row.parts.iter().map(|part| u64::from(*part)).collect();
    let mut creatives = with_parts(snapshot, flight, &parts);
    for (creative, learned) in creatives.iter_mut().zip(learned.learned(flight, row.scope)) {
        creative.learned = Some(LearnedRate {
            impressions: rounded(learned.counts.impressions, 10.0),
            clicks: rounded(learned.counts.clicks, 10.0),
            expected_rate: rounded(learned.estimate.rate, 1e6),
        });
    }
    let topic = match row.scope {
        Scope::Flight => None,
        Scope::Group(topic) | Scope::Topic(topic) => Some(snapshot.taxonomy.id(TopicIx(topic))),
    };
    PagesRotation { scope: row.scope.as_str(), topic: topic.map(ToString::to_string), creatives }
}

fn with_parts(snapshot: &Snapshot, flight: &FlightRow, parts: &[u64]) -> Vec<CreativeRotation> {
    let sum = parts.iter().sum::<u64>().max(1) as f64;
    let creative = |(number, part): (&u32, &u64)| CreativeRotation {
        creative: snapshot.inventory.creatives[*number as usize].id.to_string(),
        probability: rounded(*part as f64 / sum, 1e6),
        learned: None,
    };
    flight.creatives.iter().zip(parts).map(creative).collect()
}

/// The weight of a creative with its variants; 1 if weights do not count.
fn weight(snapshot: &Snapshot, flight: &FlightRow, creative: u32) -> u64 {
    if flight.rotation != Rotation::Weights {
        return 1;
    }
    let document = &snapshot.inventory.creatives[creative as usize];
    let variants = document.variants.iter().map(|variant| variant.weight);
    std::iter::once(document.weight).chain(variants).map(u64::from).sum()
}

fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}
