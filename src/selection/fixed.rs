//! Fixed-point logarithms and exponentials: bit-identical on every platform and in every version.
//!
//! Tables are computed at compile time with integer arithmetic. Floats appear only where the
//! operator's weights are converted and where values are displayed.
#![expect(
    clippy::cast_possible_truncation,
    reason = "products of fixed-point numbers are taken in 128 bits and shifted back below 64"
)]

use std::ops::{Add, Sub};

/// A fixed-point number with 32 fractional bits.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Q32(i64);

/// ln 2 with 63 fractional bits: 0.693147180559945309417…
const LN2_Q63: u64 = 6_393_154_322_601_327_830;
/// 1 / ln 2 with 62 fractional bits.
const LOG2E_Q62: u64 = 6_653_256_548_920_620_560;
/// Entries of the logarithm table: `ln(1 + i/1024)`.
const STEPS: usize = 1024;

/// `(ln(1 + i/STEPS) in Q58, 1/(1 + i/STEPS) in Q63)` for every step.
static LN_TABLE: [(u64, u64); STEPS] = ln_table();
/// `2^(-i/256)` in Q63, and `2^(-i/65536)` in Q63.
static EXP_TABLES: ([u64; 256], [u64; 256]) = (exp_table(8), exp_table(16));

impl Q32 {
    /// Zero; as a logarithm, a factor of one.
    pub(crate) const ZERO: Q32 = Q32(0);

    /// The raw bits.
    pub const fn raw(self) -> i64 {
        self.0
    }

    /// Converts a float, rounded towards zero and clamped to ±2^30. Scaling by 2^32 and rounding
    /// towards zero are exact in IEEE 754, so the result is the same on every platform.
    pub(crate) fn from_f64(value: f64) -> Q32 {
        let limit = 1_073_741_824.0;
        Q32((value.clamp(-limit, limit) * 4_294_967_296.0) as i64)
    }

    /// The natural logarithm of a positive float, computed from its Q32 value.
    /// Zero, negatives and NaN count as the smallest positive Q32 number.
    pub(crate) fn ln_of(value: f64) -> Q32 {
        let scaled = u64::try_from(Q32::from_f64(value).0).unwrap_or(0).max(1);
        Q32::ln_of_int(scaled) - Q32(ln2_times(32))
    }

    /// The natural logarithm of an integer; zero counts as one. Error below 2^-31.
    pub(crate) fn ln_of_int(value: u64) -> Q32 {
        Q32((ln_q58(value.max(1)) >> 26) as i64)
    }

    /// The product, rounded down.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "factors are logarithms and weights, below 2^10"
    )]
    pub(crate) fn times(self, other: Q32) -> Q32 {
        Q32(((i128::from(self.0) * i128::from(other.0)) >> 32) as i64)
    }

    /// The value as a float, for display.
    pub(crate) fn to_f64(self) -> f64 {
        self.0 as f64 / 4_294_967_296.0
    }
}

impl Add for Q32 {
    type Output = Q32;
    fn add(self, other: Q32) -> Q32 {
        Q32(self.0.saturating_add(other.0))
    }
}

impl Sub for Q32 {
    type Output = Q32;
    fn sub(self, other: Q32) -> Q32 {
        Q32(self.0.saturating_sub(other.0))
    }
}

/// `times · ln 2` in Q32.
const fn ln2_times(times: i64) -> i64 {
    ((times as i128 * LN2_Q63 as i128) >> 31) as i64
}

