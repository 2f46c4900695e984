//! Why a flight is delivered as it is: every slot that was asked for is in one stage of its funnel.

use crate::harness::decision::{page_on, reference_with};
use crate::harness::page::{BROWSER, open};
use crate::harness::{Decision, Redis, Setup, TestServer, reference, wait_until};
use crate::removed::{apply, served};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

const FLIGHT: &str = "zahid-ai-europe";

/// The served inventory with another advertiser: a flight that competes with the reference flight on one
/// topic, and one of a higher tier on another.
pub async fn with_nordwind(server: &TestServer) -> Value {
    let mut inventory = served(server).await;
    let copy = |inventory: &Value, list: &str, id: &str, changes: Value| {
        let documents = inventory[list].as_array().unwrap();
        let mut copy = documents.iter().find(|one| one["id"] == id).unwrap().clone();
        for (field, value) in changes.as_object().unwrap() {
            copy[field] = value.clone();
            if value.is_null() {
                copy.as_object_mut().unwrap().remove(field);
            }
        }
        copy
    };
    let flight = |id: &str, tier: &str, topic: &str| {
        json!({
            "id": id, "tier": tier, "campaign": "nordwind-all", "pricing": "flat",
            "price_micros": 0, "targeting": { "topics": { "any": [topic] } },
        })
    };
    let creative = |id: &str, flight: &str| {
        json!({
            "id": id, "flight": flight, "command": null, "price": null, "proofs": null, "image": null,
            "ctas": [{ "id": "primary", "text": "Look", "url": "https://nordwind.example/" }],
        })
    };
    let own = json!({ "id": "nordwind-host", "name": "Nordwind", "entity": null, "domains": ["nordwind.example"] });
    let campaign = json!({ "id": "nordwind-all", "advertiser": "nordwind-host", "budget": {} });
    for (list, from, changes) in [
        ("advertisers", "zahid-host", own),
        ("campaigns", "zahid-launch", campaign),
        ("flights", FLIGHT, flight("nordwind-draw", "standard", "ai-agents")),
        ("flights", FLIGHT, flight("nordwind-first", "sponsorship", "cloud-computing")),
        ("creatives", "zahid-git-push", creative("nordwind-one", "nordwind-draw")),
        ("creatives", "zahid-git-push", creative("nordwind-two", "nordwind-first")),
    ] {
        let copy = copy(&inventory, list, from, changes);
        inventory[list].as_array_mut().unwrap().push(copy);
    }
    inventory
}

/// Asks for pages of many kinds; returns the decisions of all slots.
pub async fn ask(server: &TestServer) -> Vec<Decision> {
    let of = async |body: &Value| {
        let response = server.decision_response(body).await;
        let decisions = response["decisions"].as_object().unwrap();
        decisions.values().cloned().map(Decision).collect::<Vec<_>>()
    };
    let mut two_slots = reference();
    two_slots["placements"] = json!([{ "name": "article-end" }, { "name": "sidebar" }]);
    let about =
        |name: &str| reference_with("/page/entities", json!([{ "name": name, "role": "subject" }]));
    let pages = [
        (reference(), 6),
        (page_on("food"), 4),
        (reference_with("/viewer/region", json!("US")), 3),
        (reference_with("/page/commercial", json!("house_only")), 2),
        (reference_with("/page/sensitive", json!(["obituary"])), 1),
        (about("zahid.host"), 2),
        (page_on("ai-agents"), 40),
        (page_on("cloud-computing"), 5),
        (two_slots, 3),
        (reference_with("/placements/0/name", json!("nowhere")), 2),
        (reference_with("/page/commercial", json!("none")), 1),
    ];
    let mut all = Vec::new();
    for (page, count) in pages {
        for _ in 0..count {
            all.extend(of(&page).await);
        }
    }
    all
}

