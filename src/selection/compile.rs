//! Compiles inventory documents into a snapshot: resolves references, ranks flights, builds the index.
//!
//! The inventory must have passed the catalog's checks. A flight with a dangling reference is
//! omitted; compiling never panics on one.

use crate::domain::campaign::Flight;
use crate::domain::context_key::ContextKeys;
use crate::domain::creative::CreativeState;
use crate::domain::entity::Entities;
use crate::domain::event::{EventKind, Pricing, Tier};
use crate::domain::event_kinds::EventKinds;
use crate::domain::inventory::Inventory;
use crate::domain::label::{LabelTable, Labels};
use crate::domain::money::Micros;
use crate::domain::name_key;
use crate::domain::page_address::Prefix;
use crate::domain::region::Regions;
use crate::domain::taxonomy::Taxonomy;
use crate::domain::weights::Weights;
use crate::selection::boosts::Boosts;
use crate::selection::compiled::{Compiled, CreativeRow, FlightRow, PublisherRow, style_bit};
use crate::selection::dice::stable_id;
use crate::selection::fixed::Q32;
use crate::selection::price;
use crate::selection::snapshot::Snapshot;
use crate::selection::targets::{KnownClauses, Targets};
use hashbrown::HashMap;
use std::collections::BTreeSet;
use std::io::BufWriter;

/// The index of an id in a list sorted by id.
fn place<T>(list: &[T], id_of: impl Fn(&T) -> &str, id: &str) -> Option<usize> {
    list.binary_search_by(|item| id_of(item).cmp(id)).ok()
}

