//! What another configuration would have changed of recorded decisions.

use crate::funnel::{ask, cli, json_of, with_nordwind};
use crate::harness::decision::page_on;
use crate::harness::{Setup, TestServer, reference, wait_until};
use crate::removed::{apply, served};
use serde_json::{Value, json};
use std::collections::BTreeMap;

async fn post(server: &TestServer, request: &Value) -> (u16, Value) {
    let url = format!("{}/v1/admin/replays", server.ops);
    let request = server.reader.request(reqwest::Method::POST, &url).json(request);
    let reply = request.bearer_auth(server.key("operator")).send().await.unwrap();
    (reply.status().as_u16(), reply.json().await.unwrap())
}

async fn get(server: &TestServer, path: &str) -> (u16, Value) {
    let request = server.reader.get(&format!("{}{path}", server.ops));
    let reply = request.bearer_auth(server.key("operator")).send().await.unwrap();
    (reply.status().as_u16(), reply.json().await.unwrap())
}

/// Starts a replay and waits for its result.
async fn replay(server: &TestServer, request: &Value) -> Value {
    let (status, started) = post(server, request).await;
    assert_eq!(status, 202, "{started:#}");
    let path = format!("/v1/admin/replays/{}", started["id"]);
    let mut last = Value::Null;
    wait_until("the replay is done", async || {
        last = get(server, &path).await.1;
        (last["state"] != "running").then_some(())
    })
    .await;
    assert_eq!(last["state"], "done", "{last:#}");
    last
}

#[tokio::test]
async fn every_decision_of_a_server_is_reproduced_bit_for_bit_across_changes_and_restarts() {
    let server = TestServer::start().await;
    let mut slots = ask(&server).await.len();
    let (status, reply) = apply(&server, &with_nordwind(&server).await).await;
    assert_eq!(status, 200, "{reply:#}");
    slots += ask(&server).await.len();
    let server = server.restart().await;
    slots += ask(&server).await.len();

    let found = &replay(&server, &json!({})).await["reproduction"];
    assert_eq!(
        (&found["slots"]["checked"], &found["slots"]["different"], &found["without_world"]),
        (&json!(slots), &json!(0), &json!(0)),
        "{found:#}"
    );

    // What is served now, proposed, changes nothing of what was decided on it.
    let since = get(&server, "/v1/admin/history").await.1;
    let last = since.as_array().unwrap().last().unwrap()["at"].clone();
    let unchanged = json!({ "from": last, "inventory": served(&server).await });
    let report = &replay(&server, &unchanged).await["report"];
    assert_eq!((&report["changed"], &report["reproduced"]["different"]), (&json!(0.0), &json!(0)));
    assert!(report["reproduced"]["checked"].as_u64().unwrap() > 50, "{report:#}");

    let (key, data) = (server.key("operator").to_owned(), server.data());
    let running = json_of(&cli(&data, &["replay", "--json"], &key).await);
    assert_eq!(&running, found);
    let folder = server.end();
    let stopped = cli(&data, &["replay", "--json"], &key).await;
    assert_eq!((stopped.status.code(), &json_of(&stopped)), (Some(0), found));
    drop(folder);
}

