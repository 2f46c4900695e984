//! Events by flight, and slots by placement, each up to a configured number; the rest is summed as `other`.

use crate::domain::event::EventKind;
use crate::metrics::scrape::set;
use crate::metrics::series::{OTHER, OwnSeries};
use crate::metrics::{Metrics, SlotOutcome};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// A campaign and its flight, or a publisher and its placement.
pub(crate) type Pair = (Box<str>, Box<str>);

const OUTCOMES: usize = SlotOutcome::ALL.len();

/// Verdicts that every flight with series of its own has at zero; others get a series with their first event.
const AT_ZERO: [&str; 3] = ["billed", "unbilled", "duplicate"];

/// Slots of one placement since the start of the process. A decision increments one of the counters.
#[derive(Debug, Default)]
pub(crate) struct PlacementSlots([AtomicU64; OUTCOMES]);

impl PlacementSlots {
    pub(crate) fn count(&self, outcome: SlotOutcome) {
        self.0[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> [u64; OUTCOMES] {
        self.0.each_ref().map(|count| count.load(Ordering::Relaxed))
    }
}

/// Slots of every placement that an inventory declared since the start of the process.
#[derive(Default)]
pub(super) struct Placements {
    declared: RwLock<BTreeMap<Pair, Arc<PlacementSlots>>>,
    /// Slots without a declared placement, and those that were refused before one was looked up.
    undeclared: PlacementSlots,
}

/// The flights and placements with series of their own.
pub(super) struct OwnDelivery {
    flights: OwnSeries<Pair>,
    placements: OwnSeries<Pair>,
}

impl OwnDelivery {
    pub(super) fn at_most(flights: usize, placements: usize) -> Mutex<OwnDelivery> {
        let (flights, placements) = (OwnSeries::at_most(flights), OwnSeries::at_most(placements));
        Mutex::new(OwnDelivery { flights, placements })
    }
}

/// Events with a final verdict of a flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FlightEvents {
    pub(crate) flight: Pair,
    pub(crate) kind: EventKind,
    /// `billed`, `unbilled`, `duplicate`, or why the event is invalid.
    pub(crate) verdict: &'static str,
    pub(crate) count: u64,
}

/// What a scrape shows of delivery.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeliveryRows {
    pub(crate) events: Vec<FlightEvents>,
    /// Flights that may get series of their own, the most important first.
    pub(crate) flights: Vec<Pair>,
    /// Slots by placement before the start of the process: the more, the sooner it has series of its own.
    pub(crate) earlier_slots: BTreeMap<Pair, u64>,
}

impl Metrics {
    /// The counters of a declared placement. For use once per snapshot: takes a lock.
    pub(crate) fn slots_of(&self, publisher: &str, placement: &str) -> Arc<PlacementSlots> {
        let mut declared = self.placements.declared.write().unwrap_or_else(PoisonError::into_inner);
        declared.entry((publisher.into(), placement.into())).or_default().clone()
    }

    /// The counters of slots without a declared placement.
    pub(crate) fn undeclared_slots(&self) -> &PlacementSlots {
        &self.placements.undeclared
    }

    /// Whether more flights can get series of their own.
    pub(crate) fn has_room_for_flights(&self) -> bool {
        self.own_delivery.lock().unwrap_or_else(PoisonError::into_inner).flights.room() > 0
    }

    /// Whether some of the new placements, and not all, can get series of their own.
    pub(crate) fn has_room_for_some_placements(&self) -> bool {
        let own = self.own_delivery.lock().unwrap_or_else(PoisonError::into_inner);
        let declared = self.placements.declared.read().unwrap_or_else(PoisonError::into_inner);
        let new = declared.keys().filter(|pair| !own.placements.is_known(pair)).count();
        (1..new).contains(&own.placements.room())
    }

    /// Sets the largest part that one advertiser has of each topic, given in order of importance: the first `own`
    /// have series of their own.
    pub(crate) fn set_topic_shares<'a>(
        &self,
        shares: impl Iterator<Item = (&'a str, f64)>,
        own: usize,
    ) {
        self.topic_share.reset();
        let mut others: f64 = 0.0;
        for (at, (topic, share)) in shares.enumerate() {
            if at < own {
                self.topic_share.with_label_values(&[topic]).set(share);
            } else {
                others = others.max(share);
            }
        }
        self.topic_share.with_label_values(&[OTHER]).set(others);
    }

