//! The draw: an exponential race, one a slot. The largest key wins.
//!
//! `key = ln score + Gumbel(u)`, with `u` from the request, the slot and the candidate alone, gives
//! P(j) = score_j / Σ score exactly (the Gumbel-max identity: Gumbel 1954; Maddison, Tarlow,
//! Minka 2014), and a changed score changes only the draws that involve its candidate.

use crate::selection::dice::Dice;
use crate::selection::dice::Purpose;
use crate::selection::fixed;
use crate::selection::fixed::Q32;

/// The winner's number among `candidates` (stable id, ln score) and its probability in 2^32nds.
/// `explore` is the share of draws, in 2^32nds, that ignore scores. `None` without candidates.
///
/// Equal keys go to the smaller stable id, so that the order of candidates changes nothing.
pub fn race(
    candidates: impl Iterator<Item = (u64, Q32)> + Clone,
    dice: Dice,
    purpose: Purpose,
    explore: u32,
) -> Option<(usize, u32)> {
    let level = ignores_scores(dice, explore);
    let mut best: Option<((Q32, std::cmp::Reverse<u64>), usize)> = None;
    for (at, (id, ln_score)) in candidates.clone().enumerate() {
        let score = if level { Q32::ZERO } else { ln_score };
        let roll = dice.roll(id, purpose);
        // Few can still win after the first ones: most are done with here.
        if best.is_some_and(|((key, _), _)| score + fixed::gumbel_at_most(roll) < key) {
            continue;
        }
        let key = (score + fixed::gumbel(roll), std::cmp::Reverse(id));
        if best.is_none_or(|(most, _)| key >= most) {
            best = Some((key, at));
        }
    }
    let winner = best?.1;
    Some((winner, propensity(candidates, winner, explore)))
}

/// Whether this draw ignores scores: a share `explore` of all draws, in 2^32nds.
pub fn ignores_scores(dice: Dice, explore: u32) -> bool {
    explore > 0 && dice.roll(0, Purpose::Floor) >> 32 < u64::from(explore)
}

/// A candidate's key in the race.
pub fn key(id: u64, ln_score: Q32, dice: Dice, purpose: Purpose) -> Q32 {
    ln_score + fixed::gumbel(dice.roll(id, purpose))
}

/// P(`winner`) in 2^32nds: `(1−ε)·score / Σ score + ε/n`, rounded down, one at least.
pub fn propensity(
    candidates: impl Iterator<Item = (u64, Q32)> + Clone,
    winner: usize,
    explore: u32,
) -> u32 {
    let top = candidates.clone().map(|(_, ln)| ln).max().unwrap_or_default();
    let weight = |ln: Q32| u128::from(fixed::exp_neg(top - ln));
    let (mut own, mut sum, mut count) = (0, 0, 0u64);
    for (at, (_, ln)) in candidates.enumerate() {
        let weight = weight(ln);
        sum += weight;
        count += 1;
        if at == winner {
            own = weight;
        }
    }
    let scored = (own << 32).checked_div(sum).unwrap_or(0);
    let mixed = ((((1 << 32) - u128::from(explore)) * scored) >> 32)
        + u128::from(u64::from(explore).checked_div(count).unwrap_or(0));
    u32::try_from(mixed).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn winners(weights: &[u32], draws: u32) -> Vec<u32> {
        let ids: Vec<u64> =
            (0..weights.len()).map(|n| crate::selection::dice::stable_id(&n.to_string())).collect();
        let mut won = vec![0; weights.len()];
        for request in 0..draws {
            let dice = Dice::new(u128::from(request) << 7, 0);
            let candidates =
                ids.iter().zip(weights).map(|(id, w)| (*id, Q32::ln_of_int(u64::from(*w))));
            won[race(candidates, dice, Purpose::Race, 0).unwrap().0] += 1;
        }
        won
    }

    #[test]
    fn shares_equal_weights() {
        let weights = [1, 2, 3, 10, 20, 64];
        let draws = 200_000;
        let won = winners(&weights, draws);
        let total: u32 = weights.iter().sum();
        let chi_square: f64 = won
            .iter()
            .zip(weights)
            .map(|(won, weight)| {
                let due = f64::from(draws) * f64::from(weight) / f64::from(total);
                (f64::from(*won) - due).powi(2) / due
            })
            .sum();
        assert!(chi_square < 20.5, "{chi_square} over 5 degrees of freedom: {won:?}"); // p = 0.001
    }

    #[test]
    fn both_ends_of_a_uniform_are_open() {
        // A uniform of exactly 0 or 1 would give a candidate an infinite key: it would never win,
        // or always. The extreme rolls stay finite and in order.
        assert!(fixed::gumbel(1) > Q32::from_f64(-4.0));
        assert!(fixed::gumbel(u64::MAX) < Q32::from_f64(45.0));
        assert!(fixed::gumbel(1) < fixed::gumbel(2));
        assert!(fixed::gumbel(u64::MAX - 1) < fixed::gumbel(u64::MAX));
    }

    proptest! {
        #[test]
        fn the_order_of_candidates_changes_nothing(
            mut candidates in prop::collection::vec((any::<u64>(), 1u64..1_000_000), 1..20), request: u128,
        ) {
            candidates.sort();
            candidates.dedup_by_key(|(id, _)| *id);
            let run = |list: &[(u64, u64)]| {
                let weighted = list.iter().map(|(id, w)| (*id, Q32::ln_of_int(*w)));
                let (at, p) = race(weighted, Dice::new(request, 0), Purpose::Race, 1 << 26).unwrap();
                (list[at].0, p)
            };
            let forward = run(&candidates);
            candidates.reverse();
            prop_assert_eq!(forward, run(&candidates));
        }

        #[test]
        fn a_changed_weight_changes_only_draws_that_involve_it(
            weights in prop::collection::vec(1u64..1_000, 2..12), new in 1u64..1_000, request: u128,
        ) {
            let run = |first: u64| {
                let list = weights.iter().enumerate().map(move |(at, w)| {
                    (at as u64, Q32::ln_of_int(if at == 0 { first } else { *w }))
                });
                race(list, Dice::new(request, 0), Purpose::Race, 0).unwrap().0
            };
            let (before, after) = (run(weights[0]), run(new));
            prop_assert!(before == after || before == 0 || after == 0);
        }

        #[test]
        fn propensities_sum_to_one(weights in prop::collection::vec(1u64..1_000, 1..30), explore in 0u32..1 << 31) {
            let list = || weights.iter().map(|w| (0u64, Q32::ln_of_int(*w)));
            let sum: u64 = (0..weights.len()).map(|at| u64::from(propensity(list(), at, explore))).sum();
            prop_assert!((1u64 << 32).abs_diff(sum) <= 4 * weights.len() as u64, "{sum}");
        }
    }
}
