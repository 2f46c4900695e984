//! Reports: folds over the ledger's rows. Every breakdown of one query adds up to the same total.

use crate::domain::event::EventKind;
use crate::domain::event::InvalidReason;
use crate::domain::money::Currency;
use crate::domain::zone::Zone;
use crate::ledger::State;
use crate::ledger::apply::QUARTER_MS;
use crate::ledger::apply::RowKey;
use crate::ledger::apply::Tally;
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// One that pays.
    Advertiser(String),
    /// One that shows.
    Publisher(String),
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

/// Events of one kind. Duplicates and tests are neither gross nor invalid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Figure {
    /// Counted and invalid.
    pub gross: u64,
    /// Kept and never billed.
    pub invalid: u64,
    /// Counted.
    pub net: u64,
}

/// The figures of one row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Figures {
    /// Units that began to render.
    pub impressions: Figure,
    /// Units half in view for a second.
    pub viewable: Figure,
    /// Calls to action followed.
    pub clicks: Figure,
    /// Commands copied.
    pub copies: Figure,
    /// Clicks that wait for their impression.
    pub pending: u64,
    /// Invalid events by reason, of all kinds.
    pub refused: BTreeMap<InvalidReason, u64>,
    /// Billed, in micros of the row's currency.
    pub spend_micros: i64,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Row {
    /// A value for each dimension asked for, in their order.
    pub keys: Vec<String>,
    /// The row's currency; amounts of two are never added.
    pub currency: Currency,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// The rows of a query, in the order of their keys, and a total for each currency.
pub fn report(state: &State, query: &Query) -> (Vec<Row>, Vec<Row>) {
    let mut rows: BTreeMap<(Vec<String>, Currency), Figures> = BTreeMap::new();
    let mut totals: BTreeMap<Currency, Figures> = BTreeMap::new();
    for (key, tally) in state.rows.iter().filter(|(key, _)| asked(query, key)) {
        let currency = key.attribution.currency;
        let keys = query.by.iter().map(|dimension| value(*dimension, key, &query.zone)).collect();
        rows.entry((keys, currency)).or_default().add(key.kind, tally);
        totals.entry(currency).or_default().add(key.kind, tally);
    }
    let rows = rows
        .into_iter()
        .map(|((keys, currency), figures)| Row { keys, currency, figures })
        .collect();
    let totals = totals
        .into_iter()
        .map(|(currency, figures)| Row { keys: Vec::new(), currency, figures })
        .collect();
    (rows, totals)
}

fn asked(query: &Query, key: &RowKey) -> bool {
    let of = &key.attribution;
    let starts_ms = key.quarter * QUARTER_MS;
    let own = match &query.party {
        Party::Advertiser(id) => *of.advertiser == **id,
        Party::Publisher(id) => *of.publisher == **id,
    };
    let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|w| w == found);
    own && (query.from_ms..query.to_ms).contains(&starts_ms)
        && is(&query.campaign, &of.campaign)
        && is(&query.flight, &of.flight)
        && is(&query.creative, &of.creative)
}

fn value(dimension: Dimension, key: &RowKey, zone: &Zone) -> String {
    let of = &key.attribution;
    let civil = || {
        let at = jiff::Timestamp::from_millisecond(key.quarter * QUARTER_MS).unwrap_or_default();
        at.to_zoned(zone.rules().clone())
    };
    match dimension {
        Dimension::Day => civil().date().to_string(),
        Dimension::Hour => civil().strftime("%Y-%m-%dT%H:00%:z").to_string(),
        Dimension::Topic => of.topic.to_string(),
        Dimension::Entity => of.entity.to_string(),
        Dimension::Region => of.region.to_string(),
        Dimension::Publisher => of.publisher.to_string(),
        Dimension::Placement => of.placement.to_string(),
        Dimension::Campaign => of.campaign.to_string(),
        Dimension::Flight => of.flight.to_string(),
        Dimension::Creative => of.creative.to_string(),
        Dimension::Variant => of.variant.to_string(),
        Dimension::Cta => key.cta.as_deref().unwrap_or("none").to_owned(),
        Dimension::Tier => of.tier.to_string(),
    }
}

impl Figures {
    fn add(&mut self, kind: EventKind, tally: &Tally) {
        let figure = match kind {
            EventKind::Impression => &mut self.impressions,
            EventKind::Viewable => &mut self.viewable,
            EventKind::Click => &mut self.clicks,
            EventKind::Copy => &mut self.copies,
        };
        let tests = tally.invalid.get(&InvalidReason::Test).copied().unwrap_or(0);
        let invalid = tally.invalid_total() - tests;
        figure.net += tally.counted;
        figure.invalid += invalid;
        figure.gross += tally.counted + invalid;
        self.pending += tally.pending;
        self.spend_micros += tally.billed.get();
        for (reason, count) in &tally.invalid {
            if *reason != InvalidReason::Test {
                *self.refused.entry(*reason).or_default() += count;
            }
        }
    }
}
