//! The stored form of an attribution, in records, checkpoints and base snapshots.
//!
//! postcard has no field names: the order of these fields is the format. Numbers are of variable length,
//! so the page facts, in the bits above the tier or the no-fill reason, takes no space if there is
//! none; versions that do not know it read no such tier or reason, and report another version.

use crate::domain::attribution::{AttributionKey, PageKey};
use crate::domain::event::{NoFill, Tier};
use crate::domain::money::Currency;
use crate::domain::targeting::PageFacts;
use crate::ledger::record::UnfilledSlot;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredUnit<T> {
    advertiser: T,
    currency: Currency,
    campaign: T,
    flight: T,
    creative: T,
    variant: u8,
    publisher: T,
    placement: T,
    /// The number of the tier, and from bit 8 the page facts.
    tier: u32,
    topic: T,
    entity: T,
    region: T,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredUnfilled<T> {
    publisher: T,
    placement: T,
    topic: T,
    entity: T,
    region: T,
    /// The number of the reason, and from bit 8 the page facts.
    reason: u32,
}

/// Bits for the number of a tier or reason.
const NUMBER_BITS: u32 = 8;

fn with_facts(number: u32, facts: PageFacts) -> u32 {
    number | u32::from(facts.pack()) << NUMBER_BITS
}

fn split_facts<T: Copy, E: de::Error>(all: &[T], stored: u32) -> Result<(T, PageFacts), E> {
    let number = (stored & ((1 << NUMBER_BITS) - 1)) as usize;
    let bits = u8::try_from(stored >> NUMBER_BITS).ok();
    all.get(number)
        .copied()
        .zip(bits.and_then(PageFacts::unpack))
        .ok_or_else(|| E::custom(format!("unknown tier, reason or page facts {stored:#x}")))
}

impl<T> StoredUnit<T> {
    /// `text` stores each text.
    pub(super) fn of<'a>(
        of: &'a AttributionKey,
        mut text: impl FnMut(&'a str) -> T,
    ) -> StoredUnit<T> {
        let AttributionKey { advertiser, campaign, flight, creative, page, .. } = of;
        StoredUnit {
            advertiser: text(advertiser),
            currency: of.currency,
            campaign: text(campaign),
            flight: text(flight),
            creative: text(creative),
            variant: of.variant,
            publisher: text(&page.publisher),
            placement: text(&page.placement),
            tier: with_facts(of.tier as u32, page.facts),
            topic: text(&page.topic),
            entity: text(&page.entity),
            region: text(&page.region),
        }
    }

    /// The attribution; `text` is what a text was stored as.
    pub(super) fn unit<E: de::Error>(
        self,
        text: impl Fn(T) -> Box<str>,
    ) -> Result<AttributionKey, E> {
        let (tier, facts) = split_facts(Tier::ALL, self.tier)?;
        Ok(AttributionKey {
            advertiser: text(self.advertiser),
            currency: self.currency,
            campaign: text(self.campaign),
            flight: text(self.flight),
            creative: text(self.creative),
            variant: self.variant,
            page: PageKey {
                publisher: text(self.publisher),
                placement: text(self.placement),
                topic: text(self.topic),
                entity: text(self.entity),
                region: text(self.region),
                facts,
            },
            tier,
        })
    }
}

impl<T> StoredUnfilled<T> {
    /// `text` stores each text.
    pub(super) fn of<'a>(
        of: &'a UnfilledSlot,
        mut text: impl FnMut(&'a str) -> T,
    ) -> StoredUnfilled<T> {
        let PageKey { publisher, placement, topic, entity, region, facts } = &of.page;
        StoredUnfilled {
            publisher: text(publisher),
            placement: text(placement),
            topic: text(topic),
            entity: text(entity),
            region: text(region),
            reason: with_facts(of.reason as u32, *facts),
        }
    }

    /// The slot; `text` is what a text was stored as.
    pub(super) fn slot<E: de::Error>(
        self,
        text: impl Fn(T) -> Box<str>,
    ) -> Result<UnfilledSlot, E> {
        let (reason, facts) = split_facts(NoFill::ALL, self.reason)?;
        let page = PageKey {
            publisher: text(self.publisher),
            placement: text(self.placement),
            topic: text(self.topic),
            entity: text(self.entity),
            region: text(self.region),
            facts,
        };
        Ok(UnfilledSlot { page, reason })
    }
}

impl Serialize for AttributionKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        StoredUnit::of(self, |text| text).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AttributionKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AttributionKey, D::Error> {
        StoredUnit::<Box<str>>::deserialize(deserializer)?.unit(|text| text)
    }
}