/// A content hash, as in replies and logs: 32 hexadecimal digits of BLAKE3 over the JSON.
pub(crate) fn content_hash(document: &impl serde::Serialize) -> String {
    // Streamed into the hash, so that the JSON of a large inventory is never held in memory.
    let mut writer = BufWriter::with_capacity(HASH_BUFFER_BYTES, blake3::Hasher::new());
    serde_json::to_writer(&mut writer, document).expect("documents are plain data");
    let hasher = writer.into_inner().expect("writing to a hasher does not fail");
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Bytes per hash update: enough for BLAKE3 to run at full speed.
const HASH_BUFFER_BYTES: usize = 64 * 1024;

/// Compiles an inventory with its weights and labels. The order of its lists has no effect.
pub fn compile(inventory: Inventory, weights: &Weights, labels: &LabelTable) -> Snapshot {
    compile_named(inventory, None, weights, labels)
}

/// Like [`compile()`], of an inventory that the catalog stores under this hash. It differs from the one that
/// [`compile()`] computes when an older version wrote the inventory in another form.
pub(crate) fn compile_stored(
    inventory: Inventory,
    hash: String,
    weights: &Weights,
    labels: &LabelTable,
) -> Snapshot {
    compile_named(inventory, Some(hash), weights, labels)
}

fn compile_named(
    mut inventory: Inventory,
    hash: Option<String>,
    weights: &Weights,
    labels: &LabelTable,
) -> Snapshot {
    inventory.sort();
    let regions = Regions::build(&inventory.regions).unwrap_or_default();
    let (taxonomy, _) = Taxonomy::compile(&inventory.topics);
    let (entities, _) = Entities::compile(&inventory.entities, &taxonomy);
    let rates = weights.exchange_rates.as_ref().filter(|rates| rates.apply_to(&inventory));
    let boosts = Boosts::new(weights, rates);
    let keywords: BTreeSet<String> = inventory
        .flights
        .iter()
        .flat_map(|flight| {
            flight.targeting.keywords.any.iter().chain(&flight.targeting.keywords.none)
        })
        .filter_map(|word| name_key::key(word))
        .collect();
    let keywords: HashMap<Box<str>, u32> = keywords.into_iter().map(Into::into).zip(0..).collect();
    let mut compiled = Compiled {
        inventory_hash: String::new(),
        weights_hash: content_hash(weights),
        labels_hash: content_hash(labels),
        labels: Labels::build(labels, &regions),
        advertiser_entities: inventory
            .advertisers
            .iter()
            .map(|advertiser| entities.of_id(advertiser.entity.as_ref()?))
            .collect(),
        campaign_categories: inventory
            .campaigns
            .iter()
            .map(|campaign| categories(&inventory, &campaign.categories))
            .collect(),
        publisher_by_id: by_id(inventory.publishers.iter().map(|p| p.id.as_str())),
        creative_by_id: by_id(inventory.creatives.iter().map(|c| c.id.as_str())),
        taxonomy,
        entities,
        regions,
        keywords,
        context_keys: ContextKeys::build(
            &inventory.context_keys,
            inventory.flights.iter().map(|flight| &*flight.targeting.custom),
        ),
        flights: Vec::new(),
        flights_of: Vec::new(),
        creatives: Vec::new(),
        publishers: Vec::new(),
        boosts,
        rotation: weights.rotation.clone(),
        fairness: weights.fairness.clone(),
        tiers: [0..0, 0..0, 0..0],
        inventory,
    };
    // Hashing takes as long as everything else, so it runs in parallel.
    let (hashes, flights) = std::thread::scope(|scope| {
        let inventory = &compiled.inventory;
        let hashing = scope.spawn(|| {
            let creatives = inventory.creatives.iter().map(content_hash);
            (hash.unwrap_or_else(|| content_hash(inventory)), creatives.collect::<Vec<String>>())
        });
        let flights = ranked(&compiled);
        (hashing.join().expect("hashing plain data does not fail"), flights)
    });
    for (number, tier) in Tier::ALL.iter().enumerate() {
        let start = flights.partition_point(|flight| flight.tier < *tier);
        let end = flights.partition_point(|flight| flight.tier <= *tier);
        compiled.tiers[number] = start..end;
    }
    compiled.creatives = creative_rows(&compiled.inventory, &flights, hashes.1);
    compiled.inventory_hash = hashes.0;
    let mut flights_of = vec![Vec::new(); compiled.inventory.advertisers.len()];
    for (place, flight) in (0u32..).zip(&flights).filter(|(_, one)| one.tier != Tier::House) {
        flights_of[flight.advertiser].push(place);
    }
    compiled.flights_of = flights_of.into_iter().map(Vec::into_boxed_slice).collect();
    compiled.flights = flights;
    compiled.publishers =
        (0..compiled.inventory.publishers.len()).map(|doc| publisher_row(&compiled, doc)).collect();
    Snapshot::new(compiled)
}

/// The flights in rank order.
fn ranked(compiled: &Compiled) -> Vec<FlightRow> {
    let inventory = &compiled.inventory;
    let mut live: HashMap<&str, Vec<u32>> = HashMap::new();
    for (number, creative) in (0u32..).zip(&inventory.creatives) {
        if creative.serving_state() == CreativeState::Live {
            live.entry(creative.flight.as_str()).or_default().push(number);
        }
    }
    let mut known = KnownClauses::default();
    let mut flights: Vec<FlightRow> = (0..inventory.flights.len())
        .filter_map(|doc| {
            let own = live.remove(inventory.flights[doc].id.as_str()).unwrap_or_default();
            flight_row(compiled, doc, own, &mut known)
        })
        .collect();
    // Ranks do not change with time, so they use the newest rates.
    let newest = compiled.boosts.prices.at(i64::MAX);
    let ln_static = |flight: &FlightRow| flight.ln_static_at(newest);
    flights.sort_by(|a, b| (a.tier, ln_static(b), a.doc).cmp(&(b.tier, ln_static(a), b.doc)));
    flights
}

fn creative_rows(
    inventory: &Inventory,
    flights: &[FlightRow],
    hashes: Vec<String>,
) -> Vec<CreativeRow> {
    let ids = flights.iter().map(|flight| inventory.flights[flight.doc].id.as_str());
    let ranks: HashMap<&str, usize> = ids.zip(0..).collect();
    let creatives = inventory.creatives.iter().zip(hashes).enumerate();
    creatives
        .map(|(doc, (creative, hash))| CreativeRow {
            doc,
            stable_id: stable_id(creative.id.as_str()),
            flight: ranks.get(creative.flight.as_str()).copied(),
            hash,
            styles: creative.styles.iter().fold(0, |bits, style| bits | style_bit(*style)),
            wordings: std::iter::once(creative.weight)
                .chain(creative.variants.iter().map(|variant| variant.weight))
                .map(|weight| Q32::ln_of_int(u64::from(weight.max(1))))
                .collect(),
        })
        .collect()
}

fn by_id<'a>(ids: impl Iterator<Item = &'a str>) -> HashMap<Box<str>, u32> {
    ids.map(Into::into).zip(0..).collect()
}

fn categories<'a>(
    inventory: &Inventory,
    ids: impl IntoIterator<Item = &'a crate::domain::id::CategoryId>,
) -> Box<[usize]> {
    let number = |id: &crate::domain::id::CategoryId| {
        place(&inventory.categories, |category| category.id.as_str(), id.as_str())
    };
    ids.into_iter().filter_map(number).collect()
}

