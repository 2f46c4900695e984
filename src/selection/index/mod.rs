//! Bitmap index over flights: rows with one bit per flight, in rank order. In every dimension, the
//! row of a value already includes wildcards and inheritance: `row[topic] = wildcards ∪ flights on
//! the topic ∪ flights on any ancestor`. A page selects one row per value, unites the rows within a
//! dimension, intersects the dimensions and subtracts exclusions, 512 flights at a time.

mod brand_group;
mod dimension;
pub mod plan;
pub mod row;

use crate::domain::event::Tier;
use crate::domain::language::Language;
use crate::domain::party::Style;
use crate::domain::region::{Country, Region};
use crate::domain::taxonomy::TopicIx;
use crate::selection::fixed::Q32;
use crate::selection::index::brand_group::BrandGroups;
use crate::selection::index::dimension::Dimension;
use crate::selection::index::plan::Plan;
use crate::selection::index::row::{Block, Pool, Row};
use crate::selection::page::Commercial;
use crate::selection::rules::SlotContext;
use crate::selection::snapshot::{FlightRow, Snapshot, style_bit};
use hashbrown::HashMap;
use std::collections::BTreeSet;

/// The bitmap index of a snapshot.
#[derive(Default)]
pub struct Index {
    /// Flights that are not paused in the inventory.
    pub live: Vec<Block>,
    /// Flights with a start or an end.
    pub dated: Vec<Block>,
    /// Draw inputs of each flight, by rank.
    pub draw_inputs: Vec<DrawInputs>,
    topics: Dimension,
    entities: Dimension,
    keywords: Dimension,
    regions: Dimension,
    countries: HashMap<Country, u32>,
    page_regions: Dimension,
    region_numbers: HashMap<Region, u32>,
    languages: Dimension,
    language_numbers: HashMap<Box<str>, u32>,
    publishers: Dimension,
    placements: Dimension,
    placement_numbers: HashMap<Box<str>, u32>,
    /// By publisher: flights that it blocks.
    blocked: Vec<Option<Row>>,
    /// By publisher: flights with a restricted category that it does not allow.
    unpermitted: Vec<Option<Row>>,
    /// By country index: flights with a restricted category that is not allowed there. The last
    /// entry applies if the country is unknown.
    unlawful: Vec<Option<Row>>,
    /// Flights that accept sensitive pages.
    sensitive: Option<Row>,
    /// Flights with a live creative in a style, in the order of [`Style::ALL`].
    styles: Vec<Option<Row>>,
    brand_groups: BrandGroups,
}

/// Draw inputs of a flight, stored densely because a draw reads those of many flights.
#[derive(Clone, Copy, Debug, Default)]
pub struct DrawInputs {
    /// The flight's random seed.
    pub stable_id: u64,
    /// Logarithm of weight and price.
    pub ln_static: Q32,
}

fn places(flights: &[FlightRow], filter: impl Fn(&FlightRow) -> bool) -> impl Iterator<Item = u32> {
    (0u32..).zip(flights).filter(move |(_, flight)| filter(flight)).map(|(place, _)| place)
}

fn numbered<T>(list: impl IntoIterator<Item = T>) -> impl Iterator<Item = (T, u32)> {
    list.into_iter().zip(0u32..)
}

