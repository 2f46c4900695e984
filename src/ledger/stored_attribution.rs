//! The stored form of an attribution, in records, checkpoints and base snapshots.
//!
//! postcard has no field names: the order of these fields is the format. Numbers are of variable length,
//! so the page facts, in the bits above the tier or the no-fill reason, takes no space if there is
//! none; versions that do not know it read no such tier or reason, and report another version. The same
//! holds for the values of reported context keys: a bit above the facts says that their text follows.

use crate::domain::attribution::{AttributionKey, PageKey};
use crate::domain::event::{NoFill, Tier};
use crate::domain::money::Currency;
use crate::domain::targeting::PageFacts;
use crate::ledger::record::UnfilledSlot;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::marker::PhantomData;

/// Fields, and after them the values of reported context keys if there are any.
pub(super) struct WithCustom<F, T> {
    fields: F,
    custom: Option<T>,
}

/// A stored unit; `T` is a text.
pub(super) type StoredUnit<T> = WithCustom<UnitFields<T>, T>;

/// A stored unfilled slot; `T` is a text.
pub(super) type StoredUnfilled<T> = WithCustom<UnfilledFields<T>, T>;

#[derive(Serialize, Deserialize)]
pub(super) struct UnitFields<T> {
    advertiser: T,
    currency: Currency,
    campaign: T,
    flight: T,
    creative: T,
    variant: u8,
    publisher: T,
    placement: T,
    /// The number of the tier, from bit 8 the page facts, and bit 12 if there are values of context keys.
    tier: u32,
    topic: T,
    entity: T,
    region: T,
}

#[derive(Serialize, Deserialize)]
pub(super) struct UnfilledFields<T> {
    publisher: T,
    placement: T,
    topic: T,
    entity: T,
    region: T,
    /// The number of the reason, from bit 8 the page facts, and bit 12 if there are values of context keys.
    reason: u32,
}

/// Bits for the number of a tier or reason.
const NUMBER_BITS: u32 = 8;

/// Set if values of context keys follow.
const CUSTOM: u32 = 1 << 12;

/// Fields that say whether values of context keys follow.
trait Fields {
    fn has_custom(&self) -> bool;
}

impl<T> Fields for UnitFields<T> {
    fn has_custom(&self) -> bool {
        self.tier & CUSTOM != 0
    }
}

impl<T> Fields for UnfilledFields<T> {
    fn has_custom(&self) -> bool {
        self.reason & CUSTOM != 0
    }
}

impl<F: Serialize, T: Serialize> Serialize for WithCustom<F, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.custom {
            None => self.fields.serialize(serializer),
            Some(custom) => (&self.fields, custom).serialize(serializer),
        }
    }
}

impl<'de, F: Fields + Deserialize<'de>, T: Deserialize<'de>> Deserialize<'de> for WithCustom<F, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<WithCustom<F, T>, D::Error> {
        struct Parts<F, T>(PhantomData<(F, T)>);
        impl<'de, F: Fields + Deserialize<'de>, T: Deserialize<'de>> Visitor<'de> for Parts<F, T> {
            type Value = WithCustom<F, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an attribution")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let missing = |at| de::Error::invalid_length(at, &"an attribution");
                let fields: F = seq.next_element()?.ok_or_else(|| missing(0))?;
                let custom = match fields.has_custom() {
                    true => Some(seq.next_element()?.ok_or_else(|| missing(1))?),
                    false => None,
                };
                Ok(WithCustom { fields, custom })
            }
        }
        deserializer.deserialize_tuple(2, Parts(PhantomData))
    }
}

/// The number of a tier or a reason with what the page says.
fn with_page(number: u32, page: &PageKey) -> u32 {
    let custom = if page.custom.is_empty() { 0 } else { CUSTOM };
    number | u32::from(page.facts.pack()) << NUMBER_BITS | custom
}

