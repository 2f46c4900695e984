//! What is available, who gets what, and how likely goals are reached.

use super::*;

#[test]
fn supply_is_what_matched_in_four_weeks_by_weekday() {
    // 96 pages a day, every second about ai: 336 a week.
    let found =
        one(&usual(), &[flight("a", json!({ "goal_impressions": 100, "targeting": topic("ai") }))]);
    assert_eq!((found.supply, found.available), (336, 336));
    assert_eq!(found.verdict, ForecastVerdict::Accept);
    assert!(found.probability.unwrap() > 0.99, "{found:?}");
    // Assumed: 0.9 impressions of a won slot.
    assert_eq!(found.goals[0].available, 302);
    assert!((found.expected_slots as f64 - 100.0 / 0.9).abs() < 1.0, "{found:?}");
    assert!(
        found.summary.starts_with("accept 100 impressions: more than 99 % likely"),
        "{}",
        found.summary
    );
}

#[test]
fn a_goal_that_cannot_be_met_is_offered_as_best_effort_with_what_would_do() {
    let found =
        one(&usual(), &[flight("a", json!({ "goal_impressions": 500, "targeting": topic("ai") }))]);
    assert_eq!(found.verdict, ForecastVerdict::BestEffort);
    let goal = &found.goals[0];
    assert!(goal.safe_goal > 230 && goal.safe_goal < 270, "{found:?}");
    assert!(goal.missing_percent.unwrap() > 65, "{found:?}");
    assert!(
        found.summary.contains("a goal of ") && found.summary.contains("% supply"),
        "{}",
        found.summary
    );
    let smaller =
        flight("a", json!({ "goal_impressions": goal.safe_goal, "targeting": topic("ai") }));
    assert_eq!(one(&usual(), &[smaller]).verdict, ForecastVerdict::Accept);
    let risky = flight("a", json!({ "goal_impressions": 280, "targeting": topic("ai") }));
    assert_eq!(one(&usual(), &[risky]).verdict, ForecastVerdict::Warn);
}

#[test]
fn a_share_of_voice_takes_its_share_of_the_slots_and_leaves_the_others() {
    let share = json!({ "tier": "sponsorship", "share_percent": 25.0, "targeting": topic("ai") });
    let sponsor = flight("sponsor", share);
    let goal = flight("a", json!({ "goal_impressions": 100, "targeting": topic("ai") }));
    let found = one(&usual(), &[goal.clone(), sponsor.clone()]);
    assert!(found.available.abs_diff(252) <= 2, "{found:?}");
    let found = one(&usual(), &[sponsor, goal]);
    assert!(found.expected_slots.abs_diff(84) <= 2, "{found:?}");
}

#[test]
fn flights_with_goals_keep_what_they_need_and_others_are_displaced() {
    let ai = |id: &str, fields: Value| {
        let mut all = fields;
        all["targeting"] = topic("ai");
        flight(id, all)
    };
    let sold = ai("sold", json!({ "goal_impressions": 180 })); // 200 of 336 slots
    let free = ai("free", json!({}));
    let house = flight("house", json!({ "tier": "house", "starts": null, "ends": null }));
    let new = ai("a", json!({ "goal_impressions": 90 }));
    let found = one(&usual(), &[new, sold.clone(), free.clone(), house.clone()]);
    assert!(found.available.abs_diff(136) <= 2, "{found:?}");
    assert_eq!(found.displaced.len(), 1, "{:?}", found.displaced);
    let loses = &found.displaced[0];
    assert_eq!((loses.flight.as_str(), loses.has_goal), ("free", false));
    assert!(loses.before.abs_diff(136) <= 2 && loses.loses.abs_diff(100) <= 2, "{loses:?}");

    let too_much = ai("a", json!({ "goal_impressions": 300 }));
    let found = one(&usual(), &[too_much, sold.clone(), free.clone(), house.clone()]);
    assert_eq!(found.verdict, ForecastVerdict::BestEffort);
    // Sponsorship comes before it: it takes everything.
    let sponsor = ai("sponsor", json!({ "tier": "sponsorship" }));
    let found = one(&usual(), &[ai("a", json!({ "goal_impressions": 9 })), sponsor, sold]);
    assert_eq!((found.available, found.probability), (0, Some(0.0)));
    assert!(found.summary.contains("nothing is available"), "{}", found.summary);
    // Without a goal it shares with its like, by weight.
    let heavy = ai("a", json!({ "weight": 3.0 }));
    let found = one(&usual(), &[heavy, free, house]);
    assert_eq!(found.verdict, ForecastVerdict::NoGoal);
    assert!(found.expected_slots.abs_diff(252) <= 2, "{found:?}");
}