impl Index {
    /// Builds the index of a snapshot whose other parts are complete.
    pub fn build(snapshot: &Snapshot) -> Index {
        let flights = snapshot.flights.as_slice();
        let pool = &mut Pool::of(flights.len());
        let bits = |pool: &Pool, filter: &dyn Fn(&FlightRow) -> bool| {
            let mut bits = pool.empty();
            places(flights, filter).for_each(|place| row::set(&mut bits, place));
            bits
        };
        let regions = &snapshot.regions;
        let languages: BTreeSet<&Language> = flights
            .iter()
            .flat_map(|flight| flight.languages.any.iter().chain(&flight.languages.none))
            .collect();
        let slots: BTreeSet<&Box<str>> = flights
            .iter()
            .flat_map(|flight| flight.placements.any.iter().chain(&flight.placements.none))
            .collect();
        let numbers = |count: usize| 0..u32::try_from(count).unwrap_or(u32::MAX);
        let (topics, entities) = (&snapshot.taxonomy, &snapshot.entities);
        let topic_chains = topics.all().map(|ix| topics.with_ancestors(ix));
        let entity_chains = entities.all().map(|ix| entities.owners(ix).to_vec());
        let keywords = numbers(snapshot.keywords.len()).map(|number| vec![number]);
        let country_chains = regions.countries().map(|country| regions.with_groups(country));
        let region_chains =
            regions.all().map(|region| itself_first(regions.containing(&region), region));
        let language_values = languages.iter().map(|language| vec![(*language).clone()]);
        let publishers = numbers(snapshot.publishers.len()).map(|number| vec![number]);
        let placements = slots.iter().map(|slot| vec![(*slot).clone()]);
        Index {
            live: bits(pool, &|flight| !flight.paused),
            dated: bits(pool, &|flight| flight.starts_ms > i64::MIN || flight.ends_ms < i64::MAX),
            draw_inputs: flights
                .iter()
                .map(|f| DrawInputs { stable_id: f.stable_id, ln_static: f.ln_static })
                .collect(),
            topics: Dimension::build(pool, flights, |f| &f.topics, topic_chains, true),
            entities: Dimension::build(pool, flights, |f| &f.entities, entity_chains, false),
            keywords: Dimension::build(pool, flights, |f| &f.keywords, keywords, false),
            regions: Dimension::build(pool, flights, |f| &f.regions, country_chains, true),
            page_regions: Dimension::build(
                pool,
                flights,
                |f| &f.page_regions,
                region_chains,
                false,
            ),
            languages: Dimension::build(pool, flights, |f| &f.languages, language_values, false),
            publishers: Dimension::build(pool, flights, |f| &f.publishers, publishers, false),
            placements: Dimension::build(pool, flights, |f| &f.placements, placements, false),
            countries: numbered(regions.countries()).collect(),
            region_numbers: numbered(regions.all()).collect(),
            language_numbers: numbered(languages.iter().map(|l| l.as_str().into())).collect(),
            placement_numbers: numbered(slots.iter().map(|slot| (*slot).clone())).collect(),
            blocked: blocked(pool, snapshot),
            unpermitted: unpermitted(pool, snapshot),
            unlawful: unlawful(pool, snapshot),
            sensitive: pool.row(places(flights, |flight| flight.accepts_sensitive)),
            styles: Style::ALL
                .iter()
                .map(|style| pool.row(places(flights, |f| f.styles & style_bit(*style) != 0)))
                .collect(),
            brand_groups: BrandGroups::build(pool, snapshot),
        }
    }

    /// The query plan for one slot of one page.
    pub fn plan<'a>(&'a self, context: &SlotContext<'a>) -> Plan<'a> {
        let (page, mut plan) = (context.page, Plan::default());
        let topics = page.topics.iter().map(|ix: &TopicIx| ix.0);
        let country = page.viewer.country.and_then(|country| self.countries.get(&country).copied());
        let region = page.region.as_ref().and_then(|region| self.region_numbers.get(region));
        let language = |tag: &str| self.language_numbers.get(tag).copied();
        let tag = page.language.as_str();
        let broader = Some(page.language.primary()).filter(|primary| *primary != tag);
        let page_languages = language(tag).into_iter().chain(broader.and_then(language));
        let placement = self.placement_numbers.get(context.placement()).copied();
        self.topics.plan(topics.clone(), &mut plan);
        self.regions.plan(country.into_iter(), &mut plan);
        self.languages.plan(page_languages, &mut plan);
        self.entities.plan(page.entities.iter().map(|(ix, _)| ix.0), &mut plan);
        self.keywords.plan(page.keywords.iter().copied(), &mut plan);
        self.page_regions.plan(region.copied().into_iter(), &mut plan);
        self.publishers.plan(std::iter::once(page.publisher), &mut plan);
        self.placements.plan(placement.into_iter(), &mut plan);
        let styles = context.styles();
        for (style, row) in Style::ALL.iter().zip(&self.styles) {
            if styles & style_bit(*style) != 0 {
                row.iter().for_each(|row| plan.styles.push(row));
            }
        }
        plan.is_sensitive = page.sensitive;
        self.sensitive.iter().for_each(|row| plan.sensitive.push(row));
        let no_country = self.unlawful.len().saturating_sub(1);
        let jurisdiction = country.map_or(no_country, |number| number as usize);
        let of = |rows: &'a [Option<Row>], at: usize| rows.get(at)?.as_ref();
        let publisher = page.publisher as usize;
        of(&self.unlawful, jurisdiction).into_iter().for_each(|row| plan.unpermitted.push(row));
        of(&self.unpermitted, publisher).into_iter().for_each(|row| plan.unpermitted.push(row));
        of(&self.blocked, publisher).into_iter().for_each(|row| plan.blocked.push(row));
        for row in
            context.conflict_entities().filter_map(|entity| self.brand_groups.of_entity(entity))
        {
            plan.conflict.push(row);
        }
        for row in context
            .advertisers_on_page()
            .filter_map(|advertiser| self.brand_groups.of_advertiser(advertiser))
        {
            plan.shown.push(row);
        }
        plan.topics = self.topics.levels(topics);
        plan.regions = self.regions.levels(country.into_iter());
        plan.entities = self.entities.levels(std::iter::empty());
        plan.keywords = self.keywords.levels(std::iter::empty());
        plan
    }
}

