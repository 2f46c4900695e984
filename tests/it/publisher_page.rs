//! The publisher's report page: figures, sponsors, gaps, access, tags and seller lines.

use crate::harness::decision::{page_on, reference_with};
use crate::harness::page::{API_CLIENT, BROWSER, Page, open};
use crate::harness::{Setup, TestServer, inventory};
use serde_json::{Value, json};

const HOUR_MS: i64 = 3_600_000;
const SITE: &str = "/reports/publishers/eu-tech-news";

/// The report page of the reference publisher, by its link.
async fn page(server: &TestServer) -> Page {
    let link = server.publisher_link("eu-tech-news", HOUR_MS);
    open(server, &format!("{SITE}?link={link}"), BROWSER, None).await
}

/// The report of the reference publisher over the same period as the page by default.
async fn report(server: &TestServer, by: &str) -> Value {
    let path = format!("/v1/reports/publishers/eu-tech-news?by={by}");
    let (status, report) = server.get_as("publisher:eu-tech-news", &path).await;
    assert_eq!(status, 200, "{report:#}");
    report
}

/// A server whose house units are only for the sidebar, so that requests can stay without a unit.
fn without_house() -> Setup {
    let house = "tier = \"house\"\npricing = \"flat\"\n";
    let targeting = "targeting = { placements = { any = [\"sidebar\"] } }\n";
    let inventory = inventory::example_with(house, &format!("{house}{targeting}"));
    Setup::default().inventory(inventory).manual_clock()
}

/// An amount as the page writes it.
fn euros(micros: i64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    let whole = text.trim_end_matches('0');
    let decimals = whole.split('.').nth(1).unwrap().len();
    format!("{whole}{} EUR", "0".repeat(2_usize.saturating_sub(decimals)))
}

