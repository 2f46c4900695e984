//! How often each creative of a flight with rotation `optimise` is drawn, learned from the ledger's rows: counted
//! impressions and clicks of each creative by the topic that they are attributed to, at the time of the decision.
//! Invalid events, duplicates and what was credited are not counted there, so nothing is learned from them.

use crate::domain::campaign::Rotation;
use crate::domain::event::EventKind;
use crate::domain::taxonomy::TopicIx;
use crate::domain::weights::RotationWeights;
use crate::learning::estimate;
use crate::learning::estimate::{Counts, Estimate, Shrinkage};
use crate::learning::turns;
use crate::learning::turns::Contender;
use crate::ledger::views::{QUARTER_MS, Quarter, Views};
use crate::selection::compiled::{FlightRow, place_bit};
use crate::selection::dice::stable_id;
use crate::selection::rotation::{Parts, Rotations, Row, Scope};
use crate::selection::snapshot::Snapshot;
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// Quarters of an hour in a day.
const DAY: i64 = 86_400_000 / QUARTER_MS;

/// How many half-lives of rows are read: older ones count less than one in sixty-four.
const HALF_LIVES: f64 = 6.0;

/// How long all rows are not read again, in quarters of an hour; until then only those of the last two days are.
const READ_ALL_AFTER: i64 = 4;

/// The fewest impressions of a flight on a topic, or a group of topics, that make a row of it: fewer say nothing
/// that the row above does not.
const MIN_IMPRESSIONS: f64 = 20.0;

/// The most topics of a flight with a row, those with the most impressions first.
const MAX_TOPICS: usize = 256;

/// How long a flight keeps the seeds of its samples, in milliseconds: until its counts change, its parts stay.
const SEEDS_MS: i64 = 3_600_000;

/// The counts of a creative by topic.
type ByTopic = HashMap<Box<str>, Counts>;

/// The counts of every creative by topic, both by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClickCounts(HashMap<Box<str>, ByTopic>);

/// What was learned; outlives every snapshot.
#[derive(Default)]
pub(crate) struct RotationLearner {
    /// Rows before `since`, each with what it counts now.
    old: ClickCounts,
    all: ClickCounts,
    /// The quarter of an hour from which rows are read each time, and the one in which the others were read.
    since: i64,
    read_at: i64,
    half_life_days: f64,
}

/// A click rate that was learned, for reports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Learned {
    pub(crate) counts: Counts,
    pub(crate) estimate: Estimate,
}

impl ClickCounts {
    /// Adds the rows of a quarter of an hour, of which each event counts `weight`.
    pub(crate) fn add_rows(&mut self, quarter: &Quarter, weight: f64) {
        for (key, tally) in &quarter.events {
            let counted = tally.counted as f64 * weight;
            let counts = match key.kind {
                EventKind::Impression => Counts { impressions: counted, clicks: 0.0 },
                EventKind::Click => Counts { impressions: 0.0, clicks: counted },
                EventKind::Viewable | EventKind::Copy => continue,
            };
            if tally.counted > 0 {
                self.add(&key.attribution.creative, &key.attribution.page.topic, counts);
            }
        }
    }

    fn add(&mut self, creative: &str, topic: &str, counts: Counts) {
        if !self.0.contains_key(creative) {
            self.0.insert(creative.into(), ByTopic::default());
        }
        let Some(topics) = self.0.get_mut(creative) else { return };
        match topics.get_mut(topic) {
            Some(known) => known.add(counts),
            None => _ = topics.insert(topic.into(), counts),
        }
    }

    fn sum(&self) -> Counts {
        self.0.values().flat_map(HashMap::values).fold(Counts::default(), |mut sum, one| {
            sum.add(*one);
            sum
        })
    }
}

