//! Final verdicts by flight since the start of the process, for metrics. An event counts once, with its
//! first final verdict.

use crate::domain::event::{EventKind, InvalidReason, Verdict};
use crate::domain::money::Micros;
use crate::ledger::outcome::EventVerdict;
use std::collections::BTreeMap;

/// What came of an event, in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Delivered {
    Billed,
    /// Counted, at no price.
    Unbilled,
    Duplicate,
    Invalid(InvalidReason),
}

impl Delivered {
    /// `None` while the verdict is pending.
    fn of(verdict: Verdict, billed: Micros) -> Option<Delivered> {
        match verdict {
            Verdict::Pending => None,
            Verdict::Counted if billed > Micros::ZERO => Some(Delivered::Billed),
            Verdict::Counted => Some(Delivered::Unbilled),
            Verdict::Duplicate => Some(Delivered::Duplicate),
            Verdict::Invalid(reason) => Some(Delivered::Invalid(reason)),
        }
    }

    /// The label value.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Delivered::Billed => "billed",
            Delivered::Unbilled => "unbilled",
            Delivered::Duplicate => "duplicate",
            Delivered::Invalid(reason) => reason.as_str(),
        }
    }
}

/// Counts of one flight.
type Counts = BTreeMap<(EventKind, Delivered), u64>;

/// Counts by campaign and flight.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DeliveryTotals(BTreeMap<Box<str>, BTreeMap<Box<str>, Counts>>);

impl DeliveryTotals {
    /// Counts a verdict, unless it is pending.
    pub(crate) fn add(&mut self, one: &EventVerdict) {
        let Some(delivered) = Delivered::of(one.verdict, one.billed) else { return };
        let of = &one.event.attribution;
        // Looked up first: nearly always it is there, and its ids need not be copied.
        if !self.0.get(&of.campaign).is_some_and(|flights| flights.contains_key(&of.flight)) {
            let flights = self.0.entry(of.campaign.clone()).or_default();
            flights.entry(of.flight.clone()).or_default();
        }
        let counts = self.0.get_mut(&of.campaign).and_then(|one| one.get_mut(&of.flight));
        if let Some(counts) = counts {
            *counts.entry((one.event.kind, delivered)).or_default() += 1;
        }
    }

    /// Campaign, flight, kind, what came of it, and how often.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str, EventKind, Delivered, u64)> {
        let flights = self.0.iter().flat_map(|(campaign, flights)| {
            flights.iter().map(move |(flight, counts)| (&**campaign, &**flight, counts))
        });
        flights.flat_map(|(campaign, flight, counts)| {
            let each = counts.iter();
            each.map(move |((kind, what), count)| (campaign, flight, *kind, *what, *count))
        })
    }

    /// Whether an event of the flight has a verdict.
    pub(crate) fn has(&self, campaign: &str, flight: &str) -> bool {
        self.0.get(campaign).is_some_and(|flights| flights.contains_key(flight))
    }
}