/// ln of a positive integer in Q58, error below 2^-41. At most 44.37, which fits.
fn ln_q58(value: u64) -> u64 {
    let exponent = 63 - value.leading_zeros();
    let mantissa = value << value.leading_zeros();
    let step = (mantissa >> 53) as usize & (STEPS - 1);
    let (ln_step, reciprocal) = LN_TABLE[step];
    // rest = mantissa / (1 + step/1024) - 1, below 2^-10, in Q63.
    let quotient = ((u128::from(mantissa) * u128::from(reciprocal)) >> 63) as u64;
    let rest = quotient.saturating_sub(1 << 63);
    let square = ((u128::from(rest) * u128::from(rest)) >> 63) as u64;
    let cube = ((u128::from(square) * u128::from(rest)) >> 63) as u64;
    let tail = (rest - square / 2 + cube / 3) >> 5;
    let whole = (u128::from(exponent) * u128::from(LN2_Q63)) >> 5;
    whole as u64 + ln_step + tail
}

/// A standard Gumbel number `−ln(−ln u)` for `u = roll / 2^64`; a roll of zero counts as one.
///
/// Near one, where the winners of a race are, `−ln u` is computed from its series in `1 − u`, which
/// keeps the relative error below 2^-25 everywhere.
pub(crate) fn gumbel(roll: u64) -> Q32 {
    let roll = roll.max(1);
    let missing = roll.wrapping_neg(); // (1 - u)·2^64, never zero: u is below one
    if missing < 1 << 48 {
        let square = ((u128::from(missing) * u128::from(missing)) >> 65) as u64;
        let exponential = missing + square; // in Q64
        return Q32(ln2_times(64)) - Q32::ln_of_int(exponential);
    }
    let sixty_four = LN2_Q63 << 1; // 64·ln 2 in Q58: −ln of the smallest roll
    let exponential = sixty_four.saturating_sub(ln_q58(roll)).max(1);
    Q32(ln2_times(58)) - Q32::ln_of_int(exponential)
}

/// An upper bound of `gumbel(roll)` at a fraction of the cost.
///
/// `−ln u ≥ 1 − u`, so `gumbel(u) ≤ −ln(1 − u)`, and the leading zeros of `1 − u` bound that.
#[inline]
pub(crate) fn gumbel_at_most(roll: u64) -> Q32 {
    let zeros = roll.max(1).wrapping_neg().leading_zeros();
    Q32(CEILINGS[zeros as usize])
}

/// `(zeros + 1)·ln 2` plus a margin above the error of [`gumbel`].
static CEILINGS: [i64; 65] = {
    let mut table = [0; 65];
    let mut zeros = 0;
    while zeros < 65 {
        table[zeros] = ln2_times(zeros as i64 + 1) + (1 << 10);
        zeros += 1;
    }
    table
};

/// `e^(-x)` in Q62 for `x ≥ 0`; negative numbers count as zero.
pub(crate) fn exp_neg(x: Q32) -> u64 {
    let x = u64::try_from(x.0).unwrap_or(0);
    let binary = (u128::from(x) * u128::from(LOG2E_Q62)) >> 62; // x·log2(e) in Q32
    let whole = (binary >> 32) as u64;
    if whole > 62 {
        return 0;
    }
    let fraction = binary as u32;
    let high = EXP_TABLES.0[(fraction >> 24) as usize];
    let middle = EXP_TABLES.1[(fraction >> 16 & 0xFF) as usize];
    // 2^(-low) = 1 − low·ln2 + …, with low below 2^-16: the square is below 2^-33.
    let low = ((u128::from(fraction & 0xFFFF) * u128::from(LN2_Q63)) >> 32) as u64;
    let product = (u128::from(high) * u128::from(middle)) >> 63;
    let product = (product * u128::from((1u64 << 63) - low)) >> 63;
    (product as u64 >> 1) >> whole
}

const fn ln_table() -> [(u64, u64); STEPS] {
    let mut table = [(0, 0); STEPS];
    let mut step = 0;
    while step < STEPS {
        let one_and = (1u128 << 63) + ((step as u128) << 53); // 1 + step/1024 in Q63
        let reciprocal = (1u128 << 126) / one_and;
        table[step] =
            (((log2_q60(one_and) as u128 * LN2_Q63 as u128) >> 65) as u64, reciprocal as u64);
        step += 1;
    }
    table
}