/// The stages of a flight in these decisions, as their explanations say.
async fn explained(server: &TestServer, slots: &[Decision], flight: &str) -> BTreeMap<String, u64> {
    let mut stages = BTreeMap::new();
    for slot in slots {
        let (status, explanation) = server.explain("operator", slot.id()).await;
        assert_eq!((status, &explanation["agrees"]), (200, &json!(true)));
        let slots = explanation["slots"].as_array().unwrap();
        let own = slots.iter().find(|one| one["decision_id"] == slot.id()).unwrap();
        let removed = own["removed"].as_array().unwrap().iter();
        let by = removed.into_iter().find(|one| one["flight"] == flight).map(|one| &one["stage"]);
        let stage = match by.and_then(Value::as_str) {
            Some("tier") if own["result"]["fill"] == false => "unfillable",
            Some(stage) => stage,
            None if own["result"]["flight"] == flight => "won",
            None if own["candidates"].as_array().unwrap().iter().any(|c| c["flight"] == flight) => {
                "draw"
            }
            None => "not_booked",
        };
        *stages.entry(stage.to_owned()).or_default() += 1;
    }
    stages
}

/// The stages of a funnel, with what it won; asserts that they add up.
fn stages(funnel: &Value) -> BTreeMap<String, u64> {
    let count = |value: &Value| value.as_u64().unwrap();
    let mut left = count(&funnel["asked"]);
    let mut stages = BTreeMap::new();
    for stage in funnel["stages"].as_array().unwrap() {
        left -= count(&stage["removed"]);
        assert_eq!(left, count(&stage["left"]), "{funnel:#}");
        assert!(count(&stage["removed"]) > 0 && stage["reason"].as_str().unwrap().len() > 10);
        stages.insert(stage["stage"].as_str().unwrap().to_owned(), count(&stage["removed"]));
    }
    assert_eq!(left, count(&funnel["won"]), "{funnel:#}");
    stages.insert("won".to_owned(), left);
    stages
}

async fn funnel(server: &TestServer, party: &str, flight: &str) -> Value {
    let (status, funnel) = server.get_as(party, &format!("/v1/flights/{flight}/funnel")).await;
    assert_eq!(status, 200, "{funnel:#}");
    funnel
}

/// Runs the executable on a data directory; it may be that of a server in this process.
pub async fn cli(data: &Path, arguments: &[&str], key: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adjacent"));
    command.args(arguments).arg("--data").arg(data).env("ADJACENT_OPERATOR_KEY", key);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

pub fn json_of(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text} {output:?}"))
}

