//! The funnel, one line a rule, in its order: what `explain` runs flight by flight, and what the
//! bitmaps are tested against.

use crate::domain::entity::EntityIx;
use crate::domain::event::Tier;
use crate::domain::language::Language;
use crate::domain::party::SubjectConflict;
use crate::domain::taxonomy::TopicIx;
use crate::selection::dice::Dice;
use crate::selection::dice::Purpose;
use crate::selection::page::Commercial;
use crate::selection::page::Page;
use crate::selection::page::Role;
use crate::selection::page::Slot;
use crate::selection::removed::Removed;
use crate::selection::snapshot::FlightRow;
use crate::selection::snapshot::PublisherRow;
use crate::selection::snapshot::Snapshot;
use crate::selection::snapshot::World;
use crate::selection::snapshot::style_bit;
use serde::Deserialize;
use serde::Serialize;

/// What the slots before this one put on the page, what lost its reservation, and what the caller
/// does not take.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Advertisers on the page, by number.
    pub advertisers: Vec<usize>,
    /// Flights whose reservation failed in this request, by place.
    pub masked: Vec<usize>,
    /// Flights that the caller does not take in this slot, by place.
    pub refused: Vec<usize>,
    /// Creatives that the caller does not take in this slot, of flights with others left, by number.
    pub refused_creatives: Vec<u32>,
}

impl Taken {
    /// Begins another slot with what was passed over in it, as far as it is known beforehand.
    pub fn begin(&mut self, masks: &[Mask]) {
        self.refused.clear();
        self.refused_creatives.clear();
        for mask in masks {
            self.pass_over(*mask);
        }
    }

    /// Passes over a flight from now on, or a flight or a creative in this slot.
    pub fn pass_over(&mut self, mask: Mask) {
        let number = mask.0 & Mask::NUMBER;
        match (mask.is_refused(), mask.0 & Mask::CREATIVE != 0) {
            (false, _) => self.masked.push(number as usize),
            (true, false) => self.refused.push(number as usize),
            (true, true) => self.refused_creatives.push(number),
        }
    }
}

/// What was passed over, and why, as the decision log keeps it: a flight's place in rank order, with
/// the highest bit set where the caller did not take it, or a creative's number with the next bit set
/// as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mask(u32);

impl Mask {
    const REFUSED: u32 = 1 << 31;
    const CREATIVE: u32 = 1 << 30;
    const NUMBER: u32 = Mask::CREATIVE - 1;

    /// A flight's reservation failed.
    pub fn lost(place: usize) -> Mask {
        Mask(u32::try_from(place).unwrap_or(u32::MAX) & Mask::NUMBER)
    }

    /// The caller does not take a flight.
    pub fn refused(place: usize) -> Mask {
        Mask(Mask::lost(place).0 | Mask::REFUSED)
    }

    /// The caller does not take a creative.
    pub fn creative(number: u32) -> Mask {
        Mask(number & Mask::NUMBER | Mask::REFUSED | Mask::CREATIVE)
    }

    /// Whether it was the caller.
    pub fn is_refused(self) -> bool {
        self.0 & Mask::REFUSED != 0
    }
}

/// One slot of one page at one moment, as every rule sees it.
pub struct Case<'a> {
    /// The inventory and its state.
    pub world: &'a World,
    /// The page.
    pub page: &'a Page,
    /// The placement.
    pub slot: &'a Slot,
    /// Now, in unix milliseconds.
    pub now_ms: i64,
    /// The slot's rolls.
    pub dice: Dice,
    /// What is on the page already.
    pub taken: &'a Taken,
}

