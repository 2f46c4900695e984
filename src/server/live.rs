//! What a decision reads: one snapshot with its state, and the purses that go with it.

use crate::catalog::versions;
use crate::domain::campaign::Pacing;
use crate::domain::event::BillOn;
use crate::domain::money::Micros;
use crate::domain::party::Publisher;
use crate::selection::snapshot::FlightRow;
use crate::selection::snapshot::Snapshot;
use crate::selection::snapshot::State;
use crate::selection::snapshot::World;
use crate::server::gallery::Gallery;
use crate::server::lease::Terms;
use crate::server::purse::Purse;
use crate::server::purse::Purses;
use crate::token;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// A world that is being served. Immutable; replaced as a whole.
pub struct Live {
    /// The snapshot and its state.
    pub world: World,
    /// What goes with the snapshot, whatever its state.
    pub fixtures: Arc<Fixtures>,
}

/// What is looked up once per snapshot.
pub struct Fixtures {
    /// Purses, by the campaign's number.
    pub purses: Box<[Arc<Purse>]>,
    /// Partitions, by the campaign's number.
    pub partitions: Box<[u8]>,
    /// Counters of impressions, by the flight's place in rank order.
    pub delivered: Box<[Arc<AtomicU64>]>,
    /// Flights that are paced evenly against something, by place, sorted.
    pub even: Box<[u32]>,
    /// How tokens name the inventory: the first eight bytes of its hash.
    pub inventory: u64,
    /// The pictures.
    pub gallery: Arc<Gallery>,
}

impl Fixtures {
    /// Looks up everything that goes with a snapshot.
    pub fn new(snapshot: &Snapshot, gallery: Gallery, purses: &Purses) -> Fixtures {
        let inventory = &snapshot.inventory;
        let zone = |campaign: &crate::domain::campaign::Campaign| {
            let owner = inventory.advertisers.binary_search_by(|a| a.id.cmp(&campaign.advertiser));
            owner.map(|at| inventory.advertisers[at].time_zone.clone()).unwrap_or_default()
        };
        let even = |flight: &FlightRow| {
            let budget = &inventory.campaigns[flight.campaign].budget;
            let document = &inventory.flights[flight.doc];
            document.pacing == Pacing::Even
                && (document.goal_impressions.is_some() || budget.daily_micros.is_some())
        };
        Fixtures {
            purses: inventory
                .campaigns
                .iter()
                .map(|campaign| {
                    purses.of_campaign(campaign.id.as_str(), &campaign.budget, &zone(campaign))
                })
                .collect(),
            partitions: inventory
                .campaigns
                .iter()
                .map(|campaign| token::partition_of(campaign.id.as_str()))
                .collect(),
            delivered: snapshot
                .flights
                .iter()
                .map(|flight| purses.delivered(inventory.flights[flight.doc].id.as_str()))
                .collect(),
            even: (0u32..)
                .zip(&snapshot.flights)
                .filter(|(_, flight)| even(flight))
                .map(|(place, _)| place)
                .collect(),
            inventory: versions::prefix_of(&snapshot.inventory_hash).unwrap_or(0),
            gallery: Arc::new(gallery),
        }
    }
}

impl Live {
    /// A snapshot with nothing spent, paced or stopped.
    pub fn new(snapshot: Arc<Snapshot>, gallery: Gallery, purses: &Purses, number: u64) -> Live {
        let fixtures = Arc::new(Fixtures::new(&snapshot, gallery, purses));
        Live { world: World::new(snapshot, State { number, ..State::default() }), fixtures }
    }

    /// The same snapshot with another state.
    pub fn with_state(&self, state: State) -> Live {
        let world = World::new(self.world.snapshot.clone(), state);
        Live { world, fixtures: self.fixtures.clone() }
    }

    /// The snapshot.
    pub fn snapshot(&self) -> &Snapshot {
        &self.world.snapshot
    }

    /// The document of a publisher.
    pub fn publisher(&self, id: &str) -> Option<&Publisher> {
        let snapshot = self.snapshot();
        let number = *snapshot.publisher_by_id.get(id)?;
        Some(&snapshot.inventory.publishers[snapshot.publishers[number as usize].doc])
    }

    /// Flights that have no room for one more event here, by place, sorted.
    pub fn spent(&self, terms: Option<&Terms>, now_ms: i64) -> Vec<u32> {
        let snapshot = self.snapshot();
        let rooms: Vec<_> =
            self.fixtures.purses.iter().map(|purse| purse.room(terms, now_ms)).collect();
        (0u32..)
            .zip(&snapshot.flights)
            .filter(|(_, flight)| {
                let needs = match flight.bills {
                    BillOn::Flat => Micros::ZERO,
                    _ => flight.price,
                };
                let room = rooms[flight.campaign];
                needs > Micros::ZERO && room.is_some_and(|room| room < needs)
            })
            .map(|(place, _)| place)
            .collect()
    }
}
