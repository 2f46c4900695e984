//! The payload of a token and its encoding: fixed width, big-endian.
//!
//! | offset | bytes | field |
//! |---:|---:|---|
//! | 0 | 1 | low four bits: kind (0 impression, 1 viewable, 2 click, 3 copy); high four bits: page facts, 0 in version 1 |
//! | 1 | 1 | call to action: index in the creative |
//! | 2 | 1 | flags, from bit 0: topic, entity, country, observed, declared, test, basic, idle (version 3) |
//! | 3 | 1 | partition |
//! | 4 | 1 | variant of the creative |
//! | 5 | 2 | country, two letters, or zeros |
//! | 7 | 5 | sequence number |
//! | 12 | 8 | incarnation |
//! | 20 | 16 | decision |
//! | 36 | 8 | inventory |
//! | 44 | 4 | publisher |
//! | 48 | 2 | placement, or `ffff` |
//! | 50 | 4 | creative |
//! | 54 | 4 | topic, or zeros |
//! | 58 | 4 | entity, or zeros |
//! | 62 | 8 | price |
//! | 70 | 2 | values of reported context keys, 0 before version 4 |
//! | 72 | 6 | issued |

use crate::domain::attribution::{PageNumbers, ReportedValues, UnitNumbers};
use crate::domain::event::EventKind;
use crate::domain::money::Micros;
use crate::domain::targeting::PageFacts;

/// The newest token format version; older ones are read.
pub(crate) const VERSION: u8 = 4;

/// Length of an encoded payload, in bytes.
pub(crate) const PAYLOAD_BYTES: usize = 78;

/// One event of one decision, as sent through the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// The event it reports.
    pub(crate) kind: EventKind,
    /// Index of the call to action in the creative; 0 if there is none.
    pub(crate) cta: u8,
    /// Identifies the process start that made the decision.
    pub(crate) incarnation: u64,
    /// The campaign's partition.
    pub(crate) partition: u8,
    /// Sequence number, dense per (incarnation, partition); less than 2^40.
    pub(crate) seq: u64,
    /// The decision's id.
    pub(crate) decision: u128,
    /// The first eight bytes of the inventory version's hash.
    pub(crate) inventory: u64,
    /// What its events are reported under, as numbers of that version.
    pub(crate) unit: UnitNumbers,
    /// Whether the country comes from a trusted proxy or the operator's IP address table.
    pub(crate) observed: bool,
    /// Whether a caller without a key declared the country: it is in no report.
    pub(crate) declared: bool,
    /// The price of the event; zero if its kind is not billed.
    pub(crate) price: Micros,
    /// Time of the decision, in Unix milliseconds; from 0 and less than 2^48.
    pub(crate) issued_ms: i64,
    /// Whether the decision is a test, which never counts.
    pub(crate) test: bool,
    /// Whether the publisher's measurement is `basic`: no viewport observation, no visitor key.
    pub(crate) basic: bool,
    /// Whether the decision holds no money and is in no report, so that its events are neither.
    pub(crate) idle: bool,
}

const KINDS: [EventKind; 4] =
    [EventKind::Impression, EventKind::Viewable, EventKind::Click, EventKind::Copy];

/// Encodes that the publisher has no such placement.
const NO_PLACEMENT: u16 = u16::MAX;

const TOPIC: u8 = 1;
const ENTITY: u8 = 1 << 1;
const COUNTRY: u8 = 1 << 2;
const OBSERVED: u8 = 1 << 3;
const DECLARED: u8 = 1 << 4;
const TEST: u8 = 1 << 5;
const BASIC: u8 = 1 << 6;
const IDLE: u8 = 1 << 7;

impl Token {
    /// The largest sequence number (40 bits). A process that fills a thousand decisions per second
    /// in one partition reaches it after 34 years.
    #[cfg(test)]
    pub(crate) const MAX_SEQ: u64 = (1 << 40) - 1;

    /// The oldest format version that has all fields of the token: 2 added the page facts, 3 the class
    /// `idle`, 4 the values of reported context keys. Servers reject newer versions than they know.
    pub(crate) fn version(&self) -> u8 {
        let page = &self.unit.page;
        match (page.custom != ReportedValues::default(), self.idle) {
            (true, _) => VERSION,
            (false, true) => 3,
            (false, false) if page.facts != PageFacts::default() => 2,
            (false, false) => 1,
        }
    }

    /// Encodes the payload, with the low 40 bits of `seq` and the low 48 bits of the time.
    pub(crate) fn encode(&self) -> [u8; PAYLOAD_BYTES] {
        let UnitNumbers { creative, variant, page } = &self.unit;
        let mut bytes = [0; PAYLOAD_BYTES];
        let kind = match self.kind {
            EventKind::Impression => 0,
            EventKind::Viewable => 1,
            EventKind::Click => 2,
            EventKind::Copy => 3,
        };
        bytes[0] = kind | page.facts.pack() << 4;
        bytes[1] = self.cta;
        bytes[2] = self.flags();
        bytes[3] = self.partition;
        bytes[4] = *variant;
        if let Some(country) = &page.country {
            bytes[5..7].copy_from_slice(country.as_str().as_bytes());
        }
        bytes[7..12].copy_from_slice(&self.seq.to_be_bytes()[3..]);
        bytes[12..20].copy_from_slice(&self.incarnation.to_be_bytes());
        bytes[20..36].copy_from_slice(&self.decision.to_be_bytes());
        bytes[36..44].copy_from_slice(&self.inventory.to_be_bytes());
        bytes[44..48].copy_from_slice(&page.publisher.to_be_bytes());
        bytes[48..50].copy_from_slice(&page.placement.unwrap_or(NO_PLACEMENT).to_be_bytes());
        bytes[50..54].copy_from_slice(&creative.to_be_bytes());
        bytes[54..58].copy_from_slice(&page.topic.unwrap_or(0).to_be_bytes());
        bytes[58..62].copy_from_slice(&page.entity.unwrap_or(0).to_be_bytes());
        bytes[62..70].copy_from_slice(&self.price.get().to_be_bytes());
        bytes[70..72].copy_from_slice(&page.custom.0);
        bytes[72..78].copy_from_slice(&self.issued_ms.to_be_bytes()[2..]);
        bytes
    }

