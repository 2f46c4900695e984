//! Reports: aggregations of ledger rows. Each ledger row falls into exactly one report row, so every
//! breakdown of a query adds up to the same total.

mod figures;
#[cfg(test)]
mod properties;

pub(crate) use figures::{Figure, Figures};

use crate::domain::attribution::{AttributionKey, Dimension};
use crate::domain::money::{Currency, Micros};
use crate::domain::party::RevenueShare;
use crate::domain::zone::Zone;
use crate::ledger::record::UnfilledSlot;
use crate::ledger::views::{QUARTER_MS, Views};
use schemars::JsonSchema;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

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
    /// Dimensions of the breakdown, in order.
    pub(crate) by: Vec<Dimension>,
    /// Time zone of days and hours.
    pub(crate) zone: Zone,
    /// Values that dimensions of the attribution must have.
    pub(crate) filters: Vec<(Dimension, String)>,
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

/// The rows of a query, ordered by key, and one total per currency.
pub(crate) fn report(views: &Views, query: &Query) -> (Vec<Row>, Vec<Row>) {
    let mut builder = ReportBuilder { query, rows: BTreeMap::new(), totals: BTreeMap::new() };
    let (first, end) = (quarter_from(query.from_ms), quarter_from(query.to_ms));
    let mut empty: Vec<(i64, &UnfilledSlot, u64)> = Vec::new();
    for (at, quarter) in views.range(first..end) {
        let own = quarter.events.iter().filter(|(key, _)| matches(query, &key.attribution));
        for (key, tally) in own.filter(|(_, tally)| figures::is_reportable(tally)) {
            let share_bp = builder.share_bp(at);
            let of = Subject::Unit(&key.attribution, key.cta.as_deref());
            builder.add(at, of, |figures| figures.add_events(key.kind, tally, share_bp));
        }
        for (of, count) in quarter.served.iter().filter(|(of, _)| matches(query, of)) {
            builder.add(at, Subject::Unit(of, None), |figures| figures.add_served(*count));
        }
        let refunds = quarter.refunded.iter().filter(|(_, micros)| **micros > Micros::ZERO);
        for (of, micros) in refunds.filter(|(of, _)| matches(query, of)) {
            builder.add(at, Subject::Unit(of, None), |figures| figures.add_refund(*micros));
        }
        let own = quarter.empty.iter().filter(|(of, _)| matches_unfilled(query, of));
        empty.extend(own.map(|(of, count)| (at, &**of, *count)));
    }
    let currency = builder.totals.keys().next().copied();
    let currency = currency.or_else(|| NO_EARNINGS.parse().ok());
    for (at, of, count) in empty {
        if let Some(currency) = currency {
            builder.add(at, Subject::Empty(of, currency), |figures| {
                figures.add_unfilled(of.reason, count)
            });
        }
    }
    let row = |keys, currency, figures| Row { keys, currency, figures };
    let rows = builder.rows.into_iter();
    let totals = builder.totals.into_iter();
    (
        rows.map(|((keys, currency), figures)| row(keys, currency, figures)).collect(),
        totals.map(|(currency, figures)| row(Vec::new(), currency, figures)).collect(),
    )
}

/// The first quarter hour that starts at or after a time.
fn quarter_from(at_ms: i64) -> i64 {
    -(-at_ms).div_euclid(QUARTER_MS)
}

struct ReportBuilder<'a> {
    query: &'a Query,
    rows: BTreeMap<(Vec<String>, Currency), Figures>,
    totals: BTreeMap<Currency, Figures>,
}

/// The subject of a ledger row.
#[derive(Clone, Copy)]
enum Subject<'a> {
    /// A served unit, and the call to action if the row counts clicks.
    Unit(&'a AttributionKey, Option<&'a str>),
    /// An unfilled slot, and the currency of the row to add it to.
    Empty(&'a UnfilledSlot, Currency),
}

impl ReportBuilder<'_> {
    fn add(&mut self, quarter: i64, of: Subject<'_>, add: impl Fn(&mut Figures)) {
        let query = self.query;
        let value = |dimension: &Dimension| value(*dimension, quarter, of, &query.zone);
        let keys = query.by.iter().map(value).collect();
        let currency = match of {
            Subject::Unit(attribution, _) => attribution.currency,
            Subject::Empty(_, currency) => currency,
        };
        for figures in [
            self.rows.entry((keys, currency)).or_default(),
            self.totals.entry(currency).or_default(),
        ] {
            add(figures);
            if matches!(query.party, Party::Publisher { .. }) {
                figures.revenue_micros.get_or_insert(0);
            }
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

fn matches(query: &Query, of: &AttributionKey) -> bool {
    let own = match &query.party {
        Party::Advertiser(id) => *of.advertiser == **id,
        Party::Publisher { id, .. } => *of.page.publisher == **id,
    };
    let has = |(dimension, wanted): &(Dimension, String)| {
        dimension.value(Some(of), &of.page).is_some_and(|value| value == *wanted)
    };
    own && query.filters.iter().all(has)
}

/// Unfilled slots appear only in publisher reports without a filter.
fn matches_unfilled(query: &Query, of: &UnfilledSlot) -> bool {
    matches!(&query.party, Party::Publisher { id, .. } if *of.page.publisher == **id)
        && query.filters.is_empty()
}

fn value(dimension: Dimension, quarter: i64, of: Subject<'_>, zone: &Zone) -> String {
    let civil = || {
        let at = jiff::Timestamp::from_millisecond(quarter * QUARTER_MS).unwrap_or_default();
        at.to_zoned(zone.rules().clone())
    };
    let attributed = || match of {
        Subject::Unit(unit, _) => dimension.value(Some(unit), &unit.page),
        Subject::Empty(slot, _) => dimension.value(None, &slot.page),
    };
    match (dimension, of) {
        (Dimension::Day, _) => civil().date().to_string(),
        (Dimension::Hour, _) => civil().strftime("%Y-%m-%dT%H:00%:z").to_string(),
        (Dimension::Cta, Subject::Unit(_, Some(cta))) => cta.to_owned(),
        _ => attributed().map_or_else(|| NONE.to_owned(), Cow::into_owned),
    }
}