#[tokio::test]
async fn a_replay_foretells_the_shares_of_a_change_of_weights_and_inventory() {
    let server = Setup::default().manual_clock().start().await;
    let mut inventory = with_nordwind(&server).await;
    assert_eq!(apply(&server, &inventory).await.0, 200);
    for _ in 0..200 {
        server.decide(&page_on("ai-agents")).await;
    }
    // The end of the time is exclusive.
    server.advance_ms(1_000);
    let draw = |inventory: &mut Value| {
        let flights = inventory["flights"].as_array_mut().unwrap();
        let own = flights.iter_mut().find(|one| one["id"] == "nordwind-draw").unwrap();
        own["weight"] = json!(6.0);
    };
    draw(&mut inventory);
    let proposed = json!({ "inventory": inventory });
    let report = replay(&server, &proposed).await["report"].take();
    assert_eq!((&report["decisions"], &report["slots"]), (&json!(200), &json!(200)));
    let share = |report: &Value, table: &str, id: &str| {
        let rows = report[table]["rows"].as_array().unwrap();
        rows.iter().find(|row| row["id"] == id).unwrap()["share"].clone()
    };
    let own = share(&report, "advertisers", "nordwind-host");
    let (before, after) = (own["before"].as_f64().unwrap(), own["after"].as_f64().unwrap());
    assert!(after > before + 0.1, "{own}");
    let sum: f64 = report["advertisers"]["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["share"]["after"].as_f64().unwrap())
        .sum();
    assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    assert_eq!(share(&report, "topics", "ai-agents")["after"], json!(1.0));
    let example = &report["contexts"][0]["example"];
    let (status, _) = server.explain("operator", example["decision_id"].as_str().unwrap()).await;
    assert_eq!(status, 200, "{example}");

    // What happens then.
    let url = format!("{}/v1/admin/inventory", server.ops);
    let change = json!({ "inventory": proposed["inventory"], "confirm": true });
    let request = server.reader.request(reqwest::Method::PUT, &url).json(&change);
    let reply = request.bearer_auth(server.key("operator")).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    let mut won = BTreeMap::new();
    for _ in 0..600 {
        let decision = server.decide(&page_on("ai-agents")).await;
        *won.entry(decision.advertiser().to_owned()).or_insert(0.0) += 1.0;
    }
    let realised = won["nordwind-host"] / 600.0;
    let noise = 4.0 * (after * (1.0 - after) / 600.0_f64).sqrt();
    assert!((realised - after).abs() < noise, "{realised} instead of {after}");
}

#[tokio::test]
async fn the_command_shows_tables_json_and_a_page_and_diff_a_summary() {
    let server = TestServer::start().await;
    assert_eq!(apply(&server, &with_nordwind(&server).await).await.0, 200);
    for _ in 0..30 {
        server.decide(&page_on("ai-agents")).await;
        server.decide(&reference()).await;
    }
    let (key, data) = (server.key("operator").to_owned(), server.data());
    let weights = data.join("new.toml");
    let text = adjacent::catalog::files::WEIGHTS.1;
    let text = text.replace("sharpness = 1.0", "sharpness = 4.0");
    std::fs::write(&weights, &text).unwrap();
    let file = weights.to_str().unwrap();
    let page = data.join("replay.html");

    let arguments = ["replay", "--weights", file, "--html", page.to_str().unwrap()];
    let shown = cli(&data, &arguments, &key).await;
    let words = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.status.success() && words.starts_with("60 decisions with 60 slots"), "{words}");
    for part in
        ["advertiser", "filled slots", "most changed:", "reproduced bit for bit", "This assumes:"]
    {
        assert!(words.contains(part), "{part}: {words}");
    }
    let page = std::fs::read_to_string(page).unwrap();
    assert!(
        page.contains("<svg") && page.contains("zahid-host") && !page.contains("<link"),
        "{page}"
    );

    let diff = cli(&data, &["diff", file], &key).await;
    let words = String::from_utf8(diff.stdout).unwrap();
    assert!(words.contains("replay of 60 decisions of the last 24 hours"), "{words}");
    let diff = json_of(&cli(&data, &["diff", file, "--json"], &key).await);
    assert_eq!(diff["replay"]["decisions"], 60);

    let running = json_of(&cli(&data, &["replay", "--weights", file, "--json"], &key).await);
    let folder = server.end();
    let stopped = json_of(&cli(&data, &["replay", "--weights", file, "--json"], &key).await);
    for field in ["decisions", "fill", "changed", "advertisers", "flights", "topics", "contexts"] {
        assert_eq!(running[field], stopped[field], "{field}");
    }
    drop(folder);
}

