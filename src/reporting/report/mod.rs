//! Reports: aggregations of ledger rows. Each ledger row falls into exactly one report row, so every
//! breakdown of a query adds up to the same total.

mod figures;
#[cfg(test)]
mod properties;

pub(crate) use figures::{Figure, Figures};

use crate::domain::attribution::{AttributionKey, Dimension, PageKey};
use crate::domain::breakdown::Breakdown;
use crate::domain::money::{Currency, Micros};
use crate::domain::party::RevenueShare;
use crate::domain::zone::Zone;
use crate::ledger::record::UnfilledSlot;
use crate::ledger::views::{QUARTER_MS, Quarter, Views};
use schemars::JsonSchema;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Party {
    Advertiser(String),
    Publisher {
        /// Publisher id.
        id: String,
        /// Its revenue shares, each valid from a date.
        shares: Vec<RevenueShare>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) party: Party,
    /// Start, in unix milliseconds.
    pub(crate) from_ms: i64,
    /// End, exclusive, in unix milliseconds.
    pub(crate) to_ms: i64,
    /// What it is broken down by, in order.
    pub(crate) by: Vec<Breakdown>,
    /// Time zone of days and hours.
    pub(crate) zone: Zone,
    /// Values that the attribution must have.
    pub(crate) filters: Vec<(Breakdown, String)>,
    /// Which rows.
    pub(crate) page: Page,
}

/// A report row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Row {
    /// Values of the requested dimensions, in order.
    pub(crate) keys: Vec<String>,
    /// Currency of the row; different currencies are never added. Unfilled opportunities are in rows of
    /// the report's first currency.
    pub(crate) currency: Currency,
    /// The figures.
    #[serde(flatten)]
    pub(crate) figures: Figures,
}

/// Key of a dimension without a value: the campaign of an unfilled slot, the call to action of an
/// impression.
const NONE: &str = "none";

/// Currency of a report without any amounts.
const NO_EARNINGS: &str = "EUR";

/// A part of a report's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Only rows after this one.
    pub(crate) after: Option<RowPlace>,
    /// At most so many rows.
    pub(crate) limit: usize,
}

impl Page {
    /// All rows.
    pub(crate) const ALL: Page = Page { after: None, limit: usize::MAX };
}

/// The place of a row in the order of the rows: its keys and its currency.
pub(crate) type RowPlace = (Vec<String>, Currency);

/// The answer to a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// The rows of the page, ordered by key.
    pub(crate) rows: Vec<Row>,
    /// The sums of all rows, whatever the page: one per currency.
    pub(crate) totals: Vec<Row>,
    /// The place of the last row of the page, if there are more.
    pub(crate) more_after: Option<RowPlace>,
}

/// The report of one query.
pub(crate) fn report(views: &Views, query: &Query) -> Report {
    let mut builder = ReportBuilder::new(query);
    for (at, quarter) in views.range(builder.quarters.clone()) {
        builder.add_quarter(at, &quarter);
    }
    builder.finish()
}

/// The reports of several queries from one pass over the rows.
pub(crate) fn reports(views: &Views, queries: &[Query]) -> Vec<Report> {
    let mut builders: Vec<ReportBuilder<'_>> = queries.iter().map(ReportBuilder::new).collect();
    let first = builders.iter().map(|one| one.quarters.start).min().unwrap_or(0);
    let end = builders.iter().map(|one| one.quarters.end).max().unwrap_or(0);
    for (at, quarter) in views.range(first..end) {
        for builder in builders.iter_mut().filter(|one| one.quarters.contains(&at)) {
            builder.add_quarter(at, &quarter);
        }
    }
    builders.into_iter().map(ReportBuilder::finish).collect()
}

/// The first quarter hour that starts at or after a time.
fn quarter_from(at_ms: i64) -> i64 {
    -(-at_ms).div_euclid(QUARTER_MS)
}

/// The figures of the smallest keys, in a bounded amount of memory: a key that is not among the smallest
/// at some time never is later.
struct Smallest<K> {
    figures: BTreeMap<K, Figures>,
    most: usize,
}

