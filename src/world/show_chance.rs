//! The chance that a decision's event still comes, learnt per placement from earlier decisions.
//!
//! What happens to a decision is counted by its age: whether its event came between two ages, or not. The
//! chance at an age is that of all later ones together, as survival statistics estimate it, so that
//! decisions whose time is not over yet count for the ages that they have passed. Of ages of which nothing
//! is known, the more is expected the fewer events come early: where most units are seen at once, most of
//! the others are never seen. Where none are, the whole price is kept until experience says otherwise.
//!
//! Once all ages are known, late events are also expected in proportion to early ones: a flood of requests
//! shows within seconds that most of them have no reader, so that little is expected of them later.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

/// Ages at which a decision is looked at again, in milliseconds. After the last one it waits for the end
/// of the event's window.
const AGES_MS: [i64; 6] = [5_000, 15_000, 60_000, 120_000, 300_000, 900_000];

/// Number of spans of age.
const SPANS: usize = AGES_MS.len() + 1;

/// Every span counts as if there had been this many more decisions in it, of which as many events came as are
/// expected of an age of which nothing is known.
const PRIOR: u64 = 2;

/// Decisions that a span remembers. Above that, old ones weigh half: a flood of a few hundred decisions
/// without readers lowers the chance at once, and as many seen ones raise it again.
const MEMORY: u16 = 256;

/// Decisions and events from which proportions are known.
const KNOWN: u16 = 32;

/// Early events that proportions remember; above that, old ones weigh half.
const LONG_MEMORY: u32 = 4_096;

/// One, in the fixed-point numbers of this module.
pub(crate) const CERTAIN: u64 = 1_000_000;

/// What a decision waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// Its impression.
    Impression,
    /// The viewable impression that is billed, after its impression.
    Viewable,
}

/// The span of age without an end.
const LAST_SPAN: u8 = 6;

/// The span of age that begins with the decision; the next ones follow.
pub(crate) const FIRST_SPAN: u8 = 0;

/// The end of a span, in milliseconds after the decision; the last one has none.
pub(crate) fn span_end_ms(span: u8) -> Option<i64> {
    AGES_MS.get(usize::from(span)).copied()
}

/// The span in which this age lies, in milliseconds; a bound belongs to the span before.
pub(crate) fn span_of(age_ms: i64) -> u8 {
    (0..).zip(AGES_MS).find(|(_, end_ms)| age_ms <= *end_ms).map_or(LAST_SPAN, |(span, _)| span)
}

/// What is known of one placement's decisions.
#[derive(Debug, Default)]
pub(crate) struct ShowChance(Mutex<[Spans; 2]>);

/// The chances of a placement's units if asked for without a key, and with one.
pub(crate) type Chances = [Arc<ShowChance>; 2];

#[derive(Clone, Copy, Debug, Default)]
struct Spans {
    came: [u16; SPANS],
    did_not: [u16; SPANS],
    /// Events by span, over a longer time.
    proportions: [u32; SPANS],
}

impl Spans {
    fn note(&mut self, span: usize, came: bool) {
        let count = if came { &mut self.came[span] } else { &mut self.did_not[span] };
        *count += 1;
        if self.came[span] + self.did_not[span] > MEMORY {
            self.came[span] /= 2;
            self.did_not[span] /= 2;
        }
        self.proportions[span] += u32::from(came);
        if self.proportions[0] > LONG_MEMORY {
            self.proportions.iter_mut().for_each(|count| *count /= 2);
        }
    }

    /// The chance by what came of decisions of each age.
    fn by_age(&self, spans: RangeInclusive<usize>) -> u64 {
        let early = self.early();
        let known = spans.clone().filter(|span| self.came[*span] + self.did_not[*span] > 0);
        let is_known = known.clone().count() == spans.count();
        let never = known.fold(CERTAIN, |never, span| {
            let (came, did_not) = (u64::from(self.came[span]), u64::from(self.did_not[span]));
            never * (did_not * CERTAIN + PRIOR * early) / ((came + did_not + PRIOR) * CERTAIN)
        });
        CERTAIN - if is_known { never } else { never * early / CERTAIN }
    }

    /// The part of the events that come early, in parts of [`CERTAIN`]; 0 before it is known.
    fn early(&self) -> u64 {
        let (came, did_not) = (u64::from(self.came[0]), u64::from(self.did_not[0]));
        if came + did_not < u64::from(KNOWN) { 0 } else { came * CERTAIN / (came + did_not) }
    }

