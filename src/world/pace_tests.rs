//! Flights over time: traffic comes, the shares decide what is won, and what is won is delivered.

use super::*;
use crate::catalog::files;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use crate::metrics::{Metrics, SeriesLimits};
use crate::selection::compile::compile;
use crate::world::budgets::Budgets;
use crate::world::images::ImageSet;
use std::ops::Range;

const START_MS: i64 = 1_777_593_600_000;
const FLIGHT: &str = "pacing = \"asap\"";

/// The example's reference flight with these settings, from 2026-05-01 on, as it is served.
fn served(budgets: &Budgets, settings: &str) -> (Live, usize) {
    let texts = files::EXAMPLE.map(|(name, text)| {
        let text =
            if name.contains("zahid") { text.replacen(FLIGHT, settings, 1) } else { text.into() };
        (name.to_owned(), text)
    });
    let inventory = files::parse(&texts).unwrap();
    let snapshot = Arc::new(compile(inventory, &Weights::default(), &LabelTable::default()));
    let metrics = Metrics::new(SeriesLimits::default()).unwrap();
    let live = Live::new(snapshot, ImageSet::default(), budgets, &metrics, 1);
    let flights = &live.snapshot().flights;
    let ids = flights.iter().map(|row| live.snapshot().inventory.flights[row.doc].id.as_str());
    let place = ids.into_iter().position(|id| id.contains("zahid")).unwrap();
    (live, place)
}

/// The share of a flight: of its ticket, else of its throttle.
fn share(shares: &Shares, place: usize) -> f64 {
    let ticket = shares.tickets.iter().find(|one| one.place == place_bit(place));
    let throttle = shares.paced.iter().find(|(at, _)| *at == place_bit(place));
    let units = ticket.map(|one| one.share).or(throttle.map(|(_, share)| *share)).unwrap();
    f64::from(units) / f64::from(Ticket::ALL)
}

/// Delivered at each tenth of a day with ten slots a second, of which the share is won and seen.
fn day(live: &Live, place: usize, budget: &Budget, price: Micros) -> Vec<i64> {
    seconds(&mut Pacer::default(), (live, place), 0..86_400, (budget, price))
}

/// The same of a part of the day.
fn seconds(
    pacer: &mut Pacer,
    (live, place): (&Live, usize),
    seconds: Range<i64>,
    (budget, price): (&Budget, Micros),
) -> Vec<i64> {
    let slots = live.bindings.slots[place].clone().unwrap();
    let (mut owed, mut decision) = (0.0, u128::try_from(seconds.start).unwrap() << 32);
    let mut tenths = Vec::new();
    for second in seconds {
        let now_ms = START_MS + second * 1_000;
        let mut shares = pacer.shares(live, 1, now_ms);
        shares.paced.sort_unstable();
        let share = share(&shares, place);
        for _ in 0..10 {
            slots.enter(1);
            owed += share;
            if owed >= 1.0 {
                owed -= 1.0;
                decision += 1;
                slots.win();
                let day = budget.balance(now_ms).today.number;
                budget.settle(decision, 0, day, price);
            }
        }
        if second % 8_640 == 8_639 {
            tenths.push(budget.balance(now_ms).spent.get() / price.get());
        }
    }
    tenths
}

#[test]
fn a_goal_is_delivered_in_step_with_the_traffic_by_a_ticket_and_ends_before_the_flight_does() {
    let settings = "goal_impressions = 100_000\nstarts = \"2026-05-01T02:00:00\"\nends = \"2026-05-02T02:00:00\"";
    let budgets = Budgets::default();
    let (live, place) = served(&budgets, settings);
    let shares = Pacer::default().shares(&live, 1, START_MS);
    assert_eq!(shares.tickets.iter().filter(|one| one.place == place_bit(place)).count(), 1);
    let goal = live.bindings.goals[place][0].1.clone();

    let tenths = day(&live, place, &goal, goal::UNIT);

    for (tenth, delivered) in (1..).zip(&tenths) {
        let due = (f64::from(tenth) / 10.0 / 0.985).min(1.0) * 100_000.0;
        assert!((*delivered as f64 - due).abs() <= 2_000.0, "{tenth}: {delivered} of {due}");
    }
    assert!((99_900..=100_000).contains(tenths.last().unwrap()), "{tenths:?}");
}

#[test]
fn front_loaded_delivers_62_percent_in_the_first_half() {
    let settings = "pacing = \"front_loaded\"\ngoal_impressions = 100_000\nstarts = \"2026-05-01T02:00:00\"\nends = \"2026-05-02T02:00:00\"";
    let budgets = Budgets::default();
    let (live, place) = served(&budgets, settings);
    let goal = live.bindings.goals[place][0].1.clone();
    let tenths = day(&live, place, &goal, goal::UNIT);
    assert!((60_000..=65_500).contains(&tenths[4]), "{tenths:?}");
    assert!((99_900..=100_000).contains(tenths.last().unwrap()), "{tenths:?}");
}

