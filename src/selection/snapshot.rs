//! What a decision reads: an inventory and its weights, compiled, immutable, named by their hashes.

use crate::domain::entity::Entities;
use crate::domain::entity::EntityIx;
use crate::domain::event::BillOn;
use crate::domain::event::Tier;
use crate::domain::inventory::Inventory;
use crate::domain::label::Labels;
use crate::domain::language::Language;
use crate::domain::money::Micros;
use crate::domain::party::Style;
use crate::domain::party::SubjectConflict;
use crate::domain::region::Country;
use crate::domain::region::Region;
use crate::domain::region::Regions;
use crate::domain::seldom::Blank;
use crate::domain::seldom::Seldom;
use crate::domain::taxonomy::Taxonomy;
use crate::domain::taxonomy::TopicIx;
use crate::selection::fixed::Q32;
use crate::selection::index::Index;
use crate::selection::index::row;
use crate::selection::index::row::Block;
use crate::selection::score::Boosts;
use hashbrown::HashMap;
use smallvec::SmallVec;

/// The compiled inventory. Flights stand in rank order: by tier, then by their static score, then
/// by id; a flight's place in `flights` is its bit in every row of the index.
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
    /// Whom pages can be about.
    pub entities: Entities,
    /// Countries and their groups.
    pub regions: Regions,
    /// The disclosure table.
    pub labels: Labels,
    /// Keywords that any flight asks for.
    pub keywords: HashMap<Box<str>, u32>,
    /// The flights, in rank order.
    pub flights: Vec<FlightRow>,
    /// The creatives, in id order.
    pub creatives: Vec<CreativeRow>,
    /// Publishers, in id order.
    pub publishers: Vec<PublisherRow>,
    /// Publishers by id.
    pub publisher_by_id: HashMap<Box<str>, u32>,
    /// Creatives by id.
    pub creative_by_id: HashMap<Box<str>, u32>,
    /// The entity each advertiser is, by the advertiser's number.
    pub advertiser_entities: Vec<Option<EntityIx>>,
    /// Each campaign's lines of business, by the campaign's number.
    pub campaign_sectors: Vec<Box<[usize]>>,
    /// What relevance is worth.
    pub boosts: Boosts,
    /// The rows.
    pub index: Index,
    /// Where each tier's flights begin and end in rank order, in the order of [`Tier::ALL`].
    pub tiers: [std::ops::Range<usize>; 3],
}

/// A resolved clause: sorted numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved<T> {
    /// Any of these will do; empty is a wildcard.
    pub any: Vec<T>,
    /// None of these may apply.
    pub none: Vec<T>,
}

impl<T> Default for Resolved<T> {
    fn default() -> Self {
        Resolved { any: Vec::new(), none: Vec::new() }
    }
}

impl<T: PartialEq + 'static> Blank for Resolved<T> {
    const BLANK: &'static Self = &Resolved { any: Vec::new(), none: Vec::new() };
}

impl<T: PartialEq> Resolved<T> {
    /// Whether a page with these values fits: `covers(mine, theirs)` says when a value of the
    /// flight covers a value of the page.
    pub fn fits<V: Copy>(&self, values: &[V], covers: impl Fn(&T, V) -> bool) -> bool {
        let meets = |list: &[T]| list.iter().any(|mine| values.iter().any(|v| covers(mine, *v)));
        (self.any.is_empty() || meets(&self.any)) && !meets(&self.none)
    }
}

/// A flight with everything looked up.
#[derive(Clone, Debug)]
pub struct FlightRow {
    /// Its number in `inventory.flights`.
    pub doc: usize,
    /// The number its rolls are made of: a hash of its id.
    pub stable_id: u64,
    /// Its campaign's number in `inventory.campaigns`.
    pub campaign: usize,
    /// Its advertiser's number in `inventory.advertisers`.
    pub advertiser: usize,
    /// When it is asked.
    pub tier: Tier,
    /// First moment, in unix milliseconds.
    pub starts_ms: i64,
    /// First moment after it.
    pub ends_ms: i64,
    /// Weight and price, as a logarithm.
    pub ln_static: Q32,
    /// It, its campaign or its advertiser is stopped, or it has no live creative.
    pub stopped: bool,
    /// Runs on sensitive pages.
    pub accepts_sensitive: bool,
    /// What it pays for.
    pub bills: BillOn,
    /// What one billable event costs.
    pub price: Micros,
    /// What a copied command costs.
    pub copy_price: Micros,
    /// The entity its advertiser is.
    pub sponsor: Option<EntityIx>,
    /// Its campaign's lines of business, by number, restricted ones alone.
    pub restricted_sectors: Box<[usize]>,
    /// What pages are about.
    pub topics: Seldom<Resolved<TopicIx>>,
    /// Whom they are about.
    pub entities: Seldom<Resolved<EntityIx>>,
    /// Where readers are.
    pub regions: Seldom<Resolved<Region>>,
    /// Where pages are about.
    pub page_regions: Seldom<Resolved<Region>>,
    /// What pages are written in.
    pub languages: Seldom<Resolved<Language>>,
    /// What they name.
    pub keywords: Seldom<Resolved<u32>>,
    /// Whose they are, by number.
    pub publishers: Seldom<Resolved<u32>>,
    /// Which slot, by the placement's id.
    pub placements: Seldom<Resolved<Box<str>>>,
    /// Styles its live creatives have, a bit each in the order of [`Style::ALL`].
    pub styles: u8,
    /// Its live creatives, by number.
    pub creatives: Box<[u32]>,
}

