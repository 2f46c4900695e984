//! One side of a comparison: the documents that recorded decisions are decided again with.

use crate::catalog::{Catalog, CatalogError};
use crate::decision_log::WorldLine;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use crate::forecast;
use crate::forecast::Measured;
use crate::replay::tally::Parties;
use crate::selection::compile::compile;
use crate::selection::page::Page;
use crate::selection::rotation::Rotations;
use crate::selection::rules::Mask;
use crate::selection::snapshot::{Closed, Snapshot, State, Ticket};
use crate::selection::translate::{Names, Translation};
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

/// Versions of the catalog that are kept compiled: decisions come in the order of their times.
const VERSIONS: usize = 4;

/// Documents; those that are absent are the ones of each recorded decision.
#[derive(Clone, Debug, Default)]
pub(crate) struct Documents {
    pub(crate) inventory: Option<Inventory>,
    pub(crate) weights: Option<Weights>,
    pub(crate) labels: Option<LabelTable>,
}

impl Documents {
    /// Whether all are those of each decision.
    pub(crate) fn is_recorded(&self) -> bool {
        self.inventory.is_none() && self.weights.is_none() && self.labels.is_none()
    }
}

/// Where recorded versions of the catalog come from.
pub(crate) struct Recorded<'a> {
    pub(crate) catalog: &'a Catalog,
    /// Compiles a version, or finds it in memory.
    pub(crate) snapshot_of: &'a dyn Fn(&WorldLine) -> Result<Arc<Snapshot>, CatalogError>,
    /// What a won slot delivers.
    pub(crate) measured: &'a Measured,
}

/// One side.
pub(super) struct Side {
    documents: Documents,
    /// If it depends on no recorded version.
    whole: Option<Arc<Snapshot>>,
    versions: Vec<Rc<Version>>,
}

/// What one side makes of decisions of one recorded version.
pub(super) struct Version {
    hashes: [String; 3],
    pub(super) snapshot: Arc<Snapshot>,
    /// `None` where the recorded positions are those of the snapshot.
    translation: Option<Translation>,
    /// Positions of advertisers and topics, by the recorded ones.
    advertisers: Vec<Option<u32>>,
    topics: Vec<Option<u32>>,
    /// By rank: the flight's key in the tally.
    pub(super) flights: Vec<u32>,
    /// By the flight's key: the expected spend of a won slot, in micros.
    costs: Vec<f64>,
}

impl Side {
    pub(super) fn new(mut documents: Documents) -> Side {
        if let Some(inventory) = &mut documents.inventory {
            inventory.sort();
        }
        let Documents { inventory, weights, labels } = &documents;
        let whole = match (inventory, weights, labels) {
            (Some(inventory), Some(weights), Some(labels)) => {
                Some(Arc::new(compile(inventory.clone(), weights, labels)))
            }
            _ => None,
        };
        Side { documents, whole, versions: Vec::new() }
    }

    /// Whether it decides as it was recorded.
    pub(super) fn is_recorded(&self) -> bool {
        self.documents.is_recorded()
    }

    /// What this side makes of decisions of a recorded version.
    pub(super) fn version(
        &mut self,
        world: &WorldLine,
        recorded: &Recorded<'_>,
        parties: &mut Parties,
    ) -> Result<Rc<Version>, CatalogError> {
        let hashes = [&world.inventory, &world.weights, &world.labels];
        let same = |known: &&Rc<Version>| known.hashes.iter().eq(hashes);
        if let Some(known) = self.versions.iter().rfind(same) {
            return Ok(known.clone());
        }
        let from = (recorded.snapshot_of)(world)?;
        let snapshot = self.snapshot(world, &from, recorded)?;
        let inventory = &snapshot.inventory;
        let mut flights = Vec::with_capacity(snapshot.flights.len());
        let mut costs = Vec::new();
        for row in &snapshot.flights {
            let flight = &inventory.flights[row.doc];
            let campaign = &inventory.campaigns[row.campaign];
            let payer = &inventory.advertisers[row.advertiser];
            let key = parties.flight(flight.id.as_str(), campaign.id.as_str(), payer);
            flights.push(key);
            costs.resize(costs.len().max(key as usize + 1), 0.0);
            costs[key as usize] = forecast::expected_cost(flight, recorded.measured);
        }
        // The rank of a flight depends on its weight, so weights are other positions too.
        let is_same = Arc::ptr_eq(&from, &snapshot);
        let translation = (!is_same).then(|| Translation::between(&Names::of(&from), &snapshot));
        let hashes = hashes.map(Clone::clone);
        let advertiser = |id: &str| {
            let found = inventory.advertisers.binary_search_by(|one| one.id.as_str().cmp(id)).ok();
            found.and_then(|at| u32::try_from(at).ok())
        };
        let advertisers = from.inventory.advertisers.iter().map(|one| advertiser(one.id.as_str()));
        let advertisers = advertisers.collect();
        let topic = |ix| snapshot.taxonomy.resolve(from.taxonomy.id(ix).as_str()).map(|ix| ix.0);
        let topics = from.taxonomy.all().map(topic).collect();
        let version = Version {
            hashes,
            translation,
            advertisers,
            topics,
            flights,
            costs,
            snapshot: snapshot.clone(),
        };
        let version = Rc::new(version);
        if self.versions.len() >= VERSIONS {
            self.versions.remove(0);
        }
        self.versions.push(version.clone());
        Ok(version)
    }

