//! The life of weights: drafts, their replay, activation by name, and what was served when.

use crate::funnel::{cli, json_of, with_nordwind};
use crate::harness::decision::page_on;
use crate::harness::process::Installation;
use crate::harness::{Redis, Setup, TestServer, wait_until};
use crate::removed::apply;
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/v1/admin/weights/versions";

pub async fn send(
    server: &TestServer,
    (method, path): (Method, &str),
    body: &Value,
    if_match: Option<&str>,
) -> (u16, Value) {
    let mut request = server.reader.request(method, &format!("{}{path}", server.ops)).json(body);
    if let Some(hash) = if_match {
        request = request.header("if-match", format!("\"{hash}\""));
    }
    let reply = request.bearer_auth(server.key("operator")).send().await.unwrap();
    (reply.status().as_u16(), reply.json().await.unwrap_or_default())
}

async fn get(server: &TestServer, path: &str) -> (u16, Value) {
    send(server, (Method::GET, path), &Value::Null, None).await
}

/// The weights as delivered with other values of these fields.
pub fn weights_with(changes: Value) -> Value {
    let mut weights = serde_json::to_value(
        toml::from_str::<toml::Value>(adjacent::catalog::files::WEIGHTS.1).unwrap(),
    )
    .unwrap();
    for (field, value) in changes.as_object().unwrap() {
        weights[field] = value.clone();
    }
    weights
}

pub async fn draft(server: &TestServer, name: &str, weights: &Value) -> (u16, Value) {
    let body = json!({ "name": name, "note": format!("about {name}"), "weights": weights });
    send(server, (Method::POST, PATH), &body, None).await
}

async fn active(server: &TestServer) -> String {
    let versions = get(server, PATH).await.1;
    let mut active = versions.as_array().unwrap().iter().filter(|one| one["state"] == "active");
    let hash = active.next().unwrap()["hash"].as_str().unwrap().to_owned();
    assert!(active.next().is_none(), "{versions:#}");
    hash
}

#[tokio::test]
async fn weights_go_from_draft_over_a_replay_to_active_and_back_with_author_note_and_difference() {
    let server = TestServer::start().await;
    for _ in 0..20 {
        server.decide(&page_on("ai-agents")).await;
    }
    let first = active(&server).await;
    let (status, stored) =
        draft(&server, "sharper", &weights_with(json!({ "sharpness": 1.5 }))).await;
    assert_eq!(status, 201, "{stored:#}");
    let expected = json!({ "path": "sharpness", "old": 1.0, "new": 1.5 });
    assert_eq!((&stored["state"], &stored["difference"]), (&json!("checked"), &json!([expected])));
    assert_eq!(
        (&stored["note"], &stored["compared_with"]),
        (&json!("about sharper"), &json!(first))
    );
    assert!(!stored["author"].as_str().unwrap().is_empty() && stored["owner"].is_string());
    assert_eq!(active(&server).await, first, "a draft is not served");

    let path = format!("{PATH}/sharper");
    let (status, job) =
        send(&server, (Method::POST, &format!("{path}/replay")), &Value::Null, None).await;
    assert_eq!(status, 202, "{job:#}");
    let job = format!("/v1/admin/replays/{}", job["id"]);
    let report = wait_until("the replay", async || {
        let view = get(&server, &job).await.1;
        (view["state"] == "done").then(|| view["report"].clone())
    })
    .await;
    let (_, replayed) = get(&server, &path).await;
    assert_eq!((&replayed["state"], &replayed["findings"]), (&json!("replayed"), &json!([])));
    let kept = &replayed["replay"];
    assert_eq!((&kept["decisions"], &kept["changed"]), (&json!(20), &report["changed"]));
    assert_eq!(kept["fill_after"], report["fill"]["after"]);
    assert_eq!(kept["largest_move"]["advertiser"], report["advertisers"]["rows"][0]["id"]);
    assert_eq!(replayed["weights"]["sharpness"], 1.5);

    // An operator who has not seen what is active now is refused.
    let activate = format!("{path}/activate?confirm=true");
    let post = |seen| send(&server, (Method::POST, &activate), &Value::Null, seen);
    let (status, problem) = post(Some("0123456789abcdef0123456789abcdef")).await;
    assert_eq!((status, &problem["code"]), (412, &json!("precondition_failed")));
    let (status, done) = post(Some(&first)).await;
    assert_eq!(status, 200, "{done:#}");
    assert_eq!(active(&server).await, stored["hash"]);
    let history = get(&server, "/v1/admin/history").await.1;
    let last = history.as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["what"], &last["version"]),
        (&json!("activate weights sharper"), &json!("sharper"))
    );

    // What was served before has no name, and is activated by the beginning of its hash.
    let back = format!("{PATH}/{}/activate?confirm=true", &first[..10]);
    let (status, done) = send(&server, (Method::POST, &back), &Value::Null, None).await;
    assert_eq!(status, 200, "{done:#}");
    let (_, retired) = get(&server, &path).await;
    assert_eq!(retired["state"], "retired");
    let times = retired["active"].as_array().unwrap();
    assert!(times.len() == 1 && times[0]["to"].is_string(), "{times:?}");
    let (status, problem) = send(&server, (Method::DELETE, &path), &Value::Null, None).await;
    assert_eq!((status, &problem["code"]), (409, &json!("version_served")));
    let (_, unnamed) = get(&server, &format!("{PATH}/{first}")).await;
    assert_eq!(
        (unnamed["state"].clone(), unnamed["active"].as_array().unwrap().len()),
        (json!("active"), 2)
    );

    // All of it is on disk.
    let server = server.restart().await;
    let (_, after) = get(&server, &path).await;
    assert_eq!(after, retired);
}

