//! The world that decisions read: a snapshot, its state, and the campaign budgets it refers to.

use crate::catalog::versions;
use crate::decision_log::WorldLine;
use crate::domain::campaign::Pacing;
use crate::domain::event::Pricing;
use crate::domain::money::Micros;
use crate::domain::party::Publisher;
use crate::selection::compiled::FlightRow;
use crate::selection::snapshot::{Snapshot, State, World};
use crate::token;
use crate::world::campaign_budget::{BudgetBalance, CampaignBudget, CampaignBudgets};
use crate::world::images::ImageSet;
use crate::world::lease::LeaseTerms;
use crate::world::show_chance::Chances;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// The world being served. Immutable; replaced as a whole.
pub struct Live {
    /// The snapshot and its state.
    pub(crate) world: World,
    /// Lookups of the snapshot that do not depend on its state.
    pub bindings: Arc<Bindings>,
}

/// Lookups made once per snapshot.
pub struct Bindings {
    /// Campaign budgets, by campaign number.
    pub campaign_budgets: Box<[Arc<CampaignBudget>]>,
    /// Journal partitions, by campaign number.
    pub(crate) partitions: Box<[u8]>,
    /// Counters of counted impressions, by flight place (rank order).
    pub(crate) delivered: Box<[Arc<AtomicU64>]>,
    /// Places of evenly paced flights that have a goal or a daily budget, sorted.
    pub(crate) even: Box<[u32]>,
    /// The chances that units are seen, by publisher number and placement: without a key, with one.
    pub(crate) chances: Box<[Box<[Arc<Chances>]>]>,
    /// The inventory's id in tokens: the first eight bytes of its hash.
    pub(crate) inventory: u64,
    /// Images of the inventory.
    pub(crate) images: Arc<ImageSet>,
}

impl Bindings {
    /// Makes all lookups of a snapshot.
    pub(crate) fn new(
        snapshot: &Snapshot,
        images: ImageSet,
        campaign_budgets: &CampaignBudgets,
    ) -> Bindings {
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
        Bindings {
            campaign_budgets: inventory
                .campaigns
                .iter()
                .map(|campaign| {
                    campaign_budgets.of_campaign(
                        campaign.id.as_str(),
                        &campaign.budget,
                        &zone(campaign),
                    )
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
                .map(|flight| campaign_budgets.delivered(inventory.flights[flight.doc].id.as_str()))
                .collect(),
            even: (0u32..)
                .zip(&snapshot.flights)
                .filter(|(_, flight)| even(flight))
                .map(|(place, _)| place)
                .collect(),
            chances: snapshot
                .publishers
                .iter()
                .map(|row| {
                    let publisher = &inventory.publishers[row.doc];
                    let chances = |id: &str| campaign_budgets.chances(publisher.id.as_str(), id);
                    publisher.placements.iter().map(|one| chances(one.id.as_str())).collect()
                })
                .collect(),
            inventory: versions::prefix_of(&snapshot.inventory_hash).unwrap_or(0),
            images: Arc::new(images),
        }
    }
}

impl Live {
    /// A snapshot with a state in which nothing is exhausted, ahead of pace or paused.
    pub(crate) fn new(
        snapshot: Arc<Snapshot>,
        images: ImageSet,
        campaign_budgets: &CampaignBudgets,
        number: u64,
    ) -> Live {
        let bindings = Arc::new(Bindings::new(&snapshot, images, campaign_budgets));
        Live { world: World::new(snapshot, State { number, ..State::default() }), bindings }
    }

    /// The same snapshot with another state.
    pub(crate) fn with_state(&self, state: State) -> Live {
        let world = World::new(self.world.snapshot.clone(), state);
        Live { world, bindings: self.bindings.clone() }
    }

    /// The compiled inventory.
    pub fn snapshot(&self) -> &Snapshot {
        &self.world.snapshot
    }

    /// The decision log's entry for this world.
    pub(crate) fn log_line(&self) -> WorldLine {
        let snapshot = self.snapshot();
        WorldLine {
            inventory: snapshot.inventory_hash.clone(),
            weights: snapshot.weights_hash.clone(),
            labels: snapshot.labels_hash.clone(),
            state: self.world.state.clone(),
        }
    }

    pub(crate) fn publisher(&self, id: &str) -> Option<&Publisher> {
        let snapshot = self.snapshot();
        let number = *snapshot.publisher_by_id.get(id)?;
        Some(&snapshot.inventory.publishers[snapshot.publishers[number as usize].doc])
    }

    /// The balance of every campaign budget, by campaign number.
    pub(crate) fn budget_balances(&self, now_ms: i64) -> Vec<BudgetBalance> {
        self.bindings.campaign_budgets.iter().map(|budget| budget.balance(now_ms)).collect()
    }

    /// Places of flights whose campaign cannot reserve the price of one more event here, sorted.
    pub(crate) fn spent(&self, terms: Option<&LeaseTerms>, now_ms: i64) -> Vec<u32> {
        let snapshot = self.snapshot();
        let available: Vec<_> = self
            .bindings
            .campaign_budgets
            .iter()
            .map(|campaign_budget| campaign_budget.available(terms, now_ms))
            .collect();
        (0u32..)
            .zip(&snapshot.flights)
            .filter(|(_, flight)| {
                let needs = match flight.pricing {
                    Pricing::Flat => Micros::ZERO,
                    _ => flight.price,
                };
                let amount = available[flight.campaign];
                needs > Micros::ZERO && amount.is_some_and(|amount| amount < needs)
            })
            .map(|(place, _)| place)
            .collect()
    }
}
