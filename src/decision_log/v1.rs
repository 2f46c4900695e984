//! Version 1: frozen. Later versions use the parts that they did not change.
//!
//! Texts and lists are borrowed, so that encoding copies no text.

use crate::decision_log::codes::Coded;
use crate::decision_log::line;
use crate::decision_log::line::{Chosen, DecisionLine, SlotLine, StateChange, WorldLine};
use crate::domain::entity::EntityIx;
use crate::domain::targeting::PageFacts;
use crate::domain::taxonomy::TopicIx;
use crate::selection::page;
use crate::selection::rules::Mask;
use crate::selection::snapshot;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

/// A line, with the page of a version.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Line<'a, P> {
    #[serde(borrow)]
    World(World<'a>),
    Change(Change<'a>),
    Decision(Decision<'a, P>),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct World<'a> {
    inventory: &'a str,
    weights: &'a str,
    labels: &'a str,
    state: State<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
struct State<'a> {
    number: u64,
    spent: Cow<'a, [u32]>,
    paced: Cow<'a, [(u32, u32)]>,
    paused: Cow<'a, [u32]>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Change<'a> {
    number: u64,
    spent: Cow<'a, [u32]>,
    unspent: Cow<'a, [u32]>,
    paced: Cow<'a, [(u32, u32)]>,
    unpaced: Cow<'a, [u32]>,
    paused: Cow<'a, [u32]>,
    resumed: Cow<'a, [u32]>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Decision<'a, P> {
    request: u128,
    at_ms: i64,
    state: u64,
    page: P,
    #[serde(borrow)]
    url: Option<&'a str>,
    #[serde(borrow)]
    forced: Option<&'a str>,
    test: bool,
    slots: SmallVec<[SlotResult; 2]>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SlotResult {
    masked: SmallVec<[u32; 4]>,
    /// The winner, or the code of the no-fill reason.
    result: Result<Winner, u8>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Winner {
    place: u32,
    creative: u32,
    variant: u8,
    style: u8,
    flight_propensity: u32,
    creative_propensity: u32,
}

/// The page of version 1.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Page<'a> {
    publisher: u32,
    topics: SmallVec<[u32; 8]>,
    /// Index and role.
    entities: SmallVec<[(u32, u8); 8]>,
    #[serde(borrow)]
    unknown: SmallVec<[&'a str; 1]>,
    keywords: SmallVec<[u32; 8]>,
    #[serde(borrow)]
    region: Option<&'a str>,
    language: &'a str,
    commercial: u8,
    sensitive: bool,
    paused: bool,
    shown: SmallVec<[u32; 4]>,
    #[serde(borrow)]
    country: Option<&'a str>,
    basis: u8,
    #[serde(borrow)]
    slots: SmallVec<[Slot<'a>; 2]>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Slot<'a> {
    key: &'a str,
    placement: Option<u32>,
    styles: SmallVec<[u8; 3]>,
}

impl<'a> From<&'a WorldLine> for World<'a> {
    fn from(line: &'a WorldLine) -> World<'a> {
        let snapshot::State { number, spent, paced, paused, .. } = &line.state;
        World {
            inventory: &line.inventory,
            weights: &line.weights,
            labels: &line.labels,
            state: State {
                number: *number,
                spent: spent.into(),
                paced: paced.into(),
                paused: paused.into(),
            },
        }
    }
}

impl From<World<'_>> for WorldLine {
    fn from(stored: World<'_>) -> WorldLine {
        let State { number, spent, paced, paused } = stored.state;
        WorldLine {
            inventory: stored.inventory.to_owned(),
            weights: stored.weights.to_owned(),
            labels: stored.labels.to_owned(),
            state: snapshot::State {
                number,
                spent: spent.into_owned(),
                paced: paced.into_owned(),
                paused: paused.into_owned(),
                ..snapshot::State::default()
            },
            canary: None,
        }
    }
}

impl<'a> From<&'a StateChange> for Change<'a> {
    fn from(change: &'a StateChange) -> Change<'a> {
        Change {
            number: change.number,
            spent: (&change.spent).into(),
            unspent: (&change.unspent).into(),
            paced: (&change.paced).into(),
            unpaced: (&change.unpaced).into(),
            paused: (&change.paused).into(),
            resumed: (&change.resumed).into(),
        }
    }
}

impl From<Change<'_>> for StateChange {
    fn from(stored: Change<'_>) -> StateChange {
        StateChange {
            number: stored.number,
            spent: stored.spent.into_owned(),
            unspent: stored.unspent.into_owned(),
            paced: stored.paced.into_owned(),
            unpaced: stored.unpaced.into_owned(),
            paused: stored.paused.into_owned(),
            resumed: stored.resumed.into_owned(),
            ..StateChange::default()
        }
    }
}

impl<'a, P> Decision<'a, P> {
    pub(super) fn new(line: &'a DecisionLine, page: P) -> Decision<'a, P> {
        Decision {
            request: line.request,
            at_ms: line.at_ms,
            state: line.state,
            page,
            url: line.url.as_deref(),
            forced: line.forced.as_deref(),
            test: line.test,
            slots: line.slots.iter().map(SlotResult::from).collect(),
        }
    }
}

impl<P: TryInto<page::Page, Error = String>> TryFrom<Decision<'_, P>> for DecisionLine {
    type Error = String;

    fn try_from(stored: Decision<'_, P>) -> Result<DecisionLine, String> {
        Ok(DecisionLine {
            request: stored.request,
            at_ms: stored.at_ms,
            state: stored.state,
            page: Arc::new(stored.page.try_into()?),
            url: stored.url.map(Into::into),
            forced: stored.forced.map(Into::into),
            test: stored.test,
            slots: stored.slots.into_iter().map(SlotLine::try_from).collect::<Result<_, _>>()?,
        })
    }
}

impl<P: TryInto<page::Page, Error = String>> TryFrom<Line<'_, P>> for line::Line {
    type Error = String;

    fn try_from(stored: Line<'_, P>) -> Result<line::Line, String> {
        Ok(match stored {
            Line::World(world) => line::Line::World(world.into()),
            Line::Change(change) => line::Line::Change(change.into()),
            Line::Decision(decision) => line::Line::Decision(Box::new(decision.try_into()?)),
        })
    }
}

impl From<&SlotLine> for SlotResult {
    fn from(slot: &SlotLine) -> SlotResult {
        let masked = slot.masked.iter().map(|mask| mask.bits()).collect();
        let result = slot.result.map(Winner::from).map_err(Coded::code);
        SlotResult { masked, result }
    }
}

impl TryFrom<SlotResult> for SlotLine {
    type Error = String;

    fn try_from(stored: SlotResult) -> Result<SlotLine, String> {
        let result = match stored.result {
            Ok(winner) => Ok(winner.try_into()?),
            Err(reason) => Err(Coded::from_code(reason)?),
        };
        Ok(SlotLine { masked: stored.masked.into_iter().map(Mask::from_bits).collect(), result })
    }
}

impl From<Chosen> for Winner {
    fn from(chosen: Chosen) -> Winner {
        Winner {
            place: chosen.place,
            creative: chosen.creative,
            variant: chosen.variant,
            style: chosen.style.code(),
            flight_propensity: chosen.flight_propensity,
            creative_propensity: chosen.creative_propensity,
        }
    }
}

impl TryFrom<Winner> for Chosen {
    type Error = String;

    fn try_from(stored: Winner) -> Result<Chosen, String> {
        Ok(Chosen {
            place: stored.place,
            creative: stored.creative,
            variant: stored.variant,
            style: Coded::from_code(stored.style)?,
            flight_propensity: stored.flight_propensity,
            creative_propensity: stored.creative_propensity,
        })
    }
}

impl<'a> From<&'a page::Page> for Page<'a> {
    fn from(page: &'a page::Page) -> Page<'a> {
        Page {
            publisher: page.publisher,
            topics: page.topics.iter().map(|topic| topic.0).collect(),
            entities: page.entities.iter().map(|(entity, role)| (entity.0, role.code())).collect(),
            unknown: few(&page.unknown),
            keywords: SmallVec::from_slice(&page.keywords),
            region: page.region.as_ref().map(|region| region.as_str()),
            language: page.language.as_str(),
            commercial: page.commercial.code(),
            sensitive: page.sensitive,
            paused: page.paused,
            shown: SmallVec::from_slice(&page.shown),
            country: page.viewer.country.as_ref().map(|country| country.as_str()),
            basis: page.viewer.basis.code(),
            slots: page.slots.iter().map(Slot::from).collect(),
        }
    }
}

/// Longest text of a page that is stored, in bytes. Callers choose these texts, and no choice depends on
/// them.
const MAX_TEXT: usize = 128;
/// Most bytes of unknown names that are stored.
const MAX_UNKNOWN: usize = 1_024;

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

/// The first unknown names of a page, cut.
fn few(names: &[Box<str>]) -> SmallVec<[&str; 1]> {
    let mut left = MAX_UNKNOWN;
    let fits = |name: &&str| {
        left = left.saturating_sub(name.len());
        left > 0
    };
    names.iter().map(|name| cut(name)).take_while(fits).collect()
}

impl TryFrom<Page<'_>> for page::Page {
    type Error = String;

    fn try_from(stored: Page<'_>) -> Result<page::Page, String> {
        let entities = stored.entities.into_iter();
        let viewer = page::Viewer {
            country: stored.country.map(parse).transpose()?,
            basis: Coded::from_code(stored.basis)?,
        };
        Ok(page::Page {
            publisher: stored.publisher,
            topics: stored.topics.into_iter().map(TopicIx).collect(),
            entities: entities
                .map(|(entity, role)| Ok((EntityIx(entity), Coded::from_code(role)?)))
                .collect::<Result<_, String>>()?,
            unknown: stored.unknown.into_iter().map(Into::into).collect(),
            keywords: stored.keywords,
            region: stored.region.map(parse).transpose()?,
            language: parse(stored.language)?,
            facts: PageFacts::default(),
            custom: SmallVec::new(),
            commercial: Coded::from_code(stored.commercial)?,
            sensitive: stored.sensitive,
            paused: stored.paused,
            shown: stored.shown,
            viewer,
            slots: stored.slots.into_iter().map(page::Slot::try_from).collect::<Result<_, _>>()?,
        })
    }
}

impl<'a> From<&'a page::Slot> for Slot<'a> {
    fn from(slot: &'a page::Slot) -> Slot<'a> {
        let styles = slot.styles.iter().map(|style| style.code()).collect();
        Slot { key: cut(&slot.key), placement: slot.placement, styles }
    }
}

impl TryFrom<Slot<'_>> for page::Slot {
    type Error = String;

    fn try_from(stored: Slot<'_>) -> Result<page::Slot, String> {
        let styles = stored.styles.into_iter().map(Coded::from_code).collect::<Result<_, _>>()?;
        Ok(page::Slot { key: stored.key.into(), placement: stored.placement, styles })
    }
}

fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}
