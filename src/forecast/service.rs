//! The forecast service of a running server: keeps a sample of the recorded decisions in memory.

use crate::catalog::CatalogError;
use crate::clock::Clock;
use crate::decision_log::{DecisionLog, WorldLine};
use crate::domain::inventory::Inventory;
use crate::forecast;
use crate::forecast::{Effort, Forecasts, Measured, Sample, Sources};
use crate::ledger::Ledger;
use crate::selection::translate::Names;
use crate::token;
use crate::world::Worlds;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Decisions that a server keeps in memory for forecasts, and that one forecast uses.
const DECISIONS: usize = 40_000;

/// Why there is no forecast.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForecastError {
    /// A flight is not in the inventory.
    #[error("flight `{0}` is not in the inventory")]
    UnknownFlight(String),
    /// The documents are not valid.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<crate::catalog::check::Finding>),
    /// Weights or labels cannot be read.
    #[error("cannot read the catalog")]
    Version(#[source] CatalogError),
    /// The decision log cannot be read.
    #[error("cannot read the decision log")]
    Log(#[source] std::io::Error),
}

/// The forecast service.
pub(crate) struct Forecasting {
    clock: Arc<dyn Clock>,
    world: Arc<Worlds>,
    ledger: Arc<Ledger>,
    log: Arc<DecisionLog>,
    folder: PathBuf,
    /// Held while a forecast is made: one at a time.
    sample: Mutex<Option<Sample>>,
}

impl Forecasting {
    /// Forecasts from the decision log in `folder`.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        world: Arc<Worlds>,
        ledger: Arc<Ledger>,
        log: Arc<DecisionLog>,
        folder: PathBuf,
    ) -> Forecasting {
        Forecasting { clock, world, ledger, log, folder, sample: Mutex::default() }
    }

    /// Forecasts flights of what is served with the documents of `part`; all flights of `part` if none are
    /// named. Reads files and takes seconds: do not call on a request thread.
    ///
    /// # Errors
    /// An unknown flight, invalid documents, or a decision log that cannot be read.
    pub(crate) fn forecast(
        &self,
        part: Inventory,
        mut flights: Vec<String>,
    ) -> Result<Forecasts, ForecastError> {
        let live = self.world.live();
        let snapshot = live.snapshot();
        if flights.is_empty() {
            flights = part.flights.iter().map(|flight| flight.id.to_string()).collect();
        }
        let inventory = forecast::merged(&snapshot.inventory, part);
        let problems = forecast::problems(&inventory);
        if !problems.is_empty() {
            return Err(ForecastError::Invalid(problems));
        }
        if let Some(missing) = forecast::missing(&inventory, &flights) {
            return Err(ForecastError::UnknownFlight(missing));
        }
        let mut known = self.sample.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = self.clock.now_ms();
        let read = self.read(known.take(), now_ms).map_err(ForecastError::Log)?;
        let sample = known.insert(read);
        let (weights, labels) = self.world.weights_and_labels().map_err(ForecastError::Version)?;
        let sources = Sources {
            sample,
            measured: &self.measured(&inventory, now_ms),
            weights: &weights,
            labels: &labels,
            now_ms,
        };
        Ok(forecast::forecast(&sources, &inventory, &flights))
    }

    /// The sample up to now, from the one that is known.
    fn read(&self, known: Option<Sample>, now_ms: i64) -> std::io::Result<Sample> {
        self.log.flush();
        let effort = Effort { decisions: DECISIONS, until: None };
        let names = |world: &WorldLine| self.names(world);
        let Some(mut sample) = known else {
            return Sample::read(&self.folder, now_ms, effort, &names);
        };
        sample.refresh(&self.folder, now_ms, effort, &names)?;
        Ok(sample)
    }

    fn names(&self, world: &WorldLine) -> Option<Names> {
        let snapshot = self.world.snapshot_of(&world.inventory, &world.weights, &world.labels);
        snapshot.ok().map(|snapshot| Names::of(&snapshot))
    }

    fn measured(&self, inventory: &Inventory, now_ms: i64) -> Measured {
        let mut measured = Measured::read(&self.ledger.views(), now_ms);
        let live = self.world.live();
        let state = self.ledger.state();
        let counted = inventory.flights.iter().filter_map(|flight| {
            let partition = token::partition_of(flight.campaign.as_str());
            let counts = state.flight_counts(partition, flight.id.as_str())?;
            Some((flight.id.as_str().into(), *counts.counted()))
        });
        measured.delivered = Some(counted.collect());
        let balances = live.budget_balances(now_ms);
        let campaigns = live.snapshot().inventory.campaigns.iter().zip(balances);
        measured.spent = campaigns
            .map(|(campaign, balance)| {
                (campaign.id.as_str().into(), (balance.spent_today, balance.spent))
            })
            .collect();
        measured
    }
}