#[tokio::test]
async fn what_cannot_be_replayed_is_refused_with_the_field_or_the_option() {
    let server = TestServer::start().await;
    server.unit().await;
    let mut broken = served(&server).await;
    broken["flights"][0]["campaign"] = json!("nowhere");
    let (_, mut weights) = get(&server, "/v1/admin/weights").await;
    weights["sharpness"] = json!(-1.0);
    for (request, status, code) in [
        (json!({ "inventory": broken }), 422, "invalid_document"),
        (json!({ "weights": weights }), 422, "invalid_document"),
        (json!({ "weights": { "sharpness": 1.0 } }), 422, "invalid_field"),
        (json!({ "part": 0.0 }), 422, "invalid_field"),
        (json!({ "part": 2.0 }), 422, "invalid_field"),
        (
            json!({ "from": "2026-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z" }),
            422,
            "invalid_field",
        ),
        (json!({ "from": "yesterday" }), 422, "invalid_field"),
        (json!({ "weigths": {} }), 422, "invalid_field"),
    ] {
        let (found, problem) = post(&server, &request).await;
        assert!(found == status || found == 400, "{request}: {problem}");
        assert!(problem["code"] == code || found == 400, "{request}: {problem}");
    }
    for path in ["/v1/admin/replays/7", "/v1/admin/replays/x"] {
        assert_eq!(get(&server, path).await.0, 404);
    }
    let (key, data) = (server.key("operator").to_owned(), server.data());
    let file = data.join("new.toml");
    std::fs::write(&file, adjacent::catalog::files::WEIGHTS.1).unwrap();
    let file = file.to_str().unwrap();
    for (arguments, expected) in [
        (vec!["replay", "--part", "0"], "--part: must be above 0"),
        (vec!["replay", "--from", "x"], "expected a day such as"),
        (vec!["replay", "--from", "2026-11-02", "--to", "2026-11-01"], "--to: must be after"),
        (vec!["replay", "--inventory", file], "names no file with inventory"),
        (vec!["replay", "--weights", "nowhere.toml"], "nowhere.toml"),
    ] {
        let output = cli(&data, &arguments, &key).await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {error}");
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
    // A time without decisions is an empty report, not an error.
    let early = json!({ "from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z" });
    assert_eq!(replay(&server, &early).await["reproduction"]["decisions"], 0);
}

#[tokio::test]
async fn clicks_of_another_configuration_are_estimated_from_counted_clicks_or_refused_with_a_reason()
 {
    let server = Setup::default().manual_clock().start().await;
    assert_eq!(apply(&server, &with_nordwind(&server).await).await.0, 200);
    let mut clicked = Vec::new();
    for number in 0..1_150 {
        let decision = server.decide(&page_on("ai-agents")).await;
        if number % 50 == 0 {
            clicked.push(decision);
        }
    }
    for decision in &clicked {
        server.reader.get(decision.impression_url()).send().await.unwrap();
    }
    server.advance_ms(2_000);
    for decision in &clicked {
        server.click(decision, "primary").await;
    }
    server.wait_until_applied().await;
    assert_eq!(server.verdicts(&clicked[0]).await, ["impression counted", "click counted"]);
    server.advance_ms(1_000);

    let (_, mut weights) = get(&server, "/v1/admin/weights").await;
    weights["explore_floor"] = json!(0.2);
    let report =
        replay(&server, &json!({ "weights": weights, "clicks": true })).await["report"].take();
    let found = &report["clicks"];
    assert_eq!((&found["decisions"], &found["clicks"]), (&json!(1_150), &json!(clicked.len())));
    assert_eq!(found["refused"], Value::Null, "{found:#}");
    let lift = &found["relative_lift"];
    let (value, plus_minus) =
        (lift["value"].as_f64().unwrap(), lift["plus_minus"].as_f64().unwrap());
    // Who is clicked is chance; one interval in twenty is missed, three times one practically never.
    assert!(value.abs() <= 3.0 * plus_minus && plus_minus > 0.0, "{lift}");

    // A flight that was never served has no clicks to learn from.
    let mut inventory = served(&server).await;
    let copy = |inventory: &mut Value, list: &str, id: &str, changes: &[(&str, &str)]| {
        let all = inventory[list].as_array_mut().unwrap();
        let mut new = all.iter().find(|one| one["id"] == id).unwrap().clone();
        changes.iter().for_each(|(field, value)| new[*field] = json!(value));
        all.push(new);
    };
    copy(&mut inventory, "flights", "nordwind-draw", &[("id", "nordwind-new")]);
    copy(
        &mut inventory,
        "creatives",
        "nordwind-one",
        &[("id", "nordwind-three"), ("flight", "nordwind-new")],
    );
    let request = json!({ "inventory": inventory, "clicks": true });
    let found = replay(&server, &request).await["report"]["clicks"].take();
    assert!(found["refused"].as_str().unwrap().contains("was never tried"), "{found:#}");
    assert_eq!((&found["lift"], &found["new"]), (&Value::Null, &Value::Null));

    let (key, data) = (server.key("operator").to_owned(), server.data());
    let file = data.join("new.toml");
    let text =
        adjacent::catalog::files::WEIGHTS.1.replace("explore_floor = 0.02", "explore_floor = 0.2");
    std::fs::write(&file, text).unwrap();
    let arguments = [
        "replay",
        "--clicks",
        "--to",
        "2100-01-01",
        "--from",
        "2020-01-01",
        "--weights",
        file.to_str().unwrap(),
    ];
    let folder = server.end();
    let output = cli(&data, &arguments, &key).await;
    let words = String::from_utf8(output.stdout).unwrap();
    assert!(words.contains(&format!("clicks: {} of 1150 decisions", clicked.len())), "{words}");
    drop(folder);
}

#[tokio::test]
async fn a_change_that_moves_a_share_by_more_than_the_limit_waits_for_confirmation_on_every_way_in()
{
    let server = TestServer::start().await;
    let mut inventory = with_nordwind(&server).await;
    assert_eq!(apply(&server, &inventory).await.0, 200);
    for _ in 0..1_050 {
        server.decide(&page_on("ai-agents")).await;
    }
    // No single figure is multiplied by more than two.
    let flights = inventory["flights"].as_array_mut().unwrap();
    let own = flights.iter_mut().find(|one| one["id"] == "nordwind-draw").unwrap();
    own["weight"] = json!(own["weight"].as_f64().unwrap_or(1.0) * 2.0);
    let one = own.clone();

    let url = format!("{}/v1/admin/inventory", server.ops);
    let put = async |url: &str, body: &Value| {
        let request = server.reader.request(reqwest::Method::PUT, url).json(body);
        let reply = request.bearer_auth(server.key("operator")).send().await.unwrap();
        (reply.status().as_u16(), reply.json::<Value>().await.unwrap())
    };
    let document = format!("{}/v1/admin/flights/nordwind-draw", server.ops);
    let whole = json!({ "inventory": inventory });
    for (url, body) in [(&url, &whole), (&document, &one)] {
        let (status, problem) = put(url, body).await;
        assert_eq!(
            (status, &problem["code"]),
            (409, &json!("confirmation_required")),
            "{problem:#}"
        );
        let text = problem.to_string();
        assert!(text.contains("nordwind-host") && text.contains("share"), "{problem:#}");
    }
    let (key, data) = (server.key("operator").to_owned(), server.data());
    let folder = data.join("proposed");
    let pulled = cli(&data, &["pull", folder.to_str().unwrap(), "--yes"], &key).await;
    assert!(pulled.status.success(), "{pulled:?}");
    let file = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            std::fs::read_to_string(path)
                .is_ok_and(|text| text.contains("nordwind-draw") && text.contains("[[flights]]"))
        })
        .unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, block) = text.split_at(text.find("id = \"nordwind-draw\"").unwrap());
    let end = block.find("\n[[").unwrap_or(block.len());
    let own = block[..end].lines().filter(|line| !line.starts_with("weight = "));
    let own = own.collect::<Vec<_>>().join("\n");
    let text = format!("{before}weight = {}\n{own}{}", one["weight"], &block[end..]);
    std::fs::write(&file, text).unwrap();
    let arguments = ["apply", folder.to_str().unwrap(), "--yes"];
    let refused = cli(&data, &arguments, &key).await;
    let error = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(64), "{error}");
    assert!(error.contains("nordwind-host") && error.contains("--force"), "{error}");

    assert_eq!(put(&format!("{document}?confirm=true"), &one).await.0, 200);
}