    /// Counts a decision that was compared with that of the weights in the shadow.
    pub(crate) fn count_shadow(&self, is_same: bool) {
        let agreement = if is_same { "same" } else { "other" };
        self.shadow_decisions.with_label_values(&[agreement]).inc();
    }

    /// Counts the slots of a decision while a canary runs.
    pub(crate) fn count_canary_slots(&self, of_canary: bool, filled: u64, empty: u64) {
        let arm = if of_canary { "canary" } else { "served" };
        self.canary_slots.with_label_values(&[arm, "filled"]).inc_by(filled);
        self.canary_slots.with_label_values(&[arm, "empty"]).inc_by(empty);
    }

    /// Counts a canary that did worse.
    pub(crate) fn count_canary_stopped(&self, guardrail: &str) {
        self.canary_stopped.with_label_values(&[guardrail]).inc();
    }

    /// Sets how many points each advertiser would have more with the weights in the shadow; the caller bounds
    /// their number.
    pub(crate) fn set_shadow_shares<'a>(&self, points: impl Iterator<Item = (&'a str, f64)>) {
        self.shadow_share.reset();
        self.shadow_share.with_label_values(&[OTHER]).set(0.0);
        for (advertiser, points) in points {
            self.shadow_share.with_label_values(&[advertiser]).set(points);
        }
    }

    pub(super) fn set_delivery(&self, rows: &DeliveryRows) {
        let mut own = self.own_delivery.lock().unwrap_or_else(PoisonError::into_inner);
        self.set_flights(&mut own.flights, rows);
        self.set_placements(&mut own.placements, &rows.earlier_slots);
    }

    fn set_flights(&self, own: &mut OwnSeries<Pair>, rows: &DeliveryRows) {
        for flight in &rows.flights {
            if own.room() > 0 && !own.is_known(flight) {
                own.admit(flight.clone());
                self.create(&flight.0, &flight.1);
            }
        }
        self.create(OTHER, OTHER);
        let mut others: BTreeMap<(EventKind, &str), u64> = BTreeMap::new();
        for FlightEvents { flight, kind, verdict, count } in &rows.events {
            if own.has(flight) {
                let labels = [&*flight.0, &*flight.1, kind.as_str(), verdict];
                set(&self.delivery_events, &labels, *count);
            } else {
                *others.entry((*kind, verdict)).or_default() += count;
                if !own.is_known(flight) {
                    own.refuse(flight.clone());
                }
            }
        }
        for ((kind, verdict), count) in others {
            set(&self.delivery_events, &[OTHER, OTHER, kind.as_str(), verdict], count);
        }
    }

    fn create(&self, campaign: &str, flight: &str) {
        for kind in EventKind::ALL {
            for verdict in AT_ZERO {
                let labels = [campaign, flight, kind.as_str(), verdict];
                self.delivery_events.with_label_values(&labels);
            }
        }
    }

    fn set_placements(&self, own: &mut OwnSeries<Pair>, earlier: &BTreeMap<Pair, u64>) {
        let declared = self.placements.declared.read().unwrap_or_else(PoisonError::into_inner);
        let counts: Vec<(&Pair, [u64; OUTCOMES])> =
            declared.iter().map(|(pair, slots)| (pair, slots.get())).collect();
        let mut new: Vec<_> = counts.iter().filter(|(pair, _)| !own.is_known(pair)).collect();
        let earlier = |pair| earlier.get(pair).copied().unwrap_or(0);
        new.sort_by_key(|(pair, counts)| {
            std::cmp::Reverse(counts.iter().sum::<u64>() + earlier(*pair))
        });
        new.into_iter().for_each(|(pair, _)| own.admit((*pair).clone()));
        let mut others = self.placements.undeclared.get();
        for (pair, counts) in counts {
            if own.has(pair) {
                self.set_slots(&pair.0, &pair.1, counts);
            } else {
                others.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            }
        }
        self.set_slots(OTHER, OTHER, others);
    }

    fn set_slots(&self, publisher: &str, placement: &str, counts: [u64; OUTCOMES]) {
        for (outcome, count) in SlotOutcome::ALL.iter().zip(counts) {
            set(&self.delivery_decisions, &[publisher, placement, outcome.as_str()], count);
        }
    }
}
