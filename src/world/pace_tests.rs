//! Flights over time: traffic comes, the shares decide what is won, and what is won is delivered.

use super::*;
use crate::catalog::files;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use crate::selection::compile::compile;
use crate::world::budgets::Budgets;
use crate::world::images::ImageSet;

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
    let live = Live::new(snapshot, ImageSet::default(), budgets, 1);
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
    let mut pacer = Pacer::default();
    let slots = live.bindings.slots[place].clone().unwrap();
    let (mut owed, mut decision) = (0.0, 0u128);
    let mut tenths = Vec::new();
    for second in 0..86_400i64 {
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