#[tokio::test]
async fn a_draft_with_errors_a_taken_name_and_an_unknown_one_are_refused_with_the_reason() {
    let server = TestServer::start().await;
    let (status, problem) =
        draft(&server, "floor", &weights_with(json!({ "relevance_floor": 900.0 }))).await;
    assert_eq!((status, &problem["code"]), (422, &json!("invalid_document")), "{problem:#}");
    assert!(problem["problems"][0]["reason"].as_str().unwrap().contains("highest relevance"));
    let (status, problem) =
        draft(&server, "rates", &weights_with(json!({ "exchange_rates": null }))).await;
    assert_eq!((status, &problem["code"]), (422, &json!("invalid_document")), "{problem:#}");

    let one = weights_with(json!({ "sharpness": 1.5 }));
    let two = weights_with(json!({ "sharpness": 1.25 }));
    assert_eq!(draft(&server, "spring", &one).await.0, 201);
    assert_eq!(draft(&server, "spring", &one).await.0, 201, "repeated");
    for (name, weights) in [("spring", &two), ("summer", &one)] {
        let (status, problem) = draft(&server, name, weights).await;
        assert_eq!((status, &problem["code"]), (409, &json!("version_exists")), "{problem:#}");
    }
    let (status, problem) = draft(&server, "Spring!", &two).await;
    assert_eq!((status, &problem["field"]), (422, &json!("name")), "{problem:#}");
    let unknown = [
        (Method::GET, format!("{PATH}/sprin")),
        (Method::DELETE, format!("{PATH}/sprin")),
        (Method::POST, format!("{PATH}/sprin/replay")),
        (Method::POST, format!("{PATH}/sprin/activate")),
    ];
    for (method, path) in unknown {
        let (status, problem) = send(&server, (method, &path), &Value::Null, None).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == 404 && detail.ends_with("did you mean `spring`?"), "{path}: {problem:#}");
    }
    // The guard judges an activation as any change.
    assert_eq!(draft(&server, "far", &weights_with(json!({ "sharpness": 8.0 }))).await.0, 201);
    let far = format!("{PATH}/far/activate");
    let (status, problem) = send(&server, (Method::POST, &far), &Value::Null, None).await;
    assert_eq!((status, &problem["code"]), (409, &json!("confirmation_required")));
    assert_eq!(
        send(&server, (Method::DELETE, &format!("{PATH}/far")), &Value::Null, None).await.0,
        204
    );
    assert_eq!(get(&server, &format!("{PATH}/far")).await.0, 404);
}