impl RotationLearner {
    /// Reads the rows that are new, and each hour all of them. Takes as long as a report.
    pub(crate) fn read(&mut self, views: &Views, tuning: &RotationWeights, now_ms: i64) {
        let now = now_ms.div_euclid(QUARTER_MS);
        let is_current = (self.read_at..self.read_at + READ_ALL_AFTER).contains(&now)
            && self.half_life_days == tuning.half_life_days
            && self.since > 0;
        if !is_current {
            let today = now.div_euclid(DAY);
            self.since = (today - 1) * DAY;
            (self.read_at, self.half_life_days) = (now, tuning.half_life_days);
            self.old = ClickCounts::default();
            let first = today - whole_days(HALF_LIVES * tuning.half_life_days);
            for (at, quarter) in views.range(first * DAY..self.since) {
                let age = (today - at.div_euclid(DAY)) as f64;
                self.old.add_rows(&quarter, (-age / tuning.half_life_days).exp2());
            }
        }
        self.all = self.old.clone();
        let today = now.div_euclid(DAY);
        for (at, quarter) in views.range(self.since..i64::MAX) {
            let age = (today - at.div_euclid(DAY)).max(0) as f64;
            self.all.add_rows(&quarter, (-age / tuning.half_life_days).exp2());
        }
    }

    /// The table for a snapshot, from what was read.
    pub(crate) fn table(&self, snapshot: &Snapshot, now_ms: i64) -> Rotations {
        let learned = self.of(snapshot);
        let flights = snapshot.flights.iter().enumerate();
        let rows = flights.flat_map(|(place, flight)| learned.rows(place, flight, now_ms));
        Rotations::new(rows.collect())
    }

    /// What was learned, with the weights of a snapshot.
    pub(crate) fn of<'a>(&'a self, snapshot: &'a Snapshot) -> OnSnapshot<'a> {
        OnSnapshot { counts: &self.all, sum: self.all.sum(), snapshot }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "at most six years")]
fn whole_days(days: f64) -> i64 {
    days.ceil() as i64
}

/// What was learned, for the flights of a snapshot.
pub(crate) struct OnSnapshot<'a> {
    counts: &'a ClickCounts,
    sum: Counts,
    snapshot: &'a Snapshot,
}

/// The counts of one creative.
struct OfCreative {
    stable_id: u64,
    /// The click rate of all other creatives.
    of_others: f64,
    all: Counts,
    groups: HashMap<u32, Counts>,
    topics: HashMap<u32, Counts>,
}

