//! Weights in the shadow: a second set that is compared with the one being served, on decisions as they are made. It
//! serves nothing. The sums are of this instance and in memory.

use crate::catalog::{Catalog, CatalogError};
use crate::decision_log::again::Again;
use crate::decision_log::line::DecisionLine;
use crate::domain::event::NoFill;
use crate::domain::weights::Weights;
use crate::selection::carry::Carry;
use crate::selection::compile::compile_stored;
use crate::selection::odds::Odds;
use crate::selection::snapshot::{Snapshot, World};
use crate::world::live::Live;
use arc_swap::ArcSwapOption;
use hashbrown::HashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Advertisers of a report; the others are one row.
const ROWS: usize = 20;

/// The row of the other advertisers.
pub(crate) const OTHER: &str = "other";

/// The weights in the shadow.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ShadowWeights {
    /// The name of the version, else its hash.
    pub(crate) version: String,
    pub(crate) hash: String,
    pub(crate) since: jiff::Timestamp,
    pub(crate) weights: Weights,
}

/// A figure with the weights being served, and with those in the shadow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ShadowFigure {
    /// With the weights being served.
    pub(crate) served: f64,
    /// With the weights in the shadow.
    pub(crate) shadow: f64,
}

/// An advertiser's part of the filled slots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ShadowShare {
    /// The advertiser; `other` has those with smaller differences.
    pub(crate) advertiser: String,
    /// From 0 to 1.
    pub(crate) share: ShadowFigure,
    /// The difference in percentage points.
    pub(crate) points: f64,
}

/// What was found since the comparison began on this instance, with the weights being served now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ShadowReport {
    /// The name of the version, else its hash.
    pub(crate) version: String,
    /// Its hash.
    pub(crate) hash: String,
    #[schemars(with = "String")]
    pub(crate) since: jiff::Timestamp,
    /// Decisions compared: a sample.
    pub(crate) decisions: u64,
    /// Those with the same flights in all slots, from 0 to 1; absent before the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agreement: Option<f64>,
    /// Filled slots as a part of all.
    pub(crate) fill: ShadowFigure,
    /// Advertisers' exact shares, those that move most first.
    pub(crate) shares: Vec<ShadowShare>,
}

/// What was added up.
#[derive(Default)]
struct Sums {
    /// The weights that were served.
    served: String,
    same: u64,
    decisions: u64,
    slots: u64,
    filled: ShadowFigure,
    advertisers: HashMap<Box<str>, ShadowFigure>,
}

/// The comparison.
pub(crate) struct Shadow {
    catalog: Arc<Catalog>,
    weights: ArcSwapOption<ShadowWeights>,
    is_on: AtomicBool,
    sums: Mutex<Sums>,
}

impl Shadow {
    /// Without weights; labels are read from `catalog`.
    pub(crate) fn new(catalog: Arc<Catalog>) -> Shadow {
        let (weights, is_on) = (ArcSwapOption::empty(), AtomicBool::new(false));
        Shadow { catalog, weights, is_on, sums: Mutex::default() }
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether decisions are compared. Costs a comparison.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Compares with these weights from now on, or with none.
    pub(crate) fn set(&self, weights: Option<ShadowWeights>) {
        let mut sums = self.sums();
        self.is_on.store(weights.is_some(), Ordering::Relaxed);
        self.weights.store(weights.map(Arc::new));
        *sums = Sums::default();
    }

    /// The weights in the shadow.
    pub(crate) fn weights(&self) -> Option<Arc<ShadowWeights>> {
        self.weights.load_full()
    }

    /// What was found; `None` without weights.
    pub(crate) fn report(&self) -> Option<ShadowReport> {
        let weights = self.weights()?;
        let sums = self.sums();
        let share = |of: &ShadowFigure| ShadowFigure {
            served: of.served / sums.filled.served.max(f64::MIN_POSITIVE),
            shadow: of.shadow / sums.filled.shadow.max(f64::MIN_POSITIVE),
        };
        let row = |advertiser: &str, share: ShadowFigure| ShadowShare {
            advertiser: advertiser.to_owned(),
            share,
            points: 100.0 * (share.shadow - share.served),
        };
        let mut rows: Vec<ShadowShare> =
            sums.advertisers.iter().map(|(id, of)| row(id, share(of))).collect();
        rows.sort_by(|a, b| {
            b.points.abs().total_cmp(&a.points.abs()).then_with(|| a.advertiser.cmp(&b.advertiser))
        });
        if rows.len() > ROWS {
            let rest = rows.drain(ROWS..).fold(ShadowFigure::default(), |sum, one| ShadowFigure {
                served: sum.served + one.share.served,
                shadow: sum.shadow + one.share.shadow,
            });
            rows.push(row(OTHER, rest));
        }
        let slots = sums.slots.max(1) as f64;
        let ShadowWeights { version, hash, since, .. } = &*weights;
        Some(ShadowReport {
            version: version.clone(),
            hash: hash.clone(),
            since: *since,
            decisions: sums.decisions,
            agreement: (sums.decisions > 0).then(|| sums.same as f64 / sums.decisions as f64),
            fill: ShadowFigure {
                served: sums.filled.served / slots,
                shadow: sums.filled.shadow / slots,
            },
            shares: rows,
        })
    }
}

/// The weights in the shadow, compiled with an inventory.
struct Compiled {
    weights: Arc<ShadowWeights>,
    from: Arc<Snapshot>,
    served: Carry,
    shadow: Carry,
    /// For the last state.
    world: World,
}

/// Compares decisions, on a thread of its own.
pub(crate) struct Comparer {
    shadow: Arc<Shadow>,
    compiled: Option<Compiled>,
    odds: Odds,
    /// How long compiling took since this was taken.
    pub(crate) compiling: Duration,
}

/// What one decision adds.
#[derive(Default)]
struct Found {
    is_other: bool,
    slots: u64,
    filled: ShadowFigure,
    advertisers: Vec<(usize, ShadowFigure)>,
}

impl Comparer {
    pub(crate) fn new(shadow: Arc<Shadow>) -> Comparer {
        Comparer { shadow, compiled: None, odds: Odds::default(), compiling: Duration::ZERO }
    }

