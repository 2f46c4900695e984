//! Who may have each recorded slot, under the inventory to be forecast.

use crate::forecast::calendar::Calendar;
use crate::forecast::history::{Recorded, Sample};
use crate::selection::dice::Dice;
use crate::selection::entrants::Entrants;
use crate::selection::filter_reason::FilterReason;
use crate::selection::odds;
use crate::selection::page::Page;
use crate::selection::rules::{Exclusions, SlotContext};
use crate::selection::snapshot::{Snapshot, State, World};
use crate::selection::translate::Translation;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// A recorded slot that a flight may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// How many slots it stands for.
    pub(super) weight: f64,
    pub(super) at_ms: i64,
    /// Its kind of a quarter of an hour, and its day in the history.
    pub(super) kind: u16,
    pub(super) day: u16,
    /// The page; its slots follow each other.
    pub(super) page: u32,
    /// Where its entrants begin, of each tier; those of the last tier end where the next row's begin.
    pub(super) starts: [u32; 3],
}

/// A flight that may have a slot, with its weight in the race of its tier.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entrant {
    pub(super) place: u32,
    pub(super) weight: f32,
}

/// All recorded slots, with their entrants in rank order.
#[derive(Default)]
pub(super) struct Field {
    pub(super) rows: Vec<Row>,
    pub(super) entrants: Vec<Entrant>,
    /// Recorded decisions that count, and those of publishers or versions that are gone.
    pub(super) decisions: usize,
    pub(super) gone: usize,
}

/// The slots that match a flight.
#[derive(Default)]
pub(super) struct Supply {
    /// In the time that is forecast.
    pub(super) slots: f64,
    /// Recorded slots of the sample.
    pub(super) recorded: usize,
    /// The sum of their weights, and of the squares of these.
    pub(super) sums: (f64, f64),
    /// By day of the history.
    pub(super) by_day: Vec<f64>,
}

impl Field {
    /// The slots of a sample on a snapshot whose flights have no dates.
    pub(super) fn of(sample: &Sample, snapshot: &Arc<Snapshot>) -> Field {
        let world = World::new(snapshot.clone(), State::default());
        let of = |version: &Option<Arc<_>>| {
            version.as_ref().map(|names| Translation::between(names, snapshot))
        };
        let translations: Vec<Option<Translation>> =
            sample.versions.iter().map(|(_, names)| of(names)).collect();
        let (mut field, mut scratch) = (Field::default(), Entrants::default());
        for (decision, weight) in sample.decisions() {
            let translation = translations[decision.version].as_ref();
            let page = translation.and_then(|translation| {
                Some((translation, translation.page(&decision.page, decision.url.as_deref())?))
            });
            let Some((translation, page)) = page else {
                field.gone += 1;
                continue;
            };
            let row = Row {
                weight,
                at_ms: decision.at_ms,
                kind: 0,
                day: u16::MAX,
                page: u32::try_from(field.decisions).unwrap_or(u32::MAX),
                starts: [0; 3],
            };
            field.decisions += 1;
            field.add(&world, (decision, translation, &page), row, &mut scratch);
        }
        field
    }

    /// Sets kinds and days to those of a calendar.
    pub(super) fn set_calendar(&mut self, calendar: &Calendar) {
        for row in &mut self.rows {
            row.kind = u16::try_from(calendar.kind(row.at_ms)).unwrap_or_default();
            let day = calendar.day(row.at_ms).and_then(|day| u16::try_from(day).ok());
            row.day = day.unwrap_or(u16::MAX);
        }
    }

    fn add(
        &mut self,
        world: &World,
        (decision, translation, page): (&Recorded, &Translation, &Page),
        row: Row,
        scratch: &mut Entrants,
    ) {
        each_slot(world, (decision, translation, page), &mut |context| {
            self.add_row(context, row, scratch);
        });
    }

    fn add_row(&mut self, context: &SlotContext<'_>, mut row: Row, scratch: &mut Entrants) {
        let end = |entrants: &[Entrant]| u32::try_from(entrants.len()).unwrap_or(u32::MAX);
        let begin = end(&self.entrants);
        let (mut counts, entrants) = ([0; 3], &mut self.entrants);
        odds::entrants(context, scratch, &mut |tier, place, weight| {
            counts[tier as usize] += 1;
            #[expect(clippy::cast_possible_truncation, reason = "a weight in a race of hundreds")]
            entrants.push(Entrant { place, weight: weight as f32 });
        });
        if end(&self.entrants) > begin {
            row.starts = [begin, begin + counts[0], begin + counts[0] + counts[1]];
            self.rows.push(row);
        }
    }

