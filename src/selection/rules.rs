//! The selection rules in evaluation order, one line each. `explain` runs them flight by flight, and
//! the bitmap index is tested against them.

use crate::domain::entity::EntityIx;
use crate::domain::event::Tier;
use crate::domain::language::Language;
use crate::domain::party::SubjectConflict;
use crate::domain::taxonomy::TopicIx;
use crate::selection::dice::{Dice, Purpose};
use crate::selection::filter_reason::FilterReason;
use crate::selection::page::{Commercial, Page, Role, Slot};
use crate::selection::snapshot::{FlightRow, PublisherRow, Snapshot, World, style_bit};

/// Exclusions that apply to a slot: advertisers placed by earlier slots, flights that lost their
/// reservation, and flights and creatives that the caller rejected.
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
}

impl Exclusions {
    /// Starts the next slot: clears the rejections and applies `masks` (known in advance in replays).
    pub fn begin_slot(&mut self, masks: &[Mask]) {
        self.rejected.clear();
        self.rejected_creatives.clear();
        for mask in masks {
            self.exclude(*mask);
        }
    }

    /// Excludes a flight for the rest of the request (lost reservation), or a flight or creative for
    /// this slot (rejected).
    pub fn exclude(&mut self, mask: Mask) {
        let number = mask.0 & Mask::NUMBER;
        match (mask.is_rejected(), mask.0 & Mask::CREATIVE != 0) {
            (false, _) => self.masked.push(number as usize),
            (true, false) => self.rejected.push(number as usize),
            (true, true) => self.rejected_creatives.push(number),
        }
    }
}

/// An exclusion, as stored in the decision log: a flight's rank, with the highest bit set if the
/// caller rejected it; or a creative's index, with the two highest bits set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask(u32);

impl Mask {
    const REJECTED: u32 = 1 << 31;
    const CREATIVE: u32 = 1 << 30;
    const NUMBER: u32 = Mask::CREATIVE - 1;

    /// A flight whose reservation failed.
    pub fn reservation_lost(place: usize) -> Mask {
        Mask(u32::try_from(place).unwrap_or(u32::MAX) & Mask::NUMBER)
    }

    /// A flight that the caller rejected.
    pub fn rejected(place: usize) -> Mask {
        Mask(Mask::reservation_lost(place).0 | Mask::REJECTED)
    }

    /// A creative that the caller rejected.
    pub fn creative(number: u32) -> Mask {
        Mask(number & Mask::NUMBER | Mask::REJECTED | Mask::CREATIVE)
    }

    /// The stored number.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// The exclusion with this stored number.
    pub fn from_bits(bits: u32) -> Mask {
        Mask(bits)
    }

    /// Whether the caller rejected it.
    pub fn is_rejected(self) -> bool {
        self.0 & Mask::REJECTED != 0
    }
}

/// The input of every rule: one slot of one page at one time.
pub struct SlotContext<'a> {
    /// The inventory and its state.
    pub world: &'a World,
    /// The page.
    pub page: &'a Page,
    /// The slot.
    pub slot: &'a Slot,
    /// The current time, in Unix milliseconds.
    pub now_ms: i64,
    /// The slot's random numbers.
    pub dice: Dice,
    /// Exclusions that apply to the slot.
    pub exclusions: &'a Exclusions,
}

