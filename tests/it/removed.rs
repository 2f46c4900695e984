//! What is taken out of the inventory keeps its history: reports, page, refunds, credits, and the bills
//! of units already shown.

use crate::harness::inventory::PRICE_MICROS;
use crate::harness::{Decision, Redis, Setup, TestServer, inventory, reference, wait_until};
use serde_json::{Value, json};

const PAGE: &str = "/reports/zahid-host";
const ADVERTISER: &str = "/v1/reports/advertisers/zahid-host?by=flight,creative,topic";
const PUBLISHER: &str = "/v1/reports/publishers/eu-tech-news?by=flight,placement";
/// Price of a click in [`paid_by_click`], in micros.
pub const CLICK_MICROS: u64 = 50_000;

/// The reference campaign, paid by click.
pub fn paid_by_click() -> String {
    inventory::paid_by_click(CLICK_MICROS)
}

pub async fn served(server: &TestServer) -> Value {
    let request = server.reader.get(&format!("{}/v1/admin/inventory", server.ops));
    request.bearer_auth(server.key("operator")).send().await.unwrap().json().await.unwrap()
}

/// Applies a whole inventory; returns the status and the reply.
pub async fn apply(server: &TestServer, inventory: &Value) -> (u16, Value) {
    let url = format!("{}/v1/admin/inventory", server.ops);
    let request = server.reader.request(reqwest::Method::PUT, &url);
    let body = json!({ "inventory": inventory, "confirm": true });
    let request = request.bearer_auth(server.key("operator")).json(&body);
    let reply = request.send().await.unwrap();
    (reply.status().as_u16(), reply.json().await.unwrap())
}

/// Takes documents out of the served inventory; `list` and id of each. Returns what was served before.
async fn remove(server: &TestServer, documents: &[(&str, &str)]) -> Value {
    let before = served(server).await;
    let mut after = before.clone();
    for (list, id) in documents {
        let list = after[list].as_array_mut().unwrap();
        let count = list.len();
        list.retain(|one| one["id"] != *id);
        assert_eq!(list.len(), count - 1, "{id}");
    }
    let (status, reply) = apply(server, &after).await;
    assert_eq!(status, 200, "{reply:#}");
    before
}

const WHOLE_ADVERTISER: [(&str, &str); 4] = [
    ("advertisers", "zahid-host"),
    ("campaigns", "zahid-launch"),
    ("flights", "zahid-ai-europe"),
    ("creatives", "zahid-git-push"),
];

/// What a report says, without the time at which it was made.
async fn report(server: &TestServer, party: &str, path: &str) -> Value {
    let (status, mut report) = server.get_as(party, path).await;
    assert_eq!(status, 200, "{path}: {report:#}");
    for field in ["generated_at", "complete_through", "final_until", "provisional"] {
        report.as_object_mut().unwrap().remove(field);
    }
    report
}

async fn total(server: &TestServer) -> Value {
    report(server, "advertiser:zahid-host", ADVERTISER).await["total"][0].clone()
}

/// The advertiser's report as CSV, without up to when it is final: that moves on.
async fn csv(server: &TestServer, party: &str) -> Vec<String> {
    let text = text(server, &format!("{ADVERTISER}&format=csv"), Some(party)).await;
    let lines = text.lines().map(|line| line.rsplitn(3, ',').last().unwrap().to_owned());
    lines.collect()
}

