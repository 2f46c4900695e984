//! The decision: for each slot of a call, a unit or a no-fill reason. Reads memory only.

use crate::decision_log::line::Chosen;
use crate::decision_log::{DecisionLine, SlotLine, instance_mark};
use crate::delivery::known_page::{KnownPage, ResolvedPage};
use crate::delivery::reader::Reader;
use crate::delivery::{Delivery, forced};
use crate::domain::attribution::PageNumbers;
use crate::domain::event::{EventKind, NoFill};
use crate::domain::event_kinds::EventKinds;
use crate::domain::party::Measurement;
use crate::events::opportunities::Opportunity;
use crate::ledger::record::DecisionKey;
use crate::ledger::views::quarter_of;
use crate::selection::choose::{Request, Winner};
use crate::selection::compiled::FlightRow;
use crate::selection::page::{Page, RegionBasis};
use crate::selection::resolve::{PageInput, RegionSignals, SlotInput};
use crate::selection::rules::{Exclusions, Mask};
use crate::selection::snapshot::Snapshot;
use crate::selection::{choose, wording};
use crate::world::live::Live;
use rand::Rng;
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// A request for decisions: one call per page.
pub(crate) struct DecisionCall<'a> {
    /// The publisher's id.
    pub(crate) publisher: &'a str,
    /// The page as described by the publisher.
    pub(crate) page: &'a PageInput<'a>,
    /// The same page of an earlier call with the same placements.
    pub(crate) known: Option<&'a KnownPage>,
    /// Observed and declared region of the reader.
    pub(crate) region: RegionSignals,
    /// The requested placements.
    pub(crate) slots: &'a [SlotInput<'a>],
    /// Test mode: the unit works fully but never counts, bills, reserves or feeds pace.
    pub(crate) test: bool,
    /// Unbillable caller (bot, foreign origin, flood): makes no reservation.
    pub(crate) idle: bool,
    /// Idle only because the reader may not open the page.
    pub(crate) prefetched: bool,
    /// Who asked; `None` for callers with a key of the publisher or of an exchange.
    pub(crate) reader: Option<Reader<'a>>,
    /// Basic measurement: no viewport observation, no visitor key.
    pub(crate) basic: bool,
    /// The caller has the publisher's secret key: what it declares is reported as it is.
    pub(crate) keyed: bool,
    /// Creative forced by an operator. Implies `test`.
    pub(crate) forced: Option<&'a str>,
    /// The caller's own acceptance rules. A rejected unit makes no reservation; the next best one is
    /// tried.
    pub(crate) accepts: Option<&'a AcceptUnit<'a>>,
}

/// A caller's own rules that are not in the inventory, for instance an exchange's block lists.
/// Arguments: the decisions so far (page, time and earlier slots are set), the slot's key, the unit.
pub(crate) type AcceptUnit<'a> = dyn Fn(&PageDecision, &str, &Winner) -> Result<(), Rejection> + 'a;

/// What the caller rejects of a chosen unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// The flight, with any creative.
    Flight,
    /// Only the creative; another one of the same flight may be accepted.
    Creative,
}

/// The call names a publisher that is not in the inventory.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown publisher `{0}`")]
pub(crate) struct UnknownPublisher(pub(crate) String);

/// The decisions of one call.
pub(crate) struct PageDecision {
    /// The world that was decided on.
    pub(crate) live: Arc<Live>,
    /// Whether it is that of the canary.
    pub(crate) is_canary: bool,
    /// The request id.
    pub(crate) request: u128,
    /// Time of the decision, in unix milliseconds.
    pub(crate) at_ms: i64,
    /// The page, resolved against the inventory.
    pub(crate) page: Arc<Page>,
    /// The part of its URL that is stored.
    pub(crate) url: Option<Arc<str>>,
    /// Test mode; never counts.
    pub(crate) test: bool,
    /// Unbillable caller: nothing is reserved, and its events are not billed.
    pub(crate) idle: bool,
    /// Idle only because the reader may not open the page.
    pub(crate) prefetched: bool,
    /// Basic measurement.
    pub(crate) basic: bool,
    /// Whether the reader's country was declared without a key: it chooses label and unit, and is in no
    /// report.
    pub(crate) unconfirmed_country: bool,
    /// One decision per slot, in request order.
    pub(crate) slots: SmallVec<[SlotDecision; 2]>,
    /// What each slot is reported under.
    pub(crate) reported: SmallVec<[PageNumbers; 2]>,
}