impl Serialize for UnfilledSlot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        StoredUnfilled::of(self, |text| text).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for UnfilledSlot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<UnfilledSlot, D::Error> {
        StoredUnfilled::<Box<str>>::deserialize(deserializer)?.slot(|text| text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{EventKind, Pricing};
    use crate::domain::money::Micros;
    use crate::domain::targeting::Sentiment;
    use crate::journal::{frame, segments};
    use crate::ledger::Record;
    use crate::ledger::properties::event;
    use crate::ledger::record::{Credit, InvalidRecord, OpportunityCount, Refund};
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;

    fn recorded() -> std::path::PathBuf {
        let data = "tests/data/recorded-0.1.0-november/data/journal";
        Path::new(env!("CARGO_MANIFEST_DIR")).join(data)
    }

    /// A record of every kind that has an attribution, with a page facts.
    fn records(facts: PageFacts) -> Vec<Record> {
        let mut event = event(EventKind::Impression, 0, 0, Pricing::Cpm, 0);
        let mut unit = AttributionKey::clone(&event.attribution);
        unit.page.facts = facts;
        event.attribution = Arc::new(unit);
        let (attribution, event) = (event.attribution.clone(), Arc::new(event));
        let (micros, by, note): (_, Box<str>, Box<str>) = (Micros::ZERO, "k".into(), "".into());
        let credit = Credit {
            id: 1,
            at_ms: 0,
            event: event.clone(),
            micros,
            by: by.clone(),
            note: note.clone(),
        };
        let refund = Refund {
            id: 2,
            at_ms: 0,
            day: 0,
            day_starts_ms: 0,
            attribution: attribution.clone(),
            micros,
            by,
            note,
        };
        let page = attribution.page.clone();
        let count = |slot| OpportunityCount { decided_at_ms: 0, slot, count: 1 };
        vec![
            Record::Event(event),
            Record::Credit(Box::new(credit)),
            Record::Refund(Box::new(refund)),
            Record::Opportunities(vec![count(Ok(attribution))]),
            Record::Opportunities(vec![count(Err(Arc::new(UnfilledSlot {
                page,
                reason: NoFill::Overloaded,
            })))]),
        ]
    }

    #[test]
    fn every_combination_of_page_facts_is_read_as_it_was_written() {
        for bits in 0..12 {
            for record in records(PageFacts::unpack(bits).unwrap()) {
                assert_eq!(Record::decode(&record.encode()).map(|one| one.record), Ok(record));
            }
        }
        let newer = Record::decode(&[7]).unwrap_err();
        assert_eq!(newer, InvalidRecord::Newer(7));
        assert!(newer.to_string().contains("7 and this version reads formats up to 6"));
    }

    #[test]
    fn a_tier_with_page_facts_is_no_tier_to_older_servers() {
        let facts = PageFacts { sentiment: Some(Sentiment::Positive), verified: None };
        for (number, tier) in (0..).zip(Tier::ALL) {
            let stored = |facts| postcard::to_stdvec(&with_facts(number, facts)).unwrap();
            let plain = stored(PageFacts::default());
            assert_eq!(postcard::from_bytes::<Tier>(&plain), Ok(*tier));
            assert!(postcard::from_bytes::<Tier>(&stored(facts)).is_err());
        }
    }

    #[test]
    fn recorded_journals_are_read_completely_and_encoded_as_they_were_but_for_the_stamp() {
        let (mut events, mut opportunities) = (0, 0);
        for segment in segments(&recorded()).unwrap() {
            let bytes = fs::read(&segment.path).unwrap();
            let header = frame::read_header(&bytes).unwrap();
            let mut at = header.length;
            while let Some((entry, length)) = frame::read(&bytes[at..], header.incarnation) {
                at += length;
                let record = Record::decode(&entry.payload).unwrap().record;
                assert_eq!(record.encode()[1 + 8..], entry.payload[1..], "{record:?}");
                events += usize::from(matches!(record, Record::Event(_)));
                opportunities += usize::from(matches!(record, Record::Opportunities(_)));
            }
            assert_eq!(at, bytes.len());
        }
        assert!(
            events > 100 && opportunities > 10,
            "{events} events, {opportunities} opportunities"
        );
    }
}