/// A creative with everything looked up.
#[derive(Clone, Debug)]
pub struct CreativeRow {
    /// Its number in `inventory.creatives`: the same as its own, the list being in id order.
    pub doc: usize,
    /// The number its rolls are made of.
    pub stable_id: u64,
    /// Its flight's place in rank order; `None` when the flight is not compiled.
    pub flight: Option<usize>,
    /// Content hash, as shown.
    pub hash: String,
    /// Styles, a bit each.
    pub styles: u8,
    /// The weights of its wordings as logarithms, its own first.
    pub wordings: SmallVec<[Q32; 1]>,
}

/// A publisher with everything looked up.
#[derive(Clone, Debug)]
pub struct PublisherRow {
    /// Its number in `inventory.publishers`.
    pub doc: usize,
    /// Advertisers it blocks, by number.
    pub blocked_advertisers: Box<[usize]>,
    /// Lines of business it blocks, by number.
    pub blocked_sectors: Box<[usize]>,
    /// Entities whose sponsorship it blocks.
    pub blocked_entities: Box<[EntityIx]>,
    /// Restricted lines of business it allows, by number.
    pub allowed_sectors: Box<[usize]>,
    /// Which stories keep a sponsor off.
    pub conflict: SubjectConflict,
    /// Topics it stopped.
    pub stopped_topics: Box<[TopicIx]>,
    /// Placements: id and styles, in the order of the document.
    pub placements: Box<[(Box<str>, Vec<Style>)]>,
    /// Where its readers are when nothing else is known.
    pub default_country: Country,
}

/// The bit of a style in a set of styles.
pub fn style_bit(style: Style) -> u8 {
    match style {
        Style::Terminal => 1,
        Style::Card => 2,
        Style::Line => 4,
    }
}

/// What moves faster than a snapshot: immutable, numbered, replaced as a whole.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct State {
    /// Counts up with every change.
    pub number: u64,
    /// Flights whose budget is spent or reserved, by place in rank order, sorted.
    pub spent: Vec<u32>,
    /// Flights that are ahead of their pace and how much of their traffic they take, in 2^32nds;
    /// flights that are not here take all. By place in rank order, sorted.
    pub paced: Vec<(u32, u32)>,
    /// Stopped since the snapshot was compiled, by place in rank order, sorted.
    pub stopped: Vec<u32>,
}

/// A snapshot with the state that goes with it.
pub struct World {
    /// The compiled inventory.
    pub snapshot: std::sync::Arc<Snapshot>,
    /// What moves.
    pub state: State,
    /// The flights that may be chosen at all: not stopped, budget left. Derived from `state`.
    pub open: Vec<Block>,
    /// The flights that must be asked one by one: they have dates or a pace. Derived from `state`.
    pub asked: Vec<Block>,
}

impl World {
    /// Puts a state on a snapshot.
    pub fn new(snapshot: std::sync::Arc<Snapshot>, state: State) -> World {
        let within = |place: &u32| (*place as usize) < snapshot.flights.len();
        let mut open = snapshot.index.live.clone();
        for place in state.spent.iter().chain(&state.stopped).copied().filter(within) {
            row::clear(&mut open, place);
        }
        let mut asked = snapshot.index.dated.clone();
        for place in state.paced.iter().map(|(place, _)| *place).filter(within) {
            row::set(&mut asked, place);
        }
        World { snapshot, state, open, asked }
    }

    /// How much of its traffic a flight takes, in 2^32nds; `None` is all.
    pub fn throttle(&self, place: usize) -> Option<u32> {
        let paced = &self.state.paced;
        paced.binary_search_by_key(&place, |(at, _)| *at as usize).ok().map(|at| paced[at].1)
    }
}