pub(crate) struct SlotDecision {
    /// The decision's id.
    pub(crate) id: u128,
    /// The unit, or the no-fill reason.
    pub(crate) result: Result<Filled, NoFill>,
    /// Flights and creatives that were excluded by earlier attempts for this slot.
    pub(super) masked: Vec<Mask>,
}

/// A filled slot.
pub(crate) struct Filled {
    /// The chosen unit.
    pub(crate) win: Winner,
    /// The decision's sequence number within its partition.
    pub(crate) decision_key: DecisionKey,
}

impl PageDecision {
    /// Its page, for calls that describe the same one with the same signals.
    pub(crate) fn known_page(&self, region: RegionSignals) -> KnownPage {
        KnownPage {
            snapshot: Arc::downgrade(&self.live.world.snapshot),
            region,
            resolved: ResolvedPage { page: self.page.clone(), url: self.url.clone() },
        }
    }

    /// The winning flight of a filled slot.
    pub(crate) fn flight(&self, filled: &Filled) -> &FlightRow {
        &self.live.snapshot().flights[filled.win.place]
    }
}

/// A slot's decision id: the request id with the slot number, from 1, in the lowest byte.
fn decision_id(request: u128, slot: usize) -> u128 {
    request | (u128::try_from(slot).unwrap_or(0) + 1).min(0xFF)
}

/// A new request id: a UUID version 7 whose lowest byte is free for the slot number and that carries
/// a mark of this process start.
fn request_id(now_ms: i64, incarnation: u64) -> u128 {
    let mut random = [0; 10];
    rand::rng().fill_bytes(&mut random);
    let millis = u64::try_from(now_ms).unwrap_or(0);
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().as_u128();
    instance_mark::with_mark(id & !0xFF, instance_mark::mark_of(incarnation))
}

/// The opportunities of a decision, one per slot.
fn opportunities(decided: &PageDecision) -> impl Iterator<Item = Opportunity> + '_ {
    decided.slots.iter().zip(&decided.reported).map(move |(answer, page)| Opportunity {
        quarter: quarter_of(decided.at_ms),
        inventory: decided.live.bindings.inventory,
        page: *page,
        unit: answer
            .result
            .as_ref()
            .map(|filled| (filled.win.creative, filled.win.variant))
            .map_err(|reason| *reason),
    })
}

/// The events that are not reported for a page, by the measurement of its publisher and its reader.
fn unreported(decided: &PageDecision) -> EventKinds {
    match measurement(decided) {
        Measurement::Full => EventKinds::NONE,
        Measurement::Basic => EventKinds::of(&[EventKind::Viewable]),
        // Without impressions no other event counts.
        Measurement::None => EventKinds::of(EventKind::ALL),
    }
}

/// The measurement of a page: its publisher's, and at most basic if the reader asks for that.
pub(crate) fn measurement(decided: &PageDecision) -> Measurement {
    let snapshot = decided.live.snapshot();
    let publisher = &snapshot.publishers[decided.page.publisher as usize];
    match snapshot.inventory.publishers[publisher.doc].measurement {
        Measurement::Full if decided.basic => Measurement::Basic,
        own => own,
    }
}

/// The page of a call.
fn resolved(
    snapshot: &Snapshot,
    call: &DecisionCall<'_>,
) -> Result<ResolvedPage, UnknownPublisher> {
    let publisher = snapshot.publisher_by_id.get(call.publisher);
    let publisher = *publisher.ok_or_else(|| UnknownPublisher(call.publisher.to_owned()))?;
    Ok(ResolvedPage::new(snapshot, publisher, (call.page, call.slots), call.region))
}

