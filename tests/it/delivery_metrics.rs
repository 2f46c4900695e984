//! Metrics of delivery: events by flight, slots by placement and the catalog's version add up to the totals,
//! never decrease, and are bounded for any inventory.

use crate::harness::decision::{page_on, reference_with};
use crate::harness::inventory::{example_with, replace_once};
use crate::harness::{Decision, Redis, Scrape, Setup, TestServer};
use crate::removed::{apply, post, served};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const EVENTS: &str = "adjacent_delivery_events_total";
const SLOTS: &str = "adjacent_delivery_decisions_total";
const KINDS: [&str; 4] = ["impression", "viewable", "click", "copy"];
const OUTCOMES: [&str; 4] = ["filled", "no_fill", "test", "refused"];

/// The series of a metric that have all of these labels.
fn series(scrape: &Scrape, metric: &str, labels: &[(&str, &str)]) -> BTreeMap<String, u64> {
    let labels: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    let found = scrape.0.keys().filter(|name| {
        name.starts_with(&format!("{metric}{{")) && labels.iter().all(|label| name.contains(label))
    });
    found.map(|name| (name.clone(), scrape.count(name))).collect()
}

fn sum(scrape: &Scrape, metric: &str, labels: &[(&str, &str)]) -> u64 {
    series(scrape, metric, labels).values().sum()
}

fn label(series: &str, name: &str) -> String {
    let (_, value) = series.split_once(&format!("{name}=\"")).unwrap();
    value.split('"').next().unwrap().to_owned()
}

/// Asserts that the sums over flights are the totals of the ledger, and those over placements the decisions.
fn assert_adds_up(scrape: &Scrape) {
    for kind in KINDS {
        let of = |verdicts: &[&str]| -> u64 {
            verdicts
                .iter()
                .map(|one| sum(scrape, EVENTS, &[("kind", kind), ("verdict", one)]))
                .sum()
        };
        assert_eq!(of(&["billed", "unbilled"]), scrape.events(kind, "counted"), "{kind}");
        assert_eq!(of(&["duplicate"]), scrape.events(kind, "duplicate"), "{kind}");
        let all = sum(scrape, EVENTS, &[("kind", kind)]);
        let valid = of(&["billed", "unbilled", "duplicate"]);
        assert_eq!(all - valid, scrape.events(kind, "invalid"), "{kind}");
        for reason in ["test", "idle", "too_fast", "orphan_click", "over_goal", "bot"] {
            assert_eq!(of(&[reason]), scrape.invalid(kind, reason), "{kind} {reason}");
        }
    }
    for outcome in OUTCOMES {
        let total = scrape.count(&format!("adjacent_decisions_total{{outcome=\"{outcome}\"}}"));
        assert_eq!(sum(scrape, SLOTS, &[("outcome", outcome)]), total, "{outcome}");
    }
}

/// Asserts that no counter of the second scrape is lower than in the first one, and none is gone.
fn assert_none_decreased(before: &Scrape, after: &Scrape) {
    for metric in [EVENTS, SLOTS, "adjacent_spend_micros_total", "adjacent_catalog_changes_total"] {
        for (name, count) in series(before, metric, &[]) {
            assert!(after.count(&name) >= count, "{name}: {count}, then {}", after.count(&name));
        }
    }
}

async fn report_every_event(server: &TestServer, unit: &Decision) {
    for url in unit.urls() {
        server.reader.fire(&url).await;
    }
}

fn of_flight<'a>(flight: &'a str, kind: &'a str, verdict: &'a str) -> [(&'a str, &'a str); 3] {
    [("flight", flight), ("kind", kind), ("verdict", verdict)]
}

