//! Creatives of a flight take turns by weights, evenly, or by what was learned from counted clicks.

use crate::harness::decision::page_on;
use crate::harness::inventory::example;
use crate::harness::{Decision, Reader, Setup, TestServer, wait_until};
use crate::selection::labels;
use adjacent::catalog::files;
use adjacent::domain::weights::Weights;
use adjacent::selection::choose::{Request, Winner};
use adjacent::selection::compile::compile;
use adjacent::selection::page::Page;
use adjacent::selection::resolve::{PageInput, RegionSignals, SlotInput};
use adjacent::selection::rotation::{Rotations, Row, Scope};
use adjacent::selection::rules::Exclusions;
use adjacent::selection::snapshot::{Snapshot, State, World};
use adjacent::selection::{choose, odds, resolve, trace};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::{Arc, LazyLock};

/// A flight of an advertiser of its own, in place of the example's on this topic.
fn flight(id: &str, topic: &str, rotation: &str) -> String {
    format!(
        "[[advertisers]]\nid = \"{id}\"\nname = \"{id}\"\ndomains = [\"{id}.example\"]\ncurrency = \"EUR\"\n\
         [[campaigns]]\nid = \"{id}\"\nadvertiser = \"{id}\"\nname = \"{id}\"\npolitical = false\n\
         categories = [\"software\"]\n\
         [[flights]]\nid = \"{id}\"\ncampaign = \"{id}\"\ntier = \"sponsorship\"\npricing = \"flat\"\n{rotation}\n\
         targeting = {{ topics = {{ any = [\"{topic}\"] }} }}\n"
    )
}

fn creative(id: &str, flight: &str, more: &str) -> String {
    format!(
        "[[creatives]]\nid = \"{id}\"\nflight = \"{flight}\"\nheadline = \"Headline\"\n\
         ctas = [{{ id = \"primary\", text = \"Go\", url = \"https://{flight}.example/\" }}]\n{more}\n"
    )
}

/// The example without images, for selections without a server.
fn without_images() -> String {
    example()
        .lines()
        .filter(|line| !line.contains("pictures/"))
        .fold(String::new(), |all, line| all + line + "\n")
}

const PLAIN: &str = "styles = [\"card\"]\nlanguage = \"en\"";

