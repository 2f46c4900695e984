//! Rows for subject conflicts and competitive separation: brand groups and their competitors.

use crate::domain::entity::{Entities, EntityIx};
use crate::selection::bitmap::{Pool, Row};
use crate::selection::compiled::Compiled;

/// Rows of the flights that an entity or an advertiser on the page excludes.
pub(crate) struct BrandGroups {
    /// By entity: flights of advertisers in its brand group or competing with it.
    of_entity: Vec<Option<Row>>,
    /// By advertiser: flights of its brand group and its competitors.
    of_advertiser: Vec<Option<Row>>,
}

impl BrandGroups {
    /// Builds the rows. The cost is proportional to the number of related advertisers, not of pairs.
    pub(crate) fn build(pool: &mut Pool, compiled: &Compiled) -> BrandGroups {
        let mut flights: Vec<Vec<u32>> = vec![Vec::new(); compiled.inventory.advertisers.len()];
        for (place, flight) in (0u32..).zip(&compiled.flights) {
            flights[flight.advertiser].push(place);
        }
        let sponsors = AdvertisersByEntity::new(compiled);
        let mut row = |advertisers: &[usize]| {
            pool.row(advertisers.iter().flat_map(|number| &flights[*number]).copied())
        };
        BrandGroups {
            of_entity: compiled
                .entities
                .all()
                .map(|about| row(&sponsors.brand_group(about)))
                .collect(),
            of_advertiser: (0..)
                .zip(&compiled.advertiser_entities)
                .map(|(number, entity)| match entity {
                    None => row(&[number]),
                    Some(entity) => row(&sponsors.brand_group(*entity)),
                })
                .collect(),
        }
    }

    /// Flights of advertisers in the entity's brand group or competing with it.
    pub(crate) fn of_entity(&self, entity: EntityIx) -> Option<&Row> {
        self.of_entity.get(entity.0 as usize)?.as_ref()
    }

    /// Flights of the advertiser's brand group and its competitors.
    pub(crate) fn of_advertiser(&self, advertiser: usize) -> Option<&Row> {
        self.of_advertiser.get(advertiser)?.as_ref()
    }
}

/// Advertiser indices by entity.
struct AdvertisersByEntity<'a> {
    entities: &'a Entities,
    exact: Vec<Vec<usize>>,
    owned: Vec<Vec<usize>>,
}

impl AdvertisersByEntity<'_> {
    fn new(compiled: &Compiled) -> AdvertisersByEntity<'_> {
        let entities = &compiled.entities;
        let mut exact = vec![Vec::new(); entities.all().count()];
        let mut owned = exact.clone();
        for (number, entity) in compiled.advertiser_entities.iter().enumerate() {
            let Some(entity) = entity else { continue };
            exact[entity.0 as usize].push(number);
            for owner in entities.owners(*entity) {
                owned[owner.0 as usize].push(number);
            }
        }
        AdvertisersByEntity { entities, exact, owned }
    }

    /// The advertisers in an entity's brand group and those competing with it.
    fn brand_group(&self, entity: EntityIx) -> Vec<usize> {
        let owners = self.entities.owners(entity);
        let owning = owners.iter().map(|owner| &self.exact[owner.0 as usize]);
        let owned = std::iter::once(&self.owned[entity.0 as usize]);
        let competitors = owners.iter().flat_map(|owner| self.entities.competitors_of(*owner));
        let lists = owning
            .chain(owned)
            .chain(competitors.map(|competitor| &self.owned[competitor.0 as usize]));
        let mut group: Vec<usize> = lists.flatten().copied().collect();
        group.sort_unstable();
        group.dedup();
        group
    }
}