    fn snapshot(
        &self,
        world: &WorldLine,
        from: &Arc<Snapshot>,
        recorded: &Recorded<'_>,
    ) -> Result<Arc<Snapshot>, CatalogError> {
        if self.is_recorded() {
            return Ok(from.clone());
        }
        if let Some(whole) = &self.whole {
            let is_same = whole.inventory_hash == from.inventory_hash
                && whole.weights_hash == from.weights_hash
                && whole.labels_hash == from.labels_hash;
            return Ok(if is_same { from.clone() } else { whole.clone() });
        }
        let Documents { inventory, weights, labels } = &self.documents;
        let weights = match weights {
            Some(weights) => Cow::Borrowed(weights),
            None => Cow::Owned(recorded.catalog.weights(&world.weights)?),
        };
        let labels = match labels {
            Some(labels) => Cow::Borrowed(labels),
            None => Cow::Owned(recorded.catalog.labels(&world.labels)?),
        };
        let inventory = inventory.as_ref().unwrap_or(&from.inventory).clone();
        Ok(Arc::new(compile(inventory, &weights, &labels)))
    }
}

impl Version {
    /// A recorded state, with this side's positions.
    pub(super) fn state(&self, state: &State) -> State {
        let Some(translation) = &self.translation else { return state.clone() };
        let carried = |places: &[u32]| {
            let mut places: Vec<u32> =
                places.iter().filter_map(|place| translation.flight(*place)).collect();
            places.sort_unstable();
            places
        };
        let mut paced: Vec<(u32, u32)> = state
            .paced
            .iter()
            .filter_map(|(place, share)| Some((translation.flight(*place)?, *share)))
            .collect();
        paced.sort_unstable();
        let mut tickets: Vec<Ticket> = state
            .tickets
            .iter()
            .filter_map(|one| Some(Ticket { place: translation.flight(one.place)?, ..*one }))
            .collect();
        tickets.sort_unstable_by_key(|one| one.place);
        State {
            number: state.number,
            spent: carried(&state.spent),
            paused: carried(&state.paused),
            paced,
            tickets,
            // Which creative of a flight is drawn is not compared.
            rotations: Rotations::default(),
            closed: self.closed(&state.closed),
        }
    }

    /// Closed pairs of advertiser and topic, unless this side has no bound.
    fn closed(&self, recorded: &[Closed]) -> Vec<Closed> {
        if self.snapshot.fairness.is_none() {
            return Vec::new();
        }
        let carried = |(advertiser, topic): &Closed| {
            let advertiser = self.advertisers.get(*advertiser as usize).copied()??;
            Some((advertiser, self.topics.get(*topic as usize).copied()??))
        };
        let mut closed: Vec<Closed> = recorded.iter().filter_map(carried).collect();
        closed.sort_unstable();
        closed
    }

    /// The expected spend of a slot that a flight wins.
    pub(super) fn cost(&self, flight: u32) -> f64 {
        self.costs.get(flight as usize).copied().unwrap_or_default()
    }

    /// A recorded page; `None` if its publisher is not on this side.
    pub(super) fn page<'a>(&self, page: &'a Page, url: Option<&str>) -> Option<Cow<'a, Page>> {
        match &self.translation {
            None => Some(Cow::Borrowed(page)),
            Some(translation) => translation.page(page, url).map(Cow::Owned),
        }
    }

    /// A recorded exclusion.
    pub(super) fn mask(&self, mask: Mask) -> Option<Mask> {
        self.translation.as_ref().map_or(Some(mask), |translation| translation.mask(mask))
    }
}
