//! The immutable input of decisions: inventory, weights and labels, compiled, identified by hashes.

use crate::domain::boxed_or_default::{BoxedOrDefault, StaticDefault};
use crate::domain::entity::{Entities, EntityIx};
use crate::domain::event::{Pricing, Tier};
use crate::domain::inventory::Inventory;
use crate::domain::label::Labels;
use crate::domain::language::Language;
use crate::domain::money::Micros;
use crate::domain::party::{Style, SubjectConflict};
use crate::domain::region::{Country, Region, Regions};
use crate::domain::taxonomy::{Taxonomy, TopicIx};
use crate::selection::fixed::Q32;
use crate::selection::index::row::Block;
use crate::selection::index::{Index, row};
use crate::selection::score::Boosts;
use hashbrown::HashMap;
use smallvec::SmallVec;

/// The compiled inventory. Flights are in rank order: by tier, then by static score (highest first),
/// then by id. A flight's position in `flights` (its place) is its bit in every row of the index.
pub struct Snapshot {
    /// Content hash of the inventory.
    pub inventory_hash: String,
    /// Content hash of the weights.
    pub weights_hash: String,
    /// Content hash of the label table.
    pub labels_hash: String,
    /// The documents, each list in id order.
    pub inventory: Inventory,
    /// The topic tree.
    pub taxonomy: Taxonomy,
    /// Entities that pages can be about.
    pub entities: Entities,
    /// Countries and their groups.
    pub regions: Regions,
    /// The disclosure labels.
    pub labels: Labels,
    /// Indices of the keywords that any flight targets.
    pub keywords: HashMap<Box<str>, u32>,
    /// The flights, in rank order.
    pub flights: Vec<FlightRow>,
    /// The creatives, in id order.
    pub creatives: Vec<CreativeRow>,
    /// The publishers, in id order.
    pub publishers: Vec<PublisherRow>,
    /// Publisher indices by id.
    pub publisher_by_id: HashMap<Box<str>, u32>,
    /// Creative indices by id.
    pub creative_by_id: HashMap<Box<str>, u32>,
    /// The entity of each advertiser, by advertiser index.
    pub advertiser_entities: Vec<Option<EntityIx>>,
    /// Category indices of each campaign, by campaign index.
    pub campaign_categories: Vec<Box<[usize]>>,
    /// The scoring weights as logarithms.
    pub boosts: Boosts,
    /// The bitmap index over flights.
    pub index: Index,
    /// The range of each tier's flights in rank order, in the order of [`Tier::ALL`].
    pub tiers: [std::ops::Range<usize>; 3],
}

/// A targeting clause with resolved, sorted values.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved<T> {
    /// At least one of these must match; empty matches everything.
    pub any: Vec<T>,
    /// None of these may match.
    pub none: Vec<T>,
}

impl<T> Default for Resolved<T> {
    fn default() -> Self {
        Resolved { any: Vec::new(), none: Vec::new() }
    }
}

impl<T: PartialEq + 'static> StaticDefault for Resolved<T> {
    const DEFAULT: &'static Self = &Resolved { any: Vec::new(), none: Vec::new() };
}

impl<T: PartialEq> Resolved<T> {
    /// Whether a page with these values matches. `covers(mine, theirs)` returns whether a value of
    /// the flight covers a value of the page.
    pub fn fits<V: Copy>(&self, values: &[V], covers: impl Fn(&T, V) -> bool) -> bool {
        let meets = |list: &[T]| list.iter().any(|mine| values.iter().any(|v| covers(mine, *v)));
        (self.any.is_empty() || meets(&self.any)) && !meets(&self.none)
    }
}

/// A compiled flight.
#[derive(Clone, Debug)]
pub struct FlightRow {
    /// Its index in `inventory.flights`.
    pub doc: usize,
    /// Its random seed: a hash of its id.
    pub stable_id: u64,
    /// Its campaign's index in `inventory.campaigns`.
    pub campaign: usize,
    /// Its advertiser's index in `inventory.advertisers`.
    pub advertiser: usize,
    /// Its priority tier.
    pub tier: Tier,
    /// Start (inclusive), in Unix milliseconds.
    pub starts_ms: i64,
    /// End (exclusive), in Unix milliseconds.
    pub ends_ms: i64,
    /// Logarithm of weight and price.
    pub ln_static: Q32,
    /// Whether it, its campaign or its advertiser is paused, or it has no live creative.
    pub paused: bool,
    /// Whether it may run on sensitive pages.
    pub accepts_sensitive: bool,
    /// The pricing model.
    pub pricing: Pricing,
    /// The price of one billable event.
    pub price: Micros,
    /// The additional price of a copied command.
    pub copy_price: Micros,
    /// The entity of its advertiser.
    pub sponsor: Option<EntityIx>,
    /// Indices of its campaign's restricted categories.
    pub restricted_categories: Box<[usize]>,
    /// Targeted page topics.
    pub topics: BoxedOrDefault<Resolved<TopicIx>>,
    /// Targeted page entities.
    pub entities: BoxedOrDefault<Resolved<EntityIx>>,
    /// Targeted reader regions.
    pub regions: BoxedOrDefault<Resolved<Region>>,
    /// Targeted regions that pages are about.
    pub page_regions: BoxedOrDefault<Resolved<Region>>,
    /// Targeted page languages.
    pub languages: BoxedOrDefault<Resolved<Language>>,
    /// Targeted page keywords, by index.
    pub keywords: BoxedOrDefault<Resolved<u32>>,
    /// Targeted publishers, by index.
    pub publishers: BoxedOrDefault<Resolved<u32>>,
    /// Targeted placements, by id.
    pub placements: BoxedOrDefault<Resolved<Box<str>>>,
    /// Styles of its live creatives, one bit each in the order of [`Style::ALL`].
    pub styles: u8,
    /// Indices of its live creatives.
    pub creatives: Box<[u32]>,
}

