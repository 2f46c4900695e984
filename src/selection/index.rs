//! Bitmap index over flights: rows with one bit per flight, in rank order. In every dimension, the
//! row of a value already includes wildcards and inheritance: `row[topic] = wildcards ∪ flights on
//! the topic ∪ flights on any ancestor`. A page selects one row per value, unites the rows within a
//! dimension, intersects the dimensions and subtracts exclusions, 512 flights at a time.

use crate::domain::event::{EventKind, Tier};
use crate::domain::event_kinds::EventKinds;
use crate::domain::party::Style;
use crate::domain::region::Region;
use crate::selection::bitmap;
use crate::selection::bitmap::{Block, Pool, Row};
use crate::selection::brand_group::BrandGroups;
use crate::selection::compiled::{Compiled, FlightRow, style_bit};
use crate::selection::custom_rows::CustomRows;
use crate::selection::dimension;
use crate::selection::dimension::{Dimension, LAST_RANK};
use crate::selection::fixed::Q32;
use crate::selection::page::Commercial;
use crate::selection::plan::Plan;
use crate::selection::query::Query;
use crate::selection::value_rows::ValueRows;
use hashbrown::HashMap;

/// The bitmap index of a snapshot.
pub(crate) struct Index {
    /// Flights that are not paused in the inventory.
    pub(crate) live: Vec<Block>,
    /// Flights with a start or an end.
    pub(crate) dated: Vec<Block>,
    /// Draw inputs of each flight, by rank.
    pub(crate) draw_inputs: Vec<DrawInputs>,
    dimensions: Dimensions,
    /// By publisher: flights that it blocks.
    blocked: Vec<Option<Row>>,
    /// By publisher: flights with a restricted category that it does not allow.
    unpermitted: Vec<Option<Row>>,
    /// By country, in the order of [`dimension::Region`]: flights with a restricted category that is not
    /// allowed there. The last entry applies if the country is unknown.
    unlawful: Vec<Option<Row>>,
    /// Flights that accept sensitive pages.
    sensitive: Option<Row>,
    /// Flights with a live creative in a style, in the order of [`Style::ALL`].
    styles: Vec<Option<Row>>,
    /// Flights that need an event, in the order of [`EventKind::ALL`].
    needs: Vec<Option<Row>>,
    brand_groups: BrandGroups,
}

/// Draw inputs of a flight, stored densely because a draw reads those of many flights.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DrawInputs {
    /// The flight's random seed.
    pub(crate) stable_id: u64,
    /// Logarithm of weight and price, before the price is converted.
    pub(crate) ln_static: Q32,
    /// Number of the price's currency.
    pub(crate) currency: u8,
}

fn places(flights: &[FlightRow], filter: impl Fn(&FlightRow) -> bool) -> impl Iterator<Item = u32> {
    (0u32..).zip(flights).filter(move |(_, flight)| filter(flight)).map(|(place, _)| place)
}

macro_rules! rows_of_every_dimension {
    ($({$(
        $(#[$doc:meta])* $field:ident: $stated:ty => $value:ty, $reason:ident $(= $text:literal)?,
        $sentence:literal, $remedy:literal;
    )*})*) => {
        /// The rows of every targeting dimension.
        struct Dimensions {
            $($($field: ValueRows<dimension::$reason>,)*)*
            custom: CustomRows,
        }

        impl Dimensions {
            fn build(pool: &mut Pool, compiled: &Compiled) -> Dimensions {
                Dimensions {
                    $($($field: ValueRows::build(pool, compiled, |flight| &flight.targets.$field),)*)*
                    custom: CustomRows::build(pool, compiled),
                }
            }

            fn plan<'a>(&'a self, query: &Query<'_>, plan: &mut Plan<'a>) {
                for rank in 0..=LAST_RANK {
                    $($(if dimension::$reason::RANK == rank {
                        self.$field.plan(query, plan);
                    })*)*
                }
                self.custom.plan(query, plan);
            }
        }
    };
}

targeting_dimensions!(rows_of_every_dimension);

impl Index {
    /// Builds the index of a compiled inventory.
    pub(crate) fn build(compiled: &Compiled) -> Index {
        let flights = compiled.flights.as_slice();
        let pool = &mut Pool::of(flights.len());
        let bits = |pool: &Pool, filter: &dyn Fn(&FlightRow) -> bool| {
            let mut bits = pool.empty();
            places(flights, filter).for_each(|place| bitmap::set(&mut bits, place));
            bits
        };
        Index {
            live: bits(pool, &|flight| !flight.paused),
            dated: bits(pool, &|flight| {
                flight.starts_ms > i64::MIN || flight.ends_ms < i64::MAX || flight.hours.is_some()
            }),
            draw_inputs: flights
                .iter()
                .map(|f| DrawInputs {
                    stable_id: f.stable_id,
                    ln_static: f.ln_static,
                    currency: f.currency,
                })
                .collect(),
            dimensions: Dimensions::build(pool, compiled),
            blocked: blocked(pool, compiled),
            unpermitted: unpermitted(pool, compiled),
            unlawful: unlawful(pool, compiled),
            sensitive: pool.row(places(flights, |flight| flight.accepts_sensitive)),
            styles: Style::ALL
                .iter()
                .map(|style| pool.row(places(flights, |f| f.styles & style_bit(*style) != 0)))
                .collect(),
            needs: EventKind::ALL
                .iter()
                .map(|kind| EventKinds::of(&[*kind]))
                .map(|kind| pool.row(places(flights, |flight| flight.needs.meets(kind))))
                .collect(),
            brand_groups: BrandGroups::build(pool, compiled),
        }
    }

