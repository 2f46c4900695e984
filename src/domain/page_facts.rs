//! Stored form of what a page states about itself.

use crate::domain::targeting::{PageFacts, Sentiment};

impl PageFacts {
    /// Encodes the facts in four bits, 0 if nothing is stated: from bit 0, two bits for the sentiment
    /// (0 not stated, 1 positive, 2 neutral, 3 negative), two for verified (0 not stated, 1 no, 2 yes).
    pub(crate) const fn pack(self) -> u8 {
        let sentiment = match self.sentiment {
            None => 0,
            Some(Sentiment::Positive) => 1,
            Some(Sentiment::Neutral) => 2,
            Some(Sentiment::Negative) => 3,
        };
        let verified = match self.verified {
            None => 0,
            Some(false) => 1,
            Some(true) => 2,
        };
        sentiment | verified << 2
    }

    /// Decodes facts; `None` if they are not valid.
    pub(crate) const fn unpack(bits: u8) -> Option<PageFacts> {
        let sentiment = match bits & 0b11 {
            0 => None,
            1 => Some(Sentiment::Positive),
            2 => Some(Sentiment::Neutral),
            _ => Some(Sentiment::Negative),
        };
        let verified = match bits >> 2 {
            0 => None,
            1 => Some(false),
            2 => Some(true),
            _ => return None,
        };
        Some(PageFacts { sentiment, verified })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_facts_pack_into_their_own_four_bits() {
        let all: Vec<PageFacts> = (0..=u8::MAX).filter_map(PageFacts::unpack).collect();
        assert_eq!(all.len(), 4 * 3);
        for (bits, facts) in (0..).zip(all) {
            assert_eq!(facts.pack(), bits, "{facts:?}");
        }
        assert_eq!(PageFacts::default().pack(), 0);
        let negative = PageFacts { sentiment: Some(Sentiment::Negative), verified: Some(false) };
        assert_eq!(negative.pack(), 0b0111);
    }
}
