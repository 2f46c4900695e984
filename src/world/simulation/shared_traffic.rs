//! Flights with goals that share traffic, over a day, with the plan and the lottery that serve.

use crate::domain::campaign::Pacing;
use crate::pacing::plan::{Expected, Flat, Pace, Plan, Seen, Traffic};
use crate::selection::draw;
use crate::selection::snapshot::Ticket;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::collections::VecDeque;

/// Groups of contexts; each slot is in one.
const CONTEXTS: usize = 12;
/// A shown unit's event comes this much later, and some never.
const LATE_MS: i64 = 3_000;
const LOST: f64 = 0.08;

/// Relative traffic at a part of the length, from 0 to 1.
type Shape = fn(f64) -> f64;

/// A forecast that knows the course.
struct Known(Vec<f64>);

impl Known {
    /// The sums of a course at a thousand points of the length.
    fn of(shape: Shape) -> Known {
        let mut sum = 0.0;
        let points = (0..=1_000).map(|at| {
            sum += shape(f64::from(at) / 1_000.0);
            sum
        });
        Known(points.collect())
    }

    #[expect(clippy::cast_possible_truncation, reason = "from 0 to 1,000")]
    fn until(&self, part: f64) -> f64 {
        let at = part.clamp(0.0, 1.0) * 1_000.0;
        let (low, rest) = (at.floor() as usize, at.fract());
        let next = self.0[(low + 1).min(1_000)];
        self.0[low] + rest * (next - self.0[low])
    }
}

/// A course over a length.
struct Over(Known, f64);

impl Traffic for Over {
    fn between(&self, from_ms: i64, to_ms: i64) -> f64 {
        let Over(known, length) = self;
        (known.until(to_ms as f64 / length) - known.until(from_ms as f64 / length)).max(0.0)
    }
}

/// One run: the length of all flights, slots per second, and their course.
struct Run {
    length_ms: i64,
    per_second: f64,
    shape: Shape,
    /// Whether the forecast knows the course.
    known: bool,
    /// The part of all slots that goals take.
    sold: f64,
    curve: Pacing,
}

struct Flight {
    contexts: Vec<usize>,
    plan: Plan,
    pace: Pace,
    seen: Seen,
    ticket: Ticket,
    shown: f64,
}

/// Delivered by goal of each flight.
fn run(setup: &Run, seed: u64) -> Vec<f64> {
    let course = Over(Known::of(setup.shape), setup.length_ms as f64);
    let traffic: &dyn Traffic = if setup.known { &course } else { &Flat };
    let expected = Expected { traffic, time: &Flat };
    let mut dice = Pcg64::seed_from_u64(seed);
    let steps = 1_000;
    let mean =
        (0..steps).map(|at| (setup.shape)(at as f64 / steps as f64)).sum::<f64>() / steps as f64;
    let slots = setup.per_second * setup.length_ms as f64 / 1_000.0;
    let kinds: Vec<Vec<usize>> = (0..CONTEXTS)
        .map(|one| vec![one])
        .chain((0..6).map(|one| vec![2 * one, 2 * one + 1]))
        .chain([(0..6).collect(), (6..CONTEXTS).collect(), (0..CONTEXTS).collect()])
        .collect();
    // Each context's slots are sold to the flights on it in proportion, so that all goals are feasible.
    let mut flights: Vec<Flight> = kinds
        .into_iter()
        .map(|contexts| {
            let part = 1.0 / 4.0 * contexts.len() as f64 / CONTEXTS as f64;
            let goal = (slots * part * setup.sold * (1.0 - LOST)).floor();
            let plan = Plan {
                starts_ms: 0,
                ends_ms: setup.length_ms,
                curve: setup.curve,
                soft_end: false,
                goal,
            };
            Flight {
                contexts,
                plan,
                pace: Pace::new(0, Seen::default(), 0.9),
                seen: Seen::default(),
                ticket: Ticket { place: 0, share: 0, turn: 0 },
                shown: 0.0,
            }
        })
        .collect();
    let mut events: VecDeque<(i64, usize, bool)> = VecDeque::new();
    let tick_ms = (setup.length_ms / 8_640).max(100);
    for now_ms in (0..setup.length_ms).step_by(usize::try_from(tick_ms).unwrap()) {
        while events.front().is_some_and(|(due, ..)| *due <= now_ms) {
            let (_, of, comes) = events.pop_front().unwrap();
            let one = &mut flights[of];
            one.seen.outstanding -= 1.0;
            one.seen.delivered += f64::from(u8::from(comes));
            one.shown += f64::from(u8::from(comes));
        }
        for (place, one) in (0u32..).zip(&mut flights) {
            if one.pace.is_due(&one.plan, now_ms) {
                one.pace.advance(&one.plan, &expected, now_ms, one.seen);
            }
            let share = one.pace.share_now(&one.plan, &expected, now_ms, &one.seen);
            let supply = one.pace.supply(&one.plan, &expected).unwrap_or(f64::INFINITY);
            one.ticket = Ticket::new(place, share, supply);
        }
        let rate = setup.per_second * (setup.shape)(now_ms as f64 / setup.length_ms as f64) / mean;
        let mut expected = rate * tick_ms as f64 / 1_000.0;
        while expected > 0.0 {
            if expected < 1.0 && !dice.random_bool(expected) {
                break;
            }
            expected -= 1.0;
            let context = dice.random_range(0..CONTEXTS);
            let mut tickets: Vec<Ticket> = Vec::new();
            for one in flights.iter_mut().filter(|one| one.contexts.contains(&context)) {
                one.seen.entered += 1;
                // The cap: reservations never exceed the goal.
                if one.seen.delivered + one.seen.outstanding < one.plan.goal {
                    tickets.push(one.ticket);
                }
            }
            tickets.sort_unstable_by_key(|ticket| (ticket.turn, ticket.place));
            if let (Some(won), ..) = draw::lottery(&tickets, dice.random()) {
                let of = tickets[won].place as usize;
                flights[of].seen.won += 1;
                flights[of].seen.outstanding += 1.0;
                events.push_back((now_ms + LATE_MS, of, !dice.random_bool(LOST)));
            }
        }
    }
    for (_, of, comes) in events {
        flights[of].shown += f64::from(u8::from(comes));
    }
    flights.iter().map(|one| one.shown / one.plan.goal).collect()
}