/// Requests of several kinds: four units of which three are seen and one is clicked, and one credited;
/// five that get none for four reasons.
async fn traffic(server: &TestServer) {
    let mut units = Vec::new();
    for _ in 0..4 {
        let unit = server.unit().await;
        units.push(unit);
    }
    for unit in &units[..3] {
        server.reader.impression(unit).await;
        server.advance_ms(2_000);
        server.reader.viewable(unit).await;
    }
    server.click(&units[0], "primary").await;
    for (pointer, value) in [
        ("/placements/0/name", json!("no-such-place")),
        ("/page/topics", json!(["technology"])),
        ("/page/topics", json!(["technology"])),
        ("/page/commercial", json!("none")),
        ("/page/sensitive", json!(["war"])),
    ] {
        let mut request = reference_with(pointer, value);
        request["page"]["entities"] = json!([]);
        assert!(!server.decide(&request).await.is_filled(), "{request:#}");
    }
    server.wait_until_applied().await;
    let credit = json!({ "decisions": [units[2].id()], "note": "a click farm" });
    let url = format!("{}/v1/admin/credits", server.ops);
    let request = server.reader.post(&url).bearer_auth(server.key("operator")).json(&credit);
    let response = request.header("idempotency-key", "once").send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn every_figure_of_a_publishers_page_equals_its_report_to_the_micro() {
    let server = without_house().start().await;
    traffic(&server).await;

    let page = page(&server).await;
    let report = report(&server, "day").await;

    assert_eq!((page.status, page.content_type.as_str()), (200, "text/html; charset=utf-8"));
    let total = &report["total"][0];
    let revenue = total["revenue_micros"].as_i64().unwrap();
    assert!(revenue > 0 && revenue < total["spend_micros"].as_i64().unwrap(), "{total:#}");
    assert_eq!(page.key_figure("Revenue"), euros(revenue));
    for (name, pointer) in [
        ("Requests", "/requests"),
        ("Filled", "/filled"),
        ("Impressions", "/impressions/net"),
        ("Viewable", "/viewable/net"),
        ("Clicks", "/clicks/net"),
    ] {
        assert_eq!(page.key_figure(name), total.pointer(pointer).unwrap().to_string(), "{name}");
    }
    assert_eq!((&total["requests"], &total["filled"]), (&json!(9), &json!(4)));
    assert_eq!(page.rows("impressions")[0][..3], ["3", "1", "2"]);
    let day = report["rows"][0]["keys"][0].as_str().unwrap();
    let row = ["9", "4", "44.4 %", "2", "2", "1", &euros(revenue), &euros(revenue * 500)];
    assert_eq!(page.rows(day)[0], row);
    let totals = page.rows("Total");
    let breakdowns: Vec<_> = totals.iter().filter(|cells| cells.len() == row.len()).collect();
    assert!(breakdowns.len() == 5 && breakdowns[1..].iter().all(|cells| **cells == row));
    assert_eq!(page.rows("credited")[0][1], "2", "the impression and its viewable event");
}

#[tokio::test]
async fn requests_without_a_unit_are_shown_by_reason_and_add_up_to_those_that_were_not_filled() {
    let server = without_house().start().await;
    traffic(&server).await;

    let page = page(&server).await;
    let total = report(&server, "day").await["total"][0].clone();

    let reasons = total["no_fill"].as_object().unwrap();
    assert!(reasons.len() >= 3, "{total:#}");
    let mut sum = 0;
    for (reason, count) in reasons {
        let shown = page.rows(reason)[0][1].clone();
        assert_eq!(shown, count.to_string(), "{reason}");
        sum += shown.parse::<u64>().unwrap();
    }
    let unfilled = total["requests"].as_u64().unwrap() - total["filled"].as_u64().unwrap();
    assert_eq!(sum, unfilled);
    let section = page.section("Requests without a unit");
    assert!(section.contains(&format!("<td class=\"num\">{unfilled}</td>")), "{section}");
}

#[tokio::test]
async fn sponsors_are_listed_by_placement_and_topic_and_contexts_without_one_by_how_many_asked() {
    let server = without_house().start().await;
    traffic(&server).await;
    let mut sidebar = page_on("ai-infrastructure");
    sidebar["placements"] = json!([{ "name": "sidebar" }]);
    let unit = server.decide(&sidebar).await;
    server.reader.impression(&unit).await;

    let page = page(&server).await;
    let report = report(&server, "advertiser,placement,topic").await;

    let rows = report["rows"].as_array().unwrap();
    let sponsors: Vec<&Value> = rows.iter().filter(|row| row["keys"][0] != "none").collect();
    assert!(sponsors.len() >= 2, "{report:#}");
    for row in sponsors {
        let name = row["keys"][0].as_str().unwrap();
        let shown = page.rows(name);
        let own = shown.iter().find(|cells| {
            cells.len() == 8 && [&cells[0], &cells[1]] == [&row["keys"][1], &row["keys"][2]]
        });
        let own = own.unwrap_or_else(|| panic!("{row:#} {shown:?}"));
        let expected = ["/filled", "/impressions/net", "/viewable/net", "/clicks/net"];
        let expected: Vec<String> =
            expected.map(|pointer| row.pointer(pointer).unwrap().to_string()).to_vec();
        assert_eq!(own[2..6], expected);
        assert_eq!(own[7], euros(row["revenue_micros"].as_i64().unwrap()));
    }
    assert!(!page.section("Sponsors").contains(">none<"), "no sponsor of what was not filled");

    let gaps = page.section("Without a sponsor");
    let context = "<th scope=\"row\">technology</th>";
    assert!(gaps.contains(context), "{gaps}");
    let (_, gap) = gaps.split_once(context).unwrap();
    let counts = "<td class=\"num\">2</td><td class=\"num\">2</td><td class=\"num\">2</td>";
    assert!(gap.starts_with(counts), "{gap}");
}

#[tokio::test]
async fn a_publishers_page_opens_with_its_key_an_operators_or_its_link_and_nothing_else() {
    let server = Setup::default().manual_clock().start().await;
    for (party, status) in [
        ("publisher:eu-tech-news", 200),
        ("operator", 200),
        ("publisher:kitchen-journal", 403),
        ("advertiser:zahid-host", 403),
    ] {
        let page = open(&server, SITE, BROWSER, Some(party)).await;
        assert_eq!(page.status, status, "{party}");
        assert_eq!(page.text.contains("EU Tech News"), status == 200, "{party}");
    }
    assert_eq!(open(&server, SITE, BROWSER, None).await.status, 401);

    let own = server.publisher_link("eu-tech-news", 60_000);
    assert_eq!(open(&server, &format!("{SITE}?link={own}"), BROWSER, None).await.status, 200);
    for link in [
        server.publisher_link("kitchen-journal", 60_000),
        server.link("zahid-host", 60_000),
        // An advertiser may have the same id.
        server.link("eu-tech-news", 60_000),
    ] {
        for path in [SITE, "/v1/reports/publishers/eu-tech-news"] {
            let page = open(&server, &format!("{path}?link={link}"), API_CLIENT, None).await;
            assert_eq!(
                (page.status, page.content_type.as_str()),
                (401, "application/problem+json")
            );
        }
    }
    for path in ["/reports/eu-tech-news", "/v1/reports/advertisers/eu-tech-news"] {
        assert_eq!(open(&server, &format!("{path}?link={own}"), BROWSER, None).await.status, 401);
    }
    server.advance_ms(60_001);
    let expired = open(&server, &format!("{SITE}?link={own}"), BROWSER, None).await;
    assert_eq!((expired.status, expired.content_type.as_str()), (401, "text/html; charset=utf-8"));
    assert!(expired.text.contains("this link has expired"), "{}", expired.text);

    let unknown = "/reports/publishers/no-such";
    assert_eq!(open(&server, unknown, BROWSER, Some("operator")).await.status, 404);
    let invalid = format!("{SITE}?from=2026-11-01&to=");
    let invalid = open(&server, &invalid, BROWSER, Some("operator")).await;
    assert!(invalid.status == 422 && invalid.text.contains("give both dates or neither"));
}

#[tokio::test]
async fn the_link_of_a_publishers_page_opens_its_files_and_the_files_are_the_report() {
    let server = without_house().start().await;
    traffic(&server).await;
    let files = page(&server).await.files();
    assert_eq!(files.len(), 7);
    for file in &files {
        let download = open(&server, file, BROWSER, None).await;
        let content_type = if file.contains("=csv") { "text/csv" } else { "application/json" };
        let is_expected = download.content_type.starts_with(content_type);
        assert!(download.status == 200 && is_expected, "{file}: {}", download.text);
        assert!(download.text.contains("revenue_micros"), "{file}: {}", download.text);
    }
}

/// The attributes of the script tags on the page, by name.
fn tags(page: &Page) -> Vec<Value> {
    let text = page.text.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"");
    let tags = text.split("<script async src=").skip(1);
    let attributes = |tag: &str| {
        let tag = tag.split('>').next().unwrap();
        let pair = |attribute: &str| {
            let (name, value) = attribute.split_once("=\"")?;
            Some((name.trim().to_owned(), json!(value)))
        };
        Value::Object(tag.split("\" data-").skip(1).filter_map(pair).collect())
    };
    tags.map(attributes).collect()
}