impl OnSnapshot<'_> {
    /// The rows of a flight: none while nothing was counted for it, or if it rotates otherwise.
    fn rows(&self, place: usize, flight: &FlightRow, now_ms: i64) -> Vec<Row> {
        if flight.rotation != Rotation::Optimise || flight.creatives.len() < 2 {
            return Vec::new();
        }
        let creatives: Vec<OfCreative> =
            flight.creatives.iter().map(|one| self.creative(*one)).collect();
        if creatives.iter().all(|one| one.all == Counts::default()) {
            return Vec::new();
        }
        // Flights change their seeds one after the other.
        let offset = flight.stable_id % SEEDS_MS.unsigned_abs();
        let epoch = now_ms.unsigned_abs().wrapping_add(offset) / SEEDS_MS.unsigned_abs();
        let row = |scope: Scope| Row {
            place: place_bit(place),
            scope,
            parts: self.parts(&creatives, scope, epoch),
        };
        self.scopes(&creatives).into_iter().map(row).collect()
    }

    /// The pages that a flight with these creatives has rows for.
    fn scopes(&self, creatives: &[OfCreative]) -> Vec<Scope> {
        let shown = |of: fn(&OfCreative) -> &HashMap<u32, Counts>| {
            let mut sums: BTreeMap<u32, f64> = BTreeMap::new();
            for (topic, counts) in creatives.iter().flat_map(of) {
                *sums.entry(*topic).or_default() += counts.impressions;
            }
            let mut most: Vec<(u32, f64)> =
                sums.into_iter().filter(|(_, sum)| *sum >= MIN_IMPRESSIONS).collect();
            most.sort_by(|a, b| b.1.total_cmp(&a.1));
            most.truncate(MAX_TOPICS);
            most.into_iter().map(|(topic, _)| topic)
        };
        let groups = shown(|one| &one.groups).map(Scope::Group);
        let topics = shown(|one| &one.topics).map(Scope::Topic);
        std::iter::once(Scope::Flight).chain(groups).chain(topics).collect()
    }

    fn parts(&self, creatives: &[OfCreative], scope: Scope, epoch: u64) -> Parts {
        let tuning = &self.snapshot.rotation;
        let seed = stable_seed(scope, epoch);
        let contender = |one: &OfCreative| Contender {
            estimate: self.estimate(one, scope),
            seed: one.stable_id ^ seed,
        };
        let contenders: Vec<Contender> = creatives.iter().map(contender).collect();
        turns::parts(&contenders, tuning.floor, tuning.spread)
    }

    /// The click rate of a creative on some pages.
    fn estimate(&self, one: &OfCreative, scope: Scope) -> Estimate {
        let shrinkage = Shrinkage::new(one.of_others, self.snapshot.rotation.cv);
        let nothing = Counts::default();
        let group = match scope {
            Scope::Flight => None,
            Scope::Group(group) => Some(group),
            Scope::Topic(topic) => Some(self.snapshot.taxonomy.root(TopicIx(topic)).0),
        };
        let of_group = group.and_then(|group| one.groups.get(&group)).copied().unwrap_or(nothing);
        let of_topic = match scope {
            Scope::Topic(topic) => one.topics.get(&topic).copied().unwrap_or(nothing),
            _ => nothing,
        };
        let creative = estimate::of_creative(one.of_others, one.all.without(of_group));
        let group = shrinkage.below(creative, of_group.without(of_topic));
        shrinkage.below(group, of_topic)
    }

    fn creative(&self, number: u32) -> OfCreative {
        let (row, taxonomy) = (&self.snapshot.creatives[number as usize], &self.snapshot.taxonomy);
        let mut of = OfCreative {
            stable_id: row.stable_id,
            of_others: 0.0,
            all: Counts::default(),
            groups: HashMap::new(),
            topics: HashMap::new(),
        };
        let id = self.snapshot.inventory.creatives[row.doc].id.as_str();
        for (topic, counts) in self.counts.0.get(id).into_iter().flatten() {
            of.all.add(*counts);
            // What is unknown, or no longer in the taxonomy, is of the creative only.
            if let Some(topic) = taxonomy.of_text(topic) {
                of.topics.entry(topic.0).or_default().add(*counts);
                of.groups.entry(taxonomy.root(topic).0).or_default().add(*counts);
            }
        }
        of.of_others =
            estimate::of_all(self.sum, of.all, self.snapshot.boosts.clicks_per_thousand / 1_000.0);
        of
    }

    /// What is known of the creatives of a flight on some pages, in the order of its row.
    pub(crate) fn learned(&self, flight: &FlightRow, scope: Scope) -> Vec<Learned> {
        let of = |number: &u32| {
            let one = self.creative(*number);
            let counts = match scope {
                Scope::Flight => Some(one.all),
                Scope::Group(topic) => one.groups.get(&topic).copied(),
                Scope::Topic(topic) => one.topics.get(&topic).copied(),
            };
            let estimate = self.estimate(&one, scope);
            Learned { counts: counts.unwrap_or_default(), estimate }
        };
        flight.creatives.iter().map(of).collect()
    }
}

/// A seed for the samples on some pages; the same until the epoch ends.
fn stable_seed(scope: Scope, epoch: u64) -> u64 {
    stable_id(&format!("{} {epoch}", scope.number()))
}

#[cfg(test)]
#[path = "rotation_tests.rs"]
mod tests;
