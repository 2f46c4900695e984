//! The gap report: what pages of all publishers asked for and no sponsor wanted, for sales.

mod ranking;

use crate::decision_log::DecisionLine;
use crate::decision_log::slots;
use crate::domain::attribution::UNKNOWN;
use crate::domain::event::{NoFill, Tier};
use crate::reporting::Reporting;
use crate::reporting::gaps::ranking::{Ranking, Tally};
use crate::reporting::recorded::{Coverage, RecordedDecisions};
use crate::selection::page::Commercial;
use crate::selection::snapshot::Snapshot;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

/// Rows of each kind of context.
pub(crate) const MAX_ROWS: usize = 100;

const DAY_MS: f64 = 86_400_000.0;

string_enum! {
    /// What a row of the gap report is about.
    ContextKind {
        /// A topic of the inventory.
        Topic = "topic",
        /// An entity of the inventory.
        Entity = "entity",
        /// A topic or an entity that pages state and the inventory does not have.
        UnknownName = "unknown_name",
        /// The country of the reader.
        Region = "region",
        /// The language of the page.
        Language = "language",
        /// A publisher.
        Publisher = "publisher",
    }
}

string_enum! {
    /// Why no sponsor was shown, besides the no-fill reasons.
    HouseReason {
        /// A house unit was shown: no sponsor could have the slot.
        House = "house",
        /// A house unit was shown on a page that accepts no others.
        HouseOnly = "house_only",
    }
}

/// What was asked for and no sponsor wanted.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct GapReport {
    /// Start.
    pub(crate) from: String,
    /// End (exclusive).
    pub(crate) to: String,
    /// Slots that were asked for; bots and agents included, tests not.
    pub(crate) requests: u64,
    /// Those without a sponsor's unit: empty, or with a house unit.
    pub(crate) unwanted: u64,
    /// The contexts with the most slots that no sponsor wanted, by kind. A page with several topics or
    /// entities counts for each of them.
    pub(crate) contexts: Vec<GapRow>,
    /// What the rows leave out, by kind.
    pub(crate) omitted: Vec<Omitted>,
    /// Fill of each publisher.
    pub(crate) publishers: Vec<PublisherFill>,
    /// Whether this is about one instance of several.
    pub(crate) one_of_several_instances: bool,
    /// What was read.
    pub(crate) coverage: Coverage,
}

/// A context that no sponsor wanted.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct GapRow {
    /// What it is.
    pub(crate) kind: ContextKind,
    /// Its id, or the name that pages state.
    pub(crate) value: String,
    /// Slots that were asked for in it.
    pub(crate) requests: u64,
    /// Those that no sponsor wanted.
    pub(crate) unwanted: u64,
    /// The same by day.
    pub(crate) unwanted_a_day: f64,
    /// The same as a share of all slots that no sponsor wanted, from 0 to 1.
    pub(crate) share: f64,
    /// The most frequent reason: a no-fill reason, `house` or `house_only`.
    pub(crate) reason: String,
}

/// Contexts of one kind that have no row.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Omitted {
    pub(crate) kind: ContextKind,
    /// Number of contexts that were counted and have no row.
    pub(crate) rows: u64,
    /// Number of times that contexts with the fewest slots were merged while counting, to bound memory: one
    /// that comes again is counted anew.
    pub(crate) merged: u64,
    /// Slots of all these that no sponsor wanted.
    pub(crate) unwanted: u64,
}

/// How the slots of a publisher were filled.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct PublisherFill {
    /// Publisher id.
    pub(crate) publisher: String,
    /// Slots that were asked for.
    pub(crate) requests: u64,
    /// Those with a sponsor's unit.
    pub(crate) sponsored: u64,
    /// Those with a house unit.
    pub(crate) house: u64,
    /// Those without a unit, by reason.
    pub(crate) no_fill: BTreeMap<NoFill, u64>,
}

#[derive(Default)]
struct Counts {
    requests: u64,
    unwanted: u64,
    rankings: BTreeMap<ContextKind, Ranking>,
    publishers: BTreeMap<String, PublisherFill>,
}

/// Counts what was asked for and no sponsor wanted in these times. Reads the decision log; memory does not
/// depend on how many names pages state.
pub(crate) fn gaps(
    recorded: &RecordedDecisions<'_>,
    times: &Range<i64>,
    is_shared: bool,
) -> io::Result<GapReport> {
    let mut counts = Counts::default();
    let mut coverage = recorded.each(times, |world, line| {
        slots::each_slot(world, line, |_, result| counts.add(&world.snapshot, line, result));
    })?;
    if is_shared {
        coverage.notes.push(ONE_OF_SEVERAL.to_owned());
    }
    Ok(counts.report(times, coverage, is_shared))
}