#[tokio::test]
async fn events_by_flight_and_slots_by_placement_add_up_to_the_totals() {
    let server = Setup::default().manual_clock().start().await;
    // Paid by impression, by viewable impression and by click; a flat fee; house.
    let pages = ["ai-infrastructure", "security", "accounting", "science", "gardening"];
    for topic in pages {
        for _ in 0..4 {
            let unit = server.decide(&page_on(topic)).await;
            if !unit.is_filled() {
                continue;
            }
            server.reader.impression(&unit).await;
            server.advance_ms(2_000);
            report_every_event(&server, &unit).await;
            report_every_event(&server, &unit).await;
        }
    }
    // Invalid ones: too fast, of a test, and a click without its impression.
    let hasty = server.unit().await;
    server.reader.impression(&hasty).await;
    server.click(&hasty, "primary").await;
    let test = server.decide(&reference_with("/test", json!(true))).await;
    report_every_event(&server, &test).await;
    let orphan = server.unit().await;
    server.click(&orphan, "primary").await;
    server.advance_ms(100_000);
    report_every_event(&server, &server.unit().await).await;
    // Slots without a unit, and of a placement that is not declared.
    server.decide(&reference_with("/page/commercial", json!("none"))).await;
    server.decide(&reference_with("/placements/0/name", json!("nowhere"))).await;
    server.request_decisions(&reference_with("/publisher", json!("no-such-site"))).await;

    let scrape = server.scrape().await;
    assert_adds_up(&scrape);
    let count = |flight, kind, verdict| sum(&scrape, EVENTS, &of_flight(flight, kind, verdict));
    assert!(count("zahid-ai-europe", "impression", "billed") > 3);
    assert!(count("zahid-ai-europe", "click", "unbilled") > 3);
    assert!(count("zahid-ai-europe", "impression", "duplicate") > 3);
    assert_eq!(count("zahid-ai-europe", "click", "too_fast"), 1 + 2, "the last unit has two links");
    assert!(count("lernwerk-science", "impression", "unbilled") > 0, "a flat fee");
    assert_eq!(count("lernwerk-science", "impression", "billed"), 0);
    assert!(count("house-newsletter", "impression", "unbilled") > 0, "house");
    let of_placement = |publisher, placement, outcome| {
        let labels = [("publisher", publisher), ("placement", placement), ("outcome", outcome)];
        sum(&scrape, SLOTS, &labels)
    };
    assert!(of_placement("eu-tech-news", "article-end", "filled") > 15);
    assert_eq!(of_placement("eu-tech-news", "article-end", "no_fill"), 1);
    assert_eq!(of_placement("eu-tech-news", "article-end", "test"), 1);
    assert_eq!(of_placement("eu-tech-news", "sidebar", "filled"), 0);
    assert_eq!(of_placement("other", "other", "no_fill"), 1);
    assert!(series(&scrape, SLOTS, &[("publisher", "no-such-site")]).is_empty());
    assert!(series(&scrape, SLOTS, &[("placement", "nowhere")]).is_empty());
}

#[tokio::test]
async fn in_a_fleet_the_events_of_all_instances_add_up() {
    let redis = Redis::start();
    let (first, second) = (
        Setup::default().with_store(&redis).start().await,
        Setup::default().with_store(&redis).start().await,
    );
    for server in [&first, &second] {
        for _ in 0..3 {
            let unit = server.unit().await;
            for reporter in [&first, &second] {
                let url = unit.impression_url().replace(&server.public, &reporter.public);
                reporter.reader.fire(&url).await;
            }
        }
    }

    let (mut billed, mut duplicates) = (0, 0);
    for server in [&first, &second] {
        let scrape = server.scrape().await;
        assert_adds_up(&scrape);
        billed += sum(&scrape, EVENTS, &of_flight("zahid-ai-europe", "impression", "billed"));
        duplicates +=
            sum(&scrape, EVENTS, &of_flight("zahid-ai-europe", "impression", "duplicate"));
    }
    assert_eq!((billed, duplicates), (6, 6));
}

fn find_site(inventory: &Value) -> Value {
    let publishers = inventory["publishers"].as_array().unwrap();
    publishers.iter().find(|one| one["id"] == "eu-tech-news").unwrap().clone()
}

