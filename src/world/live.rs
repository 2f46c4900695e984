//! The world that decisions read: a snapshot, its state, and the campaign budgets it refers to.

use crate::catalog::change::Canary;
use crate::catalog::versions;
use crate::decision_log::WorldLine;
use crate::decision_log::line::CanaryLine;
use crate::domain::campaign::Pacing;
use crate::domain::event::{EventKind, Pricing};
use crate::domain::goal;
use crate::domain::money::Micros;
use crate::domain::party::Publisher;
use crate::metrics::{Metrics, PlacementSlots};
use crate::selection::carry::Carry;
use crate::selection::compiled::{FlightRow, PublisherRow};
use crate::selection::dice::is_canary;
use crate::selection::snapshot::{Snapshot, State, World};
use crate::token;
use crate::world::budget::{Budget, BudgetBalance};
use crate::world::budgets::Budgets;
use crate::world::canary_arms::Arms;
use crate::world::images::ImageSet;
use crate::world::lease::LeaseTerms;
use crate::world::show_chance::Chances;
use crate::world::slot_counts::SlotCounts;
use std::sync::Arc;

/// The world being served. Immutable; replaced as a whole.
pub struct Live {
    /// The snapshot and its state.
    pub(crate) world: World,
    /// Lookups of the snapshot that do not depend on its state.
    pub bindings: Arc<Bindings>,
    /// Other weights that a part of the requests gets.
    pub(crate) canary: Option<LiveCanary>,
}

/// Weights that a part of the requests gets, with the same inventory.
#[derive(Clone)]
pub(crate) struct LiveCanary {
    /// What the catalog says about it.
    pub(crate) head: Canary,
    /// Its world, with the state carried over by flight and without a canary of its own.
    pub(crate) live: Arc<Live>,
    carry: Arc<Carry>,
    /// What was counted since it began, with and without it.
    pub(crate) arms: Arc<Arms>,
}

impl LiveCanary {
    fn with_state(&self, state: &State) -> LiveCanary {
        let live = Arc::new(self.live.with_state(self.carry.whole_state(state)));
        LiveCanary { live, ..self.clone() }
    }

    /// Whether it gets a request.
    pub(crate) fn has(&self, request: u128) -> bool {
        is_canary(request, self.head.share)
    }
}

/// A flight's goals: a budget for each kind of event that it has a goal in.
type FlightGoals = Box<[(EventKind, Arc<Budget>)]>;

/// Lookups made once per snapshot.
pub struct Bindings {
    /// Campaign budgets, by campaign number.
    pub campaign_budgets: Box<[Arc<Budget>]>,
    /// Journal partitions, by campaign number.
    pub(crate) partitions: Box<[u8]>,
    /// The goals that are set, by flight place (rank order).
    pub(crate) goals: Box<[FlightGoals]>,
    /// Places of flights with a goal, or with a budget to spread, sorted.
    pub(crate) paced: Box<[u32]>,
    /// Their ids.
    pub(crate) paced_ids: Box<[Box<str>]>,
    /// Slots of paced flights, by flight place: with a goal their own, else those of their campaign.
    pub(crate) slots: Box<[Option<Arc<SlotCounts>>]>,
    /// The start of the first and the end of the last flight of each campaign, in unix milliseconds, by
    /// campaign number; `None` if a flight has no start or end.
    pub(crate) dates: Box<[Option<(i64, i64)>]>,
    /// The chances that units are seen, by publisher number and placement: without a key, with one.
    pub(crate) chances: Box<[Box<[Arc<Chances>]>]>,
    /// Counters of slots for metrics, by publisher number and placement.
    pub(crate) placements: Box<[Box<[Arc<PlacementSlots>]>]>,
    /// The inventory's id in tokens: the first eight bytes of its hash.
    pub(crate) inventory: u64,
    /// Images of the inventory.
    pub(crate) images: Arc<ImageSet>,
}

