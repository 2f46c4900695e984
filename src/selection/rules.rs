//! The selection rules in evaluation order, one line each. `explain` runs them flight by flight, and
//! the bitmap index is tested against them.

use crate::domain::event::Tier;
use crate::domain::event_kinds::EventKinds;
use crate::selection::compiled::{FlightRow, place_bit};
use crate::selection::dice::{Dice, Purpose};
use crate::selection::filter_reason::FilterReason;
use crate::selection::page::{Commercial, Page, Slot};
use crate::selection::query::Query;
use crate::selection::score;
use crate::selection::snapshot::{Snapshot, WHOLE_SHARE, World};

/// Exclusions that apply to a slot: advertisers placed by earlier slots, flights that lost their
/// reservation, flights and creatives that the caller rejected, and flights whose events the caller
/// cannot report.
#[derive(Clone, Debug, Default)]
pub struct Exclusions {
    /// Indices of the advertisers that earlier slots of this request placed on the page.
    pub advertisers: Vec<usize>,
    /// Ranks of the flights whose reservation failed in this request.
    pub masked: Vec<usize>,
    /// Ranks of the flights that the caller rejected in this slot.
    pub rejected: Vec<usize>,
    /// Indices of the creatives that the caller rejected in this slot while their flight had others.
    pub rejected_creatives: Vec<u32>,
    /// Events that the caller cannot report in this slot.
    pub unreported: EventKinds,
}

impl Exclusions {
    /// Starts the next slot: clears the rejections and applies `masks` (known in advance in replays).
    pub(crate) fn begin_slot(&mut self, masks: &[Mask]) {
        self.rejected.clear();
        self.rejected_creatives.clear();
        self.unreported = EventKinds::NONE;
        for mask in masks {
            self.exclude(*mask);
        }
    }

    /// Excludes a flight for the rest of the request (lost reservation), or a flight or creative for
    /// this slot (rejected).
    pub fn exclude(&mut self, mask: Mask) {
        let number = mask.0 & Mask::NUMBER;
        match (mask.is_rejected(), mask.0 & Mask::CREATIVE != 0) {
            (false, false) => self.masked.push(number as usize),
            (false, true) => self.unreported = EventKinds::from_bits(number),
            (true, false) => self.rejected.push(number as usize),
            (true, true) => self.rejected_creatives.push(number),
        }
    }
}

/// An exclusion, as stored in the decision log: a flight's rank, with the highest bit set if the
/// caller rejected it; or a creative's index, with the two highest bits set; or the events that the caller
/// cannot report, with the second highest bit set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask(u32);

impl Mask {
    const REJECTED: u32 = 1 << 31;
    const CREATIVE: u32 = 1 << 30;
    const NUMBER: u32 = Mask::CREATIVE - 1;

    /// A flight whose reservation failed.
    pub fn reservation_lost(place: usize) -> Mask {
        Mask(place_bit(place) & Mask::NUMBER)
    }

    /// A flight that the caller rejected.
    pub(crate) fn rejected(place: usize) -> Mask {
        Mask(Mask::reservation_lost(place).0 | Mask::REJECTED)
    }

    /// A creative that the caller rejected.
    pub(crate) fn creative(number: u32) -> Mask {
        Mask(number & Mask::NUMBER | Mask::REJECTED | Mask::CREATIVE)
    }

    /// The flights that need an event that the caller cannot report.
    pub fn unreported(events: EventKinds) -> Mask {
        Mask(u32::from(events.bits()) | Mask::CREATIVE)
    }

    /// The stored number.
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    /// The exclusion with this stored number.
    pub(crate) fn from_bits(bits: u32) -> Mask {
        Mask(bits)
    }

    /// The same exclusion with other numbers of flights and creatives; `None` where there is no other one.
    pub(crate) fn with_numbers(
        self,
        flight: impl Fn(u32) -> Option<u32>,
        creative: impl Fn(u32) -> Option<u32>,
    ) -> Option<Mask> {
        let (kind, number) = (self.0 & !Mask::NUMBER, self.0 & Mask::NUMBER);
        let other = match (self.is_rejected(), self.0 & Mask::CREATIVE != 0) {
            (false, true) => Some(number),
            (true, true) => creative(number),
            (_, false) => flight(number),
        };
        Some(Mask(other? & Mask::NUMBER | kind))
    }

    /// Whether the caller rejected it.
    pub(crate) fn is_rejected(self) -> bool {
        self.0 & Mask::REJECTED != 0
    }

    /// Whether its reservation failed.
    pub(crate) fn is_lost(self) -> bool {
        self.0 & (Mask::REJECTED | Mask::CREATIVE) == 0
    }
}

/// The input of every rule: one slot of one page at one time.
pub struct SlotContext<'a> {
    /// The inventory and its state.
    pub(crate) world: &'a World,
    pub(crate) page: &'a Page,
    pub(crate) slot: &'a Slot,
    /// The current time, in Unix milliseconds.
    pub(crate) now_ms: i64,
    /// The slot's random numbers.
    pub(crate) dice: Dice,
    /// Exclusions that apply to the slot.
    pub(crate) exclusions: &'a Exclusions,
}

