//! Histories with holes, and flights that cannot be forecast as they are.

use super::*;

#[test]
fn dates_in_the_past_and_no_history_are_said() {
    let past =
        flight("a", json!({ "goal_impressions": 9, "starts": "2026-05-01", "ends": "2026-05-31" }));
    let found = one(&usual(), &[past]);
    assert_eq!((found.verdict, found.supply), (ForecastVerdict::NoTime, 0));
    assert!(
        found.summary.contains("no time to forecast: it runs from 2026-05-01"),
        "{}",
        found.summary
    );
    let none = Sample::of(Vec::new(), Names::default(), now());
    let found = one(&none, &[flight("a", json!({ "goal_impressions": 9 }))]);
    assert_eq!(found.verdict, ForecastVerdict::NoHistory);
    assert_eq!(found.summary, "less than a day of recorded decisions yet: nothing can be forecast");
}

#[test]
fn some_hours_of_history_are_not_taken_for_days() {
    let goal = [flight("a", json!({ "goal_impressions": 9, "targeting": topic("ai") }))];
    let of_last = |hours: i64| pages(15, &["top"], move |at_ms| at_ms < now() - hours * HOUR);
    assert_eq!(one(&of_last(23), &goal).verdict, ForecastVerdict::NoHistory);
    assert_ne!(one(&of_last(25), &goal).verdict, ForecastVerdict::NoHistory);
}

#[test]
fn a_flight_across_a_clock_change_has_an_hour_more() {
    let old = old();
    let now = at("2026-10-19T00:00:00Z");
    let times = (now - 28 * DAY..now).step_by(3_600_000);
    let lines = times.map(|at_ms| line(&old, ("one", "ai"), &["top"], at_ms)).collect();
    let sample = Sample::of(lines, Names::of(&old), now);
    let day =
        flight("a", json!({ "goal_impressions": 9, "starts": "2026-10-25", "ends": "2026-10-25" }));
    let mut document = inventory(&[day]);
    document["advertisers"][0]["time_zone"] = json!("Europe/Berlin");
    let (weights, measured) = (Weights::default(), Measured::default());
    let sources = Sources {
        sample: &sample,
        measured: &measured,
        weights: &weights,
        labels: &labels(),
        now_ms: now,
    };
    let found =
        forecast::forecast(&sources, &read(&document), &["a".to_owned()]).forecasts.remove(0);
    assert_eq!((found.supply, found.time_zone.as_str()), (25, "Europe/Berlin"));
    assert_eq!(found.from, "2026-10-24T22:00:00Z");
}

#[test]
fn missing_days_and_a_short_history_are_said_and_are_not_zeros() {
    let hole = pages(15, &["top"], |at_ms| (now() - at_ms - 1) / DAY == 10);
    let new = || flight("a", json!({ "goal_impressions": 100 }));
    let found = run(&hole, &[new()], &["a"]);
    assert_eq!((found.history.days, found.history.missing_days), (27, 1));
    assert_eq!(found.forecasts[0].supply, 672);
    assert!(
        found.forecasts[0].notes[0].contains("1 of 28 days have no recorded decision"),
        "{found:?}"
    );
    let short = pages(15, &["top"], |at_ms| at_ms < now() - 3 * DAY);
    let found = run(&short, &[new()], &["a"]);
    assert_eq!(found.history.days, 3);
    let forecast = &found.forecasts[0];
    assert_eq!(forecast.supply, 672);
    assert!(
        forecast.notes.iter().any(|note| note.contains("less than a week of history (3 days)"))
    );
    let full = one(&usual(), &[new()]);
    assert!(forecast.spread.as_ref().unwrap().sigma > 2.0 * full.spread.unwrap().sigma);
}

#[test]
fn a_flight_that_matches_nothing_says_which_rule_removes_everything() {
    let rare = flight("a", json!({ "goal_impressions": 9, "targeting": topic("rare") }));
    let found = one(&usual(), &[rare]);
    assert_eq!((found.supply, found.verdict), (0, ForecastVerdict::BestEffort));
    assert_eq!(found.summary, "no recorded slot matches it: topic keeps it out of every one");
    let neither = json!({ "publishers": { "any": ["two"] }, "topics": { "any": ["rare"] } });
    let found = one(&usual(), &[flight("a", json!({ "targeting": neither }))]);
    assert!(
        found.summary.ends_with("topic and publisher keeps it out of every one"),
        "{}",
        found.summary
    );
    let asked = json!({ "keywords": { "any": ["rust"] } });
    let found = one(&usual(), &[flight("a", json!({ "targeting": asked }))]);
    let note = "keyword `rust` was not recorded before a flight asked about it";
    assert!(found.notes.iter().any(|one| one.contains(note)), "{found:?}");
}

#[test]
fn paused_flights_and_flights_without_creatives_are_forecast_as_they_will_be() {
    let mut document =
        inventory(&[flight("a", json!({ "goal_impressions": 9, "status": "paused" }))]);
    let run = |document: &Value| {
        let (weights, measured, sample) = (Weights::default(), Measured::default(), usual());
        let sources = Sources {
            sample: &sample,
            measured: &measured,
            weights: &weights,
            labels: &labels(),
            now_ms: now(),
        };
        forecast::forecast(&sources, &read(document), &["a".to_owned()]).forecasts.remove(0)
    };
    let found = run(&document);
    assert_eq!(found.supply, 672);
    assert!(found.notes[0].contains("paused"), "{found:?}");
    document["creatives"][0]["state"] = json!("draft");
    assert!(run(&document).notes[1].contains("no live creative"));
    let mut other = inventory(&[flight("b", json!({}))]);
    document["creatives"] = other["creatives"].take();
    let found = run(&document);
    assert!(found.supply == 672 && found.notes[1].contains("no creative"), "{found:?}");
}

#[test]
fn twenty_of_many_flights_are_forecast_and_the_others_are_counted() {
    let flights: Vec<Value> = (0..300)
        .map(|n| {
            flight(&format!("f{n}"), json!({ "goal_impressions": 1 + n, "targeting": topic("ai") }))
        })
        .collect();
    let ids: Vec<&str> = flights.iter().map(|flight| flight["id"].as_str().unwrap()).collect();
    let found = run(&pages(120, &["top"], |_| false), &flights, &ids);
    assert_eq!((found.forecasts.len(), found.left_out), (20, 280));
}