#[tokio::test]
async fn the_command_line_drafts_compares_replays_activates_and_drops_versions() {
    let server = TestServer::start().await;
    for _ in 0..10 {
        server.decide(&page_on("ai-agents")).await;
    }
    let (key, data) = (server.key("operator").to_owned(), server.data());
    let file = data.join("new.toml");
    let text = adjacent::catalog::files::WEIGHTS.1.replace("sharpness = 1.0", "sharpness = 1.5");
    std::fs::write(&file, text).unwrap();
    let run = async |arguments: &[&str]| {
        let found = cli(&data, &[&["weights"], arguments].concat(), &key).await;
        let text =
            String::from_utf8_lossy(&[&found.stdout[..], &found.stderr].concat()).into_owned();
        (found.status.code().unwrap(), text)
    };
    let arguments = ["draft", file.to_str().unwrap(), "--name", "sharper", "--note", "a trial"];
    let (code, text) = run(&arguments).await;
    assert!(code == 0 && text.contains("sharpness: 1.0 → 1.5"), "{text}");
    let (code, text) = run(&["diff", "sharper"]).await;
    assert!(code == 0 && text.contains("sharpness: 1.0 → 1.5"), "{text}");
    let (code, text) = run(&["replay", "sharper"]).await;
    assert!(code == 0 && text.starts_with("10 decisions"), "{text}");
    let (code, text) = run(&["show", "sharper"]).await;
    assert!(code == 0 && text.starts_with("sharper: replayed"), "{text}");
    assert!(text.contains("a trial") && text.contains("replay of 10 decisions"), "{text}");
    let (code, text) = run(&["activate", "sharper"]).await;
    assert!(code == 0 && text.contains("`sharper` is active, as change"), "{text}");
    let (code, text) = run(&["activate", "sharper"]).await;
    assert!(code == 0 && text.contains("active already"), "{text}");
    let (code, text) = run(&["drop", "sharper"]).await;
    assert!(code == 64 && text.contains("was served"), "{text}");
    let (code, text) = run(&["show", "shaper"]).await;
    assert!(code == 64 && text.contains("did you mean `sharper`?"), "{text}");
    let listed = json_of(&cli(&data, &["weights", "list", "--json"], &key).await);
    let shown: Vec<_> =
        listed.as_array().unwrap().iter().map(|one| (&one["name"], &one["state"])).collect();
    assert_eq!(shown, [(&json!("sharper"), &json!("active")), (&Value::Null, &json!("retired"))]);
}

#[tokio::test]
async fn with_activation_by_command_a_saved_file_is_a_draft_that_can_be_activated() {
    let installation = Installation::new().set("ADJACENT__WEIGHTS__ACTIVATION", "command");
    let process = installation.serve();
    let list = || {
        let found = installation.command(&["weights", "list", "--json"]).output().unwrap();
        serde_json::from_slice::<Value>(&found.stdout).unwrap()
    };
    assert_eq!(list().as_array().unwrap().len(), 1, "the file is what is served");
    installation.change("weights.toml", "entity_boost = 2.0", "entity_boost = 2.5");
    let name = wait_until("the draft", async || {
        let listed = list();
        let draft = listed.as_array().unwrap().iter().find(|one| one["author"] == "file").cloned();
        draft.filter(|draft| draft["name"].is_string())
    })
    .await;
    assert_eq!(name["state"], "checked");
    let (hash, name) = (name["hash"].as_str().unwrap(), name["name"].as_str().unwrap());
    assert_eq!(name, format!("file-{}", &hash[..12]));
    process.wait_for_log("adjacent weights activate file-").await;
    let done = installation.command(&["weights", "activate", name]).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let listed = list();
    let active = listed.as_array().unwrap().iter().find(|one| one["state"] == "active").unwrap();
    assert_eq!(active["name"], name);

    // What was saved while no server ran is a draft after the start.
    drop(process);
    installation.change("weights.toml", "entity_boost = 2.5", "entity_boost = 2.25");
    let process = installation.serve();
    wait_until("the other draft", async || {
        let listed = list();
        (listed.as_array().unwrap().iter().filter(|one| one["state"] == "checked").count() == 1)
            .then_some(())
    })
    .await;
    drop(process);
}

#[tokio::test]
async fn instances_of_a_fleet_have_the_same_versions_and_one_name_is_taken_once() {
    let redis = Redis::start();
    let one = Setup::default().with_store(&redis).start().await;
    let two = Setup::default().with_store(&redis).start().await;
    let weights = weights_with(json!({ "sharpness": 1.5 }));
    let other = weights_with(json!({ "sharpness": 1.25 }));
    let (first, second) =
        tokio::join!(draft(&one, "spring", &weights), draft(&two, "spring", &other));
    let mut codes = [first.0, second.0];
    codes.sort_unstable();
    assert_eq!(codes, [201, 409], "{first:?} {second:?}");
    let hash = if first.0 == 201 { &first.1["hash"] } else { &second.1["hash"] };
    for server in [&one, &two] {
        wait_until("the draft on both", async || {
            (get(server, &format!("{PATH}/spring")).await.1["hash"] == *hash).then_some(())
        })
        .await;
    }
    let path = format!("{PATH}/spring/activate?confirm=true");
    let (status, done) = send(&two, (Method::POST, &path), &Value::Null, None).await;
    assert_eq!(status, 200, "{done:#}");
    wait_until("activation on the other", async || {
        (get(&one, &format!("{PATH}/spring")).await.1["state"] == "active").then_some(())
    })
    .await;

    // A store that was emptied gets the versions again; a new instance takes them over.
    redis.cli(&["HDEL", "adj:{all}:catalog", "w", "r"]);
    wait_until("the versions in the store", async || {
        (redis.cli(&["HGET", "adj:{all}:catalog", "r"]).trim() == "1").then_some(())
    })
    .await;
    let three = Setup::default().with_store(&redis).start().await;
    assert_eq!(get(&three, &format!("{PATH}/spring")).await.1["hash"], *hash);
}