impl Reporting {
    /// What no sponsor wanted. Reads the decision log: do not call on a request thread.
    pub(crate) fn gaps(&self, times: &Range<i64>) -> io::Result<GapReport> {
        let is_shared = self.ledger.state().is_shared();
        self.read_recorded(|recorded| gaps(&recorded, times, is_shared))
    }
}

const ONE_OF_SEVERAL: &str = "these are the decisions of this instance, which are in its own decision log: ask each of \
     the other instances for theirs";

impl Counts {
    fn add(&mut self, snapshot: &Snapshot, line: &DecisionLine, result: Result<usize, NoFill>) {
        let page = &line.page;
        let reason = match result {
            Ok(place) if snapshot.tier_of(place) != Tier::House => None,
            Ok(_) if page.commercial == Commercial::HouseOnly => {
                Some(HouseReason::HouseOnly.as_str())
            }
            Ok(_) => Some(HouseReason::House.as_str()),
            Err(reason) => Some(reason.as_str()),
        };
        self.requests += 1;
        self.unwanted += u64::from(reason.is_some());
        let publisher = &snapshot.publishers[page.publisher as usize];
        let publisher = snapshot.inventory.publishers[publisher.doc].id.as_str();
        self.fill(publisher, result, reason.is_some());
        let mut count = |kind, value: &str| {
            self.rankings.entry(kind).or_default().add(value, reason);
        };
        for topic in &page.topics {
            count(ContextKind::Topic, snapshot.taxonomy.id(*topic).as_str());
        }
        for (entity, _) in &page.entities {
            count(ContextKind::Entity, snapshot.entities.id(*entity).as_str());
        }
        page.unknown.iter().for_each(|name| count(ContextKind::UnknownName, name));
        let country = page.viewer.country.map(|country| country.to_string());
        count(ContextKind::Region, country.as_deref().unwrap_or(UNKNOWN));
        count(ContextKind::Language, &page.language.to_string());
        count(ContextKind::Publisher, publisher);
    }

    fn fill(&mut self, publisher: &str, result: Result<usize, NoFill>, is_unwanted: bool) {
        if !self.publishers.contains_key(publisher) {
            let fill = PublisherFill {
                publisher: publisher.to_owned(),
                requests: 0,
                sponsored: 0,
                house: 0,
                no_fill: BTreeMap::new(),
            };
            self.publishers.insert(publisher.to_owned(), fill);
        }
        let Some(fill) = self.publishers.get_mut(publisher) else { return };
        fill.requests += 1;
        match result {
            Ok(_) if is_unwanted => fill.house += 1,
            Ok(_) => fill.sponsored += 1,
            Err(reason) => *fill.no_fill.entry(reason).or_default() += 1,
        }
    }

    fn report(self, times: &Range<i64>, coverage: Coverage, is_shared: bool) -> GapReport {
        let time = |ms: i64| jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string();
        let scaled = |count: u64| coverage.scaled(count);
        let days = ((times.end - times.start) as f64 / DAY_MS).max(f64::MIN_POSITIVE);
        let all = self.unwanted.max(1) as f64;
        let row = |kind: ContextKind, value: &str, tally: &Tally| GapRow {
            kind,
            value: value.to_owned(),
            requests: scaled(tally.requests),
            unwanted: scaled(tally.unwanted()),
            unwanted_a_day: (scaled(tally.unwanted()) as f64 / days * 10.0).round() / 10.0,
            share: (tally.unwanted() as f64 / all * 10_000.0).round() / 10_000.0,
            reason: tally.main_reason().to_owned(),
        };
        let (mut contexts, mut omitted) = (Vec::new(), Vec::new());
        for (kind, ranking) in &self.rankings {
            let mut ranked = ranking.ranked();
            ranked.retain(|(_, tally)| tally.unwanted() > 0);
            let shown = &ranked[..ranked.len().min(MAX_ROWS)];
            contexts.extend(shown.iter().map(|(value, tally)| row(*kind, value, tally)));
            let rest = &ranked[shown.len()..];
            let (merged, merged_unwanted) = ranking.merged();
            if !rest.is_empty() || merged > 0 {
                let unwanted: u64 = rest.iter().map(|(_, tally)| tally.unwanted()).sum();
                let unwanted = scaled(unwanted + merged_unwanted);
                omitted.push(Omitted { kind: *kind, rows: rest.len() as u64, merged, unwanted });
            }
        }
        let fill = |mut fill: PublisherFill| {
            fill.no_fill.values_mut().for_each(|count| *count = scaled(*count));
            (fill.sponsored, fill.house) = (scaled(fill.sponsored), scaled(fill.house));
            fill.requests = fill.sponsored + fill.house + fill.no_fill.values().sum::<u64>();
            fill
        };
        GapReport {
            from: time(times.start),
            to: time(times.end),
            requests: scaled(self.requests),
            unwanted: scaled(self.unwanted),
            contexts,
            omitted,
            publishers: self.publishers.into_values().map(fill).collect(),
            one_of_several_instances: is_shared,
            coverage,
        }
    }
}