fn flight_row(
    compiled: &Compiled,
    doc: usize,
    creatives: Vec<u32>,
    known: &mut KnownClauses,
) -> Option<FlightRow> {
    let inventory = &compiled.inventory;
    let flight: &Flight = &inventory.flights[doc];
    let campaign = place(&inventory.campaigns, |c| c.id.as_str(), flight.campaign.as_str())?;
    let owner = &inventory.campaigns[campaign];
    let advertiser = place(&inventory.advertisers, |a| a.id.as_str(), owner.advertiser.as_str())?;
    let payer = &inventory.advertisers[advertiser];
    let unix_ms = |civil: Option<jiff::civil::DateTime>, default: i64| {
        let zoned = civil.and_then(|at| payer.time_zone.rules().to_zoned(at).ok());
        zoned.map_or(default, |at| at.timestamp().as_millisecond())
    };
    let styles = creatives
        .iter()
        .flat_map(|creative| &inventory.creatives[*creative as usize].styles)
        .fold(0, |bits, style| bits | style_bit(*style));
    let restricted = |category: &&usize| inventory.categories[**category].restricted;
    Some(FlightRow {
        doc,
        stable_id: stable_id(flight.id.as_str()),
        campaign,
        advertiser,
        tier: flight.tier,
        starts_ms: unix_ms(flight.starts, i64::MIN),
        ends_ms: unix_ms(flight.ends, i64::MAX),
        soft_end: !flight.end.is_hard(),
        hours: (!flight.hours.is_always())
            .then(|| Box::new((flight.hours.clone(), payer.time_zone.clone()))),
        ln_static: compiled.boosts.ln_static(flight.weight, flight.pricing, flight.price_micros),
        ln_weight: Q32::ln_of(flight.weight),
        currency: match flight.price_micros {
            Micros::ZERO => price::REFERENCE,
            _ => compiled.boosts.prices.number(payer.currency),
        },
        paused: flight.is_paused()
            || owner.is_paused()
            || payer.is_paused()
            || creatives.is_empty(),
        accepts_sensitive: flight.accepts_sensitive,
        pricing: flight.pricing,
        price: Micros::try_from(flight.pricing.price_of_one(flight.price_micros)).ok()?,
        copy_price: flight.copy_price_micros.unwrap_or_default(),
        rotation: flight.rotation,
        needs: needs(flight),
        sponsor: compiled.advertiser_entities[advertiser],
        restricted_categories: compiled.campaign_categories[campaign]
            .iter()
            .filter(restricted)
            .copied()
            .collect(),
        targets: Targets::compile(compiled, &flight.targeting, known),
        styles,
        creatives: creatives.into(),
    })
}

/// The events that a flight is billed by and that its goals count. Other events count only after an
/// impression.
fn needs(flight: &Flight) -> EventKinds {
    let billed = match flight.pricing {
        Pricing::Flat => None,
        _ if flight.price_micros == Micros::ZERO => None,
        Pricing::Cpm => Some(EventKind::Impression),
        Pricing::Vcpm => Some(EventKind::Viewable),
        Pricing::Cpc => Some(EventKind::Click),
    };
    let goals = flight.goals();
    let kinds = billed.into_iter().chain(goals.set().map(|(kind, _)| kind));
    kinds.fold(EventKinds::NONE, |all, kind| all.or(EventKinds::of(&[EventKind::Impression, kind])))
}

fn publisher_row(compiled: &Compiled, doc: usize) -> PublisherRow {
    let inventory = &compiled.inventory;
    let publisher = &inventory.publishers[doc];
    let advertiser = |id: &crate::domain::id::AdvertiserId| {
        place(&inventory.advertisers, |a| a.id.as_str(), id.as_str())
    };
    PublisherRow {
        doc,
        // What was removed since the publisher blocked it has no place.
        blocked_advertisers: publisher.all_blocked_advertisers().filter_map(advertiser).collect(),
        blocked_categories: categories(inventory, publisher.all_blocked_categories()),
        blocked_entities: publisher
            .all_blocked_entities()
            .filter_map(|id| compiled.entities.of_id(id))
            .collect(),
        allowed_categories: categories(inventory, &publisher.categories),
        conflict: publisher.subject_conflict,
        paused_topics: publisher
            .all_paused_topics()
            .filter_map(|id| compiled.taxonomy.of_id(id))
            .collect(),
        // What an earlier version stored and this one cannot read never matched a page.
        paused_paths: publisher
            .all_paused_paths()
            .filter_map(|text| Prefix::parse(text).ok())
            .collect(),
        placements: publisher
            .placements
            .iter()
            .map(|placement| (placement.id.as_str().into(), placement.styles.clone()))
            .collect(),
        default_country: publisher.default_country,
    }
}
