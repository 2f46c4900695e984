//! The compiled inventory with its weights and labels, identified by hashes.

use crate::domain::campaign::Rotation;
use crate::domain::context_key::ContextKeys;
use crate::domain::entity::{Entities, EntityIx};
use crate::domain::event::{Pricing, Tier};
use crate::domain::event_kinds::EventKinds;
use crate::domain::hours::Hours;
use crate::domain::inventory::Inventory;
use crate::domain::label::Labels;
use crate::domain::language::Language;
use crate::domain::money::Micros;
use crate::domain::page_address::Prefix;
use crate::domain::party::{Style, SubjectConflict};
use crate::domain::region::{Country, Regions};
use crate::domain::taxonomy::{Taxonomy, TopicIx};
use crate::domain::weights::{Fairness, RotationWeights};
use crate::domain::zone::Zone;
use crate::selection::boosts::Boosts;
use crate::selection::fixed::Q32;
use crate::selection::price::ShiftsNow;
use crate::selection::targets::Targets;
use hashbrown::HashMap;
use smallvec::SmallVec;

/// The compiled inventory. Flights are in rank order: by tier, then by static score (highest first),
/// then by id. A flight's position in `flights` (its place) is its bit in every row of the index.
pub struct Compiled {
    /// Content hash of the inventory.
    pub inventory_hash: String,
    /// Content hash of the weights.
    pub(crate) weights_hash: String,
    /// Content hash of the label table.
    pub(crate) labels_hash: String,
    /// The documents, each list in id order.
    pub inventory: Inventory,
    /// The topic tree.
    pub(crate) taxonomy: Taxonomy,
    /// Entities that pages can be about.
    pub(crate) entities: Entities,
    /// Countries and their groups.
    pub(crate) regions: Regions,
    /// The disclosure labels.
    pub labels: Labels,
    /// Indices of the keywords that any flight targets.
    pub(crate) keywords: HashMap<Box<str>, u32>,
    /// Custom context keys and the numbers of their values.
    pub(crate) context_keys: ContextKeys,
    /// The flights, in rank order.
    pub flights: Vec<FlightRow>,
    /// The places of each advertiser's flights that are not of the house tier, by advertiser index.
    pub(crate) flights_of: Vec<Box<[u32]>>,
    /// The creatives, in id order.
    pub(crate) creatives: Vec<CreativeRow>,
    /// The publishers, in id order.
    pub(crate) publishers: Vec<PublisherRow>,
    /// Publisher indices by id.
    pub publisher_by_id: HashMap<Box<str>, u32>,
    /// Creative indices by id.
    pub(crate) creative_by_id: HashMap<Box<str>, u32>,
    /// The entity of each advertiser, by advertiser index.
    pub(crate) advertiser_entities: Vec<Option<EntityIx>>,
    /// Category indices of each campaign, by campaign index.
    pub(crate) campaign_categories: Vec<Box<[usize]>>,
    /// The scoring weights as logarithms.
    pub(crate) boosts: Boosts,
    /// How flights with rotation `optimise` learn.
    pub(crate) rotation: RotationWeights,
    /// The most that one advertiser may take of a topic's slots.
    pub(crate) fairness: Option<Fairness>,
    /// The range of each tier's flights in rank order, in the order of [`Tier::ALL`].
    pub(crate) tiers: [std::ops::Range<usize>; 3],
}

/// A compiled flight.
#[derive(Clone, Debug)]
pub struct FlightRow {
    /// Its index in `inventory.flights`.
    pub doc: usize,
    /// Its random seed: a hash of its id.
    pub(crate) stable_id: u64,
    /// Its campaign's index in `inventory.campaigns`.
    pub(crate) campaign: usize,
    /// Its advertiser's index in `inventory.advertisers`.
    pub advertiser: usize,
    /// Its priority tier.
    pub(crate) tier: Tier,
    /// Start (inclusive), in Unix milliseconds.
    pub(crate) starts_ms: i64,
    /// End (exclusive), in Unix milliseconds.
    pub(crate) ends_ms: i64,
    /// Whether it goes on after its end until its goals are reached.
    pub(crate) soft_end: bool,
    /// The hours of the week in which it runs, and their time zone; `None` for always.
    pub(crate) hours: Option<Box<(Hours, Zone)>>,
    /// Logarithm of weight and price, before the price is converted.
    pub(crate) ln_static: Q32,
    /// Logarithm of the weight alone.
    pub(crate) ln_weight: Q32,
    /// Number of the price's currency, see [`PriceShifts`](crate::selection::price::PriceShifts).
    pub(crate) currency: u8,
    /// Whether it, its campaign or its advertiser is paused, or it has no live creative.
    pub(crate) paused: bool,
    /// Whether it may run on sensitive pages.
    pub(crate) accepts_sensitive: bool,
    /// The pricing model.
    pub(crate) pricing: Pricing,
    /// The price of one billable event.
    pub(crate) price: Micros,
    /// The additional price of a copied command.
    pub(crate) copy_price: Micros,
    /// How its creatives take turns.
    pub(crate) rotation: Rotation,
    /// The events that it is billed by and that its goals count.
    pub(crate) needs: EventKinds,
    /// The entity of its advertiser.
    pub(crate) sponsor: Option<EntityIx>,
    /// Indices of its campaign's restricted categories.
    pub(crate) restricted_categories: Box<[usize]>,
    pub(crate) targets: Targets,
    /// Styles of its live creatives, one bit each in the order of [`Style::ALL`].
    pub(crate) styles: u8,
    /// Indices of its live creatives.
    pub creatives: Box<[u32]>,
}

