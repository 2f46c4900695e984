//! The explanation as people and programs read it.

use crate::domain::event::Tier;
use crate::selection::choose::Win;
use crate::selection::fixed::Q32;
use crate::selection::removed::Removed;
use crate::selection::score::Level;
use crate::selection::score::Score;
use crate::selection::snapshot::Snapshot;
use crate::selection::trace::SlotTrace;
use crate::server::explain::Again;
use crate::server::explain::want::Want;
use schemars::JsonSchema;
use serde::Serialize;

/// Why a call ended as it did.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Explanation {
    /// The call's id.
    pub request_id: String,
    /// When.
    pub decided_at: String,
    /// Whose page.
    pub publisher: String,
    /// A test: never counted.
    pub test: bool,
    /// Whether making it again gave the same, bit for bit.
    pub agrees: bool,
    /// What it was made on.
    pub versions: Versions,
    /// The page, normalised.
    pub page: PageView,
    /// The slots, in request order.
    pub slots: Vec<SlotView>,
    /// What would have to change for one creative to win.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub want: Option<Vec<Want>>,
}

/// Content hashes, and the state's number.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Versions {
    /// Of the inventory.
    pub inventory: String,
    /// Of the weights.
    pub weights: String,
    /// Of the labels.
    pub labels: String,
    /// Of the state.
    pub state: u64,
}

/// The page as the decision saw it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PageView {
    /// As much of its address as its publisher keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Ids.
    pub topics: Vec<String>,
    /// Ids and roles.
    pub entities: Vec<EntityView>,
    /// Keywords that any flight asks for.
    pub keywords: Vec<String>,
    /// Names that the inventory does not know.
    pub unknown: Vec<String>,
    /// Where it is about.
    pub region: Option<String>,
    /// What it is written in.
    pub language: String,
    /// What it allows.
    pub commercial: String,
    /// Whether it is sensitive.
    pub sensitive: bool,
    /// Where its reader is.
    pub viewer: ViewerView,
}

/// An entity of the page.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EntityView {
    /// Its id.
    pub id: String,
    /// What it is to the page.
    pub role: String,
}

/// The reader's region.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ViewerView {
    /// The country.
    pub country: Option<String>,
    /// How it is known.
    pub basis: String,
}

/// One slot.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SlotView {
    /// The decision's id.
    pub decision_id: String,
    /// Names the answer.
    pub key: String,
    /// The placement.
    pub placement: Option<String>,
    /// How it ended.
    pub result: ResultView,
    /// How many flights each stage removed, in the order of the funnel.
    pub stages: Vec<StageView>,
    /// Flights of the draw that decided, by probability.
    pub candidates: Vec<CandidateView>,
    /// Flights that were removed.
    pub removed: Vec<RemovedView>,
}

/// A winner, or why there is none.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ResultView {
    /// Whether a unit was chosen.
    pub fill: bool,
    /// Why none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The tier that won.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Who pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advertiser: Option<String>,
    /// The flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flight: Option<String>,
    /// The creative.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creative: Option<String>,
    /// Which wording: 0 is the creative's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<u8>,
    /// How it was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    /// P(flight | earlier slots, masks, world).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flight_propensity: Option<f64>,
    /// P(creative and wording | flight).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creative_propensity: Option<f64>,
}

/// A stage's count.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StageView {
    /// The stage.
    pub stage: String,
    /// How many flights it removed.
    pub removed: usize,
}

/// A flight of the draw.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CandidateView {
    /// The flight.
    pub flight: String,
    /// Who pays.
    pub advertiser: String,
    /// P(it).
    pub probability: f64,
    /// Its score: the product of its terms, to the power of the sharpness.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The terms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terms: Option<TermsView>,
}

/// The factors of a score.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TermsView {
    /// How its topics met the page's.
    pub topic: Level,
    /// How its regions met the reader's.
    pub region: Level,
    /// One of its entities is on the page.
    pub entity: bool,
    /// One of its keywords is on the page.
    pub keyword: bool,
    /// Topic, region, entity and keyword together, clamped.
    pub relevance: f64,
    /// Weight and price.
    pub weight_and_price: f64,
}

/// A flight that was removed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RemovedView {
    /// The flight.
    pub flight: String,
    /// Who pays.
    pub advertiser: String,
    /// The stage.
    pub stage: Removed,
    /// The stage in a sentence.
    pub reason: &'static str,
}

pub(super) fn chance(part: u32) -> f64 {
    f64::from(part) / 4_294_967_296.0
}

/// `exp` of a logarithm, for people to read.
pub(super) fn factor(ln: Q32) -> f64 {
    (ln.to_f64().exp() * 10_000.0).round() / 10_000.0
}

pub(super) fn flight_id(snapshot: &Snapshot, place: usize) -> &str {
    snapshot.inventory.flights[snapshot.flights[place].doc].id.as_str()
}

pub(super) fn advertiser_id(snapshot: &Snapshot, place: usize) -> &str {
    snapshot.inventory.advertisers[snapshot.flights[place].advertiser].id.as_str()
}

/// The id of a slot's decision.
fn decision_id(request: u128, slot: usize) -> String {
    let number = u128::try_from(slot).unwrap_or(0) + 1;
    uuid::Uuid::from_u128(request | number.min(0xFF)).to_string()
}

/// The whole explanation, as the operator may read it.
pub fn explanation(again: &Again) -> Explanation {
    let (line, snapshot) = (&again.found.line, &*again.world.snapshot);
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
        agrees: again.agrees,
        versions: Versions {
            inventory: again.found.world.inventory.clone(),
            weights: again.found.world.weights.clone(),
            labels: again.found.world.labels.clone(),
            state: again.found.world.state.number,
        },
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
            commercial: line.page.commercial.to_string(),
            sensitive: line.page.sensitive,
            viewer: ViewerView {
                country: line.page.viewer.country.map(|country| country.to_string()),
                basis: line.page.viewer.basis.to_string(),
            },
        },
        slots: (0..again.slots.len()).map(|slot| slot_view(again, slot)).collect(),
        want: None,
    }
}

fn slot_view(again: &Again, slot: usize) -> SlotView {
    let (line, snapshot) = (&again.found.line, &*again.world.snapshot);
    let (traced, asked) = (&again.slots[slot], &line.page.slots[slot]);
    let publisher = &snapshot.publishers[line.page.publisher as usize];
    let mut candidates: Vec<CandidateView> = traced
        .candidates
        .iter()
        .map(|candidate| CandidateView {
            flight: flight_id(snapshot, candidate.place).to_owned(),
            advertiser: advertiser_id(snapshot, candidate.place).to_owned(),
            probability: chance(candidate.probability),
            score: Some(factor(candidate.score.ln_score)),
            terms: Some(terms(&candidate.score)),
        })
        .collect();
    candidates.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    SlotView {
        decision_id: decision_id(line.request, slot),
        key: asked.key.to_string(),
        placement: asked
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
            .removed
            .iter()
            .map(|(place, stage)| RemovedView {
                flight: flight_id(snapshot, *place).to_owned(),
                advertiser: advertiser_id(snapshot, *place).to_owned(),
                stage: *stage,
                reason: stage.sentence(),
            })
            .collect(),
    }
}

fn terms(score: &Score) -> TermsView {
    TermsView {
        topic: score.topic,
        region: score.region,
        entity: score.entity,
        keyword: score.keyword,
        relevance: factor(score.ln_relevance),
        weight_and_price: factor(score.ln_static),
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
    };
    let win: &Win = match &traced.result {
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
        ..empty
    }
}