/// Flights of every rotation with up to five creatives of several styles, languages, weights and variants.
static MIXED: LazyLock<Arc<Snapshot>> = LazyLock::new(|| {
    let mut text = without_images();
    for number in 0..15 {
        let rotation = ["optimise", "even", "weights"][number % 3];
        let (id, topic) =
            (format!("mixed-{number}"), ["devops", "rust", "cloud-computing"][number % 2]);
        text += &flight(&id, topic, &format!("rotation = \"{rotation}\""));
        for at in 0..=number % 5 {
            let style =
                [r#"["card"]"#, r#"["card", "line"]"#, r#"["terminal"]"#][(number + at) % 3];
            let language = ["en", "de", "en"][(number / 2 + at) % 3];
            let mut more =
                format!("styles = {style}\nlanguage = \"{language}\"\nweight = {}\n", 1 + 3 * at);
            for variant in 0..at % 3 {
                let _ = writeln!(
                    more,
                    "[[creatives.variants]]\nweight = {}\nheadline = \"B\"",
                    2 + variant
                );
            }
            text += &creative(&format!("{id}-{at}"), &id, &more);
        }
    }
    Arc::new(snapshot(text))
});

fn snapshot(text: String) -> Snapshot {
    let parsed = files::parse(&[("rotation.toml".to_owned(), text)]);
    let inventory = parsed.unwrap_or_else(|problems| panic!("{}", problems[0].reason));
    compile(inventory, &Weights::default(), &labels())
}

fn page(snapshot: &Snapshot, topic: &str, language: &str) -> Page {
    let input = PageInput {
        topics: vec![topic.into()],
        language: Some(language.into()),
        ..PageInput::default()
    };
    let signals = RegionSignals { observed: None, declared: "DE".parse().ok() };
    let slots: Vec<SlotInput<'_>> = ["article-end", "sidebar"].map(crate::selection::slot).into();
    resolve::page(snapshot, 0, &input, signals, &slots)
}

/// Rows for flights at these places, with parts for as many creatives.
fn table(parts: &[u16], scopes: &[Scope]) -> Rotations {
    let snapshot = &**MIXED;
    let rows = (0u32..).zip(&snapshot.flights).flat_map(|(place, flight)| {
        let parts: Vec<u16> = parts
            .iter()
            .cycle()
            .skip(place as usize)
            .take(flight.creatives.len())
            .copied()
            .collect();
        scopes.iter().map(move |scope| Row {
            place,
            scope: *scope,
            parts: parts.iter().copied().collect(),
        })
    });
    Rotations::new(rows.collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_recorded_probability_of_a_creative_is_that_of_all_creatives_and_of_the_trace(
        id: u128, topic in prop::sample::select(vec!["devops", "rust", "technology"]),
        language in prop::sample::select(vec!["en", "de", "fr"]),
        parts in prop::collection::vec(any::<u16>(), 1..9), numbers in prop::collection::vec(0u32..60, 0..6),
    ) {
        let scopes: Vec<Scope> = numbers.iter().map(|number| match number % 3 {
            0 => Scope::Flight,
            1 => Scope::Group(number / 3),
            _ => Scope::Topic(number / 3),
        }).collect();
        let state = State { rotations: table(&parts, &scopes), ..State::default() };
        let world = World::new(MIXED.clone(), state);
        let page = page(&world.snapshot, topic, language);
        let request = Request { world: &world, page: &page, now_ms: 0, id };
        let traced = trace::trace(&request, &[]);
        let none = Exclusions::default();
        let won = choose::choose(&request, 0, &none).result;
        prop_assert_eq!(&won, &traced[0].result);
        let Ok(won) = won else { return Ok(()) };
        let all = odds::creatives(&request, 0, &none, u32::try_from(won.place).unwrap());
        prop_assert_eq!(&all, &traced[0].creatives);
        let own = all.iter().find(|one| (one.creative, one.variant) == drawn_text(&won));
        prop_assert_eq!(own.map(|one| one.propensity), Some(won.creative_propensity));
        let sum: u64 = all.iter().map(|one| u64::from(one.propensity)).sum();
        prop_assert!((1u64 << 32).abs_diff(sum) <= 4 * all.len() as u64, "{}", sum);
    }
}

/// The creative and the variant of a winner.
fn drawn_text(won: &Winner) -> (u32, u8) {
    (won.creative, won.variant)
}

/// χ² of creatives and variants drawn from one flight, against the probabilities that were recorded.
fn chi_square(rotation: &str, rotations: &dyn Fn(&Snapshot) -> Rotations) -> (f64, usize) {
    let mut text =
        without_images() + &flight("turns", "devops", &format!("rotation = \"{rotation}\""));
    let variants = "[[creatives.variants]]\nweight = 3\nheadline = \"B\"";
    text += &creative("turns-a", "turns", &format!("{PLAIN}\nweight = 5"));
    text += &creative("turns-b", "turns", &format!("{PLAIN}\nweight = 2\n{variants}"));
    text += &creative("turns-c", "turns", PLAIN);
    let snapshot = Arc::new(snapshot(text));
    let state = State { rotations: rotations(&snapshot), ..State::default() };
    let world = World::new(snapshot, state);
    let page = page(&world.snapshot, "devops", "en");
    let (mut drawn, draws) = (HashMap::<(u32, u8), f64>::new(), 60_000u32);
    let mut expected = BTreeMap::new();
    for id in 0..draws {
        let request = Request { world: &world, page: &page, now_ms: 0, id: u128::from(id) << 9 };
        let won = choose::choose(&request, 0, &Exclusions::default()).result.unwrap();
        *drawn.entry(drawn_text(&won)).or_default() += 1.0;
        expected.insert(drawn_text(&won), f64::from(won.creative_propensity) / 4_294_967_296.0);
    }
    let sum: f64 = expected.values().sum();
    assert!((sum - 1.0).abs() < 1e-8, "{rotation}: {sum}");
    let term = |(text, share): (&(u32, u8), &f64)| {
        let expected = share * f64::from(draws);
        (drawn[text] - expected).powi(2) / expected
    };
    (expected.iter().map(term).sum(), expected.len())
}

#[test]
fn every_creative_is_drawn_as_often_as_its_recorded_probability_says() {
    let none = |_: &Snapshot| Rotations::default();
    let learned = |snapshot: &Snapshot| {
        let is_own = |doc: usize| snapshot.inventory.flights[doc].id.as_str() == "turns";
        let place = snapshot.flights.iter().position(|row| is_own(row.doc)).unwrap();
        let parts = [9_000u16, 700, 300].into_iter().collect();
        Rotations::new(vec![Row {
            place: u32::try_from(place).unwrap(),
            scope: Scope::Flight,
            parts,
        }])
    };
    for (rotation, table) in [
        ("weights", &none as &dyn Fn(&Snapshot) -> Rotations),
        ("even", &none),
        ("optimise", &none),
        ("optimise", &learned),
    ] {
        let (chi_square, texts) = chi_square(rotation, table);
        assert_eq!(texts, 4);
        // p = 0.001 with three degrees of freedom.
        assert!(chi_square < 16.3, "{rotation}: {chi_square}");
    }
}

/// A server with a flight of two creatives, and one of an advertiser that is not to see it.
#[expect(clippy::disallowed_methods, reason = "the day of the test")]
async fn server(setup: Setup) -> TestServer {
    let mut text = example() + &flight("turns", "devops", "rotation = \"optimise\"");
    for name in ["a", "b"] {
        text += &creative(&format!("turns-{name}"), "turns", PLAIN);
    }
    // What was learned fades from day to day: noon, so that no test crosses midnight by chance.
    let day_ms = 24 * 3_600_000;
    let today = jiff::Timestamp::now().as_millisecond() / day_ms;
    let noon = jiff::Timestamp::from_millisecond(today * day_ms + day_ms / 2).unwrap();
    setup.inventory(text).manual_clock_at(noon).start().await
}

async fn rotation(server: &TestServer) -> Value {
    let url = format!("{}/v1/flights/turns/rotation", server.ops);
    let reply = server.reader.get(&url).bearer_auth(server.key("operator")).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    reply.json().await.unwrap()
}

/// The rows of the table by scope and topic, each with the probability of the first creative.
fn probabilities(document: &Value) -> BTreeMap<String, f64> {
    let row = |row: &Value| {
        let topic = row["topic"].as_str().unwrap_or("all");
        let name = format!("{} {topic}", row["scope"].as_str().unwrap());
        (name, row["creatives"][0]["probability"].as_f64().unwrap())
    };
    document["pages"].as_array().unwrap().iter().map(row).collect()
}

/// Shows this many units on a topic; a creative gets a click on every `clicked`th of its units.
async fn show(server: &TestServer, topic: &str, units: usize, clicked: &[(&str, usize)]) {
    let mut shown = BTreeMap::<String, usize>::new();
    for _ in 0..units {
        let unit = server.decide(&page_on(topic)).await;
        server.reader.impression(&unit).await;
        server.advance_ms(2_000);
        let number = shown.entry(unit.creative().to_owned()).or_default();
        *number += 1;
        let every = clicked.iter().find(|(id, _)| *id == unit.creative());
        if every.is_some_and(|(_, every)| number.is_multiple_of(*every)) {
            assert!(server.click(&unit, "primary").await.location.is_some());
        }
    }
}

async fn explained(server: &TestServer, decision: &Decision, key: &str) -> Value {
    let url = format!("{}/v1/decisions/{}/explain", server.ops, decision.id());
    let reply = server.reader.get(&url).bearer_auth(server.key(key)).send().await.unwrap();
    reply.json().await.unwrap()
}

#[tokio::test]
async fn a_creative_that_is_clicked_more_is_shown_more_and_every_decision_replays_bit_for_bit() {
    let server = server(Setup::default()).await;
    let before = rotation(&server).await;
    assert_eq!(before["rotation"], "optimise");
    assert_eq!(probabilities(&before), [("flight all".to_owned(), 0.5)].into());
    let first = server.decide(&page_on("devops")).await;
    show(&server, "devops", 120, &[("turns-a", 4)]).await;

    server.inner.publishing.learn_rotation().await;

    let after = rotation(&server).await;
    let learned = probabilities(&after);
    assert!(learned["topic devops"] > 0.9, "{after:#}");
    assert!(learned["flight all"] > 0.7, "{after:#}");
    let counts = &after["pages"][0]["creatives"];
    let shown = |at: usize| counts[at]["learned"]["impressions"].as_f64().unwrap();
    assert_eq!(shown(0) + shown(1), 120.0);
    assert_eq!(counts[1]["learned"]["clicks"], 0.0);
    let own = server.reader.get(&format!("{}/v1/flights/turns/rotation", server.public));
    let other = own.bearer_auth(server.key("advertiser:zahid-host")).send().await.unwrap();
    assert_eq!(other.status(), 404, "another advertiser learns nothing about it");

    // Decisions before and after, each on the table that it was made on.
    let second = server.decide(&page_on("devops")).await;
    let third = server.decide(&page_on("rust")).await;
    let mut from = Vec::new();
    for decision in [&first, &second] {
        let document = explained(&server, decision, "operator").await;
        assert_eq!(document["agrees"], true, "{document:#}");
        let result = &document["slots"][0]["result"];
        assert_eq!(result["flight"], "turns");
        let rotation = &result["rotation"];
        let creatives = rotation["creatives"].as_array().unwrap();
        let own = creatives.iter().find(|one| one["creative"] == result["creative"]).unwrap();
        assert_eq!(own["probability"], result["creative_propensity"]);
        from.push((
            rotation["learned_from"].clone(),
            creatives[0]["probability"].as_f64().unwrap(),
        ));
        let redacted = explained(&server, decision, "advertiser:zahid-host").await;
        assert!(redacted["slots"][0]["result"].get("rotation").is_none());
    }
    assert_eq!(from[0], (Value::Null, 0.5));
    assert_eq!(from[1].0, "topic");
    assert!((from[1].1 - learned["topic devops"]).abs() < 1e-6);
    assert_eq!(explained(&server, &third, "operator").await["agrees"], true);

    // What was learned is in the ledger: another process learns the same.
    let server = server.restart().await;
    server.inner.publishing.learn_rotation().await;
    assert_eq!(probabilities(&rotation(&server).await), learned);
    assert_eq!(explained(&server, &second, "operator").await["agrees"], true);
    server.assert_ledger_consistent().await;
}

/// The counts that were learned.
fn counts(document: &Value) -> Vec<Value> {
    let rows = document["pages"].as_array().unwrap().iter();
    let creatives = rows.flat_map(|row| row["creatives"].as_array().unwrap());
    creatives.map(|one| one["learned"].clone()).collect()
}

#[tokio::test]
async fn nothing_is_learned_from_bots_tests_duplicates_orphans_and_clicks_over_the_limits() {
    let server = server(Setup::default().default_limits()).await;
    // A visitor's clicks up to its limits, which count.
    show(&server, "devops", 60, &[("turns-a", 1), ("turns-b", 1)]).await;
    server.inner.publishing.learn_rotation().await;
    let before = rotation(&server).await;
    let clicks: f64 = counts(&before)[..2].iter().map(|one| one["clicks"].as_f64().unwrap()).sum();
    assert!((1.0..12.0).contains(&clicks), "the limits let some of sixty clicks count: {before:#}");

    // The advertiser itself goes on to click one of its creatives.
    for _ in 0..30 {
        let unit = server.decide(&page_on("devops")).await;
        server.advance_ms(2_000);
        server.click(&unit, "primary").await;
        server.click(&unit, "primary").await;
    }
    let bot = Reader::with_headers([("user-agent", "Googlebot/2.1"), ("accept", "*/*")]);
    for _ in 0..10 {
        let unit = server.decide(&page_on("devops")).await;
        bot.impression(&unit).await;
        server.advance_ms(2_000);
        server.click_by(&bot, &unit, "primary").await;
        let mut test = page_on("devops");
        test["test"] = true.into();
        let unit = server.decide(&test).await;
        server.reader.impression(&unit).await;
        server.advance_ms(2_000);
        server.click(&unit, "primary").await;
    }
    server.advance_ms(3_600_000);
    wait_until("no pending click", async || {
        (server.scrape().await.events("click", "pending") == 0).then_some(())
    })
    .await;
    server.inner.publishing.learn_rotation().await;
    assert_eq!(counts(&rotation(&server).await), counts(&before));
}

#[tokio::test]
async fn a_paused_or_added_creative_leaves_the_table_valid_and_a_new_one_is_tried_out() {
    let server = server(Setup::default()).await;
    show(&server, "devops", 60, &[("turns-a", 4)]).await;
    server.inner.publishing.learn_rotation().await;
    let admin = |method: reqwest::Method, path: &str, body: Value| {
        let call = server.reader.request(method, &format!("{}/v1/admin/{path}", server.ops));
        call.bearer_auth(server.key("operator")).json(&body).send()
    };
    let url = "https://turns.example/";
    let third = serde_json::json!({
        "id": "turns-0", "flight": "turns", "styles": ["card"], "language": "en", "headline": "New",
        "ctas": [{ "id": "primary", "text": "Go", "url": url }],
    });
    let added = admin(reqwest::Method::POST, "creatives", third).await.unwrap();
    assert!(added.status().is_success(), "{}", added.text().await.unwrap());
    for state in ["approved", "live"] {
        let state = serde_json::json!({ "state": state });
        let step = admin(reqwest::Method::POST, "creatives/turns-0/state", state).await.unwrap();
        assert!(step.status().is_success(), "{}", step.text().await.unwrap());
    }
    let document = rotation(&server).await;
    let first = &document["pages"][0]["creatives"];
    assert_eq!(first.as_array().unwrap().len(), 3, "{document:#}");
    assert!(first[0]["probability"].as_f64().unwrap() > 0.015, "the new one: {document:#}");
    let decision = server.decide(&page_on("devops")).await;
    assert_eq!(explained(&server, &decision, "operator").await["agrees"], true);

    let pause = serde_json::json!({ "state": "paused" });
    for id in ["turns-a", "turns-0"] {
        let paused = admin(reqwest::Method::POST, &format!("creatives/{id}/state"), pause.clone());
        let paused = paused.await.unwrap();
        assert!(paused.status().is_success(), "{}", paused.text().await.unwrap());
    }
    let decision = server.decide(&page_on("devops")).await;
    assert_eq!(decision.creative(), "turns-b");
    assert_eq!(explained(&server, &decision, "operator").await["agrees"], true);
    assert_eq!(probabilities(&rotation(&server).await), [("flight all".to_owned(), 1.0)].into());
}