    fn flags(&self) -> u8 {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        flag(self.unit.page.topic.is_some(), TOPIC)
            | flag(self.unit.page.entity.is_some(), ENTITY)
            | flag(self.unit.page.country.is_some(), COUNTRY)
            | flag(self.observed, OBSERVED)
            | flag(self.declared, DECLARED)
            | flag(self.test, TEST)
            | flag(self.basic, BASIC)
            | flag(self.idle, IDLE)
    }

    /// Decodes a payload; `None` if a field has an invalid value.
    pub(crate) fn decode(bytes: &[u8; PAYLOAD_BYTES]) -> Option<Token> {
        let flags = bytes[2];
        let has = |bit: u8| flags & bit != 0;
        let country = match std::str::from_utf8(&bytes[5..7]).ok()? {
            letters if has(COUNTRY) => Some(letters.parse().ok()?),
            _ => None,
        };
        let placement = u16::from_be_bytes(at(bytes, 48)?);
        let page = PageNumbers {
            publisher: u32::from_be_bytes(at(bytes, 44)?),
            placement: (placement != NO_PLACEMENT).then_some(placement),
            topic: has(TOPIC).then_some(u32::from_be_bytes(at(bytes, 54)?)),
            entity: has(ENTITY).then_some(u32::from_be_bytes(at(bytes, 58)?)),
            country,
            facts: PageFacts::unpack(bytes[0] >> 4)?,
            custom: ReportedValues(at(bytes, 70)?),
        };
        let mut seq = [0; 8];
        seq[3..].copy_from_slice(&bytes[7..12]);
        let mut issued_ms = [0; 8];
        issued_ms[2..].copy_from_slice(&bytes[72..78]);
        Some(Token {
            kind: *KINDS.get(usize::from(bytes[0] & 0xF))?,
            cta: bytes[1],
            partition: bytes[3],
            seq: u64::from_be_bytes(seq),
            incarnation: u64::from_be_bytes(at(bytes, 12)?),
            decision: u128::from_be_bytes(at(bytes, 20)?),
            inventory: u64::from_be_bytes(at(bytes, 36)?),
            unit: UnitNumbers {
                creative: u32::from_be_bytes(at(bytes, 50)?),
                variant: bytes[4],
                page,
            },
            price: Micros::try_from(i64::from_be_bytes(at(bytes, 62)?)).ok()?,
            issued_ms: i64::from_be_bytes(issued_ms),
            observed: has(OBSERVED),
            declared: has(DECLARED),
            test: has(TEST),
            basic: has(BASIC),
            idle: has(IDLE),
        })
    }
}

fn at<const N: usize>(bytes: &[u8; PAYLOAD_BYTES], from: usize) -> Option<[u8; N]> {
    bytes.get(from..)?.first_chunk().copied()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Arbitrary tokens.
    pub(crate) fn any_token() -> impl Strategy<Value = Token> {
        let country = prop_oneof![Just(None), Just(Some("DE")), Just(Some("US")), Just(Some("ZA"))];
        let place = (any::<u32>(), prop::option::of(0..NO_PLACEMENT), any::<u32>(), any::<u8>());
        let minted = (any::<u64>(), 0_u8..64, 0..=Token::MAX_SEQ, any::<u128>(), any::<u64>());
        let context = (0_u8..12).prop_map(|bits| PageFacts::unpack(bits).unwrap());
        let matched =
            (any::<Option<u32>>(), any::<Option<u32>>(), country, context, any::<[u8; 2]>());
        let flags = any::<[bool; 5]>();
        let event = (prop::sample::select(EventKind::ALL), any::<u8>(), 0..1_i64 << 48);
        (event, minted, place, matched, flags, 0..=Micros::MAX.get()).prop_map(
            |(event, minted, place, matched, flags, price)| Token {
                kind: event.0,
                cta: event.1,
                issued_ms: event.2,
                incarnation: minted.0,
                partition: minted.1,
                seq: minted.2,
                decision: minted.3,
                inventory: minted.4,
                unit: UnitNumbers {
                    creative: place.2,
                    variant: place.3,
                    page: PageNumbers {
                        publisher: place.0,
                        placement: place.1,
                        topic: matched.0,
                        entity: matched.1,
                        country: matched.2.map(|code| code.parse().unwrap()),
                        facts: matched.3,
                        custom: ReportedValues(matched.4),
                    },
                },
                observed: flags[0],
                declared: flags[1],
                test: flags[2],
                basic: flags[3],
                idle: flags[4],
                price: Micros::try_from(price).unwrap(),
            },
        )
    }

    proptest! {
        #[test]
        fn encoding_and_decoding_preserves_every_field(token in any_token()) {
            prop_assert_eq!(Token::decode(&token.encode()), Some(token));
        }

        #[test]
        fn arbitrary_bytes_decode_to_a_token_or_none(bytes in prop::array::uniform32(any::<u8>())) {
            let mut payload = [0; PAYLOAD_BYTES];
            payload[..32].copy_from_slice(&bytes);
            payload[PAYLOAD_BYTES - 32..].copy_from_slice(&bytes);
            if let Some(token) = Token::decode(&payload) {
                prop_assert_eq!(Token::decode(&token.encode()), Some(token));
            }
        }
    }
}
