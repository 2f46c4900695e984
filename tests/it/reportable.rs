//! A unit is chosen only where the caller can report the events that it is billed by and that its goals
//! count: otherwise it would be shown for nothing.

use crate::adapters::{Reply, auction_of, kevel_page, markup, with_all_adapters};
use crate::harness::inventory::{example, replace_once};
use crate::harness::{Reader, TestServer, reference};
use serde_json::{Value, json};

const TERMS: &str = "pricing = \"cpm\"\nprice_micros = 8_000_000\npacing = \"asap\"";
const PUBLISHER: &str = "page_urls = \"path\"";
const EVENT: [&str; 3] = ["impression", "viewable", "click"];

/// How the reference flight is sold, and the event that this needs besides the impression.
const SOLD: [(&str, &str); 6] = [
    ("pricing = \"cpm\"\nprice_micros = 8_000_000", "impression"),
    ("pricing = \"vcpm\"\nprice_micros = 8_000_000", "viewable"),
    ("pricing = \"cpc\"\nprice_micros = 700_000", "click"),
    ("pricing = \"cpm\"\nprice_micros = 8_000_000\ngoal_viewables = 900", "viewable"),
    ("pricing = \"flat\"\ngoal_clicks = 900", "click"),
    ("pricing = \"flat\"", ""),
];