    /// The slots that match a flight in a time, with the squares of their weights, and by day of the history.
    pub(super) fn supply(&self, calendar: &Calendar, place: usize, times: &Range<i64>) -> Supply {
        let weights = calendar.weights(times);
        let mut supply =
            Supply { by_day: vec![0.0; calendar.number_of_days()], ..Supply::default() };
        for (at, row) in self.rows.iter().enumerate() {
            if !self.of_row(at).iter().any(|one| one.place as usize == place) {
                continue;
            }
            supply.recorded += 1;
            supply.slots += row.weight * weights[usize::from(row.kind)];
            supply.sums.0 += row.weight;
            supply.sums.1 += row.weight * row.weight;
            if let Some(day) = supply.by_day.get_mut(usize::from(row.day)) {
                *day += row.weight;
            }
        }
        supply
    }

    /// The entrants of a row in a tier.
    pub(super) fn of_tier(&self, row: usize, tier: usize) -> &[Entrant] {
        let starts = &self.rows[row].starts;
        let next = || self.rows.get(row + 1).map(|row| row.starts[0] as usize);
        let end = starts.get(tier + 1).map(|start| *start as usize);
        let end = end.or_else(next).unwrap_or(self.entrants.len());
        &self.entrants[starts[tier] as usize..end]
    }

    /// All entrants of a row.
    pub(super) fn of_row(&self, row: usize) -> &[Entrant] {
        let next = self.rows.get(row + 1).map(|row| row.starts[0] as usize);
        &self.entrants[self.rows[row].starts[0] as usize..next.unwrap_or(self.entrants.len())]
    }
}

/// Each slot of a recorded decision on another snapshot, with what excludes flights from it.
fn each_slot(
    world: &World,
    (decision, translation, page): (&Recorded, &Translation, &Page),
    each: &mut dyn FnMut(&SlotContext<'_>),
) {
    let mut exclusions = Exclusions::default();
    for (slot, line) in page.slots.iter().zip(&decision.slots) {
        // Reservations that were lost then say nothing about the future.
        let lasting = line.masked.iter().filter(|mask| !mask.is_lost());
        let lasting: Vec<_> = lasting.filter_map(|mask| translation.mask(*mask)).collect();
        exclusions.begin_slot(&lasting);
        each(&SlotContext {
            world,
            page,
            slot,
            now_ms: decision.at_ms,
            dice: Dice::new(0, 0),
            exclusions: &exclusions,
        });
        // Later slots of the page are those after what was shown in this one.
        let won = line.result.ok().and_then(|won| translation.flight(won.place));
        let shown = won.map(|place| world.snapshot.flights[place as usize].advertiser);
        exclusions.advertisers.extend(shown);
    }
}

/// The most slots that are looked at for why a flight matches none.
const MAX_EXPLAINED: usize = 5_000;

/// For each rule that keeps a flight out of recorded slots, the part of them that it alone would keep it out
/// of; most first.
pub(super) fn filters(
    sample: &Sample,
    snapshot: &Arc<Snapshot>,
    place: usize,
) -> Vec<(FilterReason, f64)> {
    let world = World::new(snapshot.clone(), State::default());
    let flight = &snapshot.flights[place];
    let (mut counts, mut slots) = (BTreeMap::<FilterReason, usize>::new(), 0usize);
    let mut translations = HashMap::new();
    for (decision, _) in sample.decisions() {
        let of = |version: usize| {
            let names = sample.versions[version].1.as_ref();
            names.map(|names| Translation::between(names, snapshot))
        };
        let known = translations.entry(decision.version).or_insert_with(|| of(decision.version));
        let Some(translation) = known else { continue };
        let page = translation.page(&decision.page, decision.url.as_deref());
        let Some(page) = page else { continue };
        each_slot(&world, (decision, translation, &page), &mut |context| {
            slots += 1;
            for (_, reason) in context.rules(place, flight).filter(|(passes, _)| !passes) {
                *counts.entry(reason).or_default() += 1;
            }
        });
        if slots >= MAX_EXPLAINED {
            break;
        }
    }
    let part = |count: usize| count as f64 / slots.max(1) as f64;
    let mut reasons: Vec<_> =
        counts.into_iter().map(|(reason, count)| (reason, part(count))).collect();
    reasons.sort_by(|a, b| b.1.total_cmp(&a.1));
    reasons
}
