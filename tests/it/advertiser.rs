//! The advertiser's page: its numbers, its dates, who opens it.

use crate::harness::Setup;
use crate::harness::TestServer;
use crate::harness::inventory;
use crate::harness::inventory::PRICE_MICROS;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;

const PERSON: &str = "text/html,application/xhtml+xml,*/*;q=0.8";
const PROGRAM: &str = "*/*";
const HOUR_MS: i64 = 3_600_000;

/// A page as it is answered.
struct Page {
    status: u16,
    format: String,
    text: String,
}

async fn open(server: &TestServer, path: &str, accept: &str, key: Option<&str>) -> Page {
    server.settled().await;
    let call = server.reader.get(&format!("{}{path}", server.public)).header("accept", accept);
    let call = key.map_or(call.try_clone().unwrap(), |whose| call.bearer_auth(server.key(whose)));
    let reply = call.send().await.unwrap();
    let format = reply.headers()["content-type"].to_str().unwrap().to_owned();
    Page { status: reply.status().as_u16(), format, text: reply.text().await.unwrap() }
}

/// The page of the reference sponsor, with more in its address.
async fn page(server: &TestServer, more: &str) -> Page {
    let link = server.link("zahid-host", HOUR_MS);
    open(server, &format!("/reports/zahid-host?link={link}{more}"), PERSON, None).await
}

impl Page {
    /// The cells of every row that begins with this one.
    fn rows(&self, name: &str) -> Vec<Vec<String>> {
        let begin = format!("<tr><th scope=\"row\">{name}<");
        let rows = self.text.split(&begin).skip(1);
        let cells = |row: &str| {
            let row = row.split("</tr>").next().unwrap();
            let cells = row.split("<td").skip(1).map(|cell| {
                let cell = cell.split_once('>').unwrap().1;
                cell.split("</td>").next().unwrap().to_owned()
            });
            cells.collect()
        };
        rows.map(cells).collect()
    }

    /// A single figure.
    fn fact(&self, name: &str) -> &str {
        let begin = format!("<dt>{name}</dt><dd>");
        let after = self.text.split_once(&begin).unwrap_or_else(|| panic!("no {name}")).1;
        after.split(['<', '\n']).next().unwrap().trim()
    }
}

async fn give_back(server: &TestServer, path: &str, body: &Value) {
    server.settled().await;
    let url = format!("{}/v1/admin/{path}", server.ops);
    let call = server.reader.post(&url).bearer_auth(server.key("operator")).json(body);
    let reply = call.header("idempotency-key", "once").send().await.unwrap();
    assert_eq!(reply.status(), 200, "{}", reply.text().await.unwrap());
}

pub async fn every_table_of_the_page_adds_up_to_the_same_total_after_a_credit_and_a_refund(
    setup: Setup,
) {
    let server = setup.inventory(inventory::sold(5)).clock().start().await;
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
    let farm = json!({ "decisions": [units[3].id()], "note": "a click farm" });
    give_back(&server, "credits", &farm).await;
    let today =
        server.inner.clock.now().to_zoned(jiff::tz::TimeZone::get("Europe/Berlin").unwrap());
    let refund = json!({ "campaign": "zahid-launch", "day": today.date().to_string(), "micros": 500, "note": "down" });
    give_back(&server, "refunds", &refund).await;

    let page = page(&server, "").await;

    assert_eq!((page.status, page.format.as_str()), (200, "text/html; charset=utf-8"));
    let spent = 3 * PRICE_MICROS - 500;
    let spent = format!("0.0{} EUR", spent / 100);
    let total = ["3", "3", "1", "33.3 %", "1", &spent];
    let totals = page.rows("Total");
    assert_eq!(totals.len(), 10, "one for each breakdown");
    for found in totals {
        assert_eq!(found, total);
    }
    assert_eq!(page.fact("Spent"), spent);
    assert_eq!(page.fact("Given back"), "0.0085 EUR", "an impression and half a cent's tenth");
    assert_eq!(page.fact("Per click"), spent);
    assert_eq!(page.rows("served")[0], ["4", "", "4", "", ""]);
    assert_eq!(page.rows("impressions")[0], ["4", "1", "3", "75.0 % of served", "100.0 %"]);
    assert_eq!(page.rows("clicks")[0], ["1", "0", "1", "33.3 % of viewable", "33.3 %"]);
    let why = "Counted at first, found to be invalid since, and given back.";
    assert_eq!(page.rows("credited")[0], [why, "2", "20.0 %"], "with its viewable impression");
    assert!(page.text.contains("git push zahid main"), "what was copied");
}

#[tokio::test]
async fn the_page_knows_what_is_held_left_and_due_now() {
    let server = Setup::default().clock().start().await;
    server.reader.impression(&server.unit().await).await;
    server.unit().await;

    let page = page(&server, "").await;

    assert!(page.text.contains("<small>zahid-launch</small>"), "the campaign");
    assert_eq!(page.fact("Held"), "0.008 EUR", "the unit whose impression is still to come");
    assert_eq!(page.fact("Left today"), "199.992 EUR");
    assert!(page.text.contains("8.00 EUR per 1000 impressions"), "{}", page.text);
    assert!(page.text.contains("<td>is served</td>"));
    assert!(!page.text.contains("gitlift") && !page.text.contains("kupferpfanne"), "nobody else's");
}