const SHADOW: &str = "/v1/admin/weights/shadow";

/// Decides pages until this many decisions were compared; returns what was found.
async fn compared(server: &TestServer, least: u64) -> Value {
    wait_until("compared decisions", async || {
        for _ in 0..5 {
            server.decide(&page_on("ai-agents")).await;
        }
        let report = get(server, SHADOW).await.1;
        report["decisions"].as_u64().filter(|decisions| *decisions >= least).map(|_| report)
    })
    .await
}

#[tokio::test]
async fn the_same_weights_in_the_shadow_agree_on_every_decision_until_they_are_switched_off() {
    let server = TestServer::start().await;
    assert_eq!(get(&server, SHADOW).await, (200, Value::Null));
    let hash = active(&server).await;
    let path = format!("{PATH}/{hash}/shadow");
    assert_eq!(send(&server, (Method::POST, &path), &Value::Null, None).await.0, 200);
    let report = compared(&server, 5).await;
    assert_eq!((&report["agreement"], &report["hash"]), (&json!(1.0), &json!(hash)));
    assert_eq!(report["fill"]["served"], report["fill"]["shadow"]);
    let shares = report["shares"].as_array().unwrap();
    assert!(!shares.is_empty() && shares.iter().all(|one| one["points"] == 0.0), "{report:#}");
    let same = "adjacent_shadow_decisions_total{agreement=\"same\"}";
    assert!(server.scrape().await.count(same) >= 5);
    assert_eq!(
        server.scrape().await.count("adjacent_shadow_decisions_total{agreement=\"other\"}"),
        0
    );

    // It goes on with another inventory, and after a restart.
    let (status, reply) = apply(&server, &with_nordwind(&server).await).await;
    assert_eq!(status, 200, "{reply:#}");
    let before = get(&server, SHADOW).await.1["decisions"].as_u64().unwrap();
    assert_eq!(compared(&server, before + 5).await["agreement"], 1.0);
    let server = server.restart().await;
    assert_eq!(compared(&server, 1).await["agreement"], 1.0);

    assert_eq!(send(&server, (Method::DELETE, SHADOW), &Value::Null, None).await.0, 204);
    assert_eq!(get(&server, SHADOW).await.1, Value::Null);
}

#[tokio::test]
async fn other_weights_in_the_shadow_move_shares_as_a_replay_of_the_same_decisions_says() {
    let server = Setup::default().manual_clock().start().await;
    assert_eq!(apply(&server, &with_nordwind(&server).await).await.0, 200);
    server.advance_ms(1_000);
    let weights = weights_with(json!({ "sharpness": 3.0, "price_weight": 1.0 }));
    assert_eq!(draft(&server, "sharper", &weights).await.0, 201);
    let path = format!("{PATH}/sharper/shadow");
    assert_eq!(send(&server, (Method::POST, &path), &Value::Null, None).await.0, 200);
    let found = compared(&server, 30).await;
    assert!(found["agreement"].as_f64().unwrap() < 1.0, "{found:#}");
    // The end of the time is exclusive.
    server.advance_ms(1_000);
    let path = format!("{PATH}/sharper/replay");
    let job = send(&server, (Method::POST, &path), &Value::Null, None).await.1;
    let job = format!("/v1/admin/replays/{}", job["id"]);
    let report = wait_until("the replay", async || {
        let view = get(&server, &job).await.1;
        (view["state"] == "done").then(|| view["report"].clone())
    })
    .await;
    let mut largest: f64 = 0.0;
    for row in report["advertisers"]["rows"].as_array().unwrap() {
        let predicted = 100.0 * row["share"]["difference"].as_f64().unwrap();
        let own =
            found["shares"].as_array().unwrap().iter().find(|one| one["advertiser"] == row["id"]);
        let points = own.unwrap()["points"].as_f64().unwrap();
        assert!((points - predicted).abs() < 1.5, "{points} instead of {predicted}: {row:#}");
        largest = largest.max(points.abs());
    }
    assert!(largest > 3.0, "{found:#}");
    let shown = get(&server, &format!("{PATH}/sharper")).await.1;
    assert_eq!(shown["shadow"]["version"], "sharper");
    let scrape = server.scrape().await;
    let first = found["shares"][0]["advertiser"].as_str().unwrap();
    let series = format!("adjacent_shadow_share_points{{advertiser=\"{first}\"}}");
    assert!(scrape.value(&series).abs() > 3.0);
    let (key, data) = (server.key("operator").to_owned(), server.data());
    let text = cli(&data, &["weights", "show", "sharper"], &key).await;
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("decisions compared") && text.contains(first), "{text}");
    let off = cli(&data, &["weights", "shadow", "--off"], &key).await;
    assert!(off.status.success(), "{off:?}");
    assert_eq!(get(&server, SHADOW).await.1, Value::Null);
}

