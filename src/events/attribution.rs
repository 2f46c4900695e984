//! Resolves the report dimensions of a decision from inventory numbers to ids.

use crate::domain::inventory::Inventory;
use crate::domain::region::Country;
use crate::ledger::record::Attribution;
use crate::selection::snapshot::Snapshot;

/// A unit, identified by numbers of the inventory that it was chosen from.
#[derive(Clone, Copy, Debug)]
pub struct UnitKey {
    /// Creative number.
    pub creative: u32,
    /// Variant number; 0 is the creative's own text.
    pub variant: u8,
    /// Publisher number.
    pub publisher: u32,
    /// Placement number within the publisher.
    pub placement: u16,
    /// The attributed topic.
    pub topic: Option<u32>,
    /// The attributed entity.
    pub entity: Option<u32>,
    /// The reader's country.
    pub country: Option<Country>,
}

const UNKNOWN: &str = "unknown";

/// The ids of a unit; `None` if a number does not exist in the inventory.
pub fn of(unit: &UnitKey, snapshot: &Snapshot) -> Option<Attribution> {
    let inventory = &snapshot.inventory;
    let creative = inventory.creatives.get(unit.creative as usize)?;
    let flight = &snapshot.flights[snapshot.creatives[unit.creative as usize].flight?];
    let advertiser = &inventory.advertisers[flight.advertiser];
    let publisher = inventory.publishers.get(unit.publisher as usize)?;
    let placement = publisher.placements.get(usize::from(unit.placement))?;
    Some(Attribution {
        advertiser: advertiser.id.as_str().into(),
        currency: advertiser.currency,
        campaign: inventory.campaigns[flight.campaign].id.as_str().into(),
        flight: inventory.flights[flight.doc].id.as_str().into(),
        creative: creative.id.as_str().into(),
        variant: unit.variant,
        publisher: publisher.id.as_str().into(),
        placement: placement.id.as_str().into(),
        tier: flight.tier,
        topic: topic(unit.topic, inventory),
        entity: entity(unit.entity, inventory),
        region: region(unit.country),
    })
}

/// A topic's id, or `unknown`.
pub fn topic(number: Option<u32>, inventory: &Inventory) -> Box<str> {
    let found = number.and_then(|number| inventory.topics.get(number as usize));
    found.map_or_else(|| UNKNOWN.into(), |topic| topic.id.as_str().into())
}

/// An entity's id, or `unknown`.
pub fn entity(number: Option<u32>, inventory: &Inventory) -> Box<str> {
    let found = number.and_then(|number| inventory.entities.get(number as usize));
    found.map_or_else(|| UNKNOWN.into(), |entity| entity.id.as_str().into())
}

/// A country's code, or `unknown`.
pub fn region(country: Option<Country>) -> Box<str> {
    country.map_or_else(|| UNKNOWN.into(), |country| country.as_str().into())
}