#[tokio::test]
async fn dates_that_mean_nothing_are_named_and_no_number_is_shown() {
    let server = TestServer::start().await;
    for (dates, field, why) in [
        ("&from=2026-11-01&to=", "to", "give both dates, or neither"),
        ("&from=&to=2026-11-01", "from", "give both dates, or neither"),
        ("&from=2026-02-30&to=2026-03-01", "from", "is not a date"),
        ("&from=2026-03-02&to=2026-03-01", "to", "must be after"),
    ] {
        let page = page(&server, dates).await;
        assert_eq!(page.status, 422, "{dates}");
        let said = format!("<strong>{field}</strong>: ");
        assert!(page.text.contains(&said) && page.text.contains(why), "{dates}: {}", page.text);
        assert!(page.text.contains("type=\"date\""), "the form is still there");
        assert!(!page.text.contains("<dt>Spent") && !page.text.contains("<table"), "{dates}");

        let link = server.link("zahid-host", HOUR_MS);
        let path = format!("/reports/zahid-host?link={link}{dates}");
        let problem = open(&server, &path, PROGRAM, None).await;
        assert_eq!((problem.status, problem.format.as_str()), (422, "application/problem+json"));
        let problem: Value = serde_json::from_str(&problem.text).unwrap();
        assert_eq!(problem["field"], field, "{problem}");
        // An empty field of a form is none; in the address of a program it is a date that is wrong.
        let dates = dates.replace("&to=&", "&").replace("from=&", "");
        let path = format!("/v1/reports/advertisers/zahid-host?{}", dates.trim_start_matches('&'));
        let (status, problem) = server.get_as("advertiser:zahid-host", &path).await;
        assert_eq!((status, &problem["field"]), (422, &json!(field)), "{path}");
    }
    let both = page(&server, "&from=&to=").await;
    assert_eq!(both.status, 200, "the last thirty days");
}

#[tokio::test]
async fn an_hour_that_the_clocks_repeat_is_on_its_day_once_with_the_events_of_both() {
    // In Berlin, where this sponsor's days are, 02:30 comes twice on this day.
    let first = "2026-10-25T00:30:00Z".parse().unwrap();
    let server = Setup::default().clock_at(first).start().await;
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
    assert!(before.rows("Total").is_empty(), "the day before has nothing of it");
}

#[tokio::test]
async fn a_person_reads_why_a_page_does_not_open_and_a_program_gets_a_problem() {
    let server = Setup::default().clock().start().await;
    let link = server.link("zahid-host", 60_000);
    let path = format!("/reports/zahid-host?link={link}");
    server.advance_ms(60_001);

    let told = open(&server, &path, PERSON, None).await;
    let problem = open(&server, &path, PROGRAM, None).await;

    assert_eq!((told.status, told.format.as_str()), (401, "text/html; charset=utf-8"));
    assert!(told.text.contains("this link has expired"), "{}", told.text);
    assert_eq!((problem.status, problem.format.as_str()), (401, "application/problem+json"));
    let other = open(&server, "/reports/zahid-host", PERSON, Some("advertiser:gitlift")).await;
    assert_eq!(other.status, 403);
    assert!(!other.text.contains("zahid"), "not even its name");
    let nobody = open(&server, "/reports/nobody", PERSON, Some("operator")).await;
    assert_eq!(nobody.status, 404);
}

#[tokio::test]
async fn the_page_opens_with_its_own_key_or_an_operators() {
    let server = TestServer::start().await;
    for (whose, status) in [
        ("advertiser:zahid-host", 200),
        ("operator", 200),
        ("advertiser:gitlift", 403),
        ("publisher:eu-tech-news", 403),
    ] {
        let page = open(&server, "/reports/zahid-host", PERSON, Some(whose)).await;
        assert_eq!(page.status, status, "{whose}");
    }
}

#[tokio::test]
async fn the_files_on_the_page_open_with_its_link_and_no_others_do() {
    let server = TestServer::start().await;
    server.reader.impression(&server.unit().await).await;
    let page = page(&server, "").await;
    let files: BTreeSet<String> = page
        .text
        .split("<a href=\"/v1/reports/")
        .skip(1)
        .map(|after| {
            format!("/v1/reports/{}", after.split('"').next().unwrap().replace("&#38;", "&"))
        })
        .collect();
    assert_eq!(files.len(), 6);
    for file in &files {
        let told = open(&server, file, PERSON, None).await;
        let format = if file.contains("=csv") { "text/csv" } else { "application/json" };
        assert!(told.status == 200 && told.format.starts_with(format), "{file}: {}", told.text);
        assert!(told.text.contains("EUR"), "{file}: {}", told.text);
    }

    let link = server.link("zahid-host", HOUR_MS);
    for path in ["advertisers/gitlift", "publishers/eu-tech-news", "publishers/zahid-host"] {
        let path = format!("/v1/reports/{path}?link={link}");
        assert_eq!(open(&server, &path, PROGRAM, None).await.status, 401, "{path}");
    }
    let path = format!("/v1/reports/advertisers/zahid-host?link={link}&format=xls");
    let refused = open(&server, &path, PROGRAM, None).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("`xls` is none of json, csv"), "{}", refused.text);
}