#[test]
fn a_broad_flight_gives_way_to_a_narrow_one_as_long_as_it_reaches_its_goal() {
    // The broad one needs 400 of 672 slots: it can take all 336 of the other topic and 64 of these.
    let broad = flight("broad", json!({ "goal_impressions": 360 }));
    let narrow = flight("a", json!({ "goal_impressions": 200, "targeting": topic("ai") }));
    let found = one(&usual(), &[narrow, broad]);
    assert!(found.available.abs_diff(272) <= 3, "{found:?}");
    assert!(found.displaced.is_empty(), "{found:?}");
}

#[test]
fn only_the_time_that_flights_share_is_contested() {
    let sold = |from: &str, to: &str| {
        flight(
            "sold",
            json!({ "goal_impressions": 302, "starts": from, "ends": to, "targeting": topic("ai") }),
        )
    };
    let new = || flight("a", json!({ "goal_impressions": 10, "targeting": topic("ai") }));
    // Half of two weeks' slots are needed in one week of them.
    let both = one(&usual(), &[new(), sold("2026-06-29", "2026-07-12")]);
    assert!(both.available.abs_diff(168) <= 3, "{both:?}");
    let later = one(&usual(), &[new(), sold("2026-07-06", "2026-07-12")]);
    assert_eq!(later.available, 336);
    let half = flight(
        "sold",
        json!({ "goal_impressions": 10_000, "starts": "2026-06-29", "ends": "2026-06-30",
        "targeting": topic("ai") }),
    );
    let half = one(&usual(), &[new(), half]);
    assert!(half.available.abs_diff(240) <= 3, "{half:?}");
}

#[test]
fn a_page_has_a_flight_once_and_a_budget_ends_what_it_pays_for() {
    let two = pages(15, &["top", "end"], |_| false);
    let found = one(&two, &[flight("a", json!({ "goal_impressions": 100 }))]);
    assert_eq!((found.supply, found.available), (1_344, 672));

    let mut document = inventory(&[
        flight("a", json!({})),
        flight("paid", json!({ "pricing": "cpm", "price_micros": 1_000_000 })),
    ]);
    // A hundred impressions a day would be 700.
    document["campaigns"][1]["budget"] = json!({ "daily_micros": 20_000 });
    let weights = Weights::default();
    let sample = usual();
    let measured = Measured { delivered: Some(Default::default()), ..Measured::default() };
    let sources = Sources {
        sample: &sample,
        measured: &measured,
        weights: &weights,
        labels: &labels(),
        now_ms: now(),
    };
    let found =
        forecast::forecast(&sources, &read(&document), &["a".to_owned()]).forecasts.remove(0);
    // 20 impressions a day take 22 of 96 slots.
    let expected = 672.0 - 140.0 / 0.9;
    assert!((found.expected_slots as f64 - expected).abs() < 30.0, "{found:?} {expected}");
}

#[test]
fn what_was_delivered_and_measured_counts() {
    let new =
        flight("a", json!({ "goal_clicks": 1, "goal_impressions": 300, "targeting": topic("ai") }));
    let mut delivered = std::collections::HashMap::new();
    delivered.insert("a".into(), ByGoal { impressions: 250, viewables: 0, clicks: 0 });
    let measured = Measured { delivered: Some(delivered), ..Measured::default() };
    let found =
        run_with(&usual(), std::slice::from_ref(&new), &["a"], &measured).forecasts.remove(0);
    assert_eq!((found.goals[0].left, found.goals[1].left), (50, 1));
    assert_eq!(found.goals[1].per_slot.basis, "assumed");
    assert!(
        found.notes.iter().any(|note| note.contains("0.005 clicks per won slot (assumed)")),
        "{found:?}"
    );
    let offline = run_with(&usual(), &[new], &["a"], &Measured::default()).forecasts.remove(0);
    assert!(offline.notes.iter().any(|note| note.contains("no server runs")), "{offline:?}");
}
