//! Reports: folds over the ledger's rows. Every breakdown of one query adds up to the same total:
//! each row of the ledger falls into exactly one row of a report, whatever it is broken down by.

mod figures;
#[cfg(test)]
mod laws;

pub use figures::Figure;
pub use figures::Figures;

use crate::domain::money::Currency;
use crate::domain::money::Micros;
use crate::domain::party::RevenueShare;
use crate::domain::zone::Zone;
use crate::ledger::record::Attribution;
use crate::ledger::record::Empty;
use crate::ledger::views::QUARTER_MS;
use crate::ledger::views::Views;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

closed! {
    /// What a report can be broken down by.
    Dimension {
        /// The decision's civil day.
        Day = "day",
        /// The decision's civil hour.
        Hour = "hour",
        /// The one topic it is reported under.
        Topic = "topic",
        /// The one entity.
        Entity = "entity",
        /// The reader's country.
        Region = "region",
        /// Whose page.
        Publisher = "publisher",
        /// Which slot.
        Placement = "placement",
        /// Which campaign.
        Campaign = "campaign",
        /// Which flight.
        Flight = "flight",
        /// Which creative.
        Creative = "creative",
        /// Which wording of it.
        Variant = "variant",
        /// Which call to action: clicks alone.
        Cta = "cta",
        /// Which tier.
        Tier = "tier",
    }
}

