//! The stored form of an attribution, in records, checkpoints and base snapshots.
//!
//! postcard has no field names: the order of these fields is the format.

use crate::domain::attribution::{AttributionKey, PageKey};
use crate::domain::event::{NoFill, Tier};
use crate::domain::money::Currency;
use crate::ledger::record::UnfilledSlot;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
struct StoredUnit<T> {
    advertiser: T,
    currency: Currency,
    campaign: T,
    flight: T,
    creative: T,
    variant: u8,
    publisher: T,
    placement: T,
    tier: Tier,
    topic: T,
    entity: T,
    region: T,
}

#[derive(Serialize, Deserialize)]
struct StoredUnfilled<T> {
    publisher: T,
    placement: T,
    topic: T,
    entity: T,
    region: T,
    reason: NoFill,
}

impl Serialize for AttributionKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let AttributionKey { advertiser, campaign, flight, creative, page, .. } = self;
        let stored: StoredUnit<&str> = StoredUnit {
            advertiser,
            currency: self.currency,
            campaign,
            flight,
            creative,
            variant: self.variant,
            publisher: &page.publisher,
            placement: &page.placement,
            tier: self.tier,
            topic: &page.topic,
            entity: &page.entity,
            region: &page.region,
        };
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AttributionKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AttributionKey, D::Error> {
        let stored = StoredUnit::<Box<str>>::deserialize(deserializer)?;
        let StoredUnit { advertiser, currency, campaign, flight, creative, variant, .. } = stored;
        let StoredUnit { publisher, placement, tier, topic, entity, region, .. } = stored;
        let page = PageKey { publisher, placement, topic, entity, region };
        let key = AttributionKey {
            advertiser,
            currency,
            campaign,
            flight,
            creative,
            variant,
            page,
            tier,
        };
        Ok(key)
    }
}

impl Serialize for UnfilledSlot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let PageKey { publisher, placement, topic, entity, region } = &self.page;
        let reason = self.reason;
        let stored: StoredUnfilled<&str> =
            StoredUnfilled { publisher, placement, topic, entity, region, reason };
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for UnfilledSlot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<UnfilledSlot, D::Error> {
        let stored = StoredUnfilled::<Box<str>>::deserialize(deserializer)?;
        let StoredUnfilled { publisher, placement, topic, entity, region, reason } = stored;
        Ok(UnfilledSlot { page: PageKey { publisher, placement, topic, entity, region }, reason })
    }
}

#[cfg(test)]
mod tests {
    use crate::journal::{frame, segments};
    use crate::ledger::{Record, checkpoint};
    use std::fs;
    use std::path::Path;

    fn recorded() -> std::path::PathBuf {
        let data = "tests/data/recorded-0.1.0-november/data/journal";
        Path::new(env!("CARGO_MANIFEST_DIR")).join(data)
    }

    #[test]
    fn recorded_journals_and_checkpoints_are_written_again_byte_for_byte() {
        let (mut events, mut opportunities) = (0, 0);
        for segment in segments(&recorded()).unwrap() {
            let bytes = fs::read(&segment.path).unwrap();
            let header = frame::read_header(&bytes).unwrap();
            let mut at = header.length;
            while let Some((entry, length)) = frame::read(&bytes[at..], header.incarnation) {
                at += length;
                let record = Record::decode(&entry.payload).unwrap();
                assert_eq!(record.encode(), entry.payload, "{record:?}");
                events += usize::from(matches!(record, Record::Event(_)));
                opportunities += usize::from(matches!(record, Record::Opportunities(_)));
            }
            assert_eq!(at, bytes.len());
        }
        assert!(
            events > 100 && opportunities > 10,
            "{events} events, {opportunities} opportunities"
        );

        let folder = tempfile::tempdir().unwrap();
        fs::copy(recorded().join("chain"), folder.path().join("chain")).unwrap();
        let from = checkpoint::numbers(&recorded()).unwrap()[0];
        let read = checkpoint::read(&recorded(), from, None).unwrap().unwrap();
        let name = format!("{from:010}.ledger");
        let bytes = fs::read(recorded().join(&name)).unwrap();
        let store = u64::from_le_bytes(*bytes[8..].first_chunk().unwrap());
        checkpoint::write(folder.path(), store, &read).unwrap();
        assert_eq!(fs::read(folder.path().join(name)).unwrap(), bytes);
    }
}
