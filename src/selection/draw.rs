//! The draw: one exponential race per slot. The largest key wins.
//!
//! `key = ln score + Gumbel(u)`, where `u` depends only on request, slot and candidate, gives exactly
//! P(j) = score_j / Σ score (the Gumbel-max identity: Gumbel 1954; Maddison, Tarlow, Minka 2014).
//! A changed score changes a result only if its candidate wins before or after the change.

use crate::selection::dice::{Dice, Purpose};
use crate::selection::fixed;
use crate::selection::fixed::Q32;
use crate::selection::snapshot::Ticket;
use smallvec::SmallVec;

/// The winner's index in `candidates` (stable id, ln score) and its probability in units of 2^-32.
/// `explore` is the share of draws, in units of 2^-32, that ignore scores. `None` without candidates.
///
/// Ties go to the smaller stable id, so that the order of candidates has no effect.
pub(crate) fn race(
    candidates: impl Iterator<Item = (u64, Q32)> + Clone,
    dice: Dice,
    purpose: Purpose,
    explore: u32,
) -> Option<(usize, u32)> {
    let uniform = ignores_scores(dice, explore);
    let mut best: Option<((Q32, std::cmp::Reverse<u64>), usize)> = None;
    for (at, (id, ln_score)) in candidates.clone().enumerate() {
        let score = if uniform { Q32::ZERO } else { ln_score };
        let roll = dice.roll(id, purpose);
        // Cheap upper bound: after the first candidates, few can still win.
        if best.is_some_and(|((key, _), _)| score + fixed::gumbel_at_most(roll) < key) {
            continue;
        }
        let key = (score + fixed::gumbel(roll), std::cmp::Reverse(id));
        if best.is_none_or(|(largest, _)| key >= largest) {
            best = Some((key, at));
        }
    }
    let winner = best?.1;
    Some((winner, propensity(candidates, winner, explore)))
}

/// A slot cut into shares: the winner's index among `tickets` (in order of their turns) if `roll` is in
/// one of them, the probability of each, and what is left of it, in units of 2^-32.
pub(crate) fn lottery(tickets: &[Ticket], roll: u64) -> (Option<usize>, SmallVec<[u64; 4]>, u64) {
    let mut left = 1u64 << 32;
    let (mut roll, mut winner) = (roll >> 32, None);
    let mut shares = SmallVec::new();
    for (at, ticket) in tickets.iter().enumerate() {
        let wanted = u64::from(ticket.share) + u64::from(ticket.share == Ticket::ALL);
        let share = wanted.min(left);
        if winner.is_none() {
            if roll < share {
                winner = Some(at);
            } else {
                roll -= share;
            }
        }
        left -= share;
        shares.push(share);
    }
    (winner, shares, left)
}

/// A share of a slot, in units of 2^-32, as a propensity: at least 1, at most 2^32 - 1.
pub(crate) fn probability(share: u64) -> u32 {
    u32::try_from(share).unwrap_or(u32::MAX).max(1)
}

/// The propensity of a race that is held in `left` of all slots, in units of 2^-32.
pub(crate) fn within(propensity: u32, left: u64) -> u32 {
    let share = (u128::from(propensity) * u128::from(left)) >> 32;
    probability(u64::try_from(share).unwrap_or(u64::MAX))
}

/// Whether this draw ignores scores; true for a share `explore` of all draws, in units of 2^-32.
pub(crate) fn ignores_scores(dice: Dice, explore: u32) -> bool {
    explore > 0 && dice.roll(0, Purpose::Explore) >> 32 < u64::from(explore)
}

/// A candidate's key in the race.
pub(crate) fn key(id: u64, ln_score: Q32, dice: Dice, purpose: Purpose) -> Q32 {
    ln_score + fixed::gumbel(dice.roll(id, purpose))
}

/// P(`winner`) in units of 2^-32: `(1−ε)·score / Σ score + ε/n`, rounded down, at least 1.
pub(crate) fn propensity(
    candidates: impl Iterator<Item = (u64, Q32)> + Clone,
    winner: usize,
    explore: u32,
) -> u32 {
    let top = candidates.clone().map(|(_, ln)| ln).max().unwrap_or_default();
    let weight = |ln: Q32| u128::from(fixed::exp_neg(top - ln));
    let (mut winners, mut sum, mut count) = (0, 0, 0u64);
    for (at, (_, ln)) in candidates.enumerate() {
        let weight = weight(ln);
        sum += weight;
        count += 1;
        if at == winner {
            winners = weight;
        }
    }
    mixed(winners, (sum, count), explore)
}

/// The propensity of a candidate with `weight`, of `count` candidates whose weights sum up to `sum`.
pub(crate) fn mixed(weight: u128, (sum, count): (u128, u64), explore: u32) -> u32 {
    let scored = (weight << 32).checked_div(sum).unwrap_or(0);
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
    fn shares_of_wins_are_proportional_to_weights() {
        let weights = [1, 2, 3, 10, 20, 64];
        let draws = 200_000;
        let won = winners(&weights, draws);
        let total: u32 = weights.iter().sum();
        let chi_square: f64 = won
            .iter()
            .zip(weights)
            .map(|(won, weight)| {
                let expected = f64::from(draws) * f64::from(weight) / f64::from(total);
                (f64::from(*won) - expected).powi(2) / expected
            })
            .sum();
        assert!(chi_square < 20.5, "{chi_square} over 5 degrees of freedom: {won:?}"); // p = 0.001
    }

    #[test]
    fn keys_of_the_smallest_and_largest_rolls_are_finite() {
        // A uniform number of exactly 0 or 1 would give an infinite key: the candidate would never
        // win, or always.
        assert!(fixed::gumbel(1) > Q32::from_f64(-4.0));
        assert!(fixed::gumbel(u64::MAX) < Q32::from_f64(45.0));
        assert!(fixed::gumbel(1) < fixed::gumbel(2));
        assert!(fixed::gumbel(u64::MAX - 1) < fixed::gumbel(u64::MAX));
    }

    proptest! {
        #[test]
        fn the_order_of_candidates_has_no_effect(
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
