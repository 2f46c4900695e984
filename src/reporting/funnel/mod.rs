//! The funnel of a flight: of all slots that were asked for, at which stage each was lost for it, which it
//! won, and which of those were shown and viewable.

pub(crate) mod document;
mod reason;
mod service;

pub(crate) use document::{Covers, FlightFunnel};
pub(crate) use reason::main_reason;

use crate::config::suggestion::nearest;
use crate::decision_log::slots;
use crate::domain::attribution::Dimension;
use crate::domain::campaign::{Campaign, Flight};
use crate::domain::event::NoFill;
use crate::domain::goal::ByGoal;
use crate::domain::party::Advertiser;
use crate::domain::zone::Zone;
use crate::ledger::views::Views;
use crate::reporting::flight_state::{FlightNow, FlightState};
use crate::reporting::recorded::{Coverage, RecordedDecisions};
use crate::reporting::report;
use crate::reporting::report::{Figures, Page, Party, Query};
use crate::selection::rules::SlotContext;
use crate::selection::slot_stage;
use crate::selection::slot_stage::SlotStage;
use crate::selection::snapshot::Snapshot;
use crate::world::directory::Directory;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// What a funnel is made from.
pub(crate) struct Evidence<'a> {
    pub(crate) recorded: RecordedDecisions<'a>,
    pub(crate) directory: &'a Directory,
    /// Rows of the ledger.
    pub(crate) views: Views,
    /// What counted for the flight.
    pub(crate) counted: ByGoal<u64>,
    /// Whether other instances share the ledger: their decisions are in logs of their own.
    pub(crate) is_shared: bool,
    pub(crate) now_ms: i64,
}

/// Why there is no funnel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FunnelError {
    /// No version of the inventory that the caller may know of has such a flight.
    #[error("no flight `{id}`{help}")]
    UnknownFlight {
        id: String,
        /// The nearest known id, as a question; may be empty.
        help: String,
    },
    /// The decision log cannot be read.
    #[error("cannot read the decision log")]
    Log(#[from] io::Error),
}

/// A flight with its owner.
pub(crate) struct OwnedFlight {
    pub(crate) flight: Flight,
    pub(crate) advertiser: String,
    /// The time zone of its dates.
    pub(crate) zone: Zone,
}

/// Looks for a flight that is or was in the inventory; `of`: only among those of this advertiser, so that
/// a foreign one and an unknown one are answered alike.
pub(crate) fn find_flight(
    directory: &Directory,
    id: &str,
    of: Option<&str>,
) -> Result<OwnedFlight, FunnelError> {
    let owner = |flight: &Flight| {
        let campaign: &Campaign = directory.find(flight.campaign.as_str())?;
        Some(campaign.advertiser.to_string()).filter(|owner| of.is_none_or(|of| of == owner))
    };
    let found = directory.find::<Flight>(id).and_then(|flight| Some((flight, owner(flight)?)));
    let Some((flight, advertiser)) = found else {
        let served = directory.live().snapshot().inventory.flights.iter();
        let known = served.filter(|flight| owner(flight).is_some());
        let near = nearest(id, known.map(|flight| flight.id.as_str()));
        let help = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        return Err(FunnelError::UnknownFlight { id: id.to_owned(), help });
    };
    let zone = directory.find::<Advertiser>(&advertiser).map(|owner| owner.time_zone.clone());
    Ok(OwnedFlight { flight: flight.clone(), advertiser, zone: zone.unwrap_or_default() })
}

/// The slots that were asked for, by what became of them for a flight.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SlotCounts {
    /// Slots of inventories that did not have the flight.
    pub(crate) not_booked: u64,
    pub(crate) stages: BTreeMap<SlotStage, u64>,
}

/// Counts the recorded slots by what became of them for a flight.
pub(crate) fn count(
    recorded: &RecordedDecisions<'_>,
    flight: &str,
    times: &Range<i64>,
) -> io::Result<(SlotCounts, Coverage)> {
    let mut counts = SlotCounts::default();
    let mut known: Option<(Arc<Snapshot>, Option<usize>)> = None;
    let coverage = recorded.each(times, |world, line| {
        if known.as_ref().is_none_or(|(snapshot, _)| !Arc::ptr_eq(snapshot, &world.snapshot)) {
            known = Some((world.snapshot.clone(), place_of(&world.snapshot, flight)));
        }
        let place = known.as_ref().and_then(|(_, place)| *place);
        let count = |context: &SlotContext<'_>, result: Result<usize, NoFill>| match place {
            None => counts.not_booked += 1,
            Some(place) => {
                let stage = slot_stage::of_flight(context, place, result);
                *counts.stages.entry(stage).or_default() += 1;
            }
        };
        slots::each_slot(world, line, count);
    })?;
    let scale = |count: &mut u64| *count = coverage.scaled(*count);
    scale(&mut counts.not_booked);
    counts.stages.values_mut().for_each(scale);
    Ok((counts, coverage))
}

/// The place of a flight, by id.
pub(crate) fn place_of(snapshot: &Snapshot, flight: &str) -> Option<usize> {
    let documents = &snapshot.inventory.flights;
    let document = documents.binary_search_by(|one| one.id.as_str().cmp(flight)).ok()?;
    snapshot.flights.iter().position(|row| row.doc == document)
}

/// The state of a flight now, in the words for an operator or for its advertiser.
fn state(evidence: &Evidence<'_>, flight: &str, is_operator: bool) -> FlightState {
    let Evidence { now_ms, counted, .. } = *evidence;
    let live = evidence.directory.live();
    place_of(live.snapshot(), flight).map_or_else(FlightState::removed, |place| {
        FlightNow { live, place, now_ms, counted }.state(is_operator)
    })
}

/// What the ledger counted for a flight in these times.
fn delivered(evidence: &Evidence<'_>, flight: &OwnedFlight, times: &Range<i64>) -> Figures {
    let query = Query {
        party: Party::Advertiser(flight.advertiser.clone()),
        from_ms: times.start,
        to_ms: times.end,
        by: Vec::new(),
        zone: flight.zone.clone(),
        filters: vec![(Dimension::Flight.into(), flight.flight.id.to_string())],
        page: Page::ALL,
    };
    let mut sum = Figures::default();
    for row in report::report(&evidence.views, &query).totals {
        sum.filled += row.figures.filled;
        sum.impressions.net += row.figures.impressions.net;
        sum.viewable.net += row.figures.viewable.net;
    }
    sum
}

/// The funnel of a flight; its advertiser gets rounded counts. Reads the decision log.
pub(crate) fn funnel(
    evidence: &Evidence<'_>,
    flight: &OwnedFlight,
    times: &Range<i64>,
    is_operator: bool,
) -> io::Result<FlightFunnel> {
    let id = flight.flight.id.as_str();
    let (counts, coverage) = count(&evidence.recorded, id, times)?;
    let delivered = delivered(evidence, flight, times);
    let state = state(evidence, id, is_operator);
    let covers = Covers { times, is_shared: evidence.is_shared };
    let funnel = FlightFunnel::new((flight, state), counts, &delivered, (coverage, covers));
    Ok(if is_operator { funnel } else { funnel.rounded() })
}
