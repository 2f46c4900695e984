//! The advertiser's report page: figures, date ranges and access.

use crate::harness::inventory::PRICE_MICROS;
use crate::harness::page::{API_CLIENT, BROWSER, Page, open};
use crate::harness::{Setup, TestServer, inventory};
use serde_json::{Value, json};

const HOUR_MS: i64 = 3_600_000;

/// The report page of the reference advertiser, with additional query parameters.
async fn page(server: &TestServer, query: &str) -> Page {
    let link = server.link("zahid-host", HOUR_MS);
    open(server, &format!("/reports/zahid-host?link={link}{query}"), BROWSER, None).await
}

async fn post_adjustment(server: &TestServer, path: &str, body: &Value) {
    server.wait_until_applied().await;
    let url = format!("{}/v1/admin/{path}", server.ops);
    let request = server.reader.post(&url).bearer_auth(server.key("operator")).json(body);
    let response = request.header("idempotency-key", "once").send().await.unwrap();
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
}

pub async fn every_table_of_the_page_adds_up_to_the_same_total_after_a_credit_and_a_refund(
    setup: Setup,
) {
    let server = setup.inventory(inventory::with_budget_for(5)).manual_clock().start().await;
    let mut units = Vec::new();
    for _ in 0..4 {
        let unit = server.unit().await;
        server.reader.impression(&unit).await;
        server.advance_ms(2_000);
        server.reader.viewable(&unit).await;
        units.push(unit);
    }
    server.click(&units[0], "primary").await;
    server.reader.copy(&units[1]).await;
    let credit = json!({ "decisions": [units[3].id()], "note": "a click farm" });
    post_adjustment(&server, "credits", &credit).await;
    let today =
        server.state.clock.now().to_zoned(jiff::tz::TimeZone::get("Europe/Berlin").unwrap());
    let refund = json!({ "campaign": "zahid-launch", "day": today.date().to_string(), "micros": 500, "note": "down" });
    post_adjustment(&server, "refunds", &refund).await;

    let page = page(&server, "").await;

    assert_eq!((page.status, page.content_type.as_str()), (200, "text/html; charset=utf-8"));
    let spent = 3 * PRICE_MICROS - 500;
    let spent = format!("0.0{} EUR", spent / 100);
    let total = ["3", "3", "1", "33.3 %", "1", &spent];
    let totals = page.rows("Total");
    assert_eq!(totals.len(), 10, "one total per breakdown");
    for found in totals {
        assert_eq!(found, total);
    }
    assert_eq!(page.key_figure("Spend"), spent);
    assert_eq!(page.key_figure("Refunded"), "0.0085 EUR", "one impression and 500 micros");
    assert_eq!(page.key_figure("eCPC"), spent);
    assert_eq!(page.rows("served")[0], ["4", "", "4", "", ""]);
    assert_eq!(page.rows("impressions")[0], ["4", "1", "3", "75.0 % of served", "100.0 %"]);
    assert_eq!(page.rows("clicks")[0], ["1", "0", "1", "33.3 % of viewable", "33.3 %"]);
    let description = "Counted at first, later found invalid and credited.";
    assert_eq!(
        page.rows("credited")[0],
        [description, "2", "20.0 %"],
        "the impression and its viewable event"
    );
    assert!(page.text.contains("git push zahid main"), "the copied command");
}

#[tokio::test]
async fn the_page_shows_what_is_reserved_left_and_scheduled_now() {
    let server = Setup::default().manual_clock().start().await;
    server.reader.impression(&server.unit().await).await;
    server.unit().await;

    let page = page(&server, "").await;

    assert!(page.text.contains("<small>zahid-launch</small>"), "the campaign");
    assert_eq!(
        page.key_figure("Reserved"),
        "0.008 EUR",
        "the reservation of the unit without an impression"
    );
    assert_eq!(page.key_figure("Remaining today"), "199.992 EUR");
    assert!(page.text.contains("8.00 EUR CPM"), "{}", page.text);
    assert!(page.text.contains("<td class=\"words\">delivering"));
    assert!(
        !page.text.contains("gitlift") && !page.text.contains("kupferpfanne"),
        "no other advertiser's"
    );
}

