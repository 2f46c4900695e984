//! The operator console: its page, its files and the overview behind it.

use crate::harness::inventory::PRICE_MICROS;
use crate::harness::{Setup, TestServer, inventory, wait_until};
use serde_json::{Value, json};

const FLIGHT: &str = "zahid-ai-europe";

async fn overview(server: &TestServer, search: &str) -> Value {
    let url = format!("{}/v1/admin/overview", server.ops);
    let url = url::Url::parse_with_params(&url, [("search", search)]).unwrap();
    let request = server.reader.get(url.as_str());
    let reply = request.bearer_auth(server.key("operator")).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    reply.json().await.unwrap()
}

/// Every flight of an overview.
fn flights(overview: &Value) -> Vec<&Value> {
    let advertisers = overview["advertisers"].as_array().unwrap().iter();
    let campaigns = advertisers.flat_map(|advertiser| advertiser["campaigns"].as_array().unwrap());
    campaigns.flat_map(|campaign| campaign["flights"].as_array().unwrap()).collect()
}

fn flight<'a>(overview: &'a Value, id: &str) -> &'a Value {
    flights(overview).into_iter().find(|flight| flight["id"] == id).unwrap()
}

async fn admin(server: &TestServer, path: &str, body: &Value) {
    let request = server.reader.post(&format!("{}/v1/admin/{path}", server.ops));
    let reply = request.bearer_auth(server.key("operator")).json(body).send().await.unwrap();
    let status = reply.status();
    assert_eq!(status, 200, "{}", reply.text().await.unwrap());
}

#[tokio::test]
async fn the_console_is_one_page_with_its_own_files_and_no_protected_data() {
    let server = TestServer::start().await;
    let get = |path: &str| server.reader.get(&format!("{}{path}", server.ops)).send();

    let reply = get("/console").await.unwrap();
    let policy = reply.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert_eq!(reply.headers()["cache-control"], "no-store");
    let page = reply.text().await.unwrap();

    assert_eq!(policy, adjacent::web::PAGE_POLICY);
    for secret in [server.key("operator"), FLIGHT, "zahid-launch", "eu-tech-news"] {
        assert!(!page.contains(secret), "{secret}");
    }
    assert!(
        page.contains("The flight targets the page&#39;s own topic."),
        "descriptions of the filters"
    );
    let files: Vec<&str> =
        page.split("\"/embed/").skip(1).filter_map(|after| after.split('"').next()).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        let reply = get(&format!("/embed/{file}")).await.unwrap();
        let kind = reply.headers()["content-type"].to_str().unwrap().to_owned();
        let ends = [(".js", "text/javascript"), (".css", "text/css"), (".svg", "image/svg+xml")];
        let expected = ends.iter().find(|(end, _)| file.ends_with(end)).unwrap().1;
        assert!(reply.status() == 200 && kind.starts_with(expected), "{file}: {kind}");
    }
    let public = server.reader.get(&format!("{}/console", server.public)).send().await.unwrap();
    assert_eq!(public.status(), 404, "the public listener has no console");
}

#[tokio::test]
async fn the_overview_matches_the_ledger() {
    let server = TestServer::start().await;
    for _ in 0..3 {
        server.reader.impression(&server.unit().await).await;
    }

    let reply = overview(&server, "").await;
    let own = flight(&reply, FLIGHT);

    assert_eq!(own["status"], "open");
    assert_eq!(own["delivered_impressions"], 3);
    assert_eq!(own["spent_today_micros"], 3 * PRICE_MICROS);
    assert_eq!(
        own["left_micros"],
        200_000_000 - 3 * PRICE_MICROS,
        "of the campaign's daily budget"
    );
    assert_eq!((&own["tier"], &own["pricing"]), (&json!("standard"), &json!("cpm")));
    let advertiser = reply["advertisers"].as_array().unwrap().iter();
    let advertiser =
        advertiser.into_iter().find(|advertiser| advertiser["id"] == "zahid-host").unwrap();
    let campaign = &advertiser["campaigns"][0];
    assert_eq!(campaign["spent_micros"], 3 * PRICE_MICROS);
    assert_eq!(campaign["spent_today_micros"], 3 * PRICE_MICROS);
    assert_eq!(advertiser["currency"], "EUR");
    assert_eq!(reply["found"], reply["flights"]);
    assert_eq!(reply["left_off"], 0);
}

#[tokio::test]
async fn a_flight_reports_why_it_is_not_served() {
    let server =
        Setup::default().inventory(inventory::with_budget_for(1)).manual_clock().start().await;
    let status = async || flight(&overview(&server, "").await, FLIGHT)["status"].clone();
    assert_eq!(status().await, "open");

    let stop =
        |what: &str, id: &str, paused: bool| json!({"what": what, "id": id, "paused": paused});
    admin(&server, "pauses", &stop("campaign", "zahid-launch", true)).await;
    let reply = overview(&server, "").await;
    let own = flight(&reply, FLIGHT);
    assert_eq!((&own["status"], &own["paused"]), (&json!("paused"), &json!(false)));
    admin(&server, "pauses", &stop("campaign", "zahid-launch", false)).await;

    let path = "creatives/zahid-git-push/state";
    let creative = flight(&overview(&server, "").await, FLIGHT)["creatives"][0].clone();
    assert_eq!(creative["steps"], json!(["draft", "paused"]));
    admin(&server, path, &json!({"state": "paused"})).await;
    assert_eq!(status().await, "no_live_creative");
    admin(&server, path, &json!({"state": "live"})).await;

    server.reader.impression(&server.unit().await).await;
    wait_until("a spent budget", async || (status().await == "budget_spent").then_some(())).await;
}

#[tokio::test]
async fn a_search_matches_id_name_and_status_only() {
    let server = TestServer::start().await;
    let ids = async |search: &str| -> Vec<String> {
        let reply = overview(&server, search).await;
        let found =
            flights(&reply).into_iter().map(|flight| flight["id"].as_str().unwrap().to_owned());
        found.collect()
    };

    assert_eq!(ids("ZAHID").await, [FLIGHT]);
    assert_eq!(ids("launch europe").await, [FLIGHT], "words of the campaign's name");
    assert_eq!(ids("house").await, ["house-newsletter"]);
    assert!(ids("no-such-thing").await.is_empty());
    assert!(ids("paused").await.is_empty());
    let stop = json!({"what": "publisher", "id": "eu-tech-news", "paused": true});
    admin(&server, "pauses", &stop).await;
    let reply = overview(&server, "paused").await;
    assert_eq!(reply["publishers"].as_array().unwrap().len(), 1);
    assert_eq!(reply["publishers"][0]["id"], "eu-tech-news");
    assert_eq!(reply["advertisers"], json!([]));
}

#[tokio::test]
async fn a_large_overview_is_truncated_and_reports_how_many_are_left_off() {
    let inventory = adjacent::catalog::synth::inventory(400, 7);
    let text = toml::to_string(&inventory).unwrap();
    let server = Setup::default().inventory(text).start().await;

    let reply = overview(&server, "").await;

    assert_eq!(flights(&reply).len(), 200);
    assert_eq!(reply["flights"], inventory.flights.len());
    assert_eq!(reply["left_off"], inventory.flights.len() - 200);
    let last =
        server.inner.world.live().snapshot().inventory.flights.last().unwrap().id.to_string();
    assert!(flights(&reply).iter().all(|flight| flight["id"] != last), "beyond the limit");
    assert_eq!(flight(&overview(&server, &last).await, &last)["id"], last, "a search finds it");
}
