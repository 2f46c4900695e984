//! Rank-ordered bitmaps: which flights' targeting meets a page, tier by tier.
//!
//! One bit a flight, in rank order. In every dimension a value's row holds the wildcards and the
//! inheritance already: `row[topic] = wildcards ∪ flights on the topic ∪ flights on any topic
//! above it`. A page takes one row a value, joins the rows inside a dimension, intersects the
//! dimensions and takes the bans out, a word at a time. Equal rows are kept once.

use crate::domain::event::Tier;
use crate::domain::language::Language;
use crate::domain::region::Country;
use crate::domain::region::Region;
use crate::selection::page::Commercial;
use crate::selection::rules::Case;
use crate::selection::snapshot::FlightRow;
use crate::selection::snapshot::Resolved;
use crate::selection::snapshot::Snapshot;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// A row: one bit a flight.
pub type Row = Arc<[u64]>;

/// Rows of one dimension: those who want a value, and those who refuse it.
struct Dimension<K> {
    /// Flights that ask for nothing in this dimension.
    wildcard: Option<Row>,
    /// Wildcards and those who ask for the value, by value.
    wants: HashMap<K, Row>,
    /// Those who refuse the value, by value.
    refuses: HashMap<K, Row>,
}

impl<K> Default for Dimension<K> {
    fn default() -> Self {
        Dimension { wildcard: None, wants: HashMap::new(), refuses: HashMap::new() }
    }
}

/// The rows of a snapshot.
#[derive(Default)]
pub struct Index {
    /// Words in a row.
    pub words: usize,
    /// Flights that are not stopped in the inventory itself.
    pub live: Vec<u64>,
    topics: Dimension<u32>,
    entities: Dimension<u32>,
    keywords: Dimension<u32>,
    regions: Dimension<Country>,
    page_regions: Dimension<Region>,
    languages: Dimension<Language>,
    publishers: Dimension<u32>,
    placements: Dimension<Box<str>>,
    /// Flights a publisher refuses or has no permission for, by publisher.
    blocked: HashMap<u32, Row>,
    /// Flights that accept sensitive pages.
    sensitive: Option<Row>,
    /// Flights with a live creative in a style, by the style's bit number.
    styles: [Option<Row>; 3],
    /// Flights of an advertiser and its rivals, by advertiser.
    apart: HashMap<u32, Row>,
    /// Flights whose sponsor is of an entity's house or its rival, by entity.
    conflicts: HashMap<u32, Row>,
    /// Restricted flights that may not be shown in a country (`None`: unknown), by country.
    unlawful: HashMap<Option<Country>, Row>,
}

/// Keeps equal rows once.
#[derive(Default)]
struct Pool {
    rows: HashMap<Row, ()>,
}

impl Pool {
    fn keep(&mut self, bits: Vec<u64>) -> Row {
        let row: Row = bits.into();
        match self.rows.get_key_value(&row) {
            Some((kept, ())) => kept.clone(),
            None => {
                self.rows.insert(row.clone(), ());
                row
            }
        }
    }
}

fn set(bits: &mut [u64], place: usize) {
    bits[place / 64] |= 1 << (place % 64);
}

fn bits_of(words: usize, places: impl Iterator<Item = usize>) -> Vec<u64> {
    let mut bits = vec![0; words];
    places.for_each(|place| set(&mut bits, place));
    bits
}

impl<K: Hash + Eq + Clone> Dimension<K> {
    /// `covered_by(value)` are the values whose flights a page with `value` meets: itself and
    /// those above it.
    fn build<T: Hash + Eq + Clone>(
        pool: &mut Pool,
        words: usize,
        flights: &[FlightRow],
        clause: impl Fn(&FlightRow) -> &Resolved<T>,
        values: impl Iterator<Item = K>,
        covered_by: impl Fn(&K) -> Vec<T>,
    ) -> Dimension<K> {
        let mut wanted: HashMap<T, Vec<usize>> = HashMap::new();
        let mut refused: HashMap<T, Vec<usize>> = HashMap::new();
        let mut wildcard = vec![0; words];
        for (place, flight) in flights.iter().enumerate() {
            let clause = clause(flight);
            if clause.any.is_empty() {
                set(&mut wildcard, place);
            }
            clause.any.iter().for_each(|v| wanted.entry(v.clone()).or_default().push(place));
            clause.none.iter().for_each(|v| refused.entry(v.clone()).or_default().push(place));
        }
        let mut dimension = Dimension::default();
        for value in values {
            let above = covered_by(&value);
            let of = |lists: &HashMap<T, Vec<usize>>| -> Vec<usize> {
                above.iter().filter_map(|v| lists.get(v)).flatten().copied().collect()
            };
            let (wants, refuses) = (of(&wanted), of(&refused));
            if !wants.is_empty() {
                let mut bits = wildcard.clone();
                wants.into_iter().for_each(|place| set(&mut bits, place));
                dimension.wants.insert(value.clone(), pool.keep(bits));
            }
            if !refuses.is_empty() {
                let bits = bits_of(words, refuses.into_iter());
                dimension.refuses.insert(value, pool.keep(bits));
            }
        }
        let asked = wildcard.iter().map(|w| w.count_ones() as usize).sum::<usize>() < flights.len();
        dimension.wildcard = asked.then(|| pool.keep(wildcard));
        dimension
    }

