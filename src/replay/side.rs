//! One side of a comparison: the documents that recorded decisions are decided again with.

use crate::catalog::{Catalog, CatalogError};
use crate::decision_log::WorldLine;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use crate::forecast;
use crate::forecast::Measured;
use crate::replay::tally::Parties;
use crate::selection::carry::Carry;
use crate::selection::compile::compile;
use crate::selection::snapshot::Snapshot;
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
    /// From the recorded positions to those of the snapshot.
    pub(super) carry: Carry,
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
        let carry = Carry::between(&from, &snapshot);
        let hashes = hashes.map(Clone::clone);
        let version = Version { hashes, snapshot: snapshot.clone(), carry, flights, costs };
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
    /// The expected spend of a slot that a flight wins.
    pub(super) fn cost(&self, flight: u32) -> f64 {
        self.costs.get(flight as usize).copied().unwrap_or_default()
    }
}