#[tokio::test]
async fn the_tag_of_each_placement_requests_a_unit_and_its_preview_shows_a_test_that_counts_nothing()
 {
    let server = Setup::default().manual_clock().start().await;
    server.unit().await;
    let before = report(&server, "day").await["total"].clone();

    let page = page(&server).await;

    let tags = tags(&page);
    assert_eq!(tags.len(), 2, "{tags:?}");
    for tag in &tags {
        let mut request = page_on("ai-infrastructure");
        request["publisher"] = json!(tag["publisher"].as_str().unwrap().trim_end_matches('"'));
        let placement = tag["placement"].as_str().unwrap().trim_end_matches('"');
        request["placements"] = json!([{ "name": placement }]);
        request["test"] = json!(true);
        assert!(server.decide(&request).await.is_filled(), "{tag}");
    }
    let previews: Vec<&str> = page.text.split("<iframe src=\"").skip(1).collect();
    assert_eq!(previews.len(), tags.len());
    for preview in previews {
        let path = preview.split('"').next().unwrap().replace("&#38;", "&");
        let unit = open(&server, &path, BROWSER, None).await;
        assert!(unit.status == 200 && unit.text.contains("TEST"), "{path}: {}", unit.text);
    }
    assert_eq!(report(&server, "day").await["total"], before, "nothing of it counts");
}

#[tokio::test]
async fn the_lines_for_ads_txt_and_sellers_json_name_the_seller_or_the_missing_setting() {
    let server = TestServer::start().await;
    let page_without = page(&server).await;
    let section = page_without.section("ads.txt and sellers.json");
    assert!(section.contains("server.seller_domain") && !section.contains("DIRECT"), "{section}");

    let server = Setup::default()
        .inventory(inventory::with_origins())
        .settings(|settings| {
            settings.server.seller_domain = Some("Units.Example".to_owned().try_into().unwrap());
        })
        .start()
        .await;
    let page = page(&server).await;
    let section = page.section("ads.txt and sellers.json");
    assert!(section.contains("<code>units.example, eu-tech-news, DIRECT</code>"), "{section}");
    let entry = section.split("<code>{").nth(1).unwrap().split("</code>").next().unwrap();
    let entry: Value =
        serde_json::from_str(&format!("{{{}", entry.replace("&#34;", "\""))).unwrap();
    let expected = json!({
        "seller_id": "eu-tech-news", "name": "EU Tech News", "domain": "news.example",
        "seller_type": "PUBLISHER",
    });
    assert_eq!(entry, expected);
}
