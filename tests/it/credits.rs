//! Credits and refunds: each is a new entry, applied once, and every report includes it.

use crate::harness::inventory::PRICE_MICROS;
use crate::harness::{Setup, TestServer, inventory, reference};
use serde_json::{Value, json};

async fn post(server: &TestServer, path: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
    server.wait_until_applied().await;
    let url = format!("{}/v1/admin/{path}", server.ops);
    let mut request = server.reader.post(&url).bearer_auth(server.key("operator")).json(body);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let reply = request.send().await.unwrap();
    (reply.status().as_u16(), reply.json().await.unwrap())
}

async fn total(server: &TestServer) -> Value {
    let path = "/v1/reports/advertisers/zahid-host?by=topic";
    let (_, report) = server.get_as("advertiser:zahid-host", path).await;
    let rows = report["rows"].as_array().unwrap();
    let sum: i64 = rows.iter().map(|row| row["spend_micros"].as_i64().unwrap()).sum();
    assert_eq!(report["total"][0]["spend_micros"], sum, "{report:#}");
    report["total"][0].clone()
}

pub async fn a_credited_event_no_longer_counts_or_costs_and_is_reported_as_credited(setup: Setup) {
    let server = setup.inventory(inventory::with_budget_for(2)).manual_clock().start().await;
    let mut units = Vec::new();
    for _ in 0..2 {
        let unit = server.unit().await;
        server.reader.impression(&unit).await;
        units.push(unit);
    }
    let credit = json!({ "decisions": [units[0].id()], "note": "a click farm" });

    let (status, first) = post(&server, "credits", None, &credit).await;
    let (_, again) = post(&server, "credits", None, &credit).await;

    assert_eq!((status, &first["micros"]["EUR"]), (200, &json!(PRICE_MICROS)), "{first:#}");
    assert_eq!(first["credited"][0]["before"], false);
    assert_eq!((&again["micros"], &again["credited"][0]["before"]), (&json!({}), &json!(true)));
    assert_eq!(server.verdicts(&units[0]).await, ["impression invalid credited"]);
    assert_eq!(server.verdicts(&units[1]).await, ["impression counted"]);
    let scrape = server.scrape().await;
    assert_eq!((scrape.events("impression", "counted"), scrape.spent()), (2, 2 * PRICE_MICROS));
    assert_eq!(scrape.invalid("impression", "credited"), 1);
    scrape.assert_every_event_is_accounted_for();

    // The money is available again, and all reports agree, also after a restart.
    let server = server.restart().await;
    let total = total(&server).await;
    assert_eq!(total["impressions"], json!({ "gross": 2, "invalid": 1, "net": 1 }));
    assert_eq!(total["spend_micros"], PRICE_MICROS);
    assert_eq!(total["returned_micros"], PRICE_MICROS);
    assert_eq!(total["refused"], json!({ "credited": 1 }));
    assert_eq!(server.unit().await.advertiser(), "zahid-host");
    server.assert_ledger_consistent().await;
}

pub async fn a_refund_changes_spend_but_no_count_and_applies_once_per_key(setup: Setup) {
    let server = setup.manual_clock().start().await;
    server.reader.impression(&server.unit().await).await;
    // Refunds are by day in the advertiser's time zone.
    let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let today = server.state.clock.now().to_zoned(berlin).date().to_string();
    let refund = |micros: u64| json!({ "campaign": "zahid-launch", "day": today, "micros": micros, "note": "down" });

    assert_eq!(post(&server, "refunds", None, &refund(500)).await.0, 422);
    for _ in 0..2 {
        let (status, refunded) = post(&server, "refunds", Some("one"), &refund(500)).await;
        assert_eq!((status, &refunded["micros"]), (200, &json!(500)), "{refunded:#}");
    }
    assert_eq!(post(&server, "refunds", Some("one"), &refund(600)).await.0, 422);
    let (_, rest) = post(&server, "refunds", Some("two"), &refund(u64::from(u32::MAX))).await;
    assert_eq!(rest["micros"], PRICE_MICROS - 500, "never more than was billed");

    let total = total(&server).await;
    assert_eq!((&total["spend_micros"], &total["impressions"]["net"]), (&json!(0), &json!(1)));
    server.assert_ledger_consistent().await;
}