    /// Adds what a page with `values` takes from this dimension to the plan.
    fn plan<'a>(&'a self, values: impl Iterator<Item = K>, plan: &mut Plan<'a>) {
        let mut rows: SmallVec<[&[u64]; 4]> = SmallVec::new();
        for value in values {
            rows.extend(self.wants.get(&value).map(AsRef::as_ref));
            plan.without.extend(self.refuses.get(&value).map(AsRef::as_ref));
        }
        let Some(wildcard) = &self.wildcard else { return };
        if rows.is_empty() {
            rows.push(wildcard);
        }
        plan.within.push(rows);
    }
}

/// The rows that one page and slot take: joined inside a dimension, intersected over them.
#[derive(Default)]
pub struct Plan<'a> {
    within: SmallVec<[SmallVec<[&'a [u64]; 4]>; 10]>,
    without: SmallVec<[&'a [u64]; 8]>,
    /// What the page and its publisher take besides targeting: styles, sensitive pages.
    takes: SmallVec<[SmallVec<[&'a [u64]; 4]>; 2]>,
    /// What publisher and law refuse.
    refused: SmallVec<[&'a [u64]; 2]>,
    /// Sponsors that the story or the rest of the page keeps away.
    apart: SmallVec<[&'a [u64]; 4]>,
}

/// One word of a plan's flights; each set holds the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Those whose targeting meets the page.
    pub targeted: u64,
    /// Those of them that publisher, law and placement take.
    pub matched: u64,
    /// Those of them that neither the story nor the rest of the page keeps away.
    pub left: u64,
}

fn joined(rows: &[&[u64]], at: usize) -> u64 {
    rows.iter().fold(0, |bits, row| bits | row[at])
}

impl Plan<'_> {
    /// The flights of one word of the rows.
    #[inline]
    pub fn word(&self, at: usize) -> Word {
        let mut targeted = u64::MAX;
        for rows in &self.within {
            targeted &= joined(rows, at);
            if targeted == 0 {
                return Word::default();
            }
        }
        targeted &= !joined(&self.without, at);
        let taken = self.takes.iter().fold(targeted, |bits, rows| bits & joined(rows, at));
        let matched = taken & !joined(&self.refused, at);
        Word { targeted, matched, left: matched & !joined(&self.apart, at) }
    }
}

impl Index {
    /// Builds the rows of a snapshot whose other parts are complete.
    pub fn build(snapshot: &Snapshot) -> Index {
        let flights = snapshot.flights.as_slice();
        let words = flights.len().div_ceil(512) * 8;
        let mut pool = Pool::default();
        let pool = &mut pool;
        let countries = || snapshot.regions.countries();
        let every = 0..flights.len();
        let those = |keep: &dyn Fn(&FlightRow) -> bool| {
            bits_of(words, every.clone().filter(|place| keep(&flights[*place])))
        };
        let languages: std::collections::BTreeSet<Language> = flights
            .iter()
            .flat_map(|flight| flight.languages.any.iter().chain(&flight.languages.none).cloned())
            .collect();
        let placements: std::collections::BTreeSet<Box<str>> = flights
            .iter()
            .flat_map(|flight| flight.placements.any.iter().chain(&flight.placements.none).cloned())
            .collect();
        let topics = &snapshot.taxonomy;
        let entities = &snapshot.entities;
        Index {
            words,
            live: those(&|flight| !flight.stopped),
            topics: Dimension::build(
                pool,
                words,
                flights,
                |flight| &flight.topics,
                topics.all().map(|ix| ix.0),
                |ix| topics.with_ancestors(crate::domain::taxonomy::TopicIx(*ix)),
            ),
            entities: Dimension::build(
                pool,
                words,
                flights,
                |flight| &flight.entities,
                entities.all().map(|ix| ix.0),
                |ix| entities.with_owners(crate::domain::entity::EntityIx(*ix)),
            ),
            keywords: Dimension::build(
                pool,
                words,
                flights,
                |flight| &flight.keywords,
                0..u32::try_from(snapshot.keywords.len()).unwrap_or(u32::MAX),
                |keyword| vec![*keyword],
            ),
            regions: Dimension::build(
                pool,
                words,
                flights,
                |flight| &flight.regions,
                countries(),
                |country| snapshot.regions.with_groups(*country),
            ),
            page_regions: Dimension::build(
                pool,
                words,
                flights,
                |flight| &flight.page_regions,
                snapshot.regions.all(),
                |region| snapshot.regions.above(region),
            ),
            languages: Dimension::build(
                pool,
                words,
                flights,
                |flight| &flight.languages,
                languages.into_iter(),
                |language| vec![language.clone()],
            ),
            publishers: Dimension::build(
                pool,
                words,
                flights,
                |flight| &flight.publishers,
                0..u32::try_from(snapshot.publishers.len()).unwrap_or(u32::MAX),
                |publisher| vec![*publisher],
            ),
            placements: Dimension::build(
                pool,
                words,
                flights,
                |flight| &flight.placements,
                placements.into_iter(),
                |placement| vec![placement.clone()],
            ),
            blocked: numbered(&snapshot.publishers)
                .map(|(ix, publisher)| {
                    let refuses = |flight: &FlightRow| {
                        let permitted = |sector| publisher.allowed_sectors.contains(sector);
                        snapshot.blocks(publisher, flight)
                            || !flight.restricted_sectors.iter().all(permitted)
                    };
                    (ix, pool.keep(those(&refuses)))
                })
                .collect(),
            sensitive: Some(pool.keep(those(&|flight| flight.accepts_sensitive))),
            styles: [1, 2, 4].map(|bit| Some(pool.keep(those(&|flight| flight.styles & bit != 0)))),
            apart: numbered(&snapshot.advertiser_entities)
                .map(|(ix, _)| {
                    let apart = |flight: &FlightRow| snapshot.apart(ix as usize, flight.advertiser);
                    (ix, pool.keep(those(&apart)))
                })
                .collect(),
            conflicts: entities
                .all()
                .filter_map(|about| {
                    let bits = those(&|flight: &FlightRow| {
                        flight.sponsor.is_some_and(|sponsor| {
                            entities.same_house(sponsor, about) || entities.rivals(sponsor, about)
                        })
                    });
                    bits.iter().any(|word| *word != 0).then(|| (about.0, pool.keep(bits)))
                })
                .collect(),
            unlawful: countries()
                .map(Some)
                .chain([None])
                .map(|country| {
                    let unlawful = |flight: &FlightRow| !lawful(snapshot, flight, country);
                    (country, pool.keep(those(&unlawful)))
                })
                .collect(),
        }
    }

    /// The rows for one slot of one page.
    pub fn plan<'a>(&'a self, case: &Case<'a>) -> Plan<'a> {
        let (page, mut plan) = (case.page, Plan::default());
        self.topics.plan(page.topics.iter().map(|ix| ix.0), &mut plan);
        self.entities.plan(page.entities.iter().map(|(ix, _)| ix.0), &mut plan);
        self.keywords.plan(page.keywords.iter().copied(), &mut plan);
        self.regions.plan(page.viewer.country.into_iter(), &mut plan);
        self.page_regions.plan(page.region.clone().into_iter(), &mut plan);
        self.languages.plan(page.language.with_broader(), &mut plan);
        self.publishers.plan(std::iter::once(page.publisher), &mut plan);
        self.placements.plan(std::iter::once(case.placement().into()), &mut plan);
        let styles = case.styles();
        let takes = self.styles.iter().enumerate().filter(|(bit, _)| styles & (1 << bit) != 0);
        plan.takes.push(takes.filter_map(|(_, row)| row.as_deref()).collect());
        if page.sensitive {
            plan.takes.push(self.sensitive.as_deref().into_iter().collect());
        }
        plan.refused.extend(self.blocked.get(&page.publisher).map(AsRef::as_ref));
        plan.refused.extend(self.unlawful.get(&page.viewer.country).map(AsRef::as_ref));
        plan.apart
            .extend(case.guarded().filter_map(|ix| self.conflicts.get(&ix.0)).map(AsRef::as_ref));
        for advertiser in case.on_page() {
            let number = u32::try_from(advertiser).unwrap_or(u32::MAX);
            plan.apart.extend(self.apart.get(&number).map(AsRef::as_ref));
        }
        plan
    }
}

/// Which tiers a page takes.
pub fn tiers(commercial: Commercial) -> &'static [Tier] {
    match commercial {
        Commercial::Allow => Tier::ALL,
        Commercial::HouseOnly => &[Tier::House],
        Commercial::None => &[],
    }
}

fn numbered<T>(list: &[T]) -> impl Iterator<Item = (u32, &T)> {
    (0u32..).zip(list)
}

/// Whether the law of a region allows a flight's restricted lines of business there.
fn lawful(snapshot: &Snapshot, flight: &FlightRow, country: Option<Country>) -> bool {
    flight.restricted_sectors.iter().all(|sector| {
        let regions = &snapshot.inventory.sectors[*sector].regions;
        country.is_some_and(|c| regions.iter().any(|region| snapshot.regions.covers(region, c)))
    })
}
