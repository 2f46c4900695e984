//! The stress scenarios, and what must hold in each of them.

use super::{BASE, Course, Delivered, Fault, Outcome, Setup, run};
use std::f64::consts::TAU;

/// Local noon has nine times the traffic of local midnight, at another time in each country, and some topics
/// are larger.
pub(super) fn day(at: f64, topic: usize, country: usize) -> f64 {
    let hour = [0.75, 0.5, 0.46, 0.27, 0.12][country];
    let size = [4.0, 2.0, 1.5, 1.2, 0.8][country] * (3.0 - topic as f64 * 0.3);
    size * (1.0 + 0.8 * ((at - hour) * TAU).cos())
}

fn surge(at: f64, topic: usize, country: usize) -> f64 {
    day(at, topic, country) * if (0.4..0.5).contains(&at) { 3.0 } else { 1.0 }
}

fn half_gone(at: f64, topic: usize, country: usize) -> f64 {
    day(at, topic, country) * if at < 0.42 { 1.0 } else { 0.5 }
}

fn topics_collapse(at: f64, topic: usize, country: usize) -> f64 {
    day(at, topic, country) * if at > 0.42 && topic < 3 { 0.3 } else { 1.0 }
}

fn spike(at: f64, topic: usize, country: usize) -> f64 {
    day(at, topic, country) * if (0.6..0.605).contains(&at) { 20.0 } else { 1.0 }
}

impl Setup {
    /// The course of the days before.
    pub(super) fn course_before(&self) -> Course {
        day
    }
}

/// Errors of the flights with a goal of at least `least`: the mean, the part within 1 %, the worst.
fn errors(results: &[Delivered], least: f64) -> (usize, f64, f64, f64) {
    let errors: Vec<f64> = results
        .iter()
        .filter(|one| one.goal >= least)
        .map(|one| one.counted / one.goal - 1.0)
        .collect();
    let mean = errors.iter().map(|error| error.abs()).sum::<f64>() / errors.len() as f64;
    let within = errors.iter().filter(|error| error.abs() <= 0.01).count() as f64;
    let worst = errors.iter().copied().fold(f64::INFINITY, f64::min);
    (errors.len(), mean, within / errors.len() as f64, worst)
}

/// The first of six seeds, with five times the traffic, from `ADJACENT_SIMULATION`.
#[expect(clippy::disallowed_methods, reason = "longer runs are started by hand")]
fn first_seed() -> Option<u64> {
    std::env::var("ADJACENT_SIMULATION").ok()?.parse().ok()
}

/// Runs a scenario; goals below 1,000 units are left out: one unit of them is a tenth of a per cent.
#[expect(clippy::print_stdout, reason = "prints the figures")]
fn check(name: &str, setup: &Setup, (least_within, worst_allowed): (f64, f64)) {
    let from = first_seed();
    let (more, seeds) = from.map_or((1.0, 100..101), |from| (5.0, from..from + 6));
    let setup = Setup { requests: setup.requests * more, ..setup.clone() };
    let runs: Vec<Outcome> = seeds.map(|seed| run(&setup, seed)).collect();
    let results: Vec<Delivered> = runs.iter().flat_map(|run| run.flights.clone()).collect();
    let goals: f64 = results.iter().map(|one| one.goal).sum();
    let beyond = runs.iter().map(|run| run.over_goal).sum::<u64>() as f64 / goals;
    let (count, mean, within, worst) = errors(&results, 1_000.0);
    println!(
        "{name}: {count} flights, mean error {:.3} %, {:.1} % within 1 %, worst {:.2} %, beyond goals {:.3} %",
        mean * 100.0,
        within * 100.0,
        worst * 100.0,
        beyond * 100.0
    );
    assert!(beyond <= 0.0005, "{name}: {beyond} shown for nothing");
    assert!(results.iter().all(|one| one.counted <= one.goal), "a goal is a cap: {name}");
    assert!(within >= least_within && worst >= worst_allowed, "{name}: {results:?}");
}

const FEASIBLE: (f64, f64) = (0.99, -0.02);

macro_rules! scenarios {
    ($($name:ident: $setup:expr, $allowed:expr;)*) => {$(
        #[test]
        fn $name() {
            check(stringify!($name), &$setup, $allowed);
        }
    )*};
}

scenarios! {
    goals_are_met_on_a_usual_day: BASE, FEASIBLE;
    goals_are_met_without_a_history: Setup { history: None, ..BASE }, FEASIBLE;
    goals_are_met_when_the_day_is_three_hours_late: Setup { history: Some(0.125), ..BASE }, FEASIBLE;
    goals_are_met_when_traffic_is_three_times_as_much_for_hours: Setup { course: surge, ..BASE }, FEASIBLE;
    goals_are_met_when_half_of_the_traffic_is_gone: Setup { course: half_gone, sold: 0.55, ..BASE }, FEASIBLE;
    goals_are_met_when_the_largest_topics_collapse: Setup { course: topics_collapse, sold: 0.55, ..BASE }, FEASIBLE;
    goals_are_met_when_nearly_everything_is_sold: Setup { sold: 0.92, ..BASE }, FEASIBLE;
    goals_are_met_with_little_traffic: Setup { requests: 20_000.0, ..BASE }, FEASIBLE;
    goals_are_met_on_a_dozen_instances_that_know_little_of_each_other:
        Setup { instances: 12, sync_ms: 10_000, delay_ms: 30_000, lost: 0.15, ..BASE }, FEASIBLE;
    goals_are_met_on_one_instance: Setup { instances: 1, ..BASE }, FEASIBLE;
    goals_are_met_when_the_store_is_away_for_an_hour: Setup { fault: Fault::Outage, ..BASE }, FEASIBLE;
    goals_are_met_when_an_instance_comes_back_after_an_hour: Setup { fault: Fault::Gone, ..BASE }, FEASIBLE;
    goals_are_met_when_a_clock_jumps: Setup { fault: Fault::Clock, ..BASE }, FEASIBLE;
    goals_are_met_when_units_are_seen_minutes_later: Setup { late: 0.1, ..BASE }, FEASIBLE;
    goals_are_met_after_a_spike_of_twenty_times_the_traffic: Setup { course: spike, ..BASE }, FEASIBLE;
    goals_are_met_within_hours_of_the_day:
        Setup { settings: "hours = [\"daily 06:00-20:00\"]", sold: 0.45, ..BASE }, FEASIBLE;
}