/// The mean error of the flights, the part of them within 1 %, and the worst one.
fn errors(results: &[f64]) -> (f64, f64, f64) {
    let error = |one: &f64| (one - 1.0).abs();
    let mean = results.iter().map(error).sum::<f64>() / results.len() as f64;
    let within = results.iter().filter(|one| error(one) <= 0.01).count() as f64;
    let worst = results.iter().copied().fold(f64::INFINITY, f64::min);
    (mean, within / results.len() as f64, worst - 1.0)
}

const DAY: i64 = 86_400_000;

/// Most and least traffic at noon and at midnight: nine to one.
fn day(at: f64) -> f64 {
    1.0 - 0.8 * (at * std::f64::consts::TAU).cos()
}

fn surge(at: f64) -> f64 {
    if (0.4..0.5).contains(&at) { 3.0 } else { 1.0 }
}

fn half_gone(at: f64) -> f64 {
    if at < 0.42 { 1.0 } else { 0.5 }
}

fn growing(at: f64) -> f64 {
    0.3 + 1.4 * at
}

fn bursts(at: f64) -> f64 {
    if (at * 20.0).fract() < 0.5 { 1.8 } else { 0.2 }
}

/// A day and four minutes of each course that leaves every goal feasible; the forecast knows only the
/// course of the day.
#[test]
#[expect(clippy::print_stdout, reason = "prints the figures")]
fn flights_with_goals_that_share_traffic_deliver_them_without_a_forecast() {
    let courses: [(&str, Shape, f64, bool); 7] = [
        ("steady", |_| 1.0, 0.92, false),
        ("a day, known", day, 0.92, true),
        ("a day, known, front-loaded", day, 0.7, true),
        ("a surge", surge, 0.7, false),
        ("half of it gone", half_gone, 0.55, false),
        ("growing", growing, 0.92, false),
        ("bursts", bursts, 0.92, false),
    ];
    for (name, shape, sold, known) in courses {
        for (length_ms, per_second) in [(DAY, 1.0), (240_000, 150.0)] {
            let front = name.ends_with("front-loaded");
            let curve = if front { Pacing::FrontLoaded } else { Pacing::Traffic };
            let setup = Run { length_ms, per_second, shape, known, sold, curve };
            let results: Vec<f64> = (0..2).flat_map(|seed| run(&setup, seed)).collect();
            let (mean, within, worst) = errors(&results);
            println!(
                "{name}, {} s: mean error {:.3} %, {:.1} % of flights within 1 %, worst {:.2} %",
                length_ms / 1_000,
                mean * 100.0,
                within * 100.0,
                worst * 100.0
            );
            assert!(results.iter().all(|one| *one <= 1.0), "a goal is a cap");
            // Of four minutes, one second is 0.4 %.
            let (least, most) = if length_ms == DAY { (0.99, 0.005) } else { (0.0, 0.01) };
            assert!(within >= least && mean <= most && worst >= -0.03, "{name}, {length_ms} ms");
        }
    }
}
