//! Deterministic randomness: every number is a hash of the request id, the slot, an id and a purpose.
//!
//! Configuration versions are not hashed, so a changed weight affects only the decisions it must.

/// What a random number is used for; different purposes get independent numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The draw among flights.
    Race = 1,
    /// Whether this draw ignores scores (exploration).
    Explore = 2,
    /// The lottery of a tier among flights with tickets.
    Lottery = 3,
    /// Whether a throttled flight participates in this slot.
    Pace = 4,
    /// The draw among the creatives and text variants of a flight.
    Creative = 5,
    /// The draw among the text variants of a creative that was drawn before.
    Variant = 6,
    /// Whether a request belongs to the canary.
    Canary = 7,
}

/// The random numbers of one slot of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice {
    seed: u64,
}

/// SplitMix64's finalizer (Steele, Lea, Flood: "Fast splittable pseudorandom number generators",
/// 2014): every input bit affects every output bit.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A request id's upper and lower 64 bits.
const fn halves(request: u128) -> [u64; 2] {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is intended")]
    [(request >> 64) as u64, request as u64]
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Dice {
    /// The numbers of `slot` (the first is 0) in `request`.
    pub(crate) const fn new(request: u128, slot: u16) -> Dice {
        let [high, low] = halves(request);
        let seed = mix(mix(high ^ GOLDEN) ^ low);
        Dice { seed: mix(seed ^ (slot as u64 + 1).wrapping_mul(GOLDEN)) }
    }

    /// A number from 1 to 2^64 − 1 for `id` and a purpose; `roll / 2^64` is uniform over (0, 1),
    /// open at both ends.
    pub(crate) const fn roll(self, id: u64, purpose: Purpose) -> u64 {
        let roll = mix(mix(self.seed ^ id) ^ (purpose as u64).wrapping_mul(GOLDEN));
        if roll == 0 { 1 } else { roll }
    }
}

/// Whether a request belongs to a canary with this share of the requests, in units of 2^-32. A larger share has all
/// requests of a smaller one. `request` may be the id of one of its decisions.
pub(crate) fn is_canary(request: u128, share: u32) -> bool {
    // The lowest byte of a decision's id is its slot.
    let roll = Dice::new(request & !0xFF, u16::MAX).roll(0, Purpose::Canary);
    (roll >> 32) < u64::from(share)
}

/// The random seed of a flight or creative: the first eight bytes of its id's BLAKE3 hash.
pub(crate) fn stable_id(id: &str) -> u64 {
    let hash = blake3::hash(id.as_bytes());
    u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("a BLAKE3 hash has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_frozen() {
        let dice = Dice::new(0x0192_0000_0000_7000_8000_0000_0000_0001, 0);
        let rolls = [Purpose::Race, Purpose::Creative].map(|p| dice.roll(stable_id("a"), p));
        assert_eq!(rolls, [8_956_212_619_998_232_923, 8_104_208_865_029_544_343]);
    }

    #[test]
    fn a_canary_has_its_share_of_the_requests_and_keeps_them_while_it_grows() {
        let share = |percent: u32| u32::MAX / 100 * percent;
        let ids = (0..50_000u128).map(|n| (0x0192_0000_0000_7000_8000u128 << 48) | (n << 8));
        let (mut few, mut more) = (0u32, 0u32);
        for id in ids {
            let (small, large) = (is_canary(id, share(1)), is_canary(id, share(10)));
            assert!(large || !small);
            assert_eq!(large, is_canary(id | 3, share(10)), "a decision of the request");
            assert!(!is_canary(id, 0));
            few += u32::from(small);
            more += u32::from(large);
        }
        assert!((400..600).contains(&few) && (4_700..5_300).contains(&more), "{few} {more}");
    }

    #[test]
    fn consecutive_request_ids_give_uniform_numbers() {
        let mut buckets = [0u32; 64];
        for n in 0..64_000u128 {
            let request = (0x0192_3456_789A_7000_u128 << 64) | (0x8000_u128 << 48) | n;
            let roll = Dice::new(request, 0).roll(7, Purpose::Race);
            buckets[(roll >> 58) as usize] += 1;
        }
        let chi_square: f64 =
            buckets.iter().map(|n| (f64::from(*n) - 1_000.0).powi(2) / 1_000.0).sum();
        assert!(chi_square < 110.0, "{chi_square} over 63 degrees of freedom");
    }
}
