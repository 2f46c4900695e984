//! How often each creative is shown: as often as it is the best of a sample of the click rates that its counts
//! leave possible (Thompson sampling), and at least its part of the floor.

use crate::learning::estimate::Estimate;
use rand::SeedableRng;
use rand_distr::{Beta, Distribution};
use rand_pcg::Pcg32;
use smallvec::SmallVec;

/// Samples of each creative's click rate. The best of each sample wins it.
const SAMPLES: u32 = 100;

/// The sum of all parts, before rounding.
const WHOLE: f64 = 10_000.0;

/// A creative: its click rate, and the seed of its samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contender {
    pub(crate) estimate: Estimate,
    pub(crate) seed: u64,
}

/// The part of each creative, at least 1. `floor` is divided equally, the rest by wins; `spread` is a factor on the
/// standard deviation of the estimates. The samples of a creative depend on its own seed only.
pub(crate) fn parts(contenders: &[Contender], floor: f64, spread: f64) -> SmallVec<[u16; 8]> {
    let mut samplers: SmallVec<[(Option<Beta<f64>>, Pcg32); 8]> = contenders
        .iter()
        .map(|one| (beta(one.estimate, spread), Pcg32::seed_from_u64(one.seed)))
        .collect();
    let mut wins: SmallVec<[u32; 8]> = SmallVec::from_elem(0, contenders.len());
    for _ in 0..SAMPLES {
        let (mut best, mut winner) = (f64::NEG_INFINITY, None);
        for (at, (beta, rng)) in samplers.iter_mut().enumerate() {
            let rate = beta.map_or(0.0, |beta| beta.sample(rng));
            if rate > best {
                (best, winner) = (rate, Some(at));
            }
        }
        if let Some(winner) = winner {
            wins[winner] += 1;
        }
    }
    let equal = floor / contenders.len().max(1) as f64;
    let part = |wins: &u32| rounded((1.0 - floor) * f64::from(*wins) / f64::from(SAMPLES) + equal);
    wins.iter().map(part).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "from 1 to 10,000")]
#[expect(clippy::cast_sign_loss, reason = "from 1 to 10,000")]
fn rounded(share: f64) -> u16 {
    (share * WHOLE).round().clamp(1.0, WHOLE) as u16
}

/// The distribution of a click rate whose standard deviation is `spread` times that of the estimate.
fn beta(estimate: Estimate, spread: f64) -> Option<Beta<f64>> {
    let strength = ((estimate.strength + 1.0) / (spread * spread) - 1.0).max(1.0);
    Beta::new(estimate.rate * strength, (1.0 - estimate.rate) * strength).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contenders(estimates: &[(f64, f64)]) -> Vec<Contender> {
        let one = |(seed, (rate, strength)): (u64, &(f64, f64))| Contender {
            estimate: Estimate { rate: *rate, strength: *strength },
            seed,
        };
        (1..).zip(estimates).map(one).collect()
    }

    fn sum(parts: &[u16]) -> u32 {
        parts.iter().map(|part| u32::from(*part)).sum()
    }

    #[test]
    fn a_creative_that_is_surely_best_has_all_but_the_floor() {
        let parts = parts(&contenders(&[(0.002, 1e7), (0.008, 1e7), (0.002, 1e7)]), 0.06, 0.5);
        assert_eq!(parts.as_slice(), [200, 9_600, 200]);
    }

    #[test]
    fn creatives_that_nothing_is_known_of_are_shown_about_equally_often() {
        for seeds in 0..20 {
            let mut three = contenders(&[(0.004, 300.0); 3]);
            three.iter_mut().for_each(|one| one.seed += 10 * seeds);
            let parts = parts(&three, 0.05, 0.5);
            assert!(parts.iter().all(|part| (1_500..5_500).contains(part)), "{parts:?}");
            assert!(sum(&parts).abs_diff(10_000) <= 3, "{parts:?}");
        }
    }

    #[test]
    fn the_same_seeds_give_the_same_parts_and_a_wider_spread_tries_out_more() {
        let two = contenders(&[(0.004, 40_000.0), (0.005, 40_000.0)]);
        assert_eq!(parts(&two, 0.0, 0.5), parts(&two, 0.0, 0.5));
        let worse = |spread: f64| parts(&two, 0.0, spread)[0];
        assert!(
            worse(0.3) < worse(1.0) && worse(1.0) < worse(2.0),
            "{} {}",
            worse(0.3),
            worse(1.0)
        );
    }

    #[test]
    fn extreme_estimates_leave_every_creative_a_part() {
        for extreme in [(0.5, 1e300), (1e-6, 1e-9), (0.5, f64::INFINITY), (f64::NAN, 1.0)] {
            let parts = parts(&contenders(&[extreme, (0.004, 300.0)]), 0.0, 0.5);
            assert!(
                parts.iter().all(|part| *part >= 1) && parts.len() == 2,
                "{extreme:?}: {parts:?}"
            );
        }
        assert!(parts(&[], 0.05, 0.5).is_empty());
        assert_eq!(parts(&contenders(&[(0.004, 300.0)]), 0.05, 0.5).as_slice(), [10_000]);
    }
}