impl Bindings {
    /// Makes all lookups of a snapshot.
    pub(crate) fn new(
        snapshot: &Snapshot,
        images: Arc<ImageSet>,
        budgets: &Budgets,
        metrics: &Metrics,
    ) -> Bindings {
        let inventory = &snapshot.inventory;
        metrics.admit_campaigns(inventory.campaigns.iter().map(|one| one.id.as_str()));
        let zone = |campaign: &crate::domain::campaign::Campaign| {
            let owner = inventory.advertisers.binary_search_by(|a| a.id.cmp(&campaign.advertiser));
            owner.map(|at| inventory.advertisers[at].time_zone.clone()).unwrap_or_default()
        };
        let dates = campaign_dates(snapshot);
        let is_paced = |flight: &FlightRow| {
            let budget = &inventory.campaigns[flight.campaign].budget;
            let document = &inventory.flights[flight.doc];
            let paces_lifetime =
                budget.lifetime_micros.is_some() && dates[flight.campaign].is_some();
            let has_budget = budget.daily_micros.is_some() || paces_lifetime;
            let spreads_budget =
                document.pacing != Pacing::Asap && flight.price > Micros::ZERO && has_budget;
            document.has_ticket() || spreads_budget
        };
        let paced: Box<[u32]> = (0u32..)
            .zip(&snapshot.flights)
            .filter(|(_, flight)| is_paced(flight))
            .map(|(place, _)| place)
            .collect();
        let slots = |(place, flight): (u32, &FlightRow)| {
            paced.binary_search(&place).ok()?;
            let document = &inventory.flights[flight.doc];
            Some(if document.has_ticket() {
                budgets.slots_of_flight(document.id.as_str())
            } else {
                budgets.slots_of_campaign(document.campaign.as_str())
            })
        };
        Bindings {
            campaign_budgets: inventory
                .campaigns
                .iter()
                .map(|campaign| {
                    budgets.of_campaign(campaign.id.as_str(), &campaign.budget, &zone(campaign))
                })
                .collect(),
            partitions: inventory
                .campaigns
                .iter()
                .map(|campaign| token::partition_of(campaign.id.as_str()))
                .collect(),
            goals: snapshot
                .flights
                .iter()
                .map(|flight| {
                    let document = &inventory.flights[flight.doc];
                    budgets.of_flight(document.id.as_str(), document.goals())
                })
                .collect(),
            paced_ids: paced
                .iter()
                .map(|place| snapshot.flights[*place as usize].doc)
                .map(|doc| inventory.flights[doc].id.as_str().into())
                .collect(),
            slots: (0u32..).zip(&snapshot.flights).map(slots).collect(),
            paced,
            dates,
            chances: by_placement(snapshot, |publisher, id| budgets.chances(publisher, id)),
            placements: by_placement(snapshot, |publisher, id| metrics.slots_of(publisher, id)),
            inventory: versions::prefix_of(&snapshot.inventory_hash).unwrap_or(0),
            images,
        }
    }
}

impl Live {
    /// A snapshot with a state in which nothing is exhausted, ahead of pace or paused.
    pub(crate) fn new(
        snapshot: Arc<Snapshot>,
        images: ImageSet,
        budgets: &Budgets,
        metrics: &Metrics,
        number: u64,
    ) -> Live {
        let bindings = Arc::new(Bindings::new(&snapshot, Arc::new(images), budgets, metrics));
        let world = World::new(snapshot, State { number, ..State::default() });
        Live { world, bindings, canary: None }
    }

    /// The same with other weights for a part of the requests: the snapshot is the same inventory with these. `arms`
    /// goes on counting.
    pub(crate) fn with_canary(
        self,
        (head, snapshot): (Canary, Arc<Snapshot>),
        arms: Option<Arc<Arms>>,
        budgets: &Budgets,
        metrics: &Metrics,
    ) -> Live {
        let carry = Arc::new(Carry::between(&self.world.snapshot, &snapshot));
        let images = self.bindings.images.clone();
        let bindings = Arc::new(Bindings::new(&snapshot, images, budgets, metrics));
        let world = World::new(snapshot, carry.whole_state(&self.world.state));
        let live = Arc::new(Live { world, bindings, canary: None });
        let arms = arms.unwrap_or_else(|| Arc::new(Arms::new()));
        Live { canary: Some(LiveCanary { head, live, carry, arms }), ..self }
    }

