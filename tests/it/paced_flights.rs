//! Flights of four minutes with goals over HTTP, under five courses of traffic that no forecast knows. The clock
//! is simulated; the server's own tasks compute the shares.

use crate::harness::{Decision, Setup, TestServer};
use futures_util::future::join_all;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

const START: &str = "2026-06-01T12:00:00";
const LENGTH_MS: i64 = 240_000;
const STEP_MS: i64 = 200;
/// Pages of each site.
const PAGES: f64 = 1_600.0;
const TOPICS: [&str; 3] = ["cloud", "code", "ai"];
/// Real time of a step at least: the server computes shares ten times a second, and so at least once in two
/// simulated seconds.
const STEP: Duration = Duration::from_millis(10);

type Course = fn(f64) -> f64;

/// Sites, each with its course of traffic.
const SITES: [(&str, Course); 5] = [
    ("flat", |_| 1.0),
    ("growing", |at| 0.3 + 1.4 * at),
    ("surge", |at| if (0.4..0.5).contains(&at) { 3.0 } else { 0.8 }),
    ("falling", |at| if at < 0.45 { 1.3 } else { 0.75 }),
    ("bursts", |at| if (at * 20.0).fract() < 0.5 { 1.8 } else { 0.2 }),
];

/// Flights of each site: topics, goal as a part of the site's pages, pacing.
const FLIGHTS: [(&str, &[&str], f64, &str); 5] = [
    ("a", &["cloud"], 0.07, "traffic"),
    ("b", &["code"], 0.14, "even"),
    ("c", &["cloud", "code"], 0.2, "traffic"),
    ("d", &TOPICS, 0.2, "front_loaded"),
    ("e", &["ai"], 0.1, "asap"),
];

fn goal(part: f64) -> u64 {
    format!("{:.0}", part * PAGES).parse().unwrap()
}

fn inventory() -> String {
    let mut text = String::from("[[categories]]\nid = \"all\"\nname = \"All\"\n");
    for topic in TOPICS {
        let _ = write!(text, "[[topics]]\nid = \"{topic}\"\nname = \"{topic}\"\n");
    }
    for (site, _) in SITES {
        let _ = write!(
            text,
            "[[publishers]]\nid = \"{site}\"\nname = \"{site}\"\ndefault_country = \"DE\"\n\
             language = \"en\"\nplacements = [{{ id = \"{site}-end\", name = \"End\", styles = [\"card\"] }}]\n"
        );
        let filler = ("filler", &TOPICS[..], 0.0, "asap");
        for (name, topics, part, pacing) in FLIGHTS.into_iter().chain([filler]) {
            let goal = match goal(part) {
                0 => String::new(),
                goal => format!(
                    "goal_impressions = {goal}\nstarts = \"{START}\"\nends = \"2026-06-01T12:04:00\""
                ),
            };
            let id = format!("{site}-{name}");
            let topics = json!(topics);
            let _ = write!(
                text,
                "[[advertisers]]\nid = \"{id}\"\nname = \"{id}\"\ndomains = [\"{id}.example\"]\n\
                 currency = \"EUR\"\ntime_zone = \"UTC\"\n\
                 [[campaigns]]\nid = \"{id}\"\nadvertiser = \"{id}\"\nname = \"{id}\"\n\
                 political = false\ncategories = [\"all\"]\n\
                 [[flights]]\nid = \"{id}\"\ncampaign = \"{id}\"\ntier = \"standard\"\npricing = \"cpm\"\n\
                 price_micros = 8_000_000\npacing = \"{pacing}\"\n{goal}\n\
                 targeting = {{ topics = {{ any = {topics} }}, publishers = {{ any = [\"{site}\"] }} }}\n\
                 [[creatives]]\nid = \"{id}\"\nflight = \"{id}\"\nstyles = [\"card\"]\nlanguage = \"en\"\n\
                 headline = \"Headline\"\nctas = [{{ id = \"primary\", text = \"Go\", \
                 url = \"https://{id}.example/\" }}]\n"
            );
        }
    }
    text
}

async fn decide(server: &TestServer, site: &str, topic: &str) -> Decision {
    let name = format!("{site}-end");
    let body = json!({
        "publisher": site,
        "placements": [{ "name": name }],
        "page": { "topics": [topic], "language": "en" },
    });
    server.decide(&body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "prints the figures")]
async fn flights_of_four_minutes_deliver_their_goals_under_five_courses_of_traffic() {
    let start = format!("{START}Z").parse().unwrap();
    let server = Setup::default().inventory(inventory()).manual_clock_at(start).start().await;
    let mut dice = Pcg64::seed_from_u64(18);
    let mut shown: BTreeMap<i64, Vec<Decision>> = BTreeMap::new();
    let mut pace = tokio::time::interval(STEP);
    for at_ms in (0..LENGTH_MS + 6_000).step_by(usize::try_from(STEP_MS).unwrap()) {
        pace.tick().await;
        let at = at_ms as f64 / LENGTH_MS as f64;
        let mut calls = Vec::new();
        for (site, course) in SITES.iter().filter(|_| at < 1.0) {
            let mean = PAGES * STEP_MS as f64 / LENGTH_MS as f64 * course(at);
            let more = dice.random_bool(mean.fract());
            let whole: usize = format!("{:.0}", mean.floor()).parse().unwrap();
            for _ in 0..whole + usize::from(more) {
                calls.push(decide(&server, site, TOPICS[dice.random_range(0..3)]));
            }
        }
        for decision in join_all(calls).await.into_iter().filter(Decision::is_filled) {
            let seen_ms = at_ms + [400, 1_000, 2_000, 3_000][dice.random_range(0..4)];
            shown.entry(seen_ms).or_default().push(decision);
        }
        let due: Vec<Decision> = {
            let later = shown.split_off(&(at_ms + 1));
            std::mem::replace(&mut shown, later).into_values().flatten().collect()
        };
        join_all(due.iter().map(|decision| server.reader.impression(decision))).await;
        server.advance_ms(STEP_MS);
    }
    server.wait_until_applied().await;
    let mut wrong = BTreeSet::new();
    for (site, _) in SITES {
        for (name, _, part, _) in FLIGHTS {
            let id = format!("{site}-{name}");
            let path = format!("/v1/reports/advertisers/{id}");
            let (_, report) = server.get_as("operator", &path).await;
            let totals = report["total"].as_array().unwrap();
            let count = |one: &serde_json::Value| one["impressions"]["net"].as_u64().unwrap();
            let delivered: u64 = totals.iter().map(count).sum();
            let goal = goal(part);
            let error = delivered as f64 / goal as f64 - 1.0;
            println!("{id}: {delivered} of {goal}, {:+.2} %", error * 100.0);
            if error.abs() > 0.03 {
                wrong.insert(format!("{id}: {delivered} of {goal}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
