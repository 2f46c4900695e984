//! Why not this one, and what would make it win.

use crate::domain::creative::CreativeState;
use crate::selection::choose::Request;
use crate::selection::dice::Dice;
use crate::selection::dice::Purpose;
use crate::selection::draw;
use crate::selection::fixed::Q32;
use crate::selection::removed::Removed;
use crate::selection::rules::Taken;
use crate::server::explain::Again;
use crate::server::explain::document::chance;
use crate::server::explain::document::factor;
use crate::server::explain::document::flight_id;
use schemars::JsonSchema;
use serde::Serialize;

/// What stood between a creative and one slot.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Want {
    /// The slot.
    pub key: String,
    /// The creative asked about.
    pub creative: String,
    /// Its flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flight: Option<String>,
    /// Whether it won.
    pub won: bool,
    /// Every rule against it, in the order of the funnel.
    pub against: Vec<Removed>,
    /// P(its flight) in the draw, where it was in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// By how much its score would have had to be larger to win this very draw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score_factor_needed: Option<f64>,
    /// What would have to change, in sentences.
    pub changes: Vec<String>,
}

/// What stood between a creative and each slot of a decision.
pub fn want(again: &Again, creative: &str) -> Vec<Want> {
    (0..again.slots.len()).map(|slot| want_slot(again, slot, creative)).collect()
}

fn want_slot(again: &Again, slot: usize, creative: &str) -> Want {
    let (line, snapshot) = (&again.found.line, &*again.world.snapshot);
    let mut want = Want {
        key: line.page.slots[slot].key.to_string(),
        creative: creative.to_owned(),
        flight: None,
        won: false,
        against: Vec::new(),
        probability: None,
        score_factor_needed: None,
        changes: Vec::new(),
    };
    let Some(number) = snapshot.creative_by_id.get(creative).copied() else {
        want.changes.push(format!("there was no creative `{creative}` in the inventory"));
        return want;
    };
    let document = &snapshot.inventory.creatives[number as usize];
    let Some(place) = snapshot.creatives[number as usize].flight else {
        want.changes.push("its flight does not exist".into());
        return want;
    };
    want.flight = Some(flight_id(snapshot, place).to_owned());
    if document.state != CreativeState::Live {
        want.changes.push(format!("it is {}: set it live", document.state));
    }
    let traced = &again.slots[slot];
    let taken = taken_before(again, slot);
    let not_taken = taken.refused_creatives.contains(&number);
    if let Ok(win) = &traced.result {
        want.won = win.creative == number;
        if win.place == place && !want.won && !not_taken {
            let change = "its flight won with another creative: raise its weight beside the others";
            want.changes.push(change.into());
        }
    }
    let request =
        Request { world: &again.world, page: &line.page, now_ms: line.at_ms, id: line.request };
    let case = request.case(slot, &taken);
    let flight = &snapshot.flights[place];
    want.against = case
        .rules(place, flight)
        .into_iter()
        .filter(|(holds, _)| !holds)
        .map(|(_, removed)| removed)
        .chain(not_taken.then_some(Removed::Blocked))
        .collect();
    want.changes.extend(want.against.iter().map(|stage| remedy(*stage).to_owned()));
    if want.against.is_empty() && !want.won {
        lost(again, slot, place, &mut want);
    }
    want
}

/// What earlier slots took and what was masked, as the slot saw it.
fn taken_before(again: &Again, slot: usize) -> Taken {
    let snapshot = &*again.world.snapshot;
    let won = again.slots[..slot].iter().filter_map(|traced| traced.result.as_ref().ok());
    let masked = again.found.line.slots[..=slot.min(again.found.line.slots.len() - 1)].iter();
    let mut taken = Taken {
        advertisers: won.map(|win| snapshot.flights[win.place].advertiser).collect(),
        ..Taken::default()
    };
    masked.for_each(|slot| taken.begin(&slot.masked));
    taken
}

/// It passed every rule: the tier, the floor, the cap or the draw decided.
fn lost(again: &Again, slot: usize, place: usize, want: &mut Want) {
    let snapshot = &*again.world.snapshot;
    let traced = &again.slots[slot];
    let stage = traced.removed.iter().find(|(at, _)| *at == place).map(|(_, stage)| *stage);
    if let Some(stage) = stage {
        want.against.push(stage);
        want.changes.push(remedy(stage).to_owned());
        return;
    }
    let Some(own) = traced.candidates.iter().find(|candidate| candidate.place == place) else {
        return;
    };
    want.probability = Some(chance(own.probability));
    let Ok(win) = &traced.result else { return };
    if win.place == place {
        return;
    }
    let dice = Dice::new(again.found.line.request, u16::try_from(slot).unwrap_or(u16::MAX));
    let level = draw::ignores_scores(dice, snapshot.boosts.explore);
    let key = |place: usize, ln_score: Q32| {
        let score = if level { Q32::ZERO } else { ln_score };
        draw::key(snapshot.flights[place].stable_id, score, dice, Purpose::Race)
    };
    let gap = key(win.place, win.score.ln_score) - key(place, own.score.ln_score);
    if level {
        let change = "this draw was one of those that ignore scores: chance alone decided";
        want.changes.push(change.into());
        return;
    }
    want.score_factor_needed = Some(factor(gap));
    want.changes.push(format!(
        "it was in the draw and lost: with {:.2} times its score it would have won this very draw; \
         weight, price, relevance and the operator's weights raise it",
        factor(gap)
    ));
}

/// What would lift a stage's objection.
const fn remedy(stage: Removed) -> &'static str {
    match stage {
        Removed::Stopped => {
            "resume the flight, its campaign or its advertiser, or set a creative live"
        }
        Removed::Commercial => "the page would have to allow more than house units",
        Removed::Sensitive => "the flight would have to accept sensitive pages",
        Removed::Dates => "the flight's dates would have to hold this moment",
        Removed::Region => "the flight's regions would have to hold the reader's country",
        Removed::PageRegion => "the flight's page regions would have to hold the page's",
        Removed::Language => "the flight's languages would have to hold the page's",
        Removed::Sector => "publisher and country would have to allow its line of business",
        Removed::Topic => "the flight would have to name a topic of the page, or one above it",
        Removed::Entity => "the flight would have to name an entity of the page, or its owner",
        Removed::Keyword => "the flight would have to name a keyword of the page",
        Removed::Placement => "the flight would have to name this placement, or none",
        Removed::Publisher => "the flight would have to name this publisher, or none",
        Removed::Conflict => {
            "the story would have to be about somebody else, or the publisher's policy allow it"
        }
        Removed::Shown => "neither the sponsor nor a rival may be on the page already",
        Removed::Blocked => {
            "the publisher, or the exchange that asked, would have to lift its block"
        }
        Removed::Style => "it needs a live creative in a style that the placement takes",
        Removed::Label => "a label for the reader's country would have to be reviewed",
        Removed::Budget | Removed::Masked => {
            "its budget would have to have room for one more event"
        }
        Removed::Paced => {
            "it would have to be behind its pace: a larger budget or goal, or pacing `asap`"
        }
        Removed::Tier => "the tiers above would have to leave the slot",
        Removed::Relevance => {
            "the operator's relevance floor would have to be lower, or the match closer"
        }
        Removed::Truncated => {
            "its weight or price would have to be among the highest that met the page"
        }
    }
}
