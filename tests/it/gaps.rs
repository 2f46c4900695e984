//! What pages asked for and no sponsor wanted.

use crate::harness::decision::{page_on, reference_with};
use crate::harness::{TestServer, reference};
use serde_json::{Value, json};

async fn gaps(server: &TestServer, query: &str) -> Value {
    let url = format!("{}/v1/admin/gaps{query}", server.ops);
    let reply = server.reader.get(&url).bearer_auth(server.key("operator")).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    reply.json().await.unwrap()
}

/// The rows of one kind, as value and slots without a sponsor.
fn rows<'a>(report: &'a Value, kind: &str) -> Vec<(&'a str, u64, &'a str)> {
    let contexts = report["contexts"].as_array().unwrap();
    let own = contexts.iter().filter(|row| row["kind"] == kind);
    let row = |row: &'a Value| {
        let text = |field: &str| row[field].as_str().unwrap();
        (text("value"), row["unwanted"].as_u64().unwrap(), text("reason"))
    };
    own.map(row).collect()
}

#[tokio::test]
async fn what_no_sponsor_wanted_is_ranked_with_unknown_names_and_adds_up_by_publisher() {
    let server = TestServer::start().await;
    let with = |pointer: &str, value: Value, page: &Value| {
        let mut page = page.clone();
        *page.pointer_mut(pointer).unwrap() = value;
        page
    };
    let cycling = page_on("cycling");
    let gardening = with("/page/topics", json!(["gardening"]), &page_on("x"));
    let kitchen = json!({
        "publisher": "kitchen-journal",
        "page": { "url": "https://kitchen.example/x", "language": "de", "topics": ["disasters"] },
        "viewer": { "region": "AT" },
        "placements": [{ "name": "article-end" }],
    });
    let pages = [
        (with("/viewer/region", json!("JP"), &cycling), 5),
        (with("/viewer/region", json!("JP"), &gardening), 7),
        (reference_with("/page/commercial", json!("house_only")), 2),
        (reference(), 3),
        (reference_with("/placements/0/name", json!("nowhere")), 1),
        (kitchen, 4),
    ];
    let (mut slots, mut sponsored, mut filled) = (0, 0, 0);
    for (page, count) in pages {
        for _ in 0..count {
            let decision = server.decide(&page).await;
            slots += 1;
            filled += u64::from(decision.is_filled());
            sponsored += u64::from(decision.is_filled() && decision.advertiser() != "house");
        }
    }
    // Not a request of a reader.
    server.decide(&reference_with("/test", json!(true))).await;

    let report = gaps(&server, "").await;

    assert_eq!(
        (&report["requests"], &report["unwanted"]),
        (&json!(slots), &json!(slots - sponsored))
    );
    let topics = rows(&report, "topic");
    assert_eq!(topics[0], ("cycling", 5, "house"), "{report:#}");
    assert!(topics.iter().any(|(topic, _, _)| *topic == "disasters"));
    assert_eq!(rows(&report, "unknown_name")[0], ("gardening", 7, "house"), "{report:#}");
    let regions = rows(&report, "region");
    assert_eq!((regions[0].0, regions[0].1), ("JP", 12));
    assert_eq!(rows(&report, "language").iter().map(|row| row.1).sum::<u64>(), slots - sponsored);
    let first = &report["contexts"][0];
    let share = first["unwanted"].as_f64().unwrap() / report["unwanted"].as_f64().unwrap();
    assert!((first["share"].as_f64().unwrap() - share).abs() < 0.001, "{first}");
    assert!((first["unwanted_a_day"].as_f64().unwrap() - 5.0 / 7.0).abs() < 0.06, "{first}");

    let publishers = report["publishers"].as_array().unwrap();
    let (mut requests, mut fill) = (0, 0);
    for publisher in publishers {
        let count = |field: &str| publisher[field].as_u64().unwrap();
        let reasons = publisher["no_fill"].as_object().unwrap().values();
        let no_fill: u64 = reasons.map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(count("requests"), count("sponsored") + count("house") + no_fill, "{publisher}");
        requests += count("requests");
        fill += count("sponsored") + count("house");
    }
    assert_eq!((publishers.len(), requests, fill), (2, slots, filled));
    let reasons = &publishers[0]["no_fill"];
    assert_eq!(reasons["unknown_placement"], 1, "{report:#}");
}

#[tokio::test]
async fn the_table_of_a_gap_report_has_a_line_for_each_context() {
    let server = TestServer::start().await;
    server.decide(&reference_with("/page/topics", json!(["gardening"]))).await;
    let url = format!("{}/v1/admin/gaps", server.ops);
    let request = server.reader.get(&url).bearer_auth(server.key("operator"));
    let reply = request.header("accept", "text/csv").send().await.unwrap();

    assert_eq!(reply.headers()["content-type"], "text/csv; charset=utf-8");
    let text = reply.text().await.unwrap();
    let mut lines = text.lines();
    let head = "kind,value,requests,unwanted,unwanted_a_day,share,reason,sampled_part";
    assert_eq!(lines.next(), Some(head));
    let kinds: Vec<&str> = lines.map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(kinds, ["entity", "entity", "unknown_name", "region", "language", "publisher"]);
    assert!(text.contains("\nunknown_name,gardening,1,1,0.1,1,house,1\n"), "{text}");

    let request = server.reader.get(&format!("{url}?format=xls"));
    let reply = request.bearer_auth(server.key("operator")).send().await.unwrap();
    assert_eq!(reply.status(), 422);
}