/// A compiled creative.
#[derive(Clone, Debug)]
pub struct CreativeRow {
    /// Its index in `inventory.creatives`, equal to its index in `Snapshot::creatives`.
    pub doc: usize,
    /// Its random seed: a hash of its id.
    pub stable_id: u64,
    /// Its flight's position in rank order; `None` if the flight was not compiled.
    pub flight: Option<usize>,
    /// Content hash.
    pub hash: String,
    /// Styles, one bit each.
    pub styles: u8,
    /// Logarithms of the weights of its texts: its own first, then the variants.
    pub wordings: SmallVec<[Q32; 1]>,
}

/// A compiled publisher.
#[derive(Clone, Debug)]
pub struct PublisherRow {
    /// Its index in `inventory.publishers`.
    pub doc: usize,
    /// Indices of the advertisers it blocks.
    pub blocked_advertisers: Box<[usize]>,
    /// Indices of the categories it blocks.
    pub blocked_categories: Box<[usize]>,
    /// Entities it blocks as advertisers.
    pub blocked_entities: Box<[EntityIx]>,
    /// Indices of the restricted categories it allows.
    pub allowed_categories: Box<[usize]>,
    /// Its subject conflict policy.
    pub conflict: SubjectConflict,
    /// Paused topics.
    pub paused_topics: Box<[TopicIx]>,
    /// Placements: id and styles, in document order.
    pub placements: Box<[(Box<str>, Vec<Style>)]>,
    /// Country assumed for readers whose country is unknown.
    pub default_country: Country,
}

/// The bit of a style in a style set.
pub fn style_bit(style: Style) -> u8 {
    match style {
        Style::Terminal => 1,
        Style::Card => 2,
        Style::Line => 4,
    }
}

/// State that changes more often than the snapshot: immutable, numbered, replaced as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Incremented with every change.
    pub number: u64,
    /// Flights whose budget is spent or reserved, as sorted ranks.
    pub spent: Vec<u32>,
    /// Throttled flights, as sorted ranks, each with the share of traffic it participates in, in
    /// units of 2^-32. Other flights are not throttled.
    pub paced: Vec<(u32, u32)>,
    /// Flights paused since the snapshot was compiled, as sorted ranks.
    pub paused: Vec<u32>,
}

/// A snapshot and its current state.
pub struct World {
    /// The compiled inventory.
    pub snapshot: std::sync::Arc<Snapshot>,
    /// The current state.
    pub state: State,
    /// Flights that are not paused and have budget left. Derived from `state`.
    pub available: Vec<Block>,
    /// Flights that need a per-flight check: they have dates or are throttled. Derived from `state`.
    pub to_check: Vec<Block>,
}

impl Snapshot {
    /// Names the snapshot by the hash under which the catalog stores its inventory. It differs from the
    /// hash that [`compile`](crate::selection::compile::compile) computes when an older version
    /// wrote the inventory in another form.
    pub fn stored_as(self, inventory_hash: String) -> Snapshot {
        Snapshot { inventory_hash, ..self }
    }
}

impl World {
    /// Combines a snapshot and a state.
    pub fn new(snapshot: std::sync::Arc<Snapshot>, state: State) -> World {
        let within = |place: &u32| (*place as usize) < snapshot.flights.len();
        let mut available = snapshot.index.live.clone();
        for place in state.spent.iter().chain(&state.paused).copied().filter(within) {
            row::clear(&mut available, place);
        }
        let mut to_check = snapshot.index.dated.clone();
        for place in state.paced.iter().map(|(place, _)| *place).filter(within) {
            row::set(&mut to_check, place);
        }
        World { snapshot, state, available, to_check }
    }

    /// The share of traffic a flight participates in, in units of 2^-32; `None` if not throttled.
    pub fn throttle(&self, place: usize) -> Option<u32> {
        let paced = &self.state.paced;
        paced.binary_search_by_key(&place, |(at, _)| *at as usize).ok().map(|at| paced[at].1)
    }
}
