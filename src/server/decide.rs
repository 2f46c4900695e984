//! The decision: one call in, one unit or a reason for each slot out. Reads memory only.

use crate::decision_log::DecisionLine;
use crate::decision_log::SlotLine;
use crate::decision_log::line::Chosen;
use crate::domain::event::BillOn;
use crate::domain::event::NoFill;
use crate::domain::money::Micros;
use crate::ledger::record::Minted;
use crate::selection::choose;
use crate::selection::choose::Counts;
use crate::selection::choose::Request;
use crate::selection::choose::Win;
use crate::selection::page::Page;
use crate::selection::resolve;
use crate::selection::resolve::PageInput;
use crate::selection::resolve::Sightings;
use crate::selection::resolve::SlotInput;
use crate::selection::rules::Mask;
use crate::selection::rules::Taken;
use crate::selection::snapshot::FlightRow;
use crate::selection::wording;
use crate::server::Server;
use crate::server::explain::elsewhere;
use crate::server::forced;
use crate::server::live::Live;
use crate::server::page_url;
use crate::server::purse::Hold;
use rand::Rng;
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bids that must be left for a click's decision to hold only its expected price.
const BIDS_FOR_EXPECTED_HOLD: i64 = 50;

/// What is asked.
pub struct Call<'a> {
    /// Whose page it is.
    pub publisher: &'a str,
    /// The page as its publisher describes it.
    pub page: &'a PageInput,
    /// What is known of the reader's region.
    pub seen: Sightings,
    /// The placements.
    pub slots: &'a [SlotInput],
    /// A fully working unit that never counts, bills, reserves or feeds pace.
    pub test: bool,
    /// Somebody whose decisions hold no money: a robot, a foreign origin, a flood.
    pub idle: bool,
    /// No viewport observation, no visitor key.
    pub basic: bool,
    /// The creative the operator wants to see. Implies `test`.
    pub forced: Option<&'a str>,
    /// Whether the caller takes a unit for the slot of this key: one that it does not is passed over
    /// for the next best, and holds no money.
    pub takes: Option<&'a Takes<'a>>,
}

/// A caller's own rules, which the inventory does not know: an exchange's blocks, say. Of what was
/// decided the page and the time are known, and the slots before.
pub type Takes<'a> = dyn Fn(&Decided, &str, &Win) -> Result<(), NotTaken> + 'a;

/// How much of what was drawn a caller does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// The flight, whatever it shows.
    Flight,
    /// The creative: the flight may show another.
    Creative,
}

/// No publisher has this id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no publisher `{0}`")]
pub struct UnknownPublisher(pub String);

/// What was decided.
pub struct Decided {
    /// What it was decided on.
    pub live: Arc<Live>,
    /// The call's id.
    pub request: u128,
    /// When, in unix milliseconds.
    pub at_ms: i64,
    /// The page, resolved.
    pub page: Page,
    /// A test.
    pub test: bool,
    /// Measured at the basic level.
    pub basic: bool,
    /// One answer a slot, in request order.
    pub slots: SmallVec<[SlotDecision; 2]>,
}

/// One slot's answer.
pub struct SlotDecision {
    /// The decision's id.
    pub id: u128,
    /// The unit, or why there is none.
    pub result: Result<Filled, NoFill>,
    /// What was passed over before.
    masked: Vec<Mask>,
}

/// A unit that was chosen.
pub struct Filled {
    /// Which.
    pub win: Win,
    /// Its number in its partition.
    pub minted: Minted,
}

impl Decided {
    /// The winning flight of a filled slot.
    pub fn flight(&self, filled: &Filled) -> &FlightRow {
        &self.live.snapshot().flights[filled.win.place]
    }
}

/// What an id makes a decision's: the slot's number from 1 in the lowest byte.
fn decision_id(request: u128, slot: usize) -> u128 {
    request | (u128::try_from(slot).unwrap_or(0) + 1).min(0xFF)
}

