//! Resolves attributions from inventory numbers to ids.

use crate::domain::attribution::{
    AttributionKey, OTHER, OTHER_NUMBER, PageKey, PageNumbers, UNKNOWN, UnitNumbers,
};
use crate::selection::snapshot::Snapshot;

/// The ids of a unit; `None` if a number does not exist in the inventory.
pub(crate) fn unit(numbers: &UnitNumbers, snapshot: &Snapshot) -> Option<AttributionKey> {
    let inventory = &snapshot.inventory;
    let creative = inventory.creatives.get(numbers.creative as usize)?;
    let flight = &snapshot.flights[snapshot.creatives[numbers.creative as usize].flight?];
    let advertiser = &inventory.advertisers[flight.advertiser];
    let publisher = inventory.publishers.get(numbers.page.publisher as usize)?;
    publisher.placements.get(usize::from(numbers.page.placement?))?;
    Some(AttributionKey {
        advertiser: advertiser.id.as_str().into(),
        currency: advertiser.currency,
        campaign: inventory.campaigns[flight.campaign].id.as_str().into(),
        flight: inventory.flights[flight.doc].id.as_str().into(),
        creative: creative.id.as_str().into(),
        variant: numbers.variant,
        page: page(&numbers.page, snapshot)?,
        tier: flight.tier,
    })
}

/// The ids of a slot's page; `None` if the publisher does not exist in the inventory.
pub(crate) fn page(numbers: &PageNumbers, snapshot: &Snapshot) -> Option<PageKey> {
    let inventory = &snapshot.inventory;
    let publisher = inventory.publishers.get(numbers.publisher as usize)?;
    let placement = numbers.placement.and_then(|at| publisher.placements.get(usize::from(at)));
    let topic = numbers.topic.and_then(|number| inventory.topics.get(number as usize));
    let entity = numbers.entity.and_then(|number| inventory.entities.get(number as usize));
    Some(PageKey {
        publisher: publisher.id.as_str().into(),
        placement: placement.map_or(UNKNOWN, |placement| placement.id.as_str()).into(),
        topic: topic.map_or_else(|| unlisted(numbers.topic), |topic| topic.id.as_str()).into(),
        entity: entity.map_or_else(|| unlisted(numbers.entity), |one| one.id.as_str()).into(),
        region: numbers.country.as_ref().map_or(UNKNOWN, |country| country.as_str()).into(),
        facts: numbers.facts,
        custom: snapshot.context_keys.reported().text(numbers.custom),
    })
}

/// The name of what is not in the inventory.
fn unlisted(number: Option<u32>) -> &'static str {
    if number == Some(OTHER_NUMBER) { OTHER } else { UNKNOWN }
}