impl Delivery {
    /// Decides every slot of a call.
    pub(crate) fn decide(&self, call: &DecisionCall<'_>) -> Result<PageDecision, UnknownPublisher> {
        let (live, now_ms) = (self.parts.world.live(), self.parts.clock.now_ms());
        let request = request_id(now_ms, self.parts.incarnation);
        let began = live.canary.as_ref().map(|_| Instant::now());
        let own = live.of_request(request).clone();
        let known = call.known.and_then(|known| known.on(&own.world.snapshot, call.region));
        let resolved =
            known.map_or_else(|| resolved(own.snapshot(), call), |page| Ok(page.clone()));
        let ResolvedPage { mut page, url } = resolved?;
        let commercial = self.restrict_commercial(call.page.commercial);
        if page.commercial != commercial {
            Arc::make_mut(&mut page).commercial = commercial;
        }
        let too_old = self.parts.world.age_ms(now_ms) / 1_000
            >= i64::try_from(self.parts.settings.get().snapshot.too_old_after_seconds)
                .unwrap_or(i64::MAX);
        let mut decided = PageDecision {
            is_canary: !Arc::ptr_eq(&own, &live),
            live: own.clone(),
            request,
            at_ms: now_ms,
            test: call.test || call.forced.is_some(),
            idle: call.idle,
            prefetched: call.prefetched,
            basic: call.basic,
            unconfirmed_country: page.viewer.basis == RegionBasis::Declared && !call.keyed,
            slots: SmallVec::new(),
            reported: SmallVec::new(),
            page,
            url,
        };
        let mut taken = Exclusions::default();
        for slot in 0..decided.page.slots.len() {
            let id = decision_id(request, slot);
            let answer = if too_old {
                SlotDecision { id, result: Err(NoFill::StaleTooOld), masked: Vec::new() }
            } else {
                self.decide_slot(&decided, call, slot, &mut taken)
            };
            self.count_slot(&decided, slot, answer.result.as_ref().err().copied());
            let reported = self.reported(&decided, call, slot, &answer);
            decided.reported.push(reported);
            decided.slots.push(answer);
        }
        if !decided.test && (!decided.idle || decided.prefetched) {
            self.parts.opportunities.count(decided.request, opportunities(&decided));
        }
        self.count_arm(&live, &decided, began);
        self.log_decision(&decided, call);
        if self.parts.feed.is_watched(now_ms) {
            self.feed(&decided);
        }
        Ok(decided)
    }

    fn count_slot(&self, decided: &PageDecision, slot: usize, no_fill: Option<NoFill>) {
        let metrics = &self.parts.metrics;
        let of_publisher = &decided.live.bindings.placements[decided.page.publisher as usize];
        let placement = decided.page.slots[slot].placement;
        let declared = placement.and_then(|at| of_publisher.get(at as usize));
        let counters = declared.map_or(metrics.undeclared_slots(), |counters| &**counters);
        metrics.count_slot(no_fill, decided.test, counters);
    }