/// A way of asking for the reference page, and the events that its caller can report.
type Case = (&'static str, &'static [&'static str]);

const CASES: [Case; 13] = [
    ("page", &EVENT),
    ("page with Sec-GPC", &["impression", "click"]),
    ("unit page", &["impression", "click"]),
    ("native with events 1 and 2", &EVENT),
    ("native with event 1", &["impression", "click"]),
    ("native with event 2 by script", &["impression", "click"]),
    ("native without event trackers", &["impression", "click"]),
    ("native of version 1.1", &["impression", "click"]),
    ("native with GPC", &["impression", "click"]),
    ("kevel with a mapped event", &EVENT),
    ("kevel without a mapped event", &["impression", "click"]),
    ("kevel with notrack", &["impression", "click"]),
    ("ethicalads", &["impression", "click"]),
];

fn sold_as(terms: &str, publisher: &str) -> String {
    let dates = if terms.contains("goal") { "\nends = \"2036-12-31T00:00:00\"" } else { "" };
    let text = replace_once(&example(), TERMS, &format!("{terms}\npacing = \"asap\"{dates}"));
    replace_once(&text, PUBLISHER, &format!("{PUBLISHER}\n{publisher}"))
}

/// The native request of the tests with these event trackers.
fn tracked(trackers: &Value) -> Value {
    let mut request = markup();
    request["eventtrackers"] = trackers.clone();
    request
}

/// Whether the reference advertiser's unit is in the answer to a case.
async fn is_chosen(server: &TestServer, case: &str) -> bool {
    let bid = async |markup: Value, gpc: bool| {
        let mut auction = auction_of(&markup);
        auction["imp"][0].as_object_mut().unwrap().remove("bidfloor");
        if gpc {
            auction["regs"]["ext"]["gpc"] = json!(1);
        }
        server.openrtb(&auction).await.text
    };
    let kevel = async |events: Value, notrack: bool| {
        let mut page = kevel_page();
        page["placements"][0]["eventIds"] = events;
        page["notrack"] = json!(notrack);
        server.kevel(&page).await.text
    };
    let one = json!([{ "event": 1, "methods": [1] }]);
    let text = match case {
        "page" => server.request_decisions(&reference()).await.text().await.unwrap(),
        "page with Sec-GPC" => {
            let reader = Reader::with_header("sec-gpc", "1");
            let call = reader.post(&format!("{}/v1/decisions", server.public)).json(&reference());
            call.send().await.unwrap().text().await.unwrap()
        }
        "unit page" => {
            let query = "publisher=eu-tech-news&placement=article-end&topic=ai-infrastructure&viewer_region=DE";
            let call = server.reader.get(&format!("{}/v1/unit?{query}", server.public));
            call.send().await.unwrap().text().await.unwrap()
        }
        "native with events 1 and 2" => bid(markup(), false).await,
        "native with GPC" => bid(markup(), true).await,
        "native with event 1" => bid(tracked(&one), false).await,
        "native with event 2 by script" => {
            let events = json!([{ "event": 1, "methods": [1] }, { "event": 2, "methods": [2] }]);
            bid(tracked(&events), false).await
        }
        "native without event trackers" => bid(tracked(&Value::Null), false).await,
        "native of version 1.1" => {
            let mut older = markup();
            older["ver"] = json!("1.1");
            bid(older, false).await
        }
        "kevel with a mapped event" => kevel(json!([10, 40]), false).await,
        "kevel without a mapped event" => kevel(json!([10, 41]), false).await,
        "kevel with notrack" => kevel(json!([40]), true).await,
        _ => {
            let query =
                "publisher=eu-tech-news&div_ids=article-end&ad_types=x&keywords=ai-infrastructure";
            server.ethicalads(query).await.text
        }
    };
    text.contains("Run your AI side-project on zahid.host")
}

#[tokio::test]
async fn a_unit_is_chosen_exactly_where_what_it_is_billed_by_can_be_reported() {
    for (terms, needed) in SOLD {
        let server = with_all_adapters().inventory(sold_as(terms, "")).start().await;
        for (case, reported) in CASES {
            // The region of these callers is the publisher's default, Belgium, which the flight targets.
            let is_native = case.starts_with("native");
            let expected = needed.is_empty() || reported.contains(&needed);
            // A flight without a price per event is no bid in an auction.
            let expected = expected && !(is_native && terms.contains("flat"));
            let mut chosen = false;
            for _ in 0..3 {
                chosen |= is_chosen(&server, case).await;
            }
            assert_eq!(chosen, expected, "{terms} for a {case}");
        }
    }
}

#[tokio::test]
async fn a_publisher_that_measures_less_gets_only_units_that_it_can_report() {
    for (measurement, reported) in
        [("full", &EVENT[..]), ("basic", &["impression", "click"]), ("none", &[])]
    {
        for (terms, needed) in SOLD {
            let publisher = format!("measurement = \"{measurement}\"");
            let server = with_all_adapters().inventory(sold_as(terms, &publisher)).start().await;
            let chosen = is_chosen(&server, "page").await;
            let expected = needed.is_empty() || reported.contains(&needed);
            assert_eq!(chosen, expected, "{terms} with measurement {measurement}");
        }
    }
}

#[tokio::test]
async fn an_explanation_names_what_cannot_be_reported_and_repeats_the_choice() {
    let server = with_all_adapters().inventory(sold_as(SOLD[1].0, "")).start().await;
    let reader = Reader::with_header("sec-gpc", "1");
    let call = reader.post(&format!("{}/v1/decisions", server.public)).json(&reference());
    let decision: Value = call.send().await.unwrap().json().await.unwrap();
    let id = decision["decisions"]["article-end"]["decision_id"].as_str().unwrap();

    let path = format!("/v1/decisions/{id}/explain?want=zahid-git-push");
    let (status, explained) = server.get_as("operator", &path).await;

    assert_eq!((status, &explained["agrees"]), (200, &json!(true)), "{explained:#}");
    assert_eq!(explained["want"][0]["against"], json!(["unreported"]), "{explained:#}");
    let removed = explained["slots"][0]["removed"].as_array().unwrap();
    let stage = removed.iter().find(|entry| entry["flight"] == "zahid-ai-europe").unwrap();
    assert_eq!(stage["stage"], "unreported");
    assert_eq!(server.reserved_micros("zahid-host").await, 0);
}

#[tokio::test]
async fn what_is_sold_by_viewable_impressions_through_an_adapter_is_billed() {
    let server = with_all_adapters().inventory(sold_as(SOLD[1].0, "")).start().await;
    let bid =
        Reply::to(server.post_json("/openrtb2/2.6/bids", &auction_of(&markup()))).await.json();
    let adm = bid["seatbid"][0]["bid"][0]["adm"].as_str().unwrap();
    let native: Value = serde_json::from_str(adm).unwrap();
    let url = |at: usize| native["eventtrackers"][at]["url"].as_str().unwrap().to_owned();

    assert!(server.reader.fire(&url(0)).await.recorded);
    server.advance_ms(1_500);
    assert!(server.reader.fire(&url(1)).await.recorded);

    let spent = "adjacent_spend_micros_total{campaign=\"zahid-launch\",currency=\"EUR\"}";
    server.wait_for_metric(spent, 8_000).await;
}