    /// The query plan for one slot of one page.
    pub(crate) fn plan<'a>(&'a self, query: &Query<'_>) -> Plan<'a> {
        let (page, mut plan) = (query.page, Plan::default());
        self.dimensions.plan(query, &mut plan);
        let styles = query.styles();
        for (style, row) in Style::ALL.iter().zip(&self.styles) {
            if styles & style_bit(*style) != 0 {
                row.iter().for_each(|row| plan.styles.push(row));
            }
        }
        for (kind, row) in EventKind::ALL.iter().zip(&self.needs) {
            if query.unreported.meets(EventKinds::of(&[*kind])) {
                row.iter().for_each(|row| plan.unreported.push(row));
            }
        }
        plan.is_sensitive = page.sensitive;
        self.sensitive.iter().for_each(|row| plan.sensitive.push(row));
        let no_country = self.unlawful.len().saturating_sub(1);
        let country = self.dimensions.regions.of_page(query).next();
        let jurisdiction = country.map_or(no_country, |number| number as usize);
        let of = |rows: &'a [Option<Row>], at: usize| rows.get(at)?.as_ref();
        let publisher = page.publisher as usize;
        of(&self.unlawful, jurisdiction).into_iter().for_each(|row| plan.unpermitted.push(row));
        of(&self.unpermitted, publisher).into_iter().for_each(|row| plan.unpermitted.push(row));
        of(&self.blocked, publisher).into_iter().for_each(|row| plan.blocked.push(row));
        for row in
            query.conflict_entities().filter_map(|entity| self.brand_groups.of_entity(entity))
        {
            plan.conflict.push(row);
        }
        for row in query
            .advertisers_on_page()
            .filter_map(|advertiser| self.brand_groups.of_advertiser(advertiser))
        {
            plan.shown.push(row);
        }
        plan.topics = self.dimensions.topics.levels(query);
        plan.regions = self.dimensions.regions.levels(query);
        plan.entities = self.dimensions.entities.levels(query);
        plan.keywords = self.dimensions.keywords.levels(query);
        plan
    }
}

/// The tiers that a page allows, in priority order.
pub(crate) fn tiers(commercial: Commercial) -> &'static [Tier] {
    match commercial {
        Commercial::Allow => Tier::ALL,
        Commercial::HouseOnly => &[Tier::House],
        Commercial::None => &[],
    }
}

/// By publisher: flights it blocks. Checked once per campaign, since its flights share advertiser
/// and categories.
fn blocked(pool: &mut Pool, compiled: &Compiled) -> Vec<Option<Row>> {
    let mut of_campaign: Vec<Vec<u32>> = vec![Vec::new(); compiled.inventory.campaigns.len()];
    for (place, flight) in (0u32..).zip(&compiled.flights) {
        of_campaign[flight.campaign].push(place);
    }
    let publishers = compiled.publishers.iter();
    publishers
        .map(|publisher| {
            let blocked = |places: &&Vec<u32>| {
                let flight = places.first().map(|place| &compiled.flights[*place as usize]);
                flight.is_some_and(|flight| compiled.blocks(publisher, flight))
            };
            pool.row(of_campaign.iter().filter(blocked).flatten().copied())
        })
        .collect()
}

/// Flights with restricted categories: rank and categories.
fn restricted(compiled: &Compiled) -> Vec<(u32, &[usize])> {
    let flights = (0u32..).zip(&compiled.flights);
    flights
        .filter(|(_, flight)| !flight.restricted_categories.is_empty())
        .map(|(place, flight)| (place, &*flight.restricted_categories))
        .collect()
}

fn unpermitted(pool: &mut Pool, compiled: &Compiled) -> Vec<Option<Row>> {
    let restricted = restricted(compiled);
    let mut known: HashMap<&[usize], Option<Row>> = HashMap::new();
    let publishers = compiled.publishers.iter().map(|publisher| &*publisher.allowed_categories);
    publishers
        .map(|allowed| {
            let denied = |categories: &[usize]| {
                categories.iter().any(|category| !allowed.contains(category))
            };
            let flights = restricted.iter().filter(|(_, categories)| denied(categories));
            known.entry(allowed).or_insert_with(|| pool.row(flights.map(|(at, _)| *at))).clone()
        })
        .collect()
}

fn unlawful(pool: &mut Pool, compiled: &Compiled) -> Vec<Option<Row>> {
    let restricted = restricted(compiled);
    let mut known: HashMap<Vec<bool>, Option<Row>> = HashMap::new();
    let countries = compiled.regions.countries().map(Some).chain([None]);
    countries
        .map(|country| {
            let regions = compiled.inventory.categories.iter().map(|category| &category.regions);
            let lawful = |regions: &Vec<Region>| {
                country.is_some_and(|c| regions.iter().any(|r| compiled.regions.covers(r, c)))
            };
            let lawful: Vec<bool> = regions.map(lawful).collect();
            let denied =
                |categories: &[usize]| categories.iter().any(|category| !lawful[*category]);
            if let Some(row) = known.get(&lawful) {
                return row.clone();
            }
            let flights = restricted.iter().filter(|(_, categories)| denied(categories));
            let row = pool.row(flights.map(|(at, _)| *at));
            known.insert(lawful, row.clone());
            row
        })
        .collect()
}