/// A request's id: a UUID of version 7 whose lowest byte is free for the slot, and that says which
/// process start decides.
fn request_id(now_ms: i64, incarnation: u64) -> u128 {
    let mut random = [0; 10];
    rand::rng().fill_bytes(&mut random);
    let millis = u64::try_from(now_ms).unwrap_or(0);
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().as_u128();
    elsewhere::marked(id & !0xFF, elsewhere::mark_of(incarnation))
}

impl Server {
    /// Decides for every slot of a call.
    pub fn decide(&self, call: &Call<'_>) -> Result<Decided, UnknownPublisher> {
        let live = self.live();
        let snapshot = live.snapshot();
        let publisher = snapshot
            .publisher_by_id
            .get(call.publisher)
            .copied()
            .ok_or_else(|| UnknownPublisher(call.publisher.to_owned()))?;
        let now_ms = self.clock.now_ms();
        let mut page = resolve::page(snapshot, publisher, call.page, call.seen, call.slots);
        page.commercial = self.allowed(page.commercial);
        let request = request_id(now_ms, self.incarnation);
        let too_old = self.snapshot_age_ms(now_ms) / 1_000
            >= i64::try_from(self.settings().snapshot.too_old_after_seconds).unwrap_or(i64::MAX);
        let mut decided = Decided {
            live: live.clone(),
            request,
            at_ms: now_ms,
            test: call.test || call.forced.is_some(),
            basic: call.basic,
            slots: SmallVec::new(),
            page,
        };
        let mut taken = Taken::default();
        for slot in 0..decided.page.slots.len() {
            let id = decision_id(request, slot);
            let answer = if too_old {
                SlotDecision { id, result: Err(NoFill::StaleTooOld), masked: Vec::new() }
            } else {
                self.decide_slot(&decided, call, slot, &mut taken)
            };
            match &answer.result {
                Ok(_) => self.metrics.filled(decided.test),
                Err(reason) => self.metrics.unfilled(*reason, decided.test),
            }
            decided.slots.push(answer);
        }
        if !decided.test && !call.idle {
            self.asked.count(&decided);
        }
        self.note(&decided, call);
        Ok(decided)
    }

    fn decide_slot(
        &self,
        decided: &Decided,
        call: &Call<'_>,
        slot: usize,
        taken: &mut Taken,
    ) -> SlotDecision {
        let id = decision_id(decided.request, slot);
        let request = Request {
            world: &decided.live.world,
            page: &decided.page,
            now_ms: decided.at_ms,
            id: decided.request,
        };
        let mut masked: Vec<Mask> = Vec::new();
        taken.begin(&[]);
        if let Some(creative) = call.forced {
            let result = forced::win(&request, slot, creative)
                .map(|win| self.filled(&decided.live, win))
                .ok_or(NoFill::NoCandidate);
            return SlotDecision { id, result, masked };
        }
        let (mut lost, mut refused) = (0, 0);
        // A reservation that fails masks its flight; the slot is chosen once more, and no more.
        while lost < choose::TRIES {
            if refused >= choose::REFUSALS {
                return SlotDecision { id, result: Err(NoFill::PublisherBlocked), masked };
            }
            let outcome = choose::choose(&request, slot, taken);
            self.count_removed(&outcome.counts);
            let win = match outcome.result {
                Ok(win) => win,
                Err(reason) => return SlotDecision { id, result: Err(reason), masked },
            };
            let key = &*decided.page.slots[slot].key;
            let snapshot = decided.live.snapshot();
            let flight = &snapshot.flights[win.place];
            let not_taken = call.takes.and_then(|takes| takes(decided, key, &win).err());
            if let Some(not_taken) = not_taken {
                let another = not_taken == NotTaken::Creative
                    && wording::has_another(&request.case(slot, taken), flight, win.creative);
                let mask =
                    if another { Mask::creative(win.creative) } else { Mask::refused(win.place) };
                taken.pass_over(mask);
                masked.push(mask);
                refused += 1;
                continue;
            }
            let reserves = !decided.test && !call.idle;
            if !reserves || self.reserve(decided, id, &win) {
                taken.advertisers.push(flight.advertiser);
                let filled = self.filled(&decided.live, win);
                return SlotDecision { id, result: Ok(filled), masked };
            }
            let mask = Mask::lost(win.place);
            taken.pass_over(mask);
            masked.push(mask);
            lost += 1;
        }
        SlotDecision { id, result: Err(NoFill::BudgetsSpent), masked }
    }

