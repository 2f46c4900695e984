//! Reports over HTTP: parameters, pages, formats.

use crate::harness::{Setup, TestServer};
use serde_json::Value;

const HOUR_MS: i64 = 3_600_000;

async fn send(server: &TestServer, method: &str, url: &str) -> (u16, Value) {
    let method = method.parse().unwrap();
    let request = server.reader.request(method, url).bearer_auth(server.key("operator"));
    let response = request.json(&serde_json::json!({})).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_misspelt_parameter_is_refused_with_the_nearest_one_on_every_route_that_takes_parameters()
{
    let server = TestServer::start().await;
    let unit = server.unit().await;
    let decision = unit.id();
    let advertiser = "/v1/reports/advertisers/zahid-host";
    for (method, listener, path, wrong, nearest) in [
        ("GET", &server.public, advertiser, "filght=zahid-ai-europe", "flight"),
        ("GET", &server.public, advertiser, "From=2026-11-01", "from"),
        ("GET", &server.public, "/v1/reports/publishers/eu-tech-news", "campain=x", "campaign"),
        ("GET", &server.public, "/reports/zahid-host", "form=2026-11-01", "from"),
        ("GET", &server.public, &format!("/v1/decisions/{decision}/explain"), "wnat=x", "want"),
        ("GET", &server.ops, &format!("/v1/decisions/{decision}/explain"), "wants=x", "want"),
        ("GET", &server.public, "/demo", "topics=ai", "topic"),
        ("GET", &server.ops, "/v1/admin/overview", "serach=zahid", "search"),
        ("PUT", &server.ops, "/v1/admin/weights", "confirmed=true", "confirm"),
    ] {
        let (status, problem) = send(&server, method, &format!("{listener}{path}?{wrong}")).await;

        let name = wrong.split('=').next().unwrap();
        assert_eq!((status, &problem["code"]), (400, &"unknown_parameter".into()), "{path}");
        assert_eq!(problem["field"], name, "{path}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("did you mean `{nearest}`?")), "{path}: {detail}");
    }
    let (status, problem) =
        send(&server, "GET", &format!("{}{advertiser}?zzzzzzzzz=1", server.public)).await;
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().unwrap().contains("known are `from`, `to`"), "{problem}");
}

/// The lines of a CSV report.
async fn csv(server: &TestServer, path: &str) -> (Vec<String>, Option<String>) {
    let request = server.reader.get(&format!("{}{path}", server.public));
    let request = request.header("accept", "text/csv").bearer_auth(server.key("operator"));
    let response = request.send().await.unwrap();
    let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
    (response.text().await.unwrap().lines().map(str::to_owned).collect(), link)
}

#[tokio::test]
async fn the_next_links_of_a_report_lead_to_every_row_once_and_totals_are_the_same_on_each_page() {
    let server = Setup::default().manual_clock().start().await;
    for _ in 0..5 {
        let unit = server.unit().await;
        server.reader.impression(&unit).await;
        server.advance_ms(HOUR_MS);
    }
    server.wait_until_applied().await;
    let path = "/v1/reports/publishers/eu-tech-news?by=hour,campaign";
    let (_, whole) = server.get_as("operator", path).await;
    let count = whole["rows"].as_array().unwrap().len();
    assert!(count >= 5 && whole["next"].is_null(), "{whole:#}");

    let (mut rows, mut pages) = (Vec::new(), 0);
    let mut next = Some(format!("{}{path}&limit=2", server.public));
    while let Some(url) = next {
        let (status, page) = send(&server, "GET", &url).await;
        assert_eq!(status, 200, "{page:#}");
        assert_eq!(page["total"], whole["total"]);
        rows.extend(page["rows"].as_array().unwrap().clone());
        next = page["next"].as_str().map(|path| path.to_owned());
        pages += 1;
    }
    assert_eq!(pages, count.div_ceil(2));
    assert_eq!(Value::from(rows), whole["rows"]);
}

#[tokio::test]
async fn csv_has_all_rows_at_once_or_one_page_with_a_link_to_the_next() {
    let server = Setup::default().manual_clock().start().await;
    for _ in 0..3 {
        server.unit().await;
        server.advance_ms(HOUR_MS);
    }
    let path = "/v1/reports/publishers/eu-tech-news?by=hour";

    let (all, no_link) = csv(&server, path).await;
    let (page, link) = csv(&server, &format!("{path}&limit=2")).await;

    assert_eq!((all.len(), no_link), (4, None));
    assert_eq!(page, all[..3]);
    let link = link.unwrap();
    let next = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
    let (rest, no_link) = csv(&server, next.strip_prefix(&server.public).unwrap()).await;
    assert_eq!((rest.as_slice(), no_link), (&all[3..], None));
}

#[tokio::test]
async fn an_invalid_limit_and_the_cursor_of_another_report_are_refused() {
    let server = Setup::default().manual_clock().start().await;
    for _ in 0..2 {
        server.unit().await;
        server.advance_ms(HOUR_MS);
    }
    let path = "/v1/reports/publishers/eu-tech-news";
    let (_, page) = server.get_as("operator", &format!("{path}?by=hour&limit=1")).await;
    let cursor = page["next"].as_str().unwrap().split("cursor=").nth(1).unwrap().to_owned();
    for (query, field) in [
        ("limit=0".to_owned(), "limit"),
        ("limit=10001".to_owned(), "limit"),
        ("limit=all".to_owned(), "limit"),
        ("cursor=!".to_owned(), "cursor"),
        ("cursor=AAAA".to_owned(), "cursor"),
        (format!("by=day&cursor={cursor}"), "cursor"),
        (format!("by=hour&campaign=zahid-ai-europe&cursor={cursor}"), "cursor"),
    ] {
        let (status, problem) = server.get_as("operator", &format!("{path}?{query}")).await;
        assert_eq!((status, &problem["field"]), (422, &field.into()), "{query}: {problem}");
    }
}