    /// The same without a canary.
    pub(crate) fn without_canary(&self) -> Live {
        let world = World::new(self.world.snapshot.clone(), self.world.state.clone());
        Live { world, bindings: self.bindings.clone(), canary: None }
    }

    /// The world that a request is decided on.
    pub(crate) fn of_request(self: &Arc<Live>, request: u128) -> &Arc<Live> {
        match &self.canary {
            Some(canary) if canary.has(request) => &canary.live,
            _ => self,
        }
    }

    /// The same snapshot with another state.
    pub(crate) fn with_state(&self, state: State) -> Live {
        let canary = self.canary.as_ref().map(|canary| canary.with_state(&state));
        let world = World::new(self.world.snapshot.clone(), state);
        Live { world, bindings: self.bindings.clone(), canary }
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
            canary: self.canary.as_ref().map(|canary| {
                let world = canary.live.log_line();
                Box::new(CanaryLine { share: canary.head.share, world })
            }),
        }
    }

    /// The state of the canary.
    pub(crate) fn canary_state(&self) -> Option<&State> {
        self.canary.as_ref().map(|canary| &canary.live.world.state)
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

    /// All budgets and goals.
    pub(crate) fn budgets(&self) -> impl Iterator<Item = &Budget> {
        let goals = self.bindings.goals.iter().flatten().map(|(_, goal)| goal);
        self.bindings.campaign_budgets.iter().chain(goals).map(|budget| &**budget)
    }

    /// Places of flights that cannot reserve the price of one more event here, or a unit of one of their
    /// goals; sorted.
    pub(crate) fn spent(&self, terms: Option<&LeaseTerms>, now_ms: i64) -> Vec<u32> {
        let snapshot = self.snapshot();
        let lacks = |budget: &Budget, needs: Micros| {
            budget.available(terms, now_ms).is_some_and(|amount| amount < needs)
        };
        let available: Vec<_> = self
            .bindings
            .campaign_budgets
            .iter()
            .map(|budget| budget.available(terms, now_ms))
            .collect();
        (0u32..)
            .zip(snapshot.flights.iter().zip(&self.bindings.goals))
            .filter(|(_, (flight, goals))| {
                let needs = match flight.pricing {
                    Pricing::Flat => Micros::ZERO,
                    _ => flight.price,
                };
                available[flight.campaign].is_some_and(|amount| amount < needs)
                    || goals.iter().any(|(_, goal)| lacks(goal, goal::UNIT))
            })
            .map(|(place, _)| place)
            .collect()
    }
}

/// What `of` has for each placement, by publisher number and placement.
fn by_placement<T>(snapshot: &Snapshot, of: impl Fn(&str, &str) -> T) -> Box<[Box<[T]>]> {
    let of_publisher = |row: &PublisherRow| {
        let publisher = &snapshot.inventory.publishers[row.doc];
        let placements = publisher.placements.iter();
        placements.map(|one| of(publisher.id.as_str(), one.id.as_str())).collect()
    };
    snapshot.publishers.iter().map(of_publisher).collect()
}

/// The dates of each campaign, by number: see [`Bindings::dates`].
fn campaign_dates(snapshot: &Snapshot) -> Box<[Option<(i64, i64)>]> {
    let mut dates = vec![Some((i64::MAX, i64::MIN)); snapshot.inventory.campaigns.len()];
    for flight in snapshot.flights.iter().filter(|flight| flight.price > Micros::ZERO) {
        let is_open = flight.starts_ms == i64::MIN || flight.ends_ms == i64::MAX;
        let of = &mut dates[flight.campaign];
        *of = of.filter(|_| !is_open).map(|(starts_ms, ends_ms)| {
            (starts_ms.min(flight.starts_ms), ends_ms.max(flight.ends_ms))
        });
    }
    dates.into()
}