#[tokio::test]
async fn every_slot_is_in_the_stage_that_its_explanation_gives_and_they_add_up() {
    let server = Setup::default().manual_clock().start().await;
    let mut slots = Vec::new();
    for _ in 0..3 {
        slots.push(server.decide(&page_on("ai-agents")).await);
    }
    let inventory = with_nordwind(&server).await;
    let (status, reply) = apply(&server, &inventory).await;
    assert_eq!(status, 200, "{reply:#}");
    slots.extend(ask(&server).await);
    let mut won = slots.clone();
    won.retain(|one| one.is_filled() && one.advertiser() == "zahid-host");
    for unit in &won[..4] {
        server.reader.impression(unit).await;
    }
    server.advance_ms(2_000);
    for unit in &won[..2] {
        server.reader.viewable(unit).await;
    }
    // A test and a forced creative are no requests of readers.
    server.decide(&reference_with("/test", json!(true))).await;
    let pause = json!({ "what": "flight", "id": FLIGHT, "paused": true });
    let url = format!("{}/v1/admin/pauses", server.ops);
    let call = server.reader.post(&url).bearer_auth(server.key("operator")).json(&pause);
    let reply = call.send().await.unwrap();
    assert_eq!(reply.status(), 200, "{}", reply.text().await.unwrap());
    for _ in 0..2 {
        slots.push(server.decide(&reference()).await);
    }

    let own = funnel(&server, "operator", FLIGHT).await;
    let expected = explained(&server, &slots, FLIGHT).await;
    assert_eq!(stages(&own), expected);
    assert_eq!(own["asked"], slots.len());
    for stage in [
        "topic",
        "region",
        "commercial",
        "sensitive_page",
        "subject_conflict",
        "shown",
        "draw",
        "tier",
        "unfillable",
        "paused",
        "won",
    ] {
        assert!(expected.contains_key(stage), "{stage}: {expected:?}");
    }
    assert_eq!(own["served"], won.len());
    assert_eq!(
        (&own["won"], &own["shown"], &own["viewable"]),
        (&json!(won.len()), &json!(4), &json!(2))
    );
    assert_eq!(
        (&own["status"], &own["state"]),
        (&json!("paused"), &json!("paused by an operator"))
    );
    let order: Vec<&str> = own["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["stage"].as_str().unwrap())
        .collect();
    let place = |stage: &str| order.iter().position(|one| *one == stage).unwrap();
    assert!(place("paused") < place("region") && place("region") < place("topic"), "{order:?}");
    assert!(place("shown") < place("tier") && place("tier") < place("draw"), "{order:?}");

    let nordwind = funnel(&server, "operator", "nordwind-draw").await;
    let expected = explained(&server, &slots, "nordwind-draw").await;
    assert_eq!((stages(&nordwind), expected["not_booked"]), (expected, 3));

    // The command line says the same, with the server and without it.
    let key = server.key("operator").to_owned();
    let data = server.data();
    let running = json_of(&cli(&data, &["why", FLIGHT, "--json"], &key).await);
    assert_eq!(stages(&running), stages(&own));
    let text = cli(&data, &["why", FLIGHT], &key).await;
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.starts_with("zahid-ai-europe: paused by an operator\nMostly not chosen because "),
        "{text}"
    );
    let folder = server.end();
    let stopped = json_of(&cli(&data, &["why", FLIGHT, "--json"], &key).await);
    for field in ["asked", "stages", "won", "served", "shown", "viewable", "state", "main_reason"] {
        assert_eq!(stopped[field], own[field], "{field}");
    }
    drop(folder);
}

