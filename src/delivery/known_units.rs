//! Units that were shown before: the same unit on a page with the same label differs from decision to decision in its
//! ids, tokens and times only, which always take the same bytes. They are written into what was written before.

use crate::delivery::rendered_unit::RenderedUnit;
use crate::domain::event::EventKind;
use crate::selection::repeats::Repeats;
use crate::token::keyring::TOKEN_CHARS;
use crate::world::live::Bindings;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use smallvec::SmallVec;
use std::ops::Range;
use std::sync::{Arc, Weak};

/// What the units that are kept may take, in bytes.
const CAPACITY: u64 = 16 * 1024 * 1024;

/// What one takes beside its text, in bytes.
const FIXED: u64 = 512;

/// Usual length of a unit, in bytes.
pub(super) const UNIT_BYTES: u64 = 2_560;

/// Units that were shown before.
pub(super) struct KnownUnits {
    known: Cache<Box<[u8]>, Arc<KnownUnit>, Bytes>,
    repeats: Repeats,
}

impl Default for KnownUnits {
    fn default() -> KnownUnits {
        let units = usize::try_from(CAPACITY / (UNIT_BYTES + FIXED)).unwrap_or_default();
        KnownUnits {
            known: Cache::with_weighter(units, CAPACITY, Bytes),
            repeats: Repeats::default(),
        }
    }
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Box<[u8]>, Arc<KnownUnit>> for Bytes {
    fn weight(&self, _: &Box<[u8]>, unit: &Arc<KnownUnit>) -> u64 {
        unit.json.len() as u64 + FIXED
    }
}

impl KnownUnits {
    /// Whether a unit was asked for before, as far as it is remembered.
    pub(super) fn has_seen(&self, question: &[u8]) -> bool {
        self.repeats.has(question)
    }

    /// The unit, if it is the same with these bindings at this time.
    pub(super) fn get(
        &self,
        question: &[u8],
        bindings: &Arc<Bindings>,
        at_ms: i64,
    ) -> Option<Arc<KnownUnit>> {
        self.known.get(question).filter(|known| known.is_of(bindings, at_ms))
    }

    pub(super) fn keep(&self, question: &[u8], unit: KnownUnit) -> Arc<KnownUnit> {
        let unit = Arc::new(unit);
        self.known.insert(question.into(), unit.clone());
        unit
    }
}

/// A unit as it was written, and where it has what belongs to one decision.
pub(super) struct KnownUnit {
    /// What it was made from.
    bindings: Weak<Bindings>,
    /// The times of decisions, in unix milliseconds, between which no claim and no price of it ends.
    same: Range<i64>,
    pub(super) json: Box<[u8]>,
    pub(super) ids: SmallVec<[usize; 2]>,
    pub(super) tokens: SmallVec<[EventToken; 4]>,
    /// Of the ends of the windows of impressions, and of other events.
    pub(super) times: [usize; 2],
}

pub(super) struct EventToken {
    pub(super) kind: EventKind,
    pub(super) cta: u8,
    pub(super) places: SmallVec<[usize; 2]>,
}

impl KnownUnit {
    /// A unit and its JSON; `None` with a time before the year 0 or after 9999.
    pub(super) fn new(
        unit: &RenderedUnit<'_>,
        json: Vec<u8>,
        bindings: &Arc<Bindings>,
        same: Range<i64>,
    ) -> Option<KnownUnit> {
        let text = std::str::from_utf8(&json).ok()?;
        let keys = [r#","impression_until":"#, r#","click_until":"#];
        let [impression, click] = keys.map(|key| time_after(text, key));
        Some(KnownUnit {
            bindings: Arc::downgrade(bindings),
            same,
            ids: places(text, unit.decision_id),
            tokens: event_tokens(unit, text),
            times: [impression?, click?],
            json: json.into(),
        })
    }

    /// Whether a decision with these bindings at this time shows the same.
    fn is_of(&self, bindings: &Arc<Bindings>, at_ms: i64) -> bool {
        self.same.contains(&at_ms) && self.bindings.as_ptr() == Arc::as_ptr(bindings)
    }
}

/// Length of a time with its quotes.
pub(super) const TIME: usize = r#""2026-11-30T12:00:00Z""#.len();

/// Where a text has another one.
fn places(text: &str, part: &str) -> SmallVec<[usize; 2]> {
    text.match_indices(part).map(|(at, _)| at).collect()
}

/// Where the time after a key is. Keys have quotes, which texts in JSON have not.
fn time_after(text: &str, key: &str) -> Option<usize> {
    let at = text.find(key)? + key.len();
    text.get(at..at + TIME)?.ends_with("Z\"").then_some(at)
}

/// Where the tokens of a unit are. A text of an advertiser cannot have one, since no advertiser knows it before.
fn event_tokens(unit: &RenderedUnit<'_>, text: &str) -> SmallVec<[EventToken; 4]> {
    let urls = &unit.event_urls;
    let clicks =
        (0u8..).zip(&unit.creative.ctas).map(|(at, cta)| (EventKind::Click, at, cta.click_url));
    let copy = unit.creative.command.as_ref().map(|command| (EventKind::Copy, 0, command.copy_url));
    let impression = urls.impression.map(|url| (EventKind::Impression, 0, url));
    let viewable = urls.viewable.map(|url| (EventKind::Viewable, 0, url));
    let all = impression.into_iter().chain(viewable).chain(clicks).chain(copy);
    let of = |(kind, cta, url): (EventKind, u8, &str)| {
        let places = places(text, &url[url.len() - TOKEN_CHARS..]);
        EventToken { kind, cta, places }
    };
    all.map(of).collect()
}