    /// Compares a decision that was made on `live`. Returns whether all slots have the same flights; `None` where
    /// nothing is compared. Compiles the weights after each change of the inventory.
    pub(crate) fn compare(&mut self, live: &Live, line: &DecisionLine) -> Option<bool> {
        let is_left_out = line.test
            || line.forced.is_some()
            || line.slots.iter().any(|slot| slot.result == Err(NoFill::StaleTooOld));
        let weights = self.shadow.weights().filter(|_| !is_left_out)?;
        if let Err(error) = self.compile(live, &weights) {
            tracing::error!(%error, version = weights.version, "cannot compare with the weights in the shadow");
            return None;
        }
        let compiled = self.compiled.as_ref()?;
        let found = found(compiled, live, line, &mut self.odds)?;
        let mut sums = self.shadow.sums();
        // Set to other weights meanwhile.
        if !self.shadow.weights().is_some_and(|now| Arc::ptr_eq(&now, &weights)) {
            return None;
        }
        let snapshot = live.snapshot();
        if sums.served != snapshot.weights_hash {
            *sums = Sums { served: snapshot.weights_hash.clone(), ..Sums::default() };
        }
        sums.decisions += 1;
        sums.same += u64::from(!found.is_other);
        sums.slots += found.slots;
        sums.filled.served += found.filled.served;
        sums.filled.shadow += found.filled.shadow;
        for (advertiser, share) in found.advertisers {
            let id = snapshot.inventory.advertisers[advertiser].id.as_str();
            let sum = sums.advertisers.entry(id.into()).or_default();
            sum.served += share.served;
            sum.shadow += share.shadow;
        }
        Some(!found.is_other)
    }

    /// Makes `compiled` that of the decision's world.
    fn compile(&mut self, live: &Live, weights: &Arc<ShadowWeights>) -> Result<(), CatalogError> {
        let from = &live.world.snapshot;
        let state = &live.world.state;
        match &mut self.compiled {
            Some(known)
                if Arc::ptr_eq(&known.weights, weights) && Arc::ptr_eq(&known.from, from) =>
            {
                if known.world.state.number != state.number {
                    let carried = known.shadow.state(state);
                    known.world = World::new(known.shadow.to().clone(), carried);
                }
            }
            _ => {
                let began = Instant::now();
                let labels = self.shadow.catalog.labels(&from.labels_hash)?;
                let (inventory, hash) = (from.inventory.clone(), from.inventory_hash.clone());
                let to = Arc::new(compile_stored(inventory, hash, &weights.weights, &labels));
                let shadow = Carry::between(from, &to);
                let world = World::new(to, shadow.state(state));
                self.compiled = Some(Compiled {
                    weights: weights.clone(),
                    from: from.clone(),
                    served: Carry::between(from, from),
                    shadow,
                    world,
                });
                self.compiling += began.elapsed();
            }
        }
        Ok(())
    }
}

fn found(
    Compiled { served, shadow, world, .. }: &Compiled,
    live: &Live,
    line: &DecisionLine,
    odds: &mut Odds,
) -> Option<Found> {
    let mut one = Again::new(served, &live.world, line);
    let mut other = Again::new(shadow, world, line);
    // The inventory is the same, so its publisher is there.
    other.page()?;
    let mut found = Found::default();
    for (slot, recorded) in line.slots.iter().enumerate() {
        one.begin_slot(recorded);
        other.begin_slot(recorded);
        found.slots += 1;
        one.compute(slot, odds);
        found.filled.served += 1.0 - odds.empty;
        found.advertisers.extend(odds.chances.iter().map(|chance| {
            let advertiser = live.world.snapshot.flights[chance.place as usize].advertiser;
            (advertiser, ShadowFigure { served: chance.probability, shadow: 0.0 })
        }));
        other.compute(slot, odds);
        found.filled.shadow += 1.0 - odds.empty;
        found.advertisers.extend(odds.chances.iter().map(|chance| {
            let advertiser = world.snapshot.flights[chance.place as usize].advertiser;
            (advertiser, ShadowFigure { served: 0.0, shadow: chance.probability })
        }));
        one.draw(slot);
        let drawn = other.draw(slot).and_then(|win| u32::try_from(win.place).ok());
        let served = recorded.result.ok().and_then(|chosen| shadow.flight(chosen.place));
        found.is_other |= drawn != served;
    }
    Some(found)
}