impl Case<'_> {
    fn snapshot(&self) -> &Snapshot {
        &self.world.snapshot
    }

    fn publisher(&self) -> &PublisherRow {
        &self.snapshot().publishers[self.page.publisher as usize]
    }

    /// Every rule of the funnel in its order, up to the pace gate, with whether it holds for a flight.
    pub fn rules(&self, place: usize, flight: &FlightRow) -> [(bool, Removed); 21] {
        let (snapshot, page) = (self.snapshot(), self.page);
        let viewer = page.viewer.country.as_slice();
        let about = page.region.as_ref();
        let in_region = |mine: &_, country| snapshot.regions.covers(mine, country);
        let in_page_region = |mine: &_, theirs| snapshot.regions.within(mine, theirs);
        let on_topic = |mine: &TopicIx, theirs| snapshot.taxonomy.covers(*mine, theirs);
        let on_entity = |mine: &EntityIx, theirs: (_, _)| snapshot.entities.covers(*mine, theirs.0);
        let open = self.page.commercial != Commercial::HouseOnly || flight.tier == Tier::House;
        let at = u32::try_from(place).unwrap_or(u32::MAX);
        let spent = &self.world.state.spent;
        [
            (!flight.stopped && !self.stopped_since(place), Removed::Stopped),
            (open, Removed::Commercial),
            (!page.sensitive || flight.accepts_sensitive, Removed::Sensitive),
            (self.runs(flight), Removed::Dates),
            (flight.regions.fits(viewer, in_region), Removed::Region),
            (flight.page_regions.fits(about.as_slice(), in_page_region), Removed::PageRegion),
            (flight.languages.fits(&[&page.language], Language::covers), Removed::Language),
            (self.sector_allowed(flight), Removed::Sector),
            (flight.topics.fits(&page.topics, on_topic), Removed::Topic),
            (flight.entities.fits(&page.entities, on_entity), Removed::Entity),
            (
                flight.keywords.fits(&page.keywords, |mine, theirs| *mine == theirs),
                Removed::Keyword,
            ),
            (
                flight.placements.fits(&[self.placement()], |mine, theirs| mine.as_ref() == theirs),
                Removed::Placement,
            ),
            (
                flight.publishers.fits(&[page.publisher], |mine, theirs| *mine == theirs),
                Removed::Publisher,
            ),
            (!self.conflicts(flight), Removed::Conflict),
            (!self.shown(flight), Removed::Shown),
            (!self.blocked(place, flight), Removed::Blocked),
            (self.styles() & flight.styles != 0, Removed::Style),
            (self.labelled(), Removed::Label),
            (spent.binary_search(&at).is_err(), Removed::Budget),
            (!self.taken.masked.contains(&place), Removed::Masked),
            (self.on_pace(place, flight), Removed::Paced),
        ]
    }

    /// The first rule against a flight, in the order of the funnel, up to the pace gate.
    pub fn against(&self, place: usize, flight: &FlightRow) -> Option<Removed> {
        self.rules(place, flight).into_iter().find(|(holds, _)| !holds).map(|(_, removed)| removed)
    }

    /// The placement's id; the slot's key where the publisher has no such placement.
    pub fn placement(&self) -> &str {
        match self.slot.placement {
            Some(ix) => &self.publisher().placements[ix as usize].0,
            None => &self.slot.key,
        }
    }

    /// The styles that the slot takes, a bit each.
    pub fn styles(&self) -> u8 {
        self.slot.styles.iter().fold(0, |bits, style| bits | style_bit(*style))
    }

    /// Whether a reviewed label exists for this reader and page.
    pub fn labelled(&self) -> bool {
        let country = self.page.viewer.country;
        self.snapshot().labels.find(country, &self.page.language).is_some()
    }

    /// Whether the flight has begun and is not over.
    pub fn runs(&self, flight: &FlightRow) -> bool {
        flight.starts_ms <= self.now_ms && self.now_ms < flight.ends_ms
    }

    fn stopped_since(&self, place: usize) -> bool {
        let at = u32::try_from(place).unwrap_or(u32::MAX);
        self.world.state.stopped.binary_search(&at).is_ok()
    }

    /// Restricted lines of business need the publisher's permission and the region's.
    pub fn sector_allowed(&self, flight: &FlightRow) -> bool {
        let snapshot = self.snapshot();
        flight.restricted_sectors.iter().all(|sector| {
            let regions = &snapshot.inventory.sectors[*sector].regions;
            let here = |country| regions.iter().any(|r| snapshot.regions.covers(r, country));
            self.publisher().allowed_sectors.contains(sector)
                && self.page.viewer.country.is_some_and(here)
        })
    }

    /// The entities of the page that keep sponsors away, by the publisher's policy.
    pub fn guarded(&self) -> impl Iterator<Item = EntityIx> {
        let policy = self.publisher().conflict;
        self.page.entities.iter().filter_map(move |(entity, role)| match (policy, role) {
            (SubjectConflict::Off, _) => None,
            (SubjectConflict::Subject, Role::Mention) => None,
            _ => Some(*entity),
        })
    }

    /// Whether the story is about the sponsor or a rival of the sponsor.
    pub fn conflicts(&self, flight: &FlightRow) -> bool {
        let entities = &self.snapshot().entities;
        flight.sponsor.is_some_and(|sponsor| {
            self.guarded()
                .any(|about| entities.same_house(sponsor, about) || entities.rivals(sponsor, about))
        })
    }

    /// Whether the sponsor or a rival is on the page already.
    pub fn shown(&self, flight: &FlightRow) -> bool {
        let snapshot = self.snapshot();
        self.on_page().any(|advertiser| snapshot.apart(advertiser, flight.advertiser))
    }

    /// The advertisers on the page: those the page names and those of the slots before.
    pub fn on_page(&self) -> impl Iterator<Item = usize> {
        let snapshot = self.snapshot();
        let named = self.page.shown.iter().filter_map(|creative| {
            let row = snapshot.creatives.get(*creative as usize)?;
            Some(snapshot.flights[row.flight?].advertiser)
        });
        named.chain(self.taken.advertisers.iter().copied())
    }

    fn blocked(&self, place: usize, flight: &FlightRow) -> bool {
        self.snapshot().blocks(self.publisher(), flight) || self.taken.refused.contains(&place)
    }

    /// Whether the flight takes this page's traffic, by its roll.
    pub fn on_pace(&self, place: usize, flight: &FlightRow) -> bool {
        match self.world.throttle(place) {
            None => true,
            Some(share) => self.dice.roll(flight.stable_id, Purpose::Pace) >> 32 < u64::from(share),
        }
    }
}

impl Snapshot {
    /// Whether two advertisers never stand on one page: the same one, or rivals.
    pub fn apart(&self, one: usize, other: usize) -> bool {
        let entity = |advertiser: usize| self.advertiser_entities[advertiser];
        one == other
            || match (entity(one), entity(other)) {
                (Some(a), Some(b)) => self.entities.same_house(a, b) || self.entities.rivals(a, b),
                _ => false,
            }
    }

    /// Whether a publisher refuses a flight, whatever the page.
    pub fn blocks(&self, publisher: &PublisherRow, flight: &FlightRow) -> bool {
        let sectors = &self.campaign_sectors[flight.campaign];
        publisher.blocked_advertisers.contains(&flight.advertiser)
            || publisher.blocked_sectors.iter().any(|sector| sectors.contains(sector))
            || flight.sponsor.is_some_and(|sponsor| {
                publisher.blocked_entities.iter().any(|e| self.entities.covers(*e, sponsor))
            })
    }
}