impl<K: Ord> Smallest<K> {
    fn new(most: usize) -> Smallest<K> {
        Smallest { figures: BTreeMap::new(), most }
    }

    /// The figures of a key, if it is among the smallest.
    fn get(&mut self, key: K) -> Option<&mut Figures> {
        if self.figures.len() >= self.most && !self.figures.contains_key(&key) {
            if self.figures.last_key_value().is_some_and(|(last, _)| *last < key) {
                return None;
            }
            self.figures.pop_last();
        }
        Some(self.figures.entry(key).or_default())
    }
}

struct ReportBuilder<'a> {
    query: &'a Query,
    quarters: Range<i64>,
    rows: Smallest<RowPlace>,
    totals: BTreeMap<Currency, Figures>,
    /// Unfilled slots, which have no currency.
    unfilled: Smallest<Vec<String>>,
    unfilled_total: Option<Figures>,
}

/// The subject of a ledger row.
#[derive(Clone, Copy)]
enum Subject<'a> {
    /// A served unit, and the call to action if the row counts clicks.
    Unit(&'a AttributionKey, Option<&'a str>),
    /// An unfilled slot.
    Empty(&'a UnfilledSlot),
}

impl<'a> ReportBuilder<'a> {
    fn new(query: &'a Query) -> ReportBuilder<'a> {
        // One more tells whether there are more.
        let most = query.page.limit.saturating_add(1);
        ReportBuilder {
            query,
            quarters: quarter_from(query.from_ms)..quarter_from(query.to_ms),
            rows: Smallest::new(most),
            totals: BTreeMap::new(),
            // The first may be before the page, by its currency.
            unfilled: Smallest::new(most.saturating_add(1)),
            unfilled_total: None,
        }
    }

    fn add_quarter(&mut self, at: i64, quarter: &Quarter) {
        let (query, share_bp) = (self.query, self.share_bp(at));
        let times = Times::of(at, query);
        let own = quarter.events.iter().filter(|(key, _)| matches(query, &key.attribution));
        for (key, tally) in own.filter(|(_, tally)| figures::is_reportable(tally)) {
            let of = Subject::Unit(&key.attribution, key.cta.as_deref());
            self.add(&times, of, |figures| figures.add_events(key.kind, tally, share_bp));
        }
        for (of, count) in quarter.served.iter().filter(|(of, _)| matches(query, of)) {
            self.add(&times, Subject::Unit(of, None), |figures| figures.add_served(*count));
        }
        let refunds = quarter.refunded.iter().filter(|(_, micros)| **micros > Micros::ZERO);
        for (of, micros) in refunds.filter(|(of, _)| matches(query, of)) {
            self.add(&times, Subject::Unit(of, None), |figures| figures.add_refund(*micros));
        }
        for (of, count) in quarter.empty.iter().filter(|(of, _)| matches_unfilled(query, of)) {
            let add = |figures: &mut Figures| figures.add_unfilled(of.reason, *count);
            self.add(&times, Subject::Empty(of), add);
        }
    }

    fn add(&mut self, times: &Times, of: Subject<'_>, add: impl Fn(&mut Figures)) {
        let is_publisher = matches!(self.query.party, Party::Publisher { .. });
        let add = |figures: &mut Figures| {
            add(figures);
            if is_publisher {
                figures.revenue_micros.get_or_insert(0);
            }
        };
        let keys: Vec<String> = self.query.by.iter().map(|by| value(by, times, of)).collect();
        let after = self.query.page.after.as_ref();
        match of {
            Subject::Unit(AttributionKey { currency, .. }, _) => {
                add(self.totals.entry(*currency).or_default());
                let place = (keys, *currency);
                if after.is_none_or(|after| place > *after) {
                    self.rows.get(place).into_iter().for_each(add);
                }
            }
            Subject::Empty(_) => {
                add(self.unfilled_total.get_or_insert_default());
                if after.is_none_or(|(after, _)| keys >= *after) {
                    self.unfilled.get(keys).into_iter().for_each(add);
                }
            }
        }
    }

    fn finish(self) -> Report {
        let ReportBuilder { query, mut totals, unfilled_total, .. } = self;
        let mut rows = self.rows.figures;
        let currency = totals.keys().next().copied().or_else(|| NO_EARNINGS.parse().ok());
        if let (Some(currency), Some(unfilled)) = (currency, unfilled_total) {
            totals.entry(currency).or_default().merge(&unfilled);
            for (keys, figures) in self.unfilled.figures {
                rows.entry((keys, currency)).or_default().merge(&figures);
            }
        }
        let is_due = |place: &RowPlace| query.page.after.as_ref().is_none_or(|after| place > after);
        let row = |keys, currency, figures| Row { keys, currency, figures };
        let rows = rows.into_iter().filter(|(place, _)| is_due(place));
        let mut rows: Vec<Row> =
            rows.map(|((keys, currency), figures)| row(keys, currency, figures)).collect();
        let has_more = rows.len() > query.page.limit;
        rows.truncate(query.page.limit);
        let last = rows.last().filter(|_| has_more);
        Report {
            more_after: last.map(|last| (last.keys.clone(), last.currency)),
            rows,
            totals: totals
                .into_iter()
                .map(|(currency, figures)| row(Vec::new(), currency, figures))
                .collect(),
        }
    }

    /// The publisher's share on the day of a quarter hour, in basis points; `None` for an advertiser.
    fn share_bp(&self, quarter: i64) -> Option<u16> {
        let Party::Publisher { shares, .. } = &self.query.party else { return None };
        let at = jiff::Timestamp::from_millisecond(quarter * QUARTER_MS).unwrap_or_default();
        let day = at.to_zoned(jiff::tz::TimeZone::UTC).date();
        let share = shares.iter().rev().find(|share| share.from <= day);
        Some(share.map_or(0, |share| share.bp))
    }
}

/// The day and the hour of a quarter of an hour, for queries that break down by them.
#[derive(Default)]
struct Times {
    day: String,
    hour: String,
}

impl Times {
    fn of(quarter: i64, query: &Query) -> Times {
        let times = [Dimension::Day, Dimension::Hour].map(Breakdown::from);
        if !query.by.iter().any(|by| times.contains(by)) {
            return Times::default();
        }
        let at = jiff::Timestamp::from_millisecond(quarter * QUARTER_MS).unwrap_or_default();
        let civil = at.to_zoned(query.zone.rules().clone());
        let hour = civil.strftime("%Y-%m-%dT%H:00%:z").to_string();
        Times { day: civil.date().to_string(), hour }
    }
}

fn matches(query: &Query, of: &AttributionKey) -> bool {
    let own = match &query.party {
        Party::Advertiser(id) => *of.advertiser == **id,
        Party::Publisher { id, .. } => *of.page.publisher == **id,
    };
    own && has_filtered(query, Some(of), &of.page)
}

/// Whether an attribution has the values that a query asks for.
fn has_filtered(query: &Query, unit: Option<&AttributionKey>, page: &PageKey) -> bool {
    let has = |(by, wanted): &(Breakdown, String)| {
        by.value(unit, page).is_some_and(|value| value == *wanted)
    };
    query.filters.iter().all(has)
}

/// Unfilled slots appear only in publisher reports, and in those with a filter if it is of the page.
fn matches_unfilled(query: &Query, of: &UnfilledSlot) -> bool {
    matches!(&query.party, Party::Publisher { id, .. } if *of.page.publisher == **id)
        && has_filtered(query, None, &of.page)
}

fn value(by: &Breakdown, times: &Times, of: Subject<'_>) -> String {
    let attributed = || match of {
        Subject::Unit(unit, _) => by.value(Some(unit), &unit.page),
        Subject::Empty(slot) => by.value(None, &slot.page),
    };
    match (by, of) {
        (Breakdown::Dimension(Dimension::Day), _) => times.day.clone(),
        (Breakdown::Dimension(Dimension::Hour), _) => times.hour.clone(),
        (Breakdown::Dimension(Dimension::Cta), Subject::Unit(_, Some(cta))) => cta.to_owned(),
        _ => attributed().map_or_else(|| NONE.to_owned(), Cow::into_owned),
    }
}
