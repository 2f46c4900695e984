//! Measurements; run alone, in a release build.
#![expect(clippy::print_stdout, reason = "measurements are to be read")]

use super::*;
use crate::selection::choose::Request;
use crate::selection::odds::Odds;
use crate::selection::page::Page;
use crate::selection::rules::Exclusions;
use crate::selection::snapshot::{State, Ticket, World};
use std::time::Instant;

#[test]
#[ignore = "measures; run it alone with --release"]
fn ten_thousand_flights_are_forecast_in_seconds() {
    for (flights, goals) in [(1_000, 10), (1_000, 3), (10_000, 10), (10_000, 3)] {
        let inventory = crate::catalog::synth::inventory(flights, 5);
        let mut document = serde_json::to_value(&inventory).unwrap();
        for (n, flight) in document["flights"].as_array_mut().unwrap().iter_mut().enumerate() {
            flight["starts"] = json!("2026-06-01");
            flight["ends"] = json!(format!("2026-07-{:02}", n % 28 + 1));
            if n % goals == 1 && flight["tier"] == "standard" {
                flight["goal_impressions"] = json!(n % 500 + 1);
            }
        }
        let inventory = read(&document);
        let old = Arc::new(compile(inventory.clone(), &Weights::default(), &labels()));
        let site = inventory.publishers[0].id.as_str();
        let lines = (0..20_000i64).map(|n| {
            let about = format!("topic-{}", n * 7 % 400);
            line(&old, (site, &about), &["article-end"], now() - 1 - n * 120_000)
        });
        let sample = Sample::of(lines.collect(), Names::of(&old), now());
        let mut wanted =
            inventory.flights.iter().filter(|flight| flight.goals().set().next().is_some());
        let wanted = vec![wanted.next_back().unwrap().id.to_string()];
        let measured = Measured::default();
        let weights = Weights::default();
        let sources = Sources {
            sample: &sample,
            measured: &measured,
            weights: &weights,
            labels: &labels(),
            now_ms: now(),
        };
        let begin = Instant::now();
        let found = forecast::forecast(&sources, &inventory, &wanted);
        println!(
            "{flights} flights, one of {goals} with a goal, 20,000 decisions: {:?}",
            begin.elapsed()
        );
        println!("  {}", found.forecasts[0].summary);
    }
}

#[test]
#[ignore = "measures; run it alone with --release"]
fn odds_of_many_slots_are_computed_each_second() {
    for flights in [1_000, 10_000] {
        let inventory = crate::catalog::synth::inventory(flights, 5);
        let snapshot = Arc::new(compile(inventory, &Weights::default(), &labels()));
        let places = 0..u32::try_from(snapshot.flights.len()).unwrap();
        let ticket = |place| Ticket { place, share: (place % 7 + 1) << 26, turn: place % 40 };
        let tickets = places.filter(|place| place % 3 == 0).map(ticket).collect();
        let goals = State { tickets, ..State::default() };
        for (name, state) in [("no goals", State::default()), ("a third with goals", goals)] {
            let world = World::new(snapshot.clone(), state);
            let page = |n: i64| {
                let about = (&*format!("topic-{}", n * 7 % 400), &*format!("topic-{}", n % 20));
                let mut page = Page::clone(
                    &line(&snapshot, ("eu-tech-news", about.0), &["article-end"], n).page,
                );
                page.topics.extend(snapshot.taxonomy.resolve(about.1));
                page
            };
            let pages: Vec<Page> = (0..1_000).map(page).collect();
            let (mut odds, none, mut chances) = (Odds::default(), Exclusions::default(), 0);
            let begin = Instant::now();
            const SLOTS: u32 = 100_000;
            for id in 0..SLOTS {
                let page = &pages[id as usize % pages.len()];
                odds.compute(
                    &Request { world: &world, page, now_ms: 0, id: u128::from(id) },
                    0,
                    &none,
                );
                chances += odds.chances.len();
            }
            let rate = f64::from(SLOTS) / begin.elapsed().as_secs_f64();
            let each = chances as f64 / f64::from(SLOTS);
            println!("{flights} flights, {name}: {rate:.0} slots a second, {each:.1} chances each");
        }
    }
}