/// The tiers that a page allows, in priority order.
pub fn tiers(commercial: Commercial) -> &'static [Tier] {
    match commercial {
        Commercial::Allow => Tier::ALL,
        Commercial::HouseOnly => &[Tier::House],
        Commercial::None => &[],
    }
}

/// Moves `region` to the front of the list of regions that contain it.
fn itself_first(mut containing: Vec<Region>, region: Region) -> Vec<Region> {
    containing.retain(|other| *other != region);
    containing.insert(0, region);
    containing
}

/// By publisher: flights it blocks. Checked once per campaign, since its flights share advertiser
/// and categories.
fn blocked(pool: &mut Pool, snapshot: &Snapshot) -> Vec<Option<Row>> {
    let mut of_campaign: Vec<Vec<u32>> = vec![Vec::new(); snapshot.inventory.campaigns.len()];
    for (place, flight) in (0u32..).zip(&snapshot.flights) {
        of_campaign[flight.campaign].push(place);
    }
    let publishers = snapshot.publishers.iter();
    publishers
        .map(|publisher| {
            let blocked = |places: &&Vec<u32>| {
                let flight = places.first().map(|place| &snapshot.flights[*place as usize]);
                flight.is_some_and(|flight| snapshot.blocks(publisher, flight))
            };
            pool.row(of_campaign.iter().filter(blocked).flatten().copied())
        })
        .collect()
}

/// Flights with restricted categories: rank and categories.
fn restricted(snapshot: &Snapshot) -> Vec<(u32, &[usize])> {
    let flights = (0u32..).zip(&snapshot.flights);
    flights
        .filter(|(_, flight)| !flight.restricted_categories.is_empty())
        .map(|(place, flight)| (place, &*flight.restricted_categories))
        .collect()
}

fn unpermitted(pool: &mut Pool, snapshot: &Snapshot) -> Vec<Option<Row>> {
    let restricted = restricted(snapshot);
    let mut known: HashMap<&[usize], Option<Row>> = HashMap::new();
    let publishers = snapshot.publishers.iter().map(|publisher| &*publisher.allowed_categories);
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

fn unlawful(pool: &mut Pool, snapshot: &Snapshot) -> Vec<Option<Row>> {
    let restricted = restricted(snapshot);
    let mut known: HashMap<Vec<bool>, Option<Row>> = HashMap::new();
    let countries = snapshot.regions.countries().map(Some).chain([None]);
    countries
        .map(|country| {
            let regions = snapshot.inventory.categories.iter().map(|category| &category.regions);
            let lawful = |regions: &Vec<Region>| {
                country.is_some_and(|c| regions.iter().any(|r| snapshot.regions.covers(r, c)))
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
