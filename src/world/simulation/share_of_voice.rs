//! Flights with a share of voice that may have some of the same slots, with the lottery that serves.

use crate::pacing::voice::Voice;
use crate::selection::draw;
use crate::selection::snapshot::Ticket;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// Shares won by flights with these shares and contexts out of ten, of slots at a rate per second.
fn run(flights: &[(f64, &[usize])], per_second: usize, seconds: i64, seed: u64) -> Vec<f64> {
    let mut dice = Pcg64::seed_from_u64(seed);
    let mut slots = vec![(0u64, 0u64); flights.len()];
    let mut voices: Vec<Voice> =
        flights.iter().map(|(share, _)| Voice::new(0, (0, 0), *share)).collect();
    for second in 0..seconds {
        for _ in 0..per_second {
            let context = dice.random_range(0..10);
            let mut tickets: Vec<Ticket> = (0u32..)
                .zip(flights.iter().zip(&voices))
                .filter(|(_, ((_, contexts), _))| contexts.contains(&context))
                .map(|(place, (_, voice))| {
                    let supply = voice.supply(86_400_000.0).unwrap_or(f64::INFINITY);
                    Ticket::new(place, voice.part(), supply)
                })
                .collect();
            tickets.sort_unstable_by_key(|ticket| (ticket.turn, ticket.place));
            tickets.iter().for_each(|ticket| slots[ticket.place as usize].0 += 1);
            if let (Some(won), ..) = draw::lottery(&tickets, dice.random()) {
                slots[tickets[won].place as usize].1 += 1;
            }
        }
        for ((voice, slots), (share, _)) in voices.iter_mut().zip(&slots).zip(flights) {
            voice.advance(*share, (second + 1) * 1_000, *slots);
        }
    }
    slots.iter().map(|(entered, won)| *won as f64 / *entered as f64).collect()
}

const ALL: [usize; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

#[test]
fn shares_are_kept_to_half_a_point_when_flights_share_some_of_their_slots() {
    // Five sponsors whose local shares add up to more than a slot in some contexts and less in others.
    let flights: [(f64, &[usize]); 5] =
        [(0.40, &ALL), (0.50, &[0, 1, 2]), (0.30, &[2, 3, 4, 5]), (0.20, &[5, 6]), (0.05, &ALL)];
    for seed in 0..4 {
        let won = run(&flights, 20, 1_800, seed);
        for (won, (share, _)) in won.iter().zip(&flights) {
            assert!((won - share).abs() <= 0.005, "{won} of {share}, seed {seed}");
        }
    }
}

#[test]
fn of_more_than_all_slots_the_flight_with_the_fewest_has_its_share_and_the_broadest_what_is_left() {
    let won = run(&[(0.8, &ALL), (0.7, &[0, 1])], 20, 1_800, 7);
    assert!((won[1] - 0.7).abs() <= 0.005, "{won:?}");
    // Of eight contexts all that it wants, and 30 % of the two others.
    assert!((won[0] - 0.8).abs() <= 0.005, "{won:?}");
    let won = run(&[(0.8, &ALL), (0.7, &ALL)], 20, 1_800, 7);
    assert!((won[0] + won[1] - 1.0).abs() <= 0.005, "{won:?}");
}

#[test]
fn a_whole_share_wins_every_slot_and_a_clock_that_jumps_is_survived() {
    assert_eq!(run(&[(1.0, &ALL)], 5, 60, 1), [1.0]);
    let mut voice = Voice::new(1_000_000, (500, 100), 0.2);
    for (now_ms, slots) in
        [(999_000, (510, 102)), (5_000_000_000, (520, 104)), (5_000_001_000, (3, 1))]
    {
        voice.advance(0.2, now_ms, slots);
        assert!((0.0..=1.0).contains(&voice.part()), "{}", voice.part());
    }
}
