//! Who stays away from whom: sponsors of one house, and rivals.

use crate::domain::entity::Entities;
use crate::domain::entity::EntityIx;
use crate::selection::index::row::Pool;
use crate::selection::index::row::Row;
use crate::selection::snapshot::Snapshot;

/// Rows of flights that something on the page keeps away.
#[derive(Default)]
pub struct Kin {
    /// Flights whose sponsor is of an entity's house or its rival, by entity.
    of_entity: Vec<Option<Row>>,
    /// Flights of an advertiser and its rivals, by advertiser.
    of_advertiser: Vec<Option<Row>>,
}

impl Kin {
    /// Builds the rows: as much work as there are kin, not as there are pairs.
    pub fn build(pool: &mut Pool, snapshot: &Snapshot) -> Kin {
        let mut flights: Vec<Vec<u32>> = vec![Vec::new(); snapshot.inventory.advertisers.len()];
        for (place, flight) in (0u32..).zip(&snapshot.flights) {
            flights[flight.advertiser].push(place);
        }
        let sponsors = Sponsors::of(snapshot);
        let mut row = |advertisers: &[usize]| {
            pool.row(advertisers.iter().flat_map(|number| &flights[*number]).copied())
        };
        Kin {
            of_entity: snapshot.entities.all().map(|about| row(&sponsors.kin(about))).collect(),
            of_advertiser: (0..)
                .zip(&snapshot.advertiser_entities)
                .map(|(number, entity)| match entity {
                    None => row(&[number]),
                    Some(entity) => row(&sponsors.kin(*entity)),
                })
                .collect(),
        }
    }

    /// Flights whose sponsor is of the entity's house or its rival.
    pub fn of_entity(&self, entity: EntityIx) -> Option<&Row> {
        self.of_entity.get(entity.0 as usize)?.as_ref()
    }

    /// Flights of the advertiser and its rivals.
    pub fn of_advertiser(&self, advertiser: usize) -> Option<&Row> {
        self.of_advertiser.get(advertiser)?.as_ref()
    }
}

/// Advertisers by the entity they are.
struct Sponsors<'a> {
    entities: &'a Entities,
    /// Advertisers that are the very entity.
    are: Vec<Vec<usize>>,
    /// Advertisers that are the entity or owned by it.
    below: Vec<Vec<usize>>,
}

impl Sponsors<'_> {
    fn of(snapshot: &Snapshot) -> Sponsors<'_> {
        let entities = &snapshot.entities;
        let mut are = vec![Vec::new(); entities.all().count()];
        let mut below = are.clone();
        for (number, entity) in snapshot.advertiser_entities.iter().enumerate() {
            let Some(entity) = entity else { continue };
            are[entity.0 as usize].push(number);
            for owner in entities.owners(*entity) {
                below[owner.0 as usize].push(number);
            }
        }
        Sponsors { entities, are, below }
    }

    /// The advertisers of an entity's house and its rivals'.
    fn kin(&self, entity: EntityIx) -> Vec<usize> {
        let owners = self.entities.owners(entity);
        let house = owners.iter().map(|owner| &self.are[owner.0 as usize]);
        let owned = std::iter::once(&self.below[entity.0 as usize]);
        let rivals = owners.iter().flat_map(|owner| self.entities.rivals_of(*owner));
        let lists = house.chain(owned).chain(rivals.map(|rival| &self.below[rival.0 as usize]));
        let mut kin: Vec<usize> = lists.flatten().copied().collect();
        kin.sort_unstable();
        kin.dedup();
        kin
    }
}