impl<'a> SlotContext<'a> {
    fn snapshot(&self) -> &'a Snapshot {
        &self.world.snapshot
    }

    /// What the index is asked.
    pub(crate) fn query(&self) -> Query<'a> {
        Query {
            compiled: self.snapshot(),
            page: self.page,
            slot: self.slot,
            placed: &self.exclusions.advertisers,
            unreported: self.exclusions.unreported,
        }
    }

    /// All rules in evaluation order, up to pacing, each with whether the flight passes it.
    pub fn rules(
        &self,
        place: usize,
        flight: &FlightRow,
    ) -> impl Iterator<Item = (bool, FilterReason)> {
        let rules = FilterReason::ALL.iter().take_while(|rule| **rule <= FilterReason::Paced);
        rules.map(move |rule| (self.passes(*rule, place, flight), *rule))
    }

    /// The first rule that a flight fails, up to pacing.
    pub fn first_failed(&self, place: usize, flight: &FlightRow) -> Option<FilterReason> {
        self.rules(place, flight).find(|(passes, _)| !passes).map(|(_, rule)| rule)
    }

    /// Whether a flight passes a rule. The rules after pacing are about the draw, not about a flight.
    fn passes(&self, rule: FilterReason, place: usize, flight: &FlightRow) -> bool {
        let (query, page) = (self.query(), self.page);
        let at = place_bit(place);
        let state = &self.world.state;
        match rule {
            FilterReason::Paused => !flight.paused && state.paused.binary_search(&at).is_err(),
            FilterReason::Commercial => {
                page.commercial != Commercial::HouseOnly || flight.tier == Tier::House
            }
            FilterReason::Sensitive => !page.sensitive || flight.accepts_sensitive,
            FilterReason::Dates => self.is_running(flight),
            FilterReason::Category => self.category_allowed(flight),
            FilterReason::Conflict => !self.has_subject_conflict(flight),
            FilterReason::Shown => !self.violates_separation(flight),
            FilterReason::Blocked => {
                !query.compiled.blocks(query.publisher(), flight)
                    && !self.exclusions.rejected.contains(&place)
            }
            FilterReason::Style => query.styles() & flight.styles != 0,
            FilterReason::Unreported => !query.unreported.meets(flight.needs),
            FilterReason::Label => self.has_label(),
            FilterReason::Budget => state.spent.binary_search(&at).is_err(),
            FilterReason::Masked => !self.exclusions.masked.contains(&place),
            FilterReason::TopicShare => self.within_topic_share(flight),
            FilterReason::Paced => self.on_pace(place, flight),
            dimension => flight.targets.fits(&query, dimension),
        }
    }

    /// Whether a reviewed label exists for the reader's country.
    pub(crate) fn has_label(&self) -> bool {
        let country = self.page.viewer.country;
        self.snapshot().labels.find(country, &self.page.language).is_some()
    }

    /// Whether the flight has started and not ended, and runs at this hour.
    pub(crate) fn is_running(&self, flight: &FlightRow) -> bool {
        flight.starts_ms <= self.now_ms
            && (self.now_ms < flight.ends_ms || flight.soft_end)
            && flight.hours.as_deref().is_none_or(|(hours, zone)| hours.contain(zone, self.now_ms))
    }

    /// Whether the publisher and the reader's country allow the flight's restricted categories.
    pub(crate) fn category_allowed(&self, flight: &FlightRow) -> bool {
        let snapshot = self.snapshot();
        flight.restricted_categories.iter().all(|category| {
            let regions = &snapshot.inventory.categories[*category].regions;
            let here = |country| regions.iter().any(|r| snapshot.regions.covers(r, country));
            self.query().publisher().allowed_categories.contains(category)
                && self.page.viewer.country.is_some_and(here)
        })
    }

    /// Whether the page is about the advertiser or a competitor of it.
    pub(crate) fn has_subject_conflict(&self, flight: &FlightRow) -> bool {
        let entities = &self.snapshot().entities;
        flight.sponsor.is_some_and(|sponsor| {
            self.query().conflict_entities().any(|about| {
                entities.same_brand_group(sponsor, about) || entities.competitors(sponsor, about)
            })
        })
    }

    /// Whether the advertiser or a competitor of it is already on the page.
    pub(crate) fn violates_separation(&self, flight: &FlightRow) -> bool {
        let snapshot = self.snapshot();
        let mut on_page = self.query().advertisers_on_page();
        on_page.any(|advertiser| snapshot.must_separate(advertiser, flight.advertiser))
    }

    /// The number of a tier's lottery. Another attempt at the slot is another lottery: the same number
    /// would favour the ticket after the one that lost its reservation.
    pub(crate) fn lottery_roll(&self, tier: Tier) -> u64 {
        let Exclusions { masked, rejected, rejected_creatives, .. } = self.exclusions;
        let attempts = masked.len() + rejected.len() + rejected_creatives.len();
        self.dice.roll((attempts as u64) << 8 | tier as u64, Purpose::Lottery)
    }

    /// Whether the advertiser may take more of today's slots of the topic that the slot would be attributed to.
    pub(crate) fn within_topic_share(&self, flight: &FlightRow) -> bool {
        let topic = || score::attributed_topic(self.snapshot(), flight, self.page);
        flight.tier == Tier::House || !self.world.is_closed(flight.advertiser, topic)
    }

    /// Whether the pacing throttle lets the flight participate in this slot.
    pub(crate) fn on_pace(&self, place: usize, flight: &FlightRow) -> bool {
        match self.world.throttle(place) {
            None => true,
            Some(WHOLE_SHARE) => true,
            Some(share) => self.dice.roll(flight.stable_id, Purpose::Pace) >> 32 < u64::from(share),
        }
    }
}
