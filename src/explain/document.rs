//! The explanation document (JSON).

use crate::domain::event::Tier;
use crate::domain::targeting::PageFacts;
use crate::explain::replay::Replay;
use crate::explain::rotation;
use crate::explain::rotation::RotationView;
use crate::explain::terms::{TermsView, chance, factor, terms};
use crate::selection::choose::Winner;
use crate::selection::filter_reason::FilterReason;
use crate::selection::snapshot::Snapshot;
use crate::selection::trace::SlotTrace;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Explanation of one decision call.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Explanation {
    /// Request id.
    pub(crate) request_id: String,
    /// Time of the decision.
    pub(crate) decided_at: String,
    /// Publisher id.
    pub(crate) publisher: String,
    /// Whether the call was a test; tests never count.
    pub(crate) test: bool,
    /// Whether replaying the decision reproduced it exactly.
    pub(crate) agrees: bool,
    /// Versions that the decision was made on; with `weights` in the request, with these weights instead.
    pub(crate) versions: Versions,
    /// Content hash of the weights that it was made with, if others were asked for. `agrees` is about these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instead_of: Option<String>,
    /// The normalised page.
    pub(crate) page: PageView,
    /// The slots, in request order.
    pub(crate) slots: Vec<SlotView>,
    /// What would have to change for the creative named by `want` to win.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) want: Option<Vec<Want>>,
}

/// Versions that a decision was made on.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Versions {
    /// Content hash of the inventory.
    pub(crate) inventory: String,
    /// Content hash of the weights.
    pub(crate) weights: String,
    /// Content hash of the labels.
    pub(crate) labels: String,
    /// Number of the state (exhausted budgets and pacing).
    pub(crate) state: u64,
}

/// The page as the decision saw it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct PageView {
    /// The part of its URL that the publisher lets us store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// Topic ids.
    pub(crate) topics: Vec<String>,
    /// Entities with their roles.
    pub(crate) entities: Vec<EntityView>,
    /// Keywords that at least one flight targets.
    pub(crate) keywords: Vec<String>,
    /// Names that are not in the inventory.
    pub(crate) unknown: Vec<String>,
    /// Region that the page is about.
    pub(crate) region: Option<String>,
    /// Language of the page.
    pub(crate) language: String,
    /// What the page states about itself.
    #[serde(flatten)]
    pub(crate) facts: PageFacts,
    /// What it states for custom context keys, as far as the inventory lists it or a flight targets it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) custom: BTreeMap<String, Vec<String>>,
    /// Commercial setting: `allow`, `house_only` or `none`.
    pub(crate) commercial: String,
    /// Whether the page is sensitive.
    pub(crate) sensitive: bool,
    /// The reader's region.
    pub(crate) viewer: ViewerView,
}

/// An entity of the page.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct EntityView {
    /// Entity id.
    pub(crate) id: String,
    /// Role on the page: `subject` or `mention`.
    pub(crate) role: String,
}

/// The reader's region.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ViewerView {
    /// Country code.
    pub(crate) country: Option<String>,
    /// How the country is known, for instance observed or declared.
    pub(crate) basis: String,
}

/// One slot.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct SlotView {
    /// Decision id.
    pub(crate) decision_id: String,
    /// Key of the slot in the response.
    pub(crate) key: String,
    /// Placement id.
    pub(crate) placement: Option<String>,
    /// Outcome.
    pub(crate) result: ResultView,
    /// Number of flights filtered by each stage, in order.
    pub(crate) stages: Vec<StageView>,
    /// Flights of the final draw, by descending probability.
    pub(crate) candidates: Vec<CandidateView>,
    /// Filtered flights.
    pub(crate) removed: Vec<FilteredView>,
}

/// The chosen unit, or the no-fill reason.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ResultView {
    /// Whether a unit was chosen.
    pub(crate) fill: bool,
    /// No-fill reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Tier of the winning flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tier: Option<Tier>,
    /// Advertiser id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advertiser: Option<String>,
    /// Flight id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) flight: Option<String>,
    /// Creative id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) creative: Option<String>,
    /// Variant number; 0 is the creative's own text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) variant: Option<u8>,
    /// Style of the unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) style: Option<String>,
    /// P(flight | earlier slots, exclusions, world).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) flight_propensity: Option<f64>,
    /// P(creative and variant | flight).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) creative_propensity: Option<f64>,
    /// What the creative was drawn from, if the flight had a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rotation: Option<RotationView>,
}

/// Count of a filter stage.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct StageView {
    /// Filter stage.
    pub(crate) stage: String,
    /// Number of flights that it filtered.
    pub(crate) removed: usize,
}

/// A flight of the final draw.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct CandidateView {
    /// Flight id.
    pub(crate) flight: String,
    /// Advertiser id.
    pub(crate) advertiser: String,
    /// Probability of being drawn.
    pub(crate) probability: f64,
    /// Score: the product of the terms, raised to the sharpness.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) score: Option<f64>,
    /// Terms of the score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) terms: Option<TermsView>,
}

/// A filtered flight.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct FilteredView {
    /// Flight id.
    pub(crate) flight: String,
    /// Advertiser id.
    pub(crate) advertiser: String,
    /// Filter stage.
    pub(crate) stage: FilterReason,
    /// The reason as a sentence.
    pub(crate) reason: &'static str,
}

/// Why a creative did not win one slot.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Want {
    /// Key of the slot.
    pub(crate) key: String,
    /// The requested creative.
    pub(crate) creative: String,
    /// The creative's flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) flight: Option<String>,
    /// Whether the creative won.
    pub(crate) won: bool,
    /// All rules that filtered its flight, in order.
    pub(crate) against: Vec<FilterReason>,
    /// Probability of its flight, if it took part in the draw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) probability: Option<f64>,
    /// Factor by which its score would have to increase to win this draw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) score_factor_needed: Option<f64>,
    /// Required changes, as sentences.
    pub(crate) changes: Vec<String>,
}