#[tokio::test]
async fn all_instances_compare_the_version_that_one_was_asked_to() {
    let redis = Redis::start();
    let one = Setup::default().with_store(&redis).start().await;
    let two = Setup::default().with_store(&redis).start().await;
    assert_eq!(draft(&one, "spring", &weights_with(json!({ "sharpness": 1.5 }))).await.0, 201);
    let path = format!("{PATH}/spring/shadow");
    assert_eq!(send(&one, (Method::POST, &path), &Value::Null, None).await.0, 200);
    wait_until("the comparison on the other", async || {
        (get(&two, SHADOW).await.1["version"] == "spring").then_some(())
    })
    .await;
    // A version that is dropped is compared no longer.
    let path = format!("{PATH}/spring");
    assert_eq!(send(&two, (Method::DELETE, &path), &Value::Null, None).await.0, 204);
    wait_until("no comparison", async || (get(&one, SHADOW).await.1.is_null()).then_some(())).await;
}

#[tokio::test]
async fn an_old_decision_is_explained_with_the_weights_that_it_had_and_with_any_others() {
    let server = TestServer::start().await;
    assert_eq!(apply(&server, &with_nordwind(&server).await).await.0, 200);
    let decision = server.decide(&page_on("ai-agents")).await;
    let old = active(&server).await;
    let weights = weights_with(json!({ "sharpness": 0.25 }));
    let (status, stored) = draft(&server, "flat", &weights).await;
    assert_eq!(status, 201, "{stored:#}");
    let new = stored["hash"].clone();
    let path = format!("/v1/decisions/{}/explain", decision.id());
    let made = get(&server, &path).await.1;
    let again = async |version: &str| {
        let (status, found) = get(&server, &format!("{path}?weights={version}")).await;
        assert_eq!(status, 200, "{found:#}");
        found
    };
    let flat = again("flat").await;
    assert_eq!((&flat["versions"]["weights"], &flat["instead_of"]), (&new, &json!(old)));
    let chances = |found: &Value| -> Vec<f64> {
        let candidates = found["slots"][0]["candidates"].as_array().unwrap();
        candidates.iter().map(|one| one["probability"].as_f64().unwrap()).collect()
    };
    let spread = |of: &[f64]| of[0] - of[of.len() - 1];
    let (sharp, flat) = (chances(&made), chances(&flat));
    assert!(sharp.len() > 1 && spread(&flat) < spread(&sharp) / 2.0, "{sharp:?} {flat:?}");

    // What is active since changes nothing about a decision of the past.
    let activate = format!("{PATH}/flat/activate?confirm=true");
    let (status, reply) = send(&server, (Method::POST, &activate), &Value::Null, None).await;
    assert_eq!(status, 200, "{reply:#}");
    assert_eq!(get(&server, &path).await.1, made);
    let mut same = again(&old[..12]).await;
    assert_eq!(same.as_object_mut().unwrap().remove("instead_of"), Some(json!(old)));
    assert_eq!(same, made);

    let (status, problem) = get(&server, &format!("{path}?weights=sharp")).await;
    assert_eq!((status, &problem["code"]), (404, &json!("not_found")));
    let foreign = format!("{path}?weights=flat");
    let (status, _) = server.get_as("publisher:eu-tech-news", &foreign).await;
    assert_eq!(status, 403);
    let (key, data) = (server.key("operator").to_owned(), server.data());
    let arguments = ["explain", decision.id(), "--weights", "flat"];
    let online = cli(&data, &arguments, &key).await;
    let text = String::from_utf8(online.stdout.clone()).unwrap();
    assert!(
        text.contains(&format!("{} instead of {}", &new.as_str().unwrap()[..12], &old[..12])),
        "{text}"
    );
    let _folder = server.end();
    let offline = cli(&data, &arguments, &key).await;
    assert_eq!(String::from_utf8(offline.stdout).unwrap(), text);
}