/// Whose report it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Party {
    /// One that pays.
    Advertiser(String),
    /// One that shows.
    Publisher {
        /// Its id.
        id: String,
        /// Its share of what its pages earn, from each date on.
        shares: Vec<RevenueShare>,
    },
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Query {
    /// Whose.
    pub party: Party,
    /// The first moment, in unix milliseconds.
    pub from_ms: i64,
    /// The first moment after it.
    pub to_ms: i64,
    /// Broken down by.
    pub by: Vec<Dimension>,
    /// Whose days and hours.
    pub zone: Zone,
    /// Only this campaign.
    pub campaign: Option<String>,
    /// Only this flight.
    pub flight: Option<String>,
    /// Only this creative.
    pub creative: Option<String>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Row {
    /// A value for each dimension asked for, in their order.
    pub keys: Vec<String>,
    /// The row's currency; amounts of two are never added. Slots that stayed empty stand in the
    /// first currency of the report.
    pub currency: Currency,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What stands where a row has no value: an empty slot's campaign, an impression's call to action.
const NONE: &str = "none";

/// The currency of a report in which nothing was earned.
const NO_EARNINGS: &str = "EUR";

/// The rows of a query, in the order of their keys, and a total for each currency.
pub fn report(views: &Views, query: &Query) -> (Vec<Row>, Vec<Row>) {
    let mut found = Found { query, rows: BTreeMap::new(), totals: BTreeMap::new() };
    let (first, end) = (quarter_from(query.from_ms), quarter_from(query.to_ms));
    let mut empty: Vec<(i64, &Empty, u64)> = Vec::new();
    for (at, quarter) in views.quarters.range(first..end.max(first)) {
        let own = quarter.events.iter().filter(|(key, _)| asked(query, &key.attribution));
        for (key, tally) in own.filter(|(_, tally)| figures::tells(tally)) {
            let share_bp = found.share_bp(*at);
            let of = Of::Unit(&key.attribution, key.cta.as_deref());
            found.add(*at, of, |figures| figures.event(key.kind, tally, share_bp));
        }
        for (of, count) in quarter.served.iter().filter(|(of, _)| asked(query, of)) {
            found.add(*at, Of::Unit(of, None), |figures| figures.served(*count));
        }
        let given_back = quarter.refunded.iter().filter(|(_, micros)| **micros > Micros::ZERO);
        for (of, micros) in given_back.filter(|(of, _)| asked(query, of)) {
            found.add(*at, Of::Unit(of, None), |figures| figures.refunded(*micros));
        }
        let own = quarter.empty.iter().filter(|(of, _)| asked_empty(query, of));
        empty.extend(own.map(|(of, count)| (*at, &**of, *count)));
    }
    let currency = found.totals.keys().next().copied();
    let currency = currency.or_else(|| NO_EARNINGS.parse().ok());
    for (at, of, count) in empty {
        if let Some(currency) = currency {
            found.add(at, Of::Empty(of, currency), |figures| figures.unfilled(of.reason, count));
        }
    }
    let row = |keys, currency, figures| Row { keys, currency, figures };
    let rows = found.rows.into_iter();
    let totals = found.totals.into_iter();
    (
        rows.map(|((keys, currency), figures)| row(keys, currency, figures)).collect(),
        totals.map(|(currency, figures)| row(Vec::new(), currency, figures)).collect(),
    )
}

/// The first quarter of an hour that begins at a moment or after it.
fn quarter_from(at_ms: i64) -> i64 {
    -(-at_ms).div_euclid(QUARTER_MS)
}

struct Found<'a> {
    query: &'a Query,
    rows: BTreeMap<(Vec<String>, Currency), Figures>,
    totals: BTreeMap<Currency, Figures>,
}

/// What a row of the ledger is about.
#[derive(Clone, Copy)]
enum Of<'a> {
    /// A unit, and the call to action of a click on it.
    Unit(&'a Attribution, Option<&'a str>),
    /// A slot without one, and the currency it stands under.
    Empty(&'a Empty, Currency),
}

impl Found<'_> {
    fn add(&mut self, quarter: i64, of: Of<'_>, add: impl Fn(&mut Figures)) {
        let query = self.query;
        let value = |dimension: &Dimension| value(*dimension, quarter, of, &query.zone);
        let keys = query.by.iter().map(value).collect();
        let currency = match of {
            Of::Unit(attribution, _) => attribution.currency,
            Of::Empty(_, currency) => currency,
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

    /// The publisher's share on a day, in hundredths of a per cent; `None` for an advertiser.
    fn share_bp(&self, quarter: i64) -> Option<u16> {
        let Party::Publisher { shares, .. } = &self.query.party else { return None };
        let at = jiff::Timestamp::from_millisecond(quarter * QUARTER_MS).unwrap_or_default();
        let day = at.to_zoned(jiff::tz::TimeZone::UTC).date();
        let share = shares.iter().rev().find(|share| share.from <= day);
        Some(share.map_or(0, |share| share.bp))
    }
}

fn asked(query: &Query, of: &Attribution) -> bool {
    let own = match &query.party {
        Party::Advertiser(id) => *of.advertiser == **id,
        Party::Publisher { id, .. } => *of.publisher == **id,
    };
    let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|w| w == found);
    own && is(&query.campaign, &of.campaign)
        && is(&query.flight, &of.flight)
        && is(&query.creative, &of.creative)
}

/// Slots that nobody filled are the publisher's alone, and no campaign's.
fn asked_empty(query: &Query, of: &Empty) -> bool {
    let filters = [&query.campaign, &query.flight, &query.creative];
    matches!(&query.party, Party::Publisher { id, .. } if *of.publisher == **id)
        && filters.iter().all(|filter| filter.is_none())
}

fn value(dimension: Dimension, quarter: i64, of: Of<'_>, zone: &Zone) -> String {
    let civil = || {
        let at = jiff::Timestamp::from_millisecond(quarter * QUARTER_MS).unwrap_or_default();
        at.to_zoned(zone.rules().clone())
    };
    let text = match (dimension, of) {
        (Dimension::Day, _) => return civil().date().to_string(),
        (Dimension::Hour, _) => return civil().strftime("%Y-%m-%dT%H:00%:z").to_string(),
        (Dimension::Topic, Of::Unit(of, _)) => &of.topic,
        (Dimension::Topic, Of::Empty(of, _)) => &of.topic,
        (Dimension::Entity, Of::Unit(of, _)) => &of.entity,
        (Dimension::Entity, Of::Empty(of, _)) => &of.entity,
        (Dimension::Region, Of::Unit(of, _)) => &of.region,
        (Dimension::Region, Of::Empty(of, _)) => &of.region,
        (Dimension::Publisher, Of::Unit(of, _)) => &of.publisher,
        (Dimension::Publisher, Of::Empty(of, _)) => &of.publisher,
        (Dimension::Placement, Of::Unit(of, _)) => &of.placement,
        (Dimension::Placement, Of::Empty(of, _)) => &of.placement,
        (Dimension::Campaign, Of::Unit(of, _)) => &of.campaign,
        (Dimension::Flight, Of::Unit(of, _)) => &of.flight,
        (Dimension::Creative, Of::Unit(of, _)) => &of.creative,
        (Dimension::Variant, Of::Unit(of, _)) => return of.variant.to_string(),
        (Dimension::Tier, Of::Unit(of, _)) => of.tier.as_str(),
        (Dimension::Cta, Of::Unit(_, cta)) => cta.unwrap_or(NONE),
        (_, Of::Empty(..)) => NONE,
    };
    text.to_owned()
}