pub(super) fn flight_id(snapshot: &Snapshot, place: usize) -> &str {
    snapshot.inventory.flights[snapshot.flights[place].doc].id.as_str()
}

pub(super) fn advertiser_id(snapshot: &Snapshot, place: usize) -> &str {
    snapshot.inventory.advertisers[snapshot.flights[place].advertiser].id.as_str()
}

/// A slot's decision id.
fn decision_id(request: u128, slot: usize) -> String {
    let number = u128::try_from(slot).unwrap_or(0) + 1;
    uuid::Uuid::from_u128(request | number.min(0xFF)).to_string()
}

/// The complete explanation, unredacted.
pub(crate) fn explanation(replay: &Replay) -> Explanation {
    let (line, snapshot) = (&replay.found.line, &*replay.world.snapshot);
    let publisher = &snapshot.publishers[line.page.publisher as usize];
    let keyword = |number: &u32| {
        let found = snapshot.keywords.iter().find(|(_, own)| *own == number);
        found.map(|(word, _)| word.to_string()).unwrap_or_default()
    };
    Explanation {
        request_id: uuid::Uuid::from_u128(line.request).to_string(),
        decided_at: jiff::Timestamp::from_millisecond(line.at_ms).unwrap_or_default().to_string(),
        publisher: snapshot.inventory.publishers[publisher.doc].id.to_string(),
        test: line.test,
        agrees: replay.agrees,
        versions: Versions {
            inventory: replay.found.world.inventory.clone(),
            weights: replay.found.world.weights.clone(),
            labels: replay.found.world.labels.clone(),
            state: replay.found.world.state.number,
        },
        instead_of: replay.instead_of.clone(),
        page: PageView {
            url: line.url.as_deref().map(str::to_owned),
            topics: line
                .page
                .topics
                .iter()
                .map(|ix| snapshot.taxonomy.id(*ix).to_string())
                .collect(),
            entities: line
                .page
                .entities
                .iter()
                .map(|(ix, role)| EntityView {
                    id: snapshot.entities.id(*ix).to_string(),
                    role: role.to_string(),
                })
                .collect(),
            keywords: line.page.keywords.iter().map(keyword).collect(),
            unknown: line.page.unknown.iter().map(ToString::to_string).collect(),
            region: line.page.region.as_ref().map(ToString::to_string),
            language: line.page.language.to_string(),
            facts: line.page.facts,
            custom: snapshot.context_keys.names(&line.page.custom),
            commercial: line.page.commercial.to_string(),
            sensitive: line.page.sensitive,
            viewer: ViewerView {
                country: line.page.viewer.country.map(|country| country.to_string()),
                basis: line.page.viewer.basis.to_string(),
            },
        },
        slots: (0..replay.slots.len()).map(|slot| slot_view(replay, slot)).collect(),
        want: None,
    }
}

fn slot_view(replay: &Replay, slot: usize) -> SlotView {
    let (line, snapshot) = (&replay.found.line, &*replay.world.snapshot);
    let (traced, requested) = (&replay.slots[slot], &line.page.slots[slot]);
    let publisher = &snapshot.publishers[line.page.publisher as usize];
    let mut candidates: Vec<CandidateView> = traced
        .candidates
        .iter()
        .map(|candidate| CandidateView {
            flight: flight_id(snapshot, candidate.place).to_owned(),
            advertiser: advertiser_id(snapshot, candidate.place).to_owned(),
            probability: chance(candidate.probability),
            score: Some(factor(candidate.score.ln_score)),
            terms: Some(terms(snapshot, candidate.place, &candidate.score, line.at_ms)),
        })
        .collect();
    candidates.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    SlotView {
        decision_id: decision_id(line.request, slot),
        key: requested.key.to_string(),
        placement: requested
            .placement
            .and_then(|number| publisher.placements.get(number as usize))
            .map(|(id, _)| id.to_string()),
        result: result_view(snapshot, traced),
        stages: traced
            .stages()
            .into_iter()
            .map(|(stage, removed)| StageView { stage: stage.to_string(), removed })
            .collect(),
        candidates,
        removed: traced
            .filtered
            .iter()
            .map(|(place, stage)| FilteredView {
                flight: flight_id(snapshot, *place).to_owned(),
                advertiser: advertiser_id(snapshot, *place).to_owned(),
                stage: *stage,
                reason: stage.sentence(),
            })
            .collect(),
    }
}

fn result_view(snapshot: &Snapshot, traced: &SlotTrace) -> ResultView {
    let empty = ResultView {
        fill: false,
        reason: None,
        tier: None,
        advertiser: None,
        flight: None,
        creative: None,
        variant: None,
        style: None,
        flight_propensity: None,
        creative_propensity: None,
        rotation: None,
    };
    let win: &Winner = match &traced.result {
        Err(reason) => return ResultView { reason: Some(reason.to_string()), ..empty },
        Ok(win) => win,
    };
    ResultView {
        fill: true,
        tier: Some(snapshot.tier_of(win.place)),
        advertiser: Some(advertiser_id(snapshot, win.place).to_owned()),
        flight: Some(flight_id(snapshot, win.place).to_owned()),
        creative: Some(snapshot.inventory.creatives[win.creative as usize].id.to_string()),
        variant: Some(win.variant),
        style: Some(win.style.to_string()),
        flight_propensity: Some(chance(win.flight_propensity)),
        creative_propensity: Some(chance(win.creative_propensity)),
        rotation: rotation::of_winner(snapshot, win, traced),
        ..empty
    }
}