pub async fn a_refund_of_a_day_without_bills_is_pending_until_the_first_one(setup: Setup) {
    let server = setup.manual_clock().start().await;
    let unit = server.unit().await;
    let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let today = server.state.clock.now().to_zoned(berlin).date().to_string();
    let refund = |micros: u64| json!({ "campaign": "zahid-launch", "day": today, "micros": micros, "note": "down" });

    for _ in 0..2 {
        let (status, reply) = post(&server, "refunds", Some("one"), &refund(500)).await;
        assert_eq!(status, 202, "{reply:#}");
        assert_eq!((&reply["micros"], &reply["pending"]), (&json!(0), &json!(true)));
    }
    assert_eq!(post(&server, "refunds", Some("one"), &refund(600)).await.0, 422);

    server.reader.impression(&unit).await;
    let (status, reply) = post(&server, "refunds", Some("one"), &refund(500)).await;
    assert_eq!((status, &reply["micros"], &reply["pending"]), (200, &json!(500), &json!(false)));
    assert_eq!(total(&server).await["spend_micros"], PRICE_MICROS - 500);
    assert_eq!(post(&server, "refunds", Some("one"), &refund(600)).await.0, 422);
    server.assert_ledger_consistent().await;
}

#[tokio::test]
async fn invalid_credits_and_refunds_are_rejected_by_field() {
    let server = TestServer::start().await;
    for (path, body, field) in [
        ("credits", json!({ "decisions": ["x"], "note": "n" }), "decisions[0]"),
        ("credits", json!({ "decisions": [], "note": "n" }), "decisions"),
        ("credits", json!({ "decisions": [uuid::Uuid::nil()], "note": " " }), "note"),
        (
            "refunds",
            json!({ "campaign": "zahid-launch", "day": "25.11.", "micros": 1, "note": "n" }),
            "day",
        ),
        (
            "refunds",
            json!({ "campaign": "zahid-launch", "day": "2026-11-25", "micros": 0, "note": "n" }),
            "micros",
        ),
    ] {
        let (status, problem) = post(&server, path, Some("k"), &body).await;
        assert_eq!((status, &problem["field"]), (422, &json!(field)), "{problem:#}");
    }
    let unknown = json!({ "campaign": "unknown", "day": "2026-11-25", "micros": 1, "note": "n" });
    assert_eq!(post(&server, "refunds", Some("k"), &unknown).await.0, 404);
}

#[tokio::test]
async fn a_publisher_report_has_opportunities_and_no_fill_reasons() {
    let server = Setup::default().manual_clock().start().await;
    for topic in ["ai-infrastructure", "gardening"] {
        let mut page = reference();
        page["page"]["topics"] = json!([topic]);
        page["page"]["entities"] = json!([]);
        if topic == "gardening" {
            page["page"]["commercial"] = json!("none");
        }
        server.decide(&page).await;
    }

    let path = "/v1/reports/publishers/eu-tech-news?by=topic";
    let (_, report) = server.get_as("publisher:eu-tech-news", path).await;
    let total = &report["total"][0];
    assert_eq!((&total["requests"], &total["filled"]), (&json!(2), &json!(1)), "{report:#}");
    assert_eq!(total["no_fill"], json!({ "commercial_off": 1 }), "{report:#}");
    let unfilled =
        report["rows"].as_array().unwrap().iter().find(|row| row["filled"] == 0).unwrap();
    assert_eq!(unfilled["revenue_micros"], 0, "{report:#}");
    let path = "/v1/reports/advertisers/zahid-host?by=topic";
    let (_, report) = server.get_as("advertiser:zahid-host", path).await;
    assert_eq!(report["total"][0]["filled"], 1, "{report:#}");
    for field in ["revenue_micros", "no_fill"] {
        assert!(report["total"][0].get(field).is_none(), "{report:#}");
    }
}