#[test]
fn a_goal_that_is_changed_in_mid_flight_is_delivered_by_the_same_end() {
    let settings = |goal: u64| {
        format!(
            "goal_impressions = {goal}\nstarts = \"2026-05-01T02:00:00\"\nends = \"2026-05-02T02:00:00\""
        )
    };
    for (goal, changed) in [(100_000, 200_000), (100_000, 70_000)] {
        let (budgets, mut pacer) = (Budgets::default(), Pacer::default());
        let (live, place) = served(&budgets, &settings(goal));
        let budget = live.bindings.goals[place][0].1.clone();
        let half = (&*budget, goal::UNIT);
        let before = seconds(&mut pacer, (&live, place), 0..43_200, half);
        let (live, place) = served(&budgets, &settings(changed));
        let after = seconds(&mut pacer, (&live, place), 43_200..86_400, half);
        let due = goal as f64 / 2.0 / 0.985;
        assert!((*before.last().unwrap() as f64 - due).abs() < 7_000.0, "{before:?}");
        let changed = i64::try_from(changed).unwrap();
        assert!((changed - 100..=changed).contains(after.last().unwrap()), "{after:?}");
    }
}

#[test]
fn a_goal_is_spread_over_the_hours_in_which_the_flight_runs() {
    let settings = "goal_impressions = 100_000\nhours = [\"daily 06:00-18:00\"]\nstarts = \"2026-05-01T02:00:00\"\nends = \"2026-05-02T02:00:00\"";
    let budgets = Budgets::default();
    let (live, place) = served(&budgets, settings);
    let goal = live.bindings.goals[place][0].1.clone();
    let (mut pacer, budget) = (Pacer::default(), (&*goal, goal::UNIT));
    // In Berlin the day begins at two o'clock: it opens after four hours and closes after sixteen.
    let parts = [14_400..36_000, 36_000..57_600]
        .map(|part| seconds(&mut pacer, (&live, place), part, budget).pop().unwrap_or_default());
    let delivered = goal.balance(START_MS).spent.get() / goal::UNIT.get();
    assert!((99_900..=100_000).contains(&delivered), "{delivered} {parts:?}");
}

#[test]
fn a_flight_with_a_soft_end_takes_all_that_it_may_have_after_it_until_its_goal_is_reached() {
    let flight = |end: &str| {
        format!(
            "goal_impressions = 1_000\nend = \"{end}\"\nstarts = \"2026-04-30T02:00:00\"\nends = \"2026-05-01T02:00:00\""
        )
    };
    let budgets = Budgets::default();
    for (end, expected) in [("soft", 1.0), ("hard", 0.0)] {
        let (live, place) = served(&budgets, &flight(end));
        let shares = Pacer::default().shares(&live, 1, START_MS + 1_000);
        assert!((share(&shares, place) - expected).abs() < 0.01, "{end}");
    }
    let (live, place) = served(&budgets, &flight("soft"));
    let goal = live.bindings.goals[place][0].1.clone();
    for decision in 0..1_000 {
        goal.settle(decision, 0, 0, goal::UNIT);
    }
    let shares = Pacer::default().shares(&live, 1, START_MS + 2_000);
    assert!(share(&shares, place) < 0.01, "a goal is a cap");
}

/// The slots that a flight with this goal needs over those that it may expect, after six hours with a slot a
/// second, of which its share is won and seen; 16 hours are left.
fn scarcity(goal: u32) -> f64 {
    let budgets = Budgets::default();
    let settings = format!(
        "pacing = \"even\"\ngoal_impressions = {goal}\nstarts = \"2026-05-01\"\nends = \"2026-05-01\""
    );
    let (live, place) = served(&budgets, &settings);
    let (_, budget) = &live.bindings.goals[place][0];
    let slots = live.bindings.slots[place].clone().unwrap();
    assert!(slots.scarcity() <= 0.0, "nothing was measured");
    let (mut pacer, mut owed, mut decision) = (Pacer::default(), 0.0, 0u128);
    for second in 0..6 * 3_600i64 {
        let now_ms = START_MS + second * 1_000;
        slots.enter(1);
        owed += share(&pacer.shares(&live, 1, now_ms), place);
        if owed >= 1.0 {
            (owed, decision) = (owed - 1.0, decision + 1);
            slots.win();
            let day = budget.balance(now_ms).today.number;
            budget.settle(decision, 0, day, goal::UNIT);
        }
    }
    slots.scarcity()
}

#[test]
fn a_goal_that_needs_more_slots_than_come_is_known_before_its_end() {
    let out_of_reach = scarcity(100_000);
    assert!((1.25..1.45).contains(&out_of_reach), "{out_of_reach}");
    let within_reach = scarcity(20_000);
    assert!((0.05..0.5).contains(&within_reach), "{within_reach}");
}