impl SlotContext<'_> {
    fn snapshot(&self) -> &Snapshot {
        &self.world.snapshot
    }

    fn publisher(&self) -> &PublisherRow {
        &self.snapshot().publishers[self.page.publisher as usize]
    }

    /// All rules in evaluation order, up to pacing, each with whether the flight passes it.
    pub fn rules(&self, place: usize, flight: &FlightRow) -> [(bool, FilterReason); 21] {
        let (snapshot, page) = (self.snapshot(), self.page);
        let viewer = page.viewer.country.as_slice();
        let page_region = page.region.as_ref();
        let in_region = |mine: &_, country| snapshot.regions.covers(mine, country);
        let in_page_region = |mine: &_, theirs| snapshot.regions.within(mine, theirs);
        let on_topic = |mine: &TopicIx, theirs| snapshot.taxonomy.covers(*mine, theirs);
        let on_entity = |mine: &EntityIx, theirs: (_, _)| snapshot.entities.covers(*mine, theirs.0);
        let open = self.page.commercial != Commercial::HouseOnly || flight.tier == Tier::House;
        let at = u32::try_from(place).unwrap_or(u32::MAX);
        let spent = &self.world.state.spent;
        [
            (!flight.paused && !self.paused_since(place), FilterReason::Paused),
            (open, FilterReason::Commercial),
            (!page.sensitive || flight.accepts_sensitive, FilterReason::Sensitive),
            (self.is_running(flight), FilterReason::Dates),
            (flight.regions.fits(viewer, in_region), FilterReason::Region),
            (
                flight.page_regions.fits(page_region.as_slice(), in_page_region),
                FilterReason::PageRegion,
            ),
            (flight.languages.fits(&[&page.language], Language::covers), FilterReason::Language),
            (self.category_allowed(flight), FilterReason::Category),
            (flight.topics.fits(&page.topics, on_topic), FilterReason::Topic),
            (flight.entities.fits(&page.entities, on_entity), FilterReason::Entity),
            (
                flight.keywords.fits(&page.keywords, |mine, theirs| *mine == theirs),
                FilterReason::Keyword,
            ),
            (
                flight.placements.fits(&[self.placement()], |mine, theirs| mine.as_ref() == theirs),
                FilterReason::Placement,
            ),
            (
                flight.publishers.fits(&[page.publisher], |mine, theirs| *mine == theirs),
                FilterReason::Publisher,
            ),
            (!self.has_subject_conflict(flight), FilterReason::Conflict),
            (!self.violates_separation(flight), FilterReason::Shown),
            (!self.blocked(place, flight), FilterReason::Blocked),
            (self.styles() & flight.styles != 0, FilterReason::Style),
            (self.has_label(), FilterReason::Label),
            (spent.binary_search(&at).is_err(), FilterReason::Budget),
            (!self.exclusions.masked.contains(&place), FilterReason::Masked),
            (self.on_pace(place, flight), FilterReason::Paced),
        ]
    }

    /// The first rule that a flight fails, up to pacing.
    pub fn first_failed(&self, place: usize, flight: &FlightRow) -> Option<FilterReason> {
        self.rules(place, flight).into_iter().find(|(holds, _)| !holds).map(|(_, removed)| removed)
    }

    /// The placement's id, or the slot's key if the placement is unknown.
    pub fn placement(&self) -> &str {
        match self.slot.placement {
            Some(ix) => &self.publisher().placements[ix as usize].0,
            None => &self.slot.key,
        }
    }

    /// The styles that the slot accepts, one bit each.
    pub fn styles(&self) -> u8 {
        self.slot.styles.iter().fold(0, |bits, style| bits | style_bit(*style))
    }

    /// Whether a reviewed label exists for the reader's country.
    pub fn has_label(&self) -> bool {
        let country = self.page.viewer.country;
        self.snapshot().labels.find(country, &self.page.language).is_some()
    }

    /// Whether the flight has started and not ended.
    pub fn is_running(&self, flight: &FlightRow) -> bool {
        flight.starts_ms <= self.now_ms && self.now_ms < flight.ends_ms
    }

    fn paused_since(&self, place: usize) -> bool {
        let at = u32::try_from(place).unwrap_or(u32::MAX);
        self.world.state.paused.binary_search(&at).is_ok()
    }

    /// Whether the publisher and the reader's country allow the flight's restricted categories.
    pub fn category_allowed(&self, flight: &FlightRow) -> bool {
        let snapshot = self.snapshot();
        flight.restricted_categories.iter().all(|category| {
            let regions = &snapshot.inventory.categories[*category].regions;
            let here = |country| regions.iter().any(|r| snapshot.regions.covers(r, country));
            self.publisher().allowed_categories.contains(category)
                && self.page.viewer.country.is_some_and(here)
        })
    }

    /// The page's entities that count for subject conflicts, by the publisher's policy.
    pub fn conflict_entities(&self) -> impl Iterator<Item = EntityIx> {
        let policy = self.publisher().conflict;
        self.page.entities.iter().filter_map(move |(entity, role)| match (policy, role) {
            (SubjectConflict::Off, _) => None,
            (SubjectConflict::Subject, Role::Mention) => None,
            _ => Some(*entity),
        })
    }

    /// Whether the page is about the advertiser or a competitor of it.
    pub fn has_subject_conflict(&self, flight: &FlightRow) -> bool {
        let entities = &self.snapshot().entities;
        flight.sponsor.is_some_and(|sponsor| {
            self.conflict_entities().any(|about| {
                entities.same_brand_group(sponsor, about) || entities.competitors(sponsor, about)
            })
        })
    }

    /// Whether the advertiser or a competitor of it is already on the page.
    pub fn violates_separation(&self, flight: &FlightRow) -> bool {
        let snapshot = self.snapshot();
        self.advertisers_on_page()
            .any(|advertiser| snapshot.must_separate(advertiser, flight.advertiser))
    }

    /// The advertisers already on the page: of creatives declared by the page and of earlier slots.
    pub fn advertisers_on_page(&self) -> impl Iterator<Item = usize> {
        let snapshot = self.snapshot();
        let named = self.page.shown.iter().filter_map(|creative| {
            let row = snapshot.creatives.get(*creative as usize)?;
            Some(snapshot.flights[row.flight?].advertiser)
        });
        named.chain(self.exclusions.advertisers.iter().copied())
    }

    fn blocked(&self, place: usize, flight: &FlightRow) -> bool {
        self.snapshot().blocks(self.publisher(), flight)
            || self.exclusions.rejected.contains(&place)
    }

    /// Whether the pacing throttle lets the flight participate in this slot.
    pub fn on_pace(&self, place: usize, flight: &FlightRow) -> bool {
        match self.world.throttle(place) {
            None => true,
            Some(share) => self.dice.roll(flight.stable_id, Purpose::Pace) >> 32 < u64::from(share),
        }
    }
}

impl Snapshot {
    /// Whether two advertisers must not appear on one page: the same brand group, or competitors.
    pub fn must_separate(&self, one: usize, other: usize) -> bool {
        let entity = |advertiser: usize| self.advertiser_entities[advertiser];
        one == other
            || match (entity(one), entity(other)) {
                (Some(a), Some(b)) => {
                    self.entities.same_brand_group(a, b) || self.entities.competitors(a, b)
                }
                _ => false,
            }
    }

    /// Whether a publisher blocks a flight on all its pages.
    pub fn blocks(&self, publisher: &PublisherRow, flight: &FlightRow) -> bool {
        let categories = &self.campaign_categories[flight.campaign];
        publisher.blocked_advertisers.contains(&flight.advertiser)
            || publisher.blocked_categories.iter().any(|category| categories.contains(category))
            || flight.sponsor.is_some_and(|sponsor| {
                publisher.blocked_entities.iter().any(|e| self.entities.covers(*e, sponsor))
            })
    }
}