/// The text behind a path of the public listener, as a browser gets it.
async fn text(server: &TestServer, path: &str, party: Option<&str>) -> String {
    server.wait_until_applied().await;
    let request = server.reader.get(&format!("{}{path}", server.public));
    let mut request = request.header("accept", "text/html");
    if let Some(party) = party {
        request = request.bearer_auth(server.key(party));
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.unwrap()
}

/// The figures of the advertiser's page: all cells of its breakdowns.
async fn page(server: &TestServer, party: Option<&str>) -> String {
    let link = server.link("zahid-host", 3_600_000);
    let path = if party.is_none() { format!("{PAGE}?link={link}") } else { PAGE.to_owned() };
    text(server, &path, party).await
}

/// The breakdowns of a page, which names in the inventory and figures of the ledger make up.
fn breakdowns(page: &str) -> &str {
    let start = page.find("By day").expect("the first breakdown");
    let end = page.find("<h2>Downloads").expect("the downloads");
    &page[start..end]
}

pub async fn post(server: &TestServer, path: &str, key: &str, body: &Value) -> Value {
    server.wait_until_applied().await;
    let url = format!("{}/v1/admin/{path}", server.ops);
    let request = server.reader.post(&url).bearer_auth(server.key("operator")).json(body);
    let reply = request.header("idempotency-key", key).send().await.unwrap();
    assert_eq!(reply.status(), 200, "{path}");
    reply.json().await.unwrap()
}

pub async fn refund(server: &TestServer, key: &str, micros: u64) -> Value {
    let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let today = server.state.clock.now().to_zoned(berlin).date().to_string();
    let body =
        json!({ "campaign": "zahid-launch", "day": today, "micros": micros, "note": "down" });
    post(server, "refunds", key, &body).await["micros"].clone()
}

async fn shown_units(server: &TestServer, count: usize) -> Vec<Decision> {
    let mut units = Vec::new();
    for _ in 0..count {
        let unit = server.unit().await;
        server.reader.impression(&unit).await;
        units.push(unit);
    }
    units
}

/// Clicks on a unit by way of a server, which need not be the one that decided. The click has its
/// verdict when this returns, at least on a single instance.
async fn click(server: &TestServer, unit: &Decision, cta: &str) {
    let (_, token) = unit.click_url(cta).split_once("/c/").unwrap();
    let click = server.reader.fire(&format!("{}/c/{token}", server.public)).await;
    assert!(click.location.unwrap().starts_with("https://zahid.host/"));
    server.inner.ledger.barrier().await.unwrap();
}

pub async fn a_removed_advertiser_keeps_its_reports_page_refunds_and_credits(setup: Setup) {
    let server = setup.manual_clock().start().await;
    let units = shown_units(&server, 3).await;
    let own = "advertiser:zahid-host";
    let (before, publisher) =
        (report(&server, own, ADVERTISER).await, report(&server, "operator", PUBLISHER).await);
    let csv = csv(&server, own).await;
    let shown = page(&server, None).await;
    let spend = server.scrape().await.spent();

    let inventory = remove(&server, &WHOLE_ADVERTISER).await;

    for party in [own, "operator"] {
        assert_eq!(report(&server, party, ADVERTISER).await, before, "{party}");
    }
    assert_eq!(before["tz"], "Europe/Berlin");
    assert_eq!(report(&server, "operator", PUBLISHER).await, publisher);
    assert_eq!(self::csv(&server, own).await, csv);
    for party in [None, Some(own), Some("operator")] {
        let page = page(&server, party).await;
        assert!(breakdowns(&page) == breakdowns(&shown), "{party:?}: {page}");
        assert!(page.contains("zahid.host") && page.contains("Launch in Europe (removed)"));
        assert!(page.contains("Run your AI side-project on zahid.host"), "the creative's headline");
    }
    assert_eq!(server.scrape().await.spent(), spend, "a counter never decreases");
    assert_eq!(refund(&server, "first", 500).await, 500);
    let credit = json!({ "decisions": [units[0].id()], "note": "a click farm" });
    let credited = post(&server, "credits", "credit", &credit).await;
    assert_eq!(credited["micros"], json!({ "EUR": PRICE_MICROS }));

    // A restart reads the archive; without its file it is made from the versions.
    let after = total(&server).await;
    assert_eq!(after["spend_micros"], 2 * PRICE_MICROS - 500);
    let server = server.restart().await;
    assert_eq!(total(&server).await, after);
    let file = server.data().join("catalog/archive.json");
    std::fs::remove_file(&file).unwrap();
    let server = server.restart().await;
    assert_eq!((total(&server).await, file.exists()), (after.clone(), true));
    assert_eq!(refund(&server, "second", 300).await, 300);

    // One that is added again under its id goes on where it was.
    assert_eq!(apply(&server, &inventory).await.0, 200);
    server.advance_ms(1_000);
    shown_units(&server, 1).await;
    let joined = total(&server).await;
    assert_eq!(joined["spend_micros"], 3 * PRICE_MICROS - 800);
    assert_eq!(joined["impressions"]["net"], 3);
    let page = page(&server, None).await;
    assert!(page.contains("Launch in Europe") && !page.contains("(removed)"));
    server.assert_ledger_consistent().await;
}

#[tokio::test]
async fn a_removed_publisher_keeps_its_report_with_its_revenue_and_its_name() {
    let server = Setup::default().manual_clock().start().await;
    shown_units(&server, 2).await;
    let own = "publisher:eu-tech-news";
    let before = report(&server, own, PUBLISHER).await;
    assert_eq!(before["total"][0]["revenue_micros"], 2 * PRICE_MICROS * 7 / 10);

    remove(&server, &[("publishers", "eu-tech-news")]).await;

    for party in [own, "operator"] {
        assert_eq!(report(&server, party, PUBLISHER).await, before, "{party}");
    }
    assert!(page(&server, None).await.contains("EU Tech News"), "the name of the site");
    let (status, _) = server.get_as("operator", "/v1/reports/publishers/never-there").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn events_of_units_shown_before_their_flight_was_removed_count_within_their_window() {
    let server = Setup::default().inventory(paid_by_click()).manual_clock().start().await;
    let units = shown_units(&server, 2).await;
    let unseen = server.unit().await;
    server.advance_ms(1_000);

    remove(&server, &WHOLE_ADVERTISER[2..]).await;

    click(&server, &units[0], "primary").await;
    server.reader.impression(&unseen).await;
    assert_eq!(server.verdicts(&units[0]).await, ["impression counted", "click counted"]);
    assert_eq!(server.verdicts(&unseen).await, ["impression counted"]);
    assert_eq!(total(&server).await["spend_micros"], CLICK_MICROS);
    // Without the campaign and its advertiser as well.
    remove(&server, &WHOLE_ADVERTISER[..2]).await;
    let server = server.restart().await;
    click(&server, &unseen, "primary").await;
    server.advance_ms(2_000);
    click(&server, &unseen, "pricing").await;
    assert_eq!(total(&server).await["spend_micros"], 2 * CLICK_MICROS);
    server.advance_ms(7_200_000);
    click(&server, &units[1], "primary").await;
    assert_eq!(
        server.verdicts(&units[1]).await,
        ["impression counted", "click invalid expired"],
        "the window ends as usual"
    );
    server.assert_ledger_consistent().await;
}

#[tokio::test]
async fn what_was_paused_before_it_was_removed_is_not_billed() {
    for (list, id) in WHOLE_ADVERTISER {
        let server = Setup::default().inventory(paid_by_click()).manual_clock().start().await;
        let unit = shown_units(&server, 1).await.remove(0);
        server.advance_ms(1_000);
        let mut paused = served(&server).await;
        let documents = paused[list].as_array_mut().unwrap();
        let document = documents.iter_mut().find(|one| one["id"] == id).unwrap();
        match list {
            "creatives" => document["state"] = "paused".into(),
            _ => document["status"] = "paused".into(),
        }
        assert_eq!(apply(&server, &paused).await.0, 200);

        remove(&server, &WHOLE_ADVERTISER).await;
        click(&server, &unit, "primary").await;

        let verdicts = server.verdicts(&unit).await;
        assert_eq!(verdicts, ["impression counted", "click invalid paused"], "{list}");
    }
}

#[tokio::test]
async fn every_instance_keeps_the_history_of_what_another_one_removed() {
    let redis = Redis::start();
    let start = || Setup::default().inventory(paid_by_click()).with_store(&redis).start();
    let (one, other) = (start().await, Setup::default().with_store(&redis).start().await);
    let units = shown_units(&one, 2).await;
    let reaches = async |server: &TestServer, micros: u64| {
        wait_until("the bill of the clicks", async || {
            let (status, report) = server.get_as("advertiser:zahid-host", ADVERTISER).await;
            assert_eq!(status, 200, "{report:#}");
            (report["total"][0]["spend_micros"] == micros).then_some(())
        })
        .await;
    };

    remove(&one, &WHOLE_ADVERTISER).await;
    let number = |server: &TestServer| server.inner.publishing.head().unwrap().unwrap().number;
    wait_until("the removal on the other instance", async || {
        (number(&one) == number(&other)).then_some(())
    })
    .await;
    click(&other, &units[0], "primary").await;

    reaches(&one, CLICK_MICROS).await;
    reaches(&other, CLICK_MICROS).await;
    // An instance that never served it has the history too.
    let fresh = Setup::default().with_store(&redis).start().await;
    wait_until("the rows on the new instance", async || {
        let status = fresh.inner.ledger.status();
        (status.is_caught_up && status.unapplied == 0).then_some(())
    })
    .await;
    reaches(&fresh, CLICK_MICROS).await;
    assert!(page(&fresh, None).await.contains("Launch in Europe (removed)"));
    click(&fresh, &units[1], "primary").await;
    for server in [&one, &other, &fresh] {
        reaches(server, 2 * CLICK_MICROS).await;
    }
    assert_eq!(refund(&fresh, "once", CLICK_MICROS).await, CLICK_MICROS);
    reaches(&one, CLICK_MICROS).await;
}

#[tokio::test]
async fn an_advertiser_added_again_in_another_currency_needs_new_campaigns() {
    let server = Setup::default().manual_clock().start().await;
    shown_units(&server, 1).await;
    let before = remove(&server, &WHOLE_ADVERTISER).await;
    let with = |campaign: &str| {
        let mut inventory = before.clone();
        for (list, field, id, value) in [
            ("advertisers", "currency", "zahid-host", "USD"),
            ("campaigns", "id", "zahid-launch", campaign),
            ("flights", "campaign", "zahid-ai-europe", campaign),
        ] {
            let list = inventory[list].as_array_mut().unwrap();
            list.iter_mut().find(|one| one["id"] == id).unwrap()[field] = value.into();
        }
        let campaigns = inventory["campaigns"].as_array_mut().unwrap();
        campaigns.sort_by(|a, b| a["id"].as_str().cmp(&b["id"].as_str()));
        inventory
    };

    let (status, problem) = apply(&server, &with("zahid-launch")).await;

    assert_eq!(status, 422, "{problem:#}");
    let text = problem.to_string();
    assert!(text.contains("was billed in EUR and cannot be billed in USD"), "{text}");
    let (status, reply) = apply(&server, &with("zahid-in-dollars")).await;
    assert_eq!(status, 200, "{reply:#}");
    shown_units(&server, 2).await;
    let spend = |report: &Value| -> Vec<(String, u64)> {
        let totals = report["total"].as_array().unwrap().iter();
        let sum = |row: &Value| row["spend_micros"].as_u64().unwrap();
        totals.map(|row| (row["currency"].as_str().unwrap().to_owned(), sum(row))).collect()
    };
    let euros = |micros| vec![("EUR".to_owned(), micros), ("USD".to_owned(), 2 * PRICE_MICROS)];
    let own = "advertiser:zahid-host";
    assert_eq!(spend(&report(&server, own, ADVERTISER).await), euros(PRICE_MICROS));
    // A refund of the old campaign is in the currency that it was billed in.
    assert_eq!(refund(&server, "once", 500).await, 500);
    assert_eq!(spend(&report(&server, own, ADVERTISER).await), euros(PRICE_MICROS - 500));
    let scrape = server.scrape().await;
    assert_eq!(scrape.spent(), PRICE_MICROS);
    server.assert_ledger_consistent().await;
}

#[tokio::test]
async fn a_start_with_a_billed_campaign_in_another_currency_is_rejected() {
    let server = Setup::default().manual_clock().start().await;
    shown_units(&server, 1).await;
    let folder = server.end();
    let text = inventory::example_with(
        "domains = [\"zahid.host\"]\ncurrency = \"EUR\"",
        "domains = [\"zahid.host\"]\ncurrency = \"USD\"",
    );

    let started = Setup::default().in_folder(&folder).inventory(text).try_build().await;

    let error = started.err().expect("the start is rejected").to_string();
    assert!(error.contains("campaigns `zahid-launch`: advertiser: was billed in EUR"), "{error}");
}

#[tokio::test]
async fn a_pause_by_hand_outlives_the_removal_of_what_it_paused() {
    let server = Setup::default().manual_clock().start().await;
    let inventory = served(&server).await;
    let pause = json!({ "what": "flight", "id": "zahid-ai-europe", "paused": true });
    post(&server, "pauses", "pause", &pause).await;
    remove(&server, &WHOLE_ADVERTISER).await;
    let server = server.restart().await;

    assert_eq!(apply(&server, &inventory).await.0, 200);

    assert_ne!(server.decide(&reference()).await.advertiser(), "zahid-host");
    let resume = json!({ "what": "flight", "id": "zahid-ai-europe", "paused": false });
    post(&server, "pauses", "resume", &resume).await;
    assert_eq!(served(&server).await, inventory);
    server.unit().await;
}

#[tokio::test]
async fn no_gauge_keeps_the_value_of_a_removed_campaign() {
    let setup = Setup::default().inventory(inventory::with_budget_for(2)).manual_clock();
    let server = setup.start().await;
    let left = "adjacent_budget_remaining_ratio{campaign=\"zahid-launch\"}";
    shown_units(&server, 1).await;
    assert!((server.scrape().await.value(left) - 0.5).abs() < 1e-9);

    remove(&server, &WHOLE_ADVERTISER).await;

    assert!(!server.scrape().await.0.contains_key(left));
}

#[tokio::test]
async fn a_removed_site_without_viewability_is_not_flagged_for_having_none() {
    let basic = "page_urls = \"path\"";
    let basic = inventory::example_with(basic, &format!("{basic}\nmeasurement = \"basic\""));
    let setup = Setup::default().inventory(basic).manual_clock();
    let server = setup.settings(|settings| settings.review.impressions = 30).start().await;
    for _ in 0..30 {
        shown_units(&server, 1).await;
        server.advance_ms(1_000 + i64::from(rand::random::<u16>()));
    }

    remove(&server, &[("publishers", "eu-tech-news")]).await;

    let request = server.reader.get(&format!("{}/v1/admin/review", server.ops));
    let reply = request.bearer_auth(server.key("operator")).send().await.unwrap();
    let review: Value = reply.json().await.unwrap();
    assert_eq!(review["findings"], json!([]));
}

#[tokio::test]
async fn weights_and_labels_beside_an_inventory_are_checked_as_those_of_a_file() {
    let server = TestServer::start().await;
    let url = format!("{}/v1/admin/inventory", server.ops);
    let put = async |body: &Value| {
        let request = server.reader.request(reqwest::Method::PUT, &url).json(body);
        let reply = request.bearer_auth(server.key("operator")).send().await.unwrap();
        (reply.status().as_u16(), reply.json::<Value>().await.unwrap())
    };
    let weights = adjacent::domain::weights::Weights { sharpness: -1.0, ..Default::default() };
    let (name, text) = adjacent::catalog::files::LABELS;
    let regions = adjacent::domain::region::Regions::build(&[]).unwrap();
    let labels = adjacent::catalog::tables::labels(name, text, &regions).unwrap();
    let mut labels = serde_json::to_value(labels).unwrap();
    labels["label"][0]["text"] = json!("");
    for (body, field) in [
        (json!({ "weights": weights, "confirm": true }), "weights//sharpness"),
        (json!({ "labels": labels, "confirm": true }), "labels//label[0].text"),
    ] {
        let (status, problem) = put(&body).await;
        assert_eq!((status, &problem["problems"][0]["field"]), (422, &json!(field)), "{problem:#}");
    }
}