/// An inventory with `count` campaigns that each have a flight without targeting, and a tenth of that number
/// of placements.
fn with_many_campaigns(count: usize) -> String {
    let mut inventory = serde_json::to_value(adjacent::catalog::synth::inventory(1, 1)).unwrap();
    let find = |list: &str, id: &str| {
        let list = inventory[list].as_array().unwrap();
        list.iter().find(|one| one["id"] == id).unwrap().clone()
    };
    let (campaign, mut flight) = (find("campaigns", "campaign-0"), find("flights", "flight-0"));
    let mut creative = find("creatives", "creative-0");
    flight.as_object_mut().unwrap().remove("targeting");
    (flight["status"], flight["tier"]) = ("active".into(), "standard".into());
    (flight["pricing"], flight["price_micros"]) = ("cpm".into(), json!(8_000_000));
    creative["styles"] = json!(["card"]);
    for number in 1..count {
        let id = |what: &str| Value::from(format!("added-{what}-{number}"));
        let mut add = |list: &str, document: &Value, changes: &[(&str, Value)]| {
            let mut document = document.clone();
            changes.iter().for_each(|(field, value)| document[*field] = value.clone());
            inventory[list].as_array_mut().unwrap().push(document);
        };
        add("campaigns", &campaign, &[("id", id("campaign"))]);
        add("flights", &flight, &[("id", id("flight")), ("campaign", id("campaign"))]);
        add("creatives", &creative, &[("id", id("creative")), ("flight", id("flight"))]);
    }
    let site = find_site(&inventory);
    for number in 0..count / 500 {
        let mut site = site.clone();
        site["id"] = format!("site-{number}").into();
        let model = site["placements"][0].clone();
        let placements = (0..50).map(|slot| {
            let mut placement = model.clone();
            placement["id"] = format!("slot-{slot}").into();
            placement
        });
        site["placements"] = placements.collect();
        inventory["publishers"].as_array_mut().unwrap().push(site);
    }
    toml::to_string(&inventory).unwrap()
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "prints the figures")]
async fn ten_thousand_campaigns_and_a_thousand_placements_have_bounded_series() {
    let server = Setup::default().inventory(with_many_campaigns(10_000)).start().await;
    let at_start = server.scrape().await;
    let mut shown = BTreeSet::new();
    for number in 0..300 {
        let name = format!("slot-{}", number % 50);
        let mut request = page_on("ai-infrastructure");
        request["publisher"] = format!("site-{}", number % 20).into();
        request["placements"] = json!([{ "name": name, "styles": ["card"] }]);
        let unit = server.decide(&request).await;
        if unit.is_filled() {
            shown.insert(unit.text("/flight").to_owned());
            report_every_event(&server, &unit).await;
        }
    }

    let scrape = server.scrape().await;
    let flights = series(&scrape, EVENTS, &[("kind", "impression"), ("verdict", "billed")]);
    let placements = series(&scrape, SLOTS, &[("outcome", "filled")]);
    println!(
        "{} flights shown; {} series at the start, {} then: {} of events, {} of slots",
        shown.len(),
        at_start.0.len(),
        scrape.0.len(),
        series(&scrape, EVENTS, &[]).len(),
        series(&scrape, SLOTS, &[]).len(),
    );
    assert!(shown.len() > 150, "{}", shown.len());
    assert_eq!((flights.len(), placements.len()), (101, 101));
    assert_eq!(series(&scrape, SLOTS, &[]).len(), 404);
    assert!(series(&scrape, EVENTS, &[]).len() <= 101 * 72);
    assert!(at_start.0.len() < 4_000 && scrape.0.len() < 10_000);
    assert!(sum(&scrape, EVENTS, &of_flight("other", "impression", "billed")) > 0);
    assert_adds_up(&scrape);
}

#[tokio::test]
async fn no_counter_decreases_when_the_inventory_changes_and_new_flights_get_series() {
    let server = TestServer::start().await;
    for _ in 0..3 {
        report_every_event(&server, &server.unit().await).await;
    }
    let before = server.scrape().await;
    assert_eq!(before.count("adjacent_catalog_changes_total{by=\"other\"}"), 0);
    let version = before.count("adjacent_catalog_version");

    let mut inventory = served(&server).await;
    for (list, field) in [("campaigns", "id"), ("flights", "campaign")] {
        let all = inventory[list].as_array_mut().unwrap();
        let mut added = all.iter().find(|one| one[field] == "zahid-launch").unwrap().clone();
        all.retain(|one| one[field] != "lernwerk-kurse");
        added["id"] = format!("new-{list}").into();
        if list == "flights" {
            added["campaign"] = "new-campaigns".into();
        }
        all.push(added);
    }
    let creatives = inventory["creatives"].as_array_mut().unwrap();
    creatives.retain(|one| one["flight"] != "lernwerk-science");
    let model = creatives.iter().find(|one| one["id"] == "zahid-git-push").unwrap().clone();
    creatives.retain(|one| one["id"] != "zahid-git-push");
    creatives.push(model);
    let moved = creatives.last_mut().unwrap();
    (moved["id"], moved["flight"]) = ("new-creative".into(), "new-flights".into());
    let publisher = &mut inventory["publishers"].as_array_mut().unwrap()[0];
    publisher["placements"].as_array_mut().unwrap().retain(|one| one["id"] != "sidebar");
    let flights = inventory["flights"].as_array_mut().unwrap();
    flights.retain(|one| one["id"] != "zahid-ai-europe");
    let (status, reply) = apply(&server, &inventory).await;
    assert_eq!(status, 200, "{reply:#}");
    report_every_event(&server, &server.unit().await).await;

    let after = server.scrape().await;
    assert_none_decreased(&before, &after);
    assert_adds_up(&after);
    assert_eq!(sum(&after, EVENTS, &of_flight("new-flights", "impression", "billed")), 1);
    assert_eq!(sum(&after, EVENTS, &of_flight("zahid-ai-europe", "impression", "billed")), 3);
    let spend = "adjacent_spend_micros_total{campaign=\"new-campaigns\",currency=\"EUR\"}";
    assert_eq!(after.count(spend), 8_000);
    assert_eq!(after.count("adjacent_catalog_version"), version + 1);
}