#[tokio::test]
async fn an_advertiser_gets_rounded_counts_of_its_own_flights_and_no_others_name() {
    let server = TestServer::start().await;
    let (status, reply) = apply(&server, &with_nordwind(&server).await).await;
    assert_eq!(status, 200, "{reply:#}");
    ask(&server).await;

    let exact = funnel(&server, "operator", FLIGHT).await;
    let own = funnel(&server, "advertiser:zahid-host", FLIGHT).await;
    let text = own.to_string();
    for name in ["nordwind", "gitlift", "house-", "eu-tech-news", "decisions/"] {
        assert!(!text.contains(name), "{name}: {own:#}");
    }
    assert_eq!((&own["rounded"], &exact["rounded"]), (&json!(true), &json!(false)));
    let counts = own["stages"].as_array().unwrap().iter().map(|one| &one["removed"]);
    for count in counts.chain([&own["asked"], &own["coverage"]["decisions"]]) {
        assert_eq!(count.as_u64().unwrap() % 10, 0, "{own:#}");
    }
    assert_eq!(own["won"], exact["won"], "what it won is its own");

    let path = |flight: &str| format!("/v1/flights/{flight}/funnel");
    let other = server.get_as("advertiser:gitlift", &path(FLIGHT)).await;
    let unknown = server.get_as("advertiser:gitlift", &path("zahid-ai-africa")).await;
    let without = |(status, problem): (u16, Value), id: &str| {
        let detail = problem["detail"].as_str().unwrap().replace(id, "ID");
        (status, problem["code"].clone(), detail)
    };
    let expected = (404, json!("unknown_flight"), "no flight `ID`".to_owned());
    assert_eq!(without(other, FLIGHT), expected);
    assert_eq!(without(unknown, "zahid-ai-africa"), expected);
    let (status, near) = server.get_as("advertiser:gitlift", &path("gitlift-devops-america")).await;
    assert_eq!(status, 404);
    assert!(near["detail"].as_str().unwrap().ends_with("did you mean `gitlift-devops-americas`?"));
    let (status, _) = server.get_as("publisher:eu-tech-news", &path(FLIGHT)).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn a_wrong_flight_or_time_is_named_and_a_time_without_decisions_says_why() {
    let server = TestServer::start().await;
    server.unit().await;
    let get = async |path: &str| server.get_as("operator", path).await;

    let (status, problem) = get("/v1/flights/zahid-ai-eurpe/funnel").await;
    assert_eq!((status, &problem["code"]), (404, &json!("unknown_flight")));
    assert_eq!(problem["detail"], "no flight `zahid-ai-eurpe`: did you mean `zahid-ai-europe`?");
    let of = |query: &str| format!("/v1/flights/{FLIGHT}/funnel?{query}");
    for (query, status, field) in [
        ("from=2026-11-02&to=2026-11-01", 422, "to"),
        ("from=2026-11-02", 422, "to"),
        ("from=x&to=2026-11-01", 422, "from"),
        ("since=2026-11-01", 400, "since"),
    ] {
        let (found, problem) = get(&of(query)).await;
        assert_eq!((found, &problem["field"]), (status, &json!(field)), "{query}: {problem}");
    }
    let notes = |funnel: &Value| {
        let notes = funnel["coverage"]["notes"].as_array().unwrap();
        notes.iter().map(|note| note.as_str().unwrap().to_owned()).collect::<Vec<_>>().join("; ")
    };
    let (_, early) = get(&of("from=2020-01-01&to=2020-02-01")).await;
    assert_eq!((&early["asked"], &early["main_reason"]), (&json!(0), &Value::Null));
    assert!(notes(&early).contains("no decision of this time is recorded any more"), "{early:#}");
    let (_, late) = get(&of("from=2100-01-01&to=2100-02-01")).await;
    assert!(notes(&late).contains("no decision was made in this time"), "{late:#}");
    let (_, now) = get(&of("")).await;
    assert!(notes(&now).contains("the decision log begins at"), "{now:#}");

    let (key, data) = (server.key("operator").to_owned(), server.data());
    let folder = server.end();
    for (arguments, expected) in [
        (vec!["why", "zahid-ai-eurpe"], "did you mean `zahid-ai-europe`?"),
        (vec!["why", FLIGHT, "--from", "2026-11-02", "--to", "2026-11-01"], "--to: must be after"),
        (vec!["gaps", "--from", "2026-11-02"], "--to"),
    ] {
        let output = cli(&data, &arguments, &key).await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {error}");
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
    let empty = tempfile::tempdir().unwrap();
    let output = cli(empty.path(), &["why", FLIGHT], &key).await;
    assert!(String::from_utf8(output.stderr).unwrap().contains("no server has run"));
    drop(folder);
}

#[tokio::test]
async fn damaged_places_of_the_log_are_counted_and_named() {
    let server = TestServer::start().await;
    let damaged = server.unit().await;
    server.unit().await;
    assert_eq!(funnel(&server, "operator", FLIGHT).await["coverage"]["unreadable"], 0);
    let before = funnel(&server, "operator", FLIGHT).await["asked"].as_u64().unwrap();
    let segment = std::fs::read_dir(server.data().join("decisions")).unwrap().next();
    let segment = segment.unwrap().unwrap().path();
    let mut bytes = std::fs::read(&segment).unwrap();
    let id = uuid::Uuid::parse_str(damaged.id()).unwrap().as_u128() & !0xFF;
    let id = postcard::to_stdvec(&id).unwrap();
    let line = bytes.windows(id.len()).position(|part| part == id).unwrap();
    bytes[line + 30] ^= 1;
    std::fs::write(&segment, bytes).unwrap();

    let after = funnel(&server, "operator", FLIGHT).await;

    assert_eq!(
        (&after["asked"], &after["coverage"]["unreadable"]),
        (&json!(before - 1), &json!(1))
    );
    assert!(after["coverage"]["notes"].to_string().contains("cannot be read: 1"), "{after:#}");
    stages(&after);
}

#[tokio::test]
async fn an_advertiser_asks_ten_times_at_once_and_an_operator_any_number() {
    let server = TestServer::start().await;
    server.unit().await;
    let path = format!("/v1/flights/{FLIGHT}/funnel");
    for number in 0..12 {
        let (status, _) = server.get_as("operator", &path).await;
        assert_eq!(status, 200, "{number}");
    }
    let mut found = Vec::new();
    for _ in 0..12 {
        found.push(server.get_as("advertiser:zahid-host", &path).await.0);
    }
    assert_eq!(found.iter().filter(|status| **status == 200).count(), 10, "{found:?}");
    assert_eq!(found[10..], [429, 429]);
}

#[tokio::test]
async fn the_advertisers_page_says_in_words_how_a_flight_is_doing_and_why() {
    let server = TestServer::start().await;
    let page = wait_until("the main reason on the page", async || {
        for _ in 0..5 {
            server.decide(&page_on("food")).await;
            server.decide(&reference()).await;
        }
        let page =
            open(&server, "/reports/zahid-host", BROWSER, Some("advertiser:zahid-host")).await;
        page.text.contains("Mostly not chosen because").then_some(page)
    })
    .await;
    assert!(page.text.contains("none of its topics is on the page"), "{}", page.text);
    assert!(page.text.contains("delivering"), "{}", page.text);

    let pause = json!({ "what": "campaign", "id": "zahid-launch", "paused": true });
    let call = server.reader.post(&format!("{}/v1/admin/pauses", server.ops)).json(&pause);
    let reply = call.bearer_auth(server.key("operator")).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    let page = open(&server, "/reports/zahid-host", BROWSER, Some("advertiser:zahid-host")).await;
    assert!(page.text.contains("its campaign is paused by an operator"), "{}", page.text);
    assert!(!page.text.contains("Mostly not chosen"), "the state says it all");
}

#[tokio::test]
async fn slots_of_a_flight_that_waits_for_its_pace_are_lost_to_pacing() {
    let flight = "price_micros = 8_000_000\npacing = \"asap\"";
    let paced = "price_micros = 8_000_000\npacing = \"even\"\ngoal_impressions = 2\n\
                 starts = \"2026-05-01\"\nends = \"2026-06-30\"";
    let inventory = crate::harness::inventory::example_with(flight, paced);
    let now = "2026-05-02T12:00:00Z".parse().unwrap();
    let server = Setup::default().inventory(inventory).manual_clock_at(now).start().await;
    let own = wait_until("three slots lost to pacing", async || {
        server.decide(&reference()).await;
        server.advance_ms(1_000);
        let own = funnel(&server, "operator", FLIGHT).await;
        stages(&own).get("paced").is_some_and(|paced| *paced >= 3).then_some(own)
    })
    .await;

    assert_eq!(own["status"], "ahead", "{own:#}");
}

#[tokio::test]
async fn in_a_fleet_the_slots_are_those_of_one_instance_and_the_answer_says_so() {
    let redis = Redis::start();
    let one = Setup::default().with_store(&redis).start().await;
    let other = Setup::default().with_store(&redis).start().await;
    for _ in 0..3 {
        one.decide(&page_on("food")).await;
    }
    other.decide(&page_on("food")).await;

    for (server, count) in [(&one, 3), (&other, 1)] {
        let own = wait_until("an instance that knows of its fleet", async || {
            let own = funnel(server, "operator", FLIGHT).await;
            (own["one_of_several_instances"] == true).then_some(own)
        })
        .await;
        assert_eq!(own["asked"], count, "{own:#}");
        let notes = own["coverage"]["notes"].to_string();
        assert!(notes.contains("slots are those of this instance"), "{notes}");
    }
}