    /// The chance by the early events of the newest decisions, if that is known.
    fn by_early_events(&self, spans: RangeInclusive<usize>) -> Option<u64> {
        let (first, last) = (*spans.start(), *spans.end());
        let is_known = |span: usize| self.came[span] + self.did_not[span] >= KNOWN;
        let early = u64::from(self.proportions[0]);
        if early < u64::from(KNOWN) || !(0..=last).all(is_known) {
            return None;
        }
        let (came, did_not) = (u64::from(self.came[0]), u64::from(self.did_not[0]));
        let now = CERTAIN * (came + PRIOR) / (came + did_not + PRIOR);
        let sum = |counts: &[u32]| counts.iter().map(|count| u64::from(*count)).sum::<u64>();
        let comes = now * sum(&self.proportions[spans]) / early;
        let came_before = now * sum(&self.proportions[..first]) / early;
        Some(comes * CERTAIN / CERTAIN.saturating_sub(came_before).max(1))
    }
}

impl ShowChance {
    /// Notes whether the awaited event came while a decision's age was in this span.
    pub(crate) fn note(&self, awaited: Awaited, span: u8, came: bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all[awaited as usize].note(usize::from(span.min(LAST_SPAN)), came);
    }

    /// Whether enough units of the placement have been seen to know it.
    pub(crate) fn is_known(&self) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all[Awaited::Impression as usize].proportions.iter().sum::<u32>() >= u32::from(KNOWN)
    }

    /// The chance that the awaited event comes in one of these spans, in parts of [`CERTAIN`].
    pub(crate) fn within(&self, awaited: Awaited, spans: RangeInclusive<u8>) -> u64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = &all[awaited as usize];
        let last = usize::from((*spans.end()).min(LAST_SPAN));
        let spans = usize::from(*spans.start())..=last;
        let by_age = known.by_age(spans.clone());
        known.by_early_events(spans).map_or(by_age, |chance| chance.min(by_age))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A decision whose event came in this span, or never.
    fn decision(chance: &ShowChance, span: Option<u8>) {
        for passed in 0..span.unwrap_or(7) {
            chance.note(Awaited::Impression, passed, false);
        }
        if let Some(span) = span {
            chance.note(Awaited::Impression, span, true);
        }
    }

    fn percent(chance: &ShowChance, span: u8) -> u64 {
        chance.within(Awaited::Impression, span..=LAST_SPAN) * 100 / CERTAIN
    }

    #[test]
    fn without_experience_every_event_is_expected() {
        assert_eq!((0..7).map(|span| percent(&ShowChance::default(), span)).min(), Some(100));
        let chance = ShowChance::default();
        (0..23).for_each(|_| (0..4).for_each(|span| chance.note(Awaited::Impression, span, false)));
        assert_eq!(percent(&chance, 4), 100, "nothing is known of what comes after two minutes");
    }

    #[test]
    fn where_most_units_are_seen_at_once_little_is_expected_of_ages_of_which_nothing_is_known() {
        let chance = ShowChance::default();
        (0..100).for_each(|number| {
            chance.note(Awaited::Impression, FIRST_SPAN, number % 10 > 0);
        });
        assert!((9..=11).contains(&percent(&chance, 1)), "{}", percent(&chance, 1));
        (0..50).for_each(|_| chance.note(Awaited::Impression, 1, false));
        assert!((8..=11).contains(&percent(&chance, 1)), "{}", percent(&chance, 1));
    }

    #[test]
    fn the_chance_follows_what_was_seen_and_is_lower_the_longer_nothing_came() {
        let chance = ShowChance::default();
        for _ in 0..200 {
            (0..7).for_each(|_| decision(&chance, Some(0)));
            decision(&chance, Some(4));
            (0..2).for_each(|_| decision(&chance, None));
        }
        assert!((75..=85).contains(&percent(&chance, 0)), "{}", percent(&chance, 0));
        assert!((30..=40).contains(&percent(&chance, 1)), "{}", percent(&chance, 1));
        assert!(percent(&chance, 5) <= 4, "{}", percent(&chance, 5));
    }

    #[test]
    fn a_flood_lowers_the_chance_of_late_events_before_it_is_old_enough_for_them() {
        let chance = ShowChance::default();
        for _ in 0..200 {
            (0..6).for_each(|_| decision(&chance, Some(0)));
            (0..2).for_each(|_| decision(&chance, Some(4)));
            (0..2).for_each(|_| decision(&chance, None));
        }
        assert!((45..=55).contains(&percent(&chance, 2)), "{}", percent(&chance, 2));
        (0..2_000).for_each(|_| chance.note(Awaited::Impression, FIRST_SPAN, false));
        assert!(percent(&chance, 0) < 5 && percent(&chance, 2) < 5, "{}", percent(&chance, 2));
    }

    #[test]
    fn a_flood_lowers_the_chance_within_seconds_and_readers_restore_it() {
        let chance = ShowChance::default();
        (0..200).for_each(|number| decision(&chance, (number % 10 > 0).then_some(0)));
        (0..200).for_each(|_| decision(&chance, None));
        (0..2_000).for_each(|_| chance.note(Awaited::Impression, FIRST_SPAN, false));
        assert!(percent(&chance, 0) < 10, "{}", percent(&chance, 0));
        (0..1_000).for_each(|_| decision(&chance, Some(0)));
        assert!(percent(&chance, 0) > 90, "{}", percent(&chance, 0));
    }
}