#[tokio::test]
async fn invalid_dates_are_named_and_no_figures_are_shown() {
    let server = TestServer::start().await;
    for (dates, field, message) in [
        ("&from=2026-11-01&to=", "to", "give both dates or neither"),
        ("&from=&to=2026-11-01", "from", "give both dates or neither"),
        ("&from=2026-02-30&to=2026-03-01", "from", "is not a date"),
        ("&from=2026-03-02&to=2026-03-01", "to", "must be after"),
    ] {
        let page = page(&server, dates).await;
        assert_eq!(page.status, 422, "{dates}");
        let label = format!("<strong>{field}</strong>: ");
        assert!(
            page.text.contains(&label) && page.text.contains(message),
            "{dates}: {}",
            page.text
        );
        assert!(page.text.contains("type=\"date\""), "the form is still shown");
        assert!(!page.text.contains("<dt>Spend") && !page.text.contains("<table"), "{dates}");

        let link = server.link("zahid-host", HOUR_MS);
        let path = format!("/reports/zahid-host?link={link}{dates}");
        let problem = open(&server, &path, API_CLIENT, None).await;
        assert_eq!(
            (problem.status, problem.content_type.as_str()),
            (422, "application/problem+json")
        );
        let problem: Value = serde_json::from_str(&problem.text).unwrap();
        assert_eq!(problem["field"], field, "{problem}");
        // In a form an empty field is an absent one; in an API request it is an invalid date.
        let dates = dates.replace("&to=&", "&").replace("from=&", "");
        let path = format!("/v1/reports/advertisers/zahid-host?{}", dates.trim_start_matches('&'));
        let (status, problem) = server.get_as("advertiser:zahid-host", &path).await;
        assert_eq!((status, &problem["field"]), (422, &json!(field)), "{path}");
    }
    let both = page(&server, "&from=&to=").await;
    assert_eq!(both.status, 200, "the last thirty days");
}

#[tokio::test]
async fn an_hour_repeated_by_daylight_saving_is_shown_once_with_the_events_of_both() {
    // In Berlin, the time zone of this advertiser, 02:30 occurs twice on this day.
    let first = "2026-10-25T00:30:00Z".parse().unwrap();
    let server = Setup::default().manual_clock_at(first).start().await;
    for _ in 0..2 {
        server.reader.impression(&server.unit().await).await;
        server.advance_ms(HOUR_MS);
    }

    let day = page(&server, "&from=2026-10-25&to=2026-10-26").await;

    assert_eq!(day.rows("2026-10-25")[0][0], "2");
    assert_eq!(day.rows("02:00")[0][0], "2");
    assert!(day.text.contains("<title>02:00: 2 impressions</title>"));
    let path = "/v1/reports/advertisers/zahid-host?from=2026-10-25&to=2026-10-26&by=hour";
    let (_, hours) = server.get_as("advertiser:zahid-host", path).await;
    let keys: Vec<&Value> =
        hours["rows"].as_array().unwrap().iter().map(|row| &row["keys"][0]).collect();
    assert_eq!(keys, ["2026-10-25T02:00+01:00", "2026-10-25T02:00+02:00"]);
    let before = page(&server, "&from=2026-10-24&to=2026-10-25").await;
    assert!(before.rows("Total").is_empty(), "nothing counts for the day before");
}

#[tokio::test]
async fn a_browser_gets_an_error_page_and_an_api_client_a_problem_document() {
    let server = Setup::default().manual_clock().start().await;
    let link = server.link("zahid-host", 60_000);
    let path = format!("/reports/zahid-host?link={link}");
    server.advance_ms(60_001);

    let page = open(&server, &path, BROWSER, None).await;
    let problem = open(&server, &path, API_CLIENT, None).await;

    assert_eq!((page.status, page.content_type.as_str()), (401, "text/html; charset=utf-8"));
    assert!(page.text.contains("this link has expired"), "{}", page.text);
    assert_eq!((problem.status, problem.content_type.as_str()), (401, "application/problem+json"));
    let other = open(&server, "/reports/zahid-host", BROWSER, Some("advertiser:gitlift")).await;
    assert_eq!(other.status, 403);
    assert!(!other.text.contains("zahid"), "the page does not reveal the advertiser");
    let unknown = open(&server, "/reports/unknown", BROWSER, Some("operator")).await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn the_page_opens_with_its_own_key_or_an_operators() {
    let server = TestServer::start().await;
    for (party, status) in [
        ("advertiser:zahid-host", 200),
        ("operator", 200),
        ("advertiser:gitlift", 403),
        ("publisher:eu-tech-news", 403),
    ] {
        let page = open(&server, "/reports/zahid-host", BROWSER, Some(party)).await;
        assert_eq!(page.status, status, "{party}");
    }
}

#[tokio::test]
async fn the_link_of_the_page_opens_its_files_and_no_others() {
    let server = TestServer::start().await;
    server.reader.impression(&server.unit().await).await;
    let page = page(&server, "").await;
    let files = page.files();
    assert_eq!(files.len(), 6);
    for file in &files {
        let download = open(&server, file, BROWSER, None).await;
        let content_type = if file.contains("=csv") { "text/csv" } else { "application/json" };
        let is_expected = download.content_type.starts_with(content_type);
        assert!(download.status == 200 && is_expected, "{file}: {}", download.text);
        assert!(download.text.contains("EUR"), "{file}: {}", download.text);
    }

    let link = server.link("zahid-host", HOUR_MS);
    for path in ["advertisers/gitlift", "publishers/eu-tech-news", "publishers/zahid-host"] {
        let path = format!("/v1/reports/{path}?link={link}");
        assert_eq!(open(&server, &path, API_CLIENT, None).await.status, 401, "{path}");
    }
    let path = format!("/v1/reports/advertisers/zahid-host?link={link}&format=xls");
    let rejected = open(&server, &path, API_CLIENT, None).await;
    assert_eq!(rejected.status, 422);
    assert!(rejected.text.contains("`xls` is not one of json, csv"), "{}", rejected.text);
}