    fn decide_slot(
        &self,
        decided: &PageDecision,
        call: &DecisionCall<'_>,
        slot: usize,
        taken: &mut Exclusions,
    ) -> SlotDecision {
        let id = decision_id(decided.request, slot);
        let request = Request {
            world: &decided.live.world,
            page: &decided.page,
            now_ms: decided.at_ms,
            id: decided.request,
        };
        let mut masked: Vec<Mask> = Vec::new();
        taken.begin_slot(&[]);
        if let Some(creative) = call.forced {
            let result = forced::win(&request, slot, creative)
                .map(|win| self.filled(&decided.live, win))
                .ok_or(NoFill::NoCandidate);
            return SlotDecision { id, result, masked };
        }
        let unreported = call.slots[slot].unreported.or(unreported(decided));
        if !unreported.is_empty() {
            let mask = Mask::unreported(unreported);
            taken.exclude(mask);
            masked.push(mask);
        }
        let (mut failed_reservations, mut rejections) = (0, 0);
        // A failed reservation or a rejected unit excludes it and the slot is chosen again, a bounded
        // number of times.
        while failed_reservations < choose::MAX_ATTEMPTS {
            if rejections >= choose::MAX_REJECTIONS {
                return SlotDecision { id, result: Err(NoFill::PublisherBlocked), masked };
            }
            let outcome = choose::choose(&request, slot, taken);
            if masked.is_empty() && !decided.test && !decided.idle {
                enter(&decided.live, decided.request, &outcome.entered);
            }
            let win = match outcome.result {
                Ok(win) => win,
                Err(reason) => return SlotDecision { id, result: Err(reason), masked },
            };
            let key = &*decided.page.slots[slot].key;
            let snapshot = decided.live.snapshot();
            let flight = &snapshot.flights[win.place];
            let rejected = call.accepts.and_then(|accepts| accepts(decided, key, &win).err());
            if let Some(rejected) = rejected {
                let another = rejected == Rejection::Creative
                    && wording::has_another(
                        &request.slot_context(slot, taken),
                        flight,
                        win.creative,
                    );
                let mask =
                    if another { Mask::creative(win.creative) } else { Mask::rejected(win.place) };
                taken.exclude(mask);
                masked.push(mask);
                rejections += 1;
                continue;
            }
            let reserves = !decided.test && !decided.idle;
            if !reserves || self.reserve(decided, call, (slot, id), &win) {
                let slots = decided.live.bindings.slots[win.place].as_ref();
                slots.filter(|_| reserves).into_iter().for_each(|slots| slots.win());
                taken.advertisers.push(flight.advertiser);
                let filled = self.filled(&decided.live, win);
                return SlotDecision { id, result: Ok(filled), masked };
            }
            let mask = Mask::reservation_lost(win.place);
            taken.exclude(mask);
            masked.push(mask);
            failed_reservations += 1;
        }
        SlotDecision { id, result: Err(NoFill::BudgetsSpent), masked }
    }

    fn filled(&self, live: &Live, win: Winner) -> Filled {
        let campaign = live.snapshot().flights[win.place].campaign;
        let partition = live.bindings.partitions[campaign];
        let seq = self.next_seq[usize::from(partition)].fetch_add(1, Ordering::Relaxed);
        Filled {
            win,
            decision_key: DecisionKey { incarnation: self.parts.incarnation, partition, seq },
        }
    }

    /// Queues the decision for the decision log.
    fn log_decision(&self, decided: &PageDecision, call: &DecisionCall<'_>) {
        let slots = decided.slots.iter().map(|slot| SlotLine {
            masked: slot.masked.clone(),
            result: slot.result.as_ref().map(|filled| Chosen::from(&filled.win)).map_err(|no| *no),
        });
        let line = DecisionLine {
            request: decided.request,
            at_ms: decided.at_ms,
            state: decided.live.world.state.number,
            page: decided.page.clone(),
            url: decided.url.clone(),
            forced: call.forced.map(Into::into),
            test: decided.test,
            slots: slots.collect(),
        };
        if !self.parts.log.record_decision(&line) {
            self.parts.metrics.decision_log_dropped.inc();
        }
        // The samples are of the weights being served.
        if !line.test && !decided.is_canary {
            if self.parts.shadow.is_on() {
                self.shadow_sampler.pass(&decided.live, || line.clone());
            }
            self.stage_sampler.pass(&decided.live, || line);
        }
    }
}

/// Flights that are counted at every slot they enter; above that, all are counted at one slot of sixteen.
const COUNTED_ALWAYS: usize = 8;

/// Counts a slot for the paced flights that might have had it.
fn enter(live: &Live, request: u128, entered: &[u32]) {
    let samples = entered.len() > COUNTED_ALWAYS;
    // These bits of a request id are random.
    if samples && (request >> 32) & 15 != 0 {
        return;
    }
    let slots = entered.iter().filter_map(|place| live.bindings.slots[*place as usize].as_ref());
    slots.for_each(|slots| slots.enter(if samples { 16 } else { 1 }));
}