#[tokio::test]
async fn changes_of_the_catalog_are_counted_by_who_made_them() {
    let server = TestServer::start().await;
    let version = server.metric("adjacent_catalog_version").await;
    assert!(version > 0);

    for paused in [true, false] {
        let pause = json!({ "what": "flight", "id": "zahid-ai-europe", "paused": paused });
        post(&server, "pauses", &format!("pause-{paused}"), &pause).await;
    }

    let scrape = server.scrape().await;
    assert_eq!(scrape.count("adjacent_catalog_version"), version + 2);
    let changes = series(&scrape, "adjacent_catalog_changes_total", &[]);
    assert_eq!(changes.values().sum::<u64>(), 2);
    let by: Vec<String> = changes
        .iter()
        .filter(|(_, count)| **count == 2)
        .map(|(name, _)| label(name, "by"))
        .collect();
    assert_eq!(by.len(), 1, "the id of the operator's key");
    assert!(!["file", "other"].contains(&&*by[0]), "{by:?}");
}

#[tokio::test]
async fn an_instance_counts_the_changes_that_it_takes_over_from_others() {
    let redis = Redis::start();
    let first = Setup::default().with_store(&redis).start().await;
    let second = Setup::default().with_store(&redis).start().await;
    let version = first.metric("adjacent_catalog_version").await;
    for (number, paused) in [true, false, true].into_iter().enumerate() {
        let pause = json!({ "what": "flight", "id": "zahid-ai-europe", "paused": paused });
        post(&first, "pauses", &format!("pause-{number}"), &pause).await;
    }

    second.wait_for_metric("adjacent_catalog_version", version + 3).await;
    let scrape = second.scrape().await;
    assert_eq!(sum(&scrape, "adjacent_catalog_changes_total", &[]), 3);
}

#[tokio::test]
async fn only_flights_between_their_start_and_end_have_a_pace() {
    let flight = "id = \"zahid-ai-europe\"\ncampaign = \"zahid-launch\"\ntier = \"standard\"\npricing = \"cpm\"\nprice_micros = 8_000_000\npacing = \"asap\"";
    let dates = "pacing = \"even\"\ngoal_impressions = 1000\nstarts = \"2026-06-02T00:00:00\"\nends = \"2026-06-03T00:00:00\"";
    let inventory = example_with(flight, &replace_once(flight, "pacing = \"asap\"", dates));
    let at = "2026-06-01T12:00:00Z".parse().unwrap();
    let server = Setup::default().inventory(inventory).manual_clock_at(at).start().await;
    let pace = "adjacent_flight_pace_ratio{flight=\"zahid-ai-europe\"}";
    let other = "adjacent_flight_pace_ratio{flight=\"veloria-mobility\"}";

    let before = server.scrape().await;
    assert!(!before.0.contains_key(pace), "has not begun");
    assert!(before.0.contains_key(other), "has no dates, and a budget for each day");
    server.advance_ms(18 * 3_600_000);
    assert_eq!(server.scrape().await.value(pace), 0.0, "nothing is delivered");
    server.advance_ms(24 * 3_600_000);
    assert!(!server.scrape().await.0.contains_key(pace), "is over");
}