    fn filled(&self, live: &Live, win: Win) -> Filled {
        let campaign = live.snapshot().flights[win.place].campaign;
        let partition = live.fixtures.partitions[campaign];
        let seq = self.minted[usize::from(partition)].fetch_add(1, Ordering::Relaxed);
        Filled { win, minted: Minted { incarnation: self.incarnation, partition, seq } }
    }

    /// Takes the winner's price from its purse: one atomic try.
    fn reserve(&self, decided: &Decided, decision: u128, win: &Win) -> bool {
        let flight = &decided.live.snapshot().flights[win.place];
        let purse = &decided.live.fixtures.purses[flight.campaign];
        let price = match flight.bills {
            BillOn::Flat => return true,
            BillOn::Impression | BillOn::Viewable => flight.price,
            BillOn::Click => {
                let content = purse.content(decided.at_ms);
                let room = content.left.map(|left| left.saturating_sub(content.held));
                let plenty = room
                    .is_none_or(|room| room.get() / BIDS_FOR_EXPECTED_HOLD >= flight.price.get());
                let share = if plenty { BIDS_FOR_EXPECTED_HOLD } else { 1 };
                Micros::try_from(flight.price.get() / share).unwrap_or(flight.price)
            }
        };
        let settings = self.settings();
        let seconds = i64::from(settings.windows.reservation_seconds);
        let hold = Hold {
            decision,
            price,
            publisher: decided.page.publisher,
            publisher_percent: settings.store.publisher_reservation_percent,
            until_ms: decided.at_ms + seconds * 1_000,
            terms: self.terms(),
        };
        purse.hold(&hold, decided.at_ms)
    }

    fn count_removed(&self, counts: &Counts) {
        let rest = &self.removed;
        for (counter, count) in [
            (&rest.unmatched, counts.visited.saturating_sub(counts.matched)),
            (&rest.conflict, counts.conflict),
            (&rest.closed, counts.closed),
            (&rest.dates, counts.dates),
            (&rest.paced, counts.paced),
            (&rest.relevance, counts.relevance),
            (&rest.truncated, counts.truncated),
        ] {
            if count > 0 {
                counter.inc_by(u64::from(count));
            }
        }
    }

    /// Hands the decision to the log.
    fn note(&self, decided: &Decided, call: &Call<'_>) {
        let keeps = decided.live.snapshot().inventory.publishers
            [decided.live.snapshot().publishers[decided.page.publisher as usize].doc]
            .page_urls;
        let slots = decided.slots.iter().map(|slot| SlotLine {
            masked: slot.masked.clone(),
            result: slot.result.as_ref().map(|filled| chosen(&filled.win)).map_err(|no| *no),
        });
        let noted = self.log.decision(DecisionLine {
            request: decided.request,
            at_ms: decided.at_ms,
            state: decided.live.world.state.number,
            page: decided.page.clone(),
            url: call.page.url.as_deref().and_then(|url| page_url::kept(url, keeps)),
            forced: call.forced.map(Into::into),
            test: decided.test,
            slots: slots.collect(),
        });
        if !noted {
            self.metrics.decision_log_dropped.inc();
        }
    }
}

/// A winner as the log keeps it.
pub fn chosen(win: &Win) -> Chosen {
    Chosen {
        place: u32::try_from(win.place).unwrap_or(u32::MAX),
        creative: win.creative,
        variant: win.variant,
        style: win.style,
        flight_propensity: win.flight_propensity,
        creative_propensity: win.creative_propensity,
    }
}