impl FlightRow {
    /// Logarithm of weight and price, converted; of the weight alone if the price has no rate.
    pub(crate) fn ln_static_at(&self, shifts: ShiftsNow<'_>) -> Q32 {
        shifts.apply(self.currency, self.ln_static).unwrap_or(self.ln_weight)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct CreativeRow {
    /// Its index in `inventory.creatives`, equal to its index in `Compiled::creatives`.
    pub(crate) doc: usize,
    /// Its random seed: a hash of its id.
    pub(crate) stable_id: u64,
    /// Its flight's position in rank order; `None` if the flight was not compiled.
    pub(crate) flight: Option<usize>,
    /// Content hash.
    pub(crate) hash: String,
    /// Styles, one bit each.
    pub(crate) styles: u8,
    /// Logarithms of the weights of its texts: its own first, then the variants.
    pub(crate) wordings: SmallVec<[Q32; 1]>,
}

#[derive(Clone, Debug)]
pub(crate) struct PublisherRow {
    /// Its index in `inventory.publishers`.
    pub(crate) doc: usize,
    /// Indices of the advertisers it blocks.
    pub(crate) blocked_advertisers: Box<[usize]>,
    /// Indices of the categories it blocks.
    pub(crate) blocked_categories: Box<[usize]>,
    /// Entities it blocks as advertisers.
    pub(crate) blocked_entities: Box<[EntityIx]>,
    /// Indices of the restricted categories it allows.
    pub(crate) allowed_categories: Box<[usize]>,
    /// Its subject conflict policy.
    pub(crate) conflict: SubjectConflict,
    pub(crate) paused_topics: Box<[TopicIx]>,
    pub(crate) paused_paths: Box<[Prefix]>,
    /// Placements: id and styles, in document order.
    pub(crate) placements: Box<[(Box<str>, Vec<Style>)]>,
    /// Country assumed for readers whose country is unknown.
    pub(crate) default_country: Country,
}

/// A place as the number of its bit in a row, and as the decision log stores it.
pub(crate) fn place_bit(place: usize) -> u32 {
    u32::try_from(place)
        .expect("a flight takes over a hundred bytes, so memory ends before 2^32 of them")
}

pub(crate) fn style_bit(style: Style) -> u8 {
    match style {
        Style::Terminal => 1,
        Style::Card => 2,
        Style::Line => 4,
    }
}

impl Compiled {
    /// Whether two advertisers must not appear on one page: the same brand group, or competitors.
    pub fn must_separate(&self, one: usize, other: usize) -> bool {
        let entity = |advertiser: usize| self.advertiser_entities[advertiser];
        one == other
            || match (entity(one), entity(other)) {
                (Some(a), Some(b)) => {
                    self.entities.same_brand_group(a, b) || self.entities.competitors(a, b)
                }
                _ => false,
            }
    }

    /// The language of a creative's text: its own, else that of its campaign, else of its advertiser. `None` if
    /// none of them has one, which `catalog::check` rejects.
    pub(crate) fn language_of(&self, creative: u32) -> Option<&Language> {
        let flight = &self.flights[self.creatives[creative as usize].flight?];
        let campaign = &self.inventory.campaigns[flight.campaign];
        let own = self.inventory.creatives[creative as usize].language.as_ref();
        own.or(campaign.language.as_ref())
            .or(self.inventory.advertisers[flight.advertiser].language.as_ref())
    }

    /// Whether a publisher blocks a flight on all its pages.
    pub(crate) fn blocks(&self, publisher: &PublisherRow, flight: &FlightRow) -> bool {
        let categories = &self.campaign_categories[flight.campaign];
        publisher.blocked_advertisers.contains(&flight.advertiser)
            || publisher.blocked_categories.iter().any(|category| categories.contains(category))
            || flight.sponsor.is_some_and(|sponsor| {
                publisher.blocked_entities.iter().any(|e| self.entities.covers(*e, sponsor))
            })
    }

    /// The tier of the flight at a position in rank order.
    pub(crate) fn tier_of(&self, place: usize) -> Tier {
        self.flights[place].tier
    }
}