/// log2 of a Q63 number in [1, 2), in Q60, bit by bit: squaring a number doubles its logarithm.
const fn log2_q60(mut value: u128) -> u64 {
    let mut digits = 0;
    let mut place = 0;
    while place < 60 {
        value = (value * value) >> 63;
        digits <<= 1;
        if value >= 1 << 64 {
            digits |= 1;
            value >>= 1;
        }
        place += 1;
    }
    digits
}

/// `2^(-i / 2^bits)` for 256 values of `i`, in Q63, by the exponential series.
const fn exp_table(bits: u32) -> [u64; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let x = ((i as u128) * (LN2_Q63 as u128)) >> bits; // in Q63, below ln 2
        let mut term: u128 = 1 << 63;
        let mut sum: i128 = 1 << 63;
        let mut n = 1;
        while n < 24 {
            term = ((term * x) >> 63) / n;
            if n % 2 == 1 {
                sum -= term as i128;
            } else {
                sum += term as i128;
            }
            n += 1;
        }
        table[i] = if i == 0 { 1 << 63 } else { sum as u64 };
        i += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOLERANCE: f64 = 1.0 / 16_777_216.0;

    #[test]
    fn the_logarithms_of_one_and_two_are_exact() {
        assert_eq!(Q32::ln_of_int(1), Q32::ZERO);
        assert_eq!(Q32::ln_of(1.0), Q32::ZERO);
        assert!((Q32::ln_of_int(2).to_f64() - std::f64::consts::LN_2).abs() < 1e-9);
    }

    #[test]
    fn the_bits_are_frozen() {
        let bits: Vec<i64> = [3, 10, 1_000_003, u64::MAX].map(|n| Q32::ln_of_int(n).raw()).into();
        assert_eq!(bits, [4_718_503_850, 9_889_527_670, 59_337_178_908, 190_530_846_196]);
        let bits: Vec<i64> = [1, 1 << 32, 1 << 63, u64::MAX].map(|r| gumbel(r).raw()).into();
        assert_eq!(bits, [-16_288_105_823, -13_311_061_352, 1_574_161_007, 190_530_846_196]);
    }

    proptest! {
        #[test]
        fn ln_is_exact_to_a_part_in_sixteen_million(value in 1u64..) {
            prop_assert!((Q32::ln_of_int(value).to_f64() - (value as f64).ln()).abs() < TOLERANCE);
        }

        #[test]
        fn ln_is_monotonic(value in 1u64..u64::MAX, shift in 0u32..60) {
            let value = (value >> shift).max(1);
            prop_assert!(Q32::ln_of_int(value) <= Q32::ln_of_int(value + 1));
        }

        #[test]
        fn gumbel_is_exact_to_a_part_in_sixteen_million(roll in 1u64.., shift in 0u32..60) {
            for roll in [(roll >> shift).max(1), !(roll >> shift).max(1)] {
                let roll = roll.max(1);
                let missing = roll.wrapping_neg() as f64 / 2f64.powi(64);
                let exact = -(-(-missing).ln_1p()).ln();
                let exact = if roll < 1 << 60 { -(-(roll as f64 / 2f64.powi(64)).ln()).ln() } else { exact };
                prop_assert!((gumbel(roll).to_f64() - exact).abs() < TOLERANCE, "{} {exact}", gumbel(roll).to_f64());
            }
        }

        #[test]
        fn the_gumbel_bound_is_an_upper_bound(roll in 1u64.., shift in 0u32..64) {
            for roll in [(roll >> shift).max(1), !(roll >> shift)] {
                prop_assert!(gumbel(roll) <= gumbel_at_most(roll), "{roll}");
            }
        }

        #[test]
        fn exp_is_exact_to_a_part_in_sixteen_million(x in 0f64..40.0) {
            let found = exp_neg(Q32::from_f64(x)) as f64 / 2f64.powi(62);
            prop_assert!((found - (-x).exp()).abs() < TOLERANCE);
        }
    }
}
