//! Why a creative did not win, and what would make it win.

use crate::domain::creative::CreativeState;
use crate::explain::document::{Want, flight_id};
use crate::explain::replay::Replay;
use crate::explain::terms::{chance, factor};
use crate::selection::choose::Request;
use crate::selection::dice::{Dice, Purpose};
use crate::selection::draw;
use crate::selection::filter_reason::FilterReason;
use crate::selection::fixed::Q32;
use crate::selection::rules::Exclusions;

/// Why a creative did not win, for each slot of a decision.
pub(crate) fn want(replay: &Replay, creative: &str) -> Vec<Want> {
    (0..replay.slots.len()).map(|slot| want_slot(replay, slot, creative)).collect()
}

fn want_slot(replay: &Replay, slot: usize, creative: &str) -> Want {
    let (line, snapshot) = (&replay.found.line, &*replay.world.snapshot);
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
        want.changes.push(format!("creative `{creative}` is not in this inventory version"));
        return want;
    };
    let document = &snapshot.inventory.creatives[number as usize];
    let Some(place) = snapshot.creatives[number as usize].flight else {
        want.changes.push("its flight does not exist; assign it to an existing one".into());
        return want;
    };
    want.flight = Some(flight_id(snapshot, place).to_owned());
    let state = document.serving_state();
    if state != CreativeState::Live {
        want.changes.push(format!("the creative is {}; set it live", state));
    }
    let traced = &replay.slots[slot];
    let taken = exclusions_before(replay, slot);
    let rejected = taken.rejected_creatives.contains(&number);
    if let Ok(win) = &traced.result {
        want.won = win.creative == number;
        if win.place == place && !want.won && !rejected {
            let change = "another creative of its flight was chosen; raise this creative's weight";
            want.changes.push(change.into());
        }
    }
    let request =
        Request { world: &replay.world, page: &line.page, now_ms: line.at_ms, id: line.request };
    let case = request.slot_context(slot, &taken);
    let flight = &snapshot.flights[place];
    want.against = case
        .rules(place, flight)
        .filter(|(passes, _)| !passes)
        .map(|(_, removed)| removed)
        .chain(rejected.then_some(FilterReason::Blocked))
        .collect();
    want.changes.extend(want.against.iter().map(|stage| stage.remedy().to_owned()));
    if want.against.is_empty() && !want.won {
        explain_loss(replay, slot, place, &mut want);
    }
    want
}

/// The winners of earlier slots and the exclusions that applied to this slot.
fn exclusions_before(replay: &Replay, slot: usize) -> Exclusions {
    let snapshot = &*replay.world.snapshot;
    let won = replay.slots[..slot].iter().filter_map(|traced| traced.result.as_ref().ok());
    let masked = replay.found.line.slots[..=slot.min(replay.found.line.slots.len() - 1)].iter();
    let mut taken = Exclusions {
        advertisers: won.map(|win| snapshot.flights[win.place].advertiser).collect(),
        ..Exclusions::default()
    };
    masked.for_each(|slot| taken.begin_slot(&slot.masked));
    taken
}

/// Explains a loss after all rules passed: by tier, relevance floor, candidate limit or draw.
fn explain_loss(replay: &Replay, slot: usize, place: usize, want: &mut Want) {
    let snapshot = &*replay.world.snapshot;
    let traced = &replay.slots[slot];
    let stage = traced.filtered.iter().find(|(at, _)| *at == place).map(|(_, stage)| *stage);
    if let Some(stage) = stage {
        want.against.push(stage);
        want.changes.push(stage.remedy().to_owned());
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
    let dice = Dice::new(replay.found.line.request, u16::try_from(slot).unwrap_or(u16::MAX));
    let ignores_scores = draw::ignores_scores(dice, snapshot.boosts.explore);
    let key = |place: usize, ln_score: Q32| {
        let score = if ignores_scores { Q32::ZERO } else { ln_score };
        draw::key(snapshot.flights[place].stable_id, score, dice, Purpose::Race)
    };
    let gap = key(win.place, win.score.ln_score) - key(place, own.score.ln_score);
    if ignores_scores {
        let change = "this was an exploration draw, which ignores scores";
        want.changes.push(change.into());
        return;
    }
    want.score_factor_needed = Some(factor(gap));
    want.changes.push(format!(
        "lost the draw; {:.2} times its score would have won it. Weight, price, relevance and the \
         operator's weights raise the score",
        factor(gap)
    ));
}