fn split_facts<T: Copy, E: de::Error>(all: &[T], stored: u32) -> Result<(T, PageFacts), E> {
    let number = (stored & ((1 << NUMBER_BITS) - 1)) as usize;
    let bits = u8::try_from((stored & !CUSTOM) >> NUMBER_BITS).ok();
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
        let fields = UnitFields {
            advertiser: text(advertiser),
            currency: of.currency,
            campaign: text(campaign),
            flight: text(flight),
            creative: text(creative),
            variant: of.variant,
            publisher: text(&page.publisher),
            placement: text(&page.placement),
            tier: with_page(of.tier as u32, page),
            topic: text(&page.topic),
            entity: text(&page.entity),
            region: text(&page.region),
        };
        let custom = (!page.custom.is_empty()).then(|| text(&page.custom));
        WithCustom { fields, custom }
    }

    /// The attribution; `text` is what a text was stored as.
    pub(super) fn unit<E: de::Error>(
        self,
        text: impl Fn(T) -> Box<str>,
    ) -> Result<AttributionKey, E> {
        let WithCustom { fields, custom } = self;
        let (tier, facts) = split_facts(Tier::ALL, fields.tier)?;
        Ok(AttributionKey {
            advertiser: text(fields.advertiser),
            currency: fields.currency,
            campaign: text(fields.campaign),
            flight: text(fields.flight),
            creative: text(fields.creative),
            variant: fields.variant,
            page: PageKey {
                publisher: text(fields.publisher),
                placement: text(fields.placement),
                topic: text(fields.topic),
                entity: text(fields.entity),
                region: text(fields.region),
                facts,
                custom: custom.map(text).unwrap_or_default(),
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
        let page = &of.page;
        let fields = UnfilledFields {
            publisher: text(&page.publisher),
            placement: text(&page.placement),
            topic: text(&page.topic),
            entity: text(&page.entity),
            region: text(&page.region),
            reason: with_page(of.reason as u32, page),
        };
        let custom = (!page.custom.is_empty()).then(|| text(&page.custom));
        WithCustom { fields, custom }
    }

    /// The slot; `text` is what a text was stored as.
    pub(super) fn slot<E: de::Error>(
        self,
        text: impl Fn(T) -> Box<str>,
    ) -> Result<UnfilledSlot, E> {
        let WithCustom { fields, custom } = self;
        let (reason, facts) = split_facts(NoFill::ALL, fields.reason)?;
        let page = PageKey {
            publisher: text(fields.publisher),
            placement: text(fields.placement),
            topic: text(fields.topic),
            entity: text(fields.entity),
            region: text(fields.region),
            facts,
            custom: custom.map(text).unwrap_or_default(),
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

    /// A record of every kind that has an attribution, with page facts and values of context keys.
    fn records(facts: PageFacts, custom: &str) -> Vec<Record> {
        let mut event = event(EventKind::Impression, 0, 0, Pricing::Cpm, 0);
        let mut unit = AttributionKey::clone(&event.attribution);
        unit.page.facts = facts;
        unit.page.custom = custom.into();
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
    fn every_combination_of_page_facts_and_values_is_read_as_it_was_written() {
        for bits in 0..12 {
            for (custom, version) in [("", 6), ("paywall=free;section=news", 7)] {
                for record in records(PageFacts::unpack(bits).unwrap(), custom) {
                    let encoded = record.encode();
                    assert_eq!(encoded[0], version);
                    assert_eq!(Record::decode(&encoded).map(|one| one.record), Ok(record));
                }
            }
        }
        let newer = Record::decode(&[8]).unwrap_err();
        assert_eq!(newer, InvalidRecord::Newer(8));
        assert!(newer.to_string().contains("8 and this version reads formats up to 7"));
    }

    #[test]
    fn a_tier_with_page_facts_or_values_is_no_tier_to_older_servers() {
        let facts = PageFacts { sentiment: Some(Sentiment::Positive), verified: None };
        let with_facts = PageKey { facts, ..PageKey::default() };
        let with_values = PageKey { custom: "a=b".into(), ..PageKey::default() };
        for (number, tier) in (0..).zip(Tier::ALL) {
            let stored = |page: &PageKey| postcard::to_stdvec(&with_page(number, page)).unwrap();
            let plain = stored(&PageKey::default());
            assert_eq!(postcard::from_bytes::<Tier>(&plain), Ok(*tier));
            for page in [&with_facts, &with_values] {
                assert!(postcard::from_bytes::<Tier>(&stored(page)).is_err());
            }
        }
        // A server that knows page facts but no values has no such facts.
        let bits = u8::try_from(with_page(0, &with_values) >> NUMBER_BITS).unwrap();
        assert_eq!(PageFacts::unpack(bits), None);
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
