//! Events: each counts once, also if repeated, concurrent or out of order.

use crate::harness::inventory::PRICE_MICROS;
use crate::harness::{Reader, Setup, TestServer};
use std::sync::Arc;
use tokio::sync::Barrier;

/// A server with a manual clock.
async fn server() -> TestServer {
    Setup::default().manual_clock().start().await
}

pub async fn every_kind_counts_once_however_often_it_is_repeated(setup: Setup) {
    let server = setup.manual_clock().start().await;
    let unit = server.unit().await;

    for round in 0..3 {
        assert!(server.reader.impression(&unit).await.recorded);
        server.advance_ms(1_000);
        assert!(server.reader.viewable(&unit).await.recorded);
        assert!(server.reader.copy(&unit).await.recorded);
        for cta in ["primary", "pricing"] {
            let click = server.click(&unit, cta).await;
            assert_eq!(click.status, 302, "round {round}");
        }
    }

    let scrape = server.scrape().await;
    for (kind, counted) in [("impression", 1), ("viewable", 1), ("copy", 1), ("click", 2)] {
        assert_eq!(scrape.events(kind, "counted"), counted, "{kind}");
        assert_eq!(scrape.events(kind, "duplicate"), 2 * counted, "{kind}");
    }
    assert_eq!(scrape.spent(), PRICE_MICROS);
    server.assert_ledger_consistent().await;
}

pub async fn sixty_four_browsers_with_one_token_are_billed_once(setup: Setup) {
    let server = setup.manual_clock().start().await;
    let unit = server.unit().await;
    let barrier = Arc::new(Barrier::new(64));

    let race = (0..64).map(|_| {
        let (unit, barrier) = (unit.clone(), barrier.clone());
        tokio::spawn(async move {
            let reader = Reader::new();
            barrier.wait().await;
            reader.impression(&unit).await
        })
    });
    for task in race.collect::<Vec<_>>() {
        assert!(task.await.unwrap().recorded);
    }

    let scrape = server.scrape().await;
    assert_eq!(scrape.events("impression", "counted"), 1);
    assert_eq!(scrape.events("impression", "duplicate"), 63);
    assert_eq!(scrape.spent(), PRICE_MICROS);
    server.assert_ledger_consistent().await;
}

#[tokio::test]
async fn an_event_is_accepted_by_post_as_well_as_by_get_and_answered_without_a_body() {
    let server = server().await;
    let unit = server.unit().await;

    let page = Reader::with_header("origin", "https://news.example");
    let reply = page.post(unit.impression_url()).body("anything").send().await.unwrap();

    assert_eq!(reply.status(), 204);
    assert_eq!(reply.headers()["adjacent-recorded"], "1");
    assert_eq!(reply.headers()["cache-control"], "no-store");
    assert_eq!(reply.headers()["access-control-allow-origin"], "*");
    assert_eq!(reply.bytes().await.unwrap().len(), 0);
    assert_eq!(server.verdicts(&unit).await, ["impression counted"]);
}

pub async fn a_click_before_its_impression_is_pending_and_then_counts(setup: Setup) {
    let server = setup.manual_clock().start().await;
    let unit = server.unit().await;

    let click = server.click(&unit, "primary").await;
    let waiting = server.verdicts(&unit).await;
    server.advance_ms(5_000);
    server.reader.impression(&unit).await;

    assert!(click.location.is_some());
    assert_eq!(waiting, ["click pending"]);
    assert_eq!(server.verdicts(&unit).await, ["click counted", "impression counted"]);
    server.assert_ledger_consistent().await;
}

pub async fn a_click_without_an_impression_becomes_an_orphan(setup: Setup) {
    let server = setup.manual_clock().start().await;
    let unit = server.unit().await;

    server.click(&unit, "primary").await;
    assert_eq!(server.scrape().await.events("click", "pending"), 1);
    server.advance_ms(61_000);

    server.wait_for_metric("adjacent_events_total{kind=\"click\",verdict=\"pending\"}", 0).await;
    assert_eq!(server.scrape().await.invalid("click", "orphan_click"), 1);
    server.reader.impression(&unit).await;
    assert_eq!(
        server.scrape().await.events("click", "counted"),
        0,
        "a final verdict does not change"
    );
    server.assert_ledger_consistent().await;
}

pub async fn an_event_faster_than_a_reader_can_be_is_invalid_and_a_later_one_counts(setup: Setup) {
    let server = setup.manual_clock().start().await;
    let unit = server.unit().await;
    server.reader.impression(&unit).await;

    server.advance_ms(499);
    server.click(&unit, "primary").await;
    server.advance_ms(400);
    server.reader.viewable(&unit).await;
    server.advance_ms(1);
    server.reader.viewable(&unit).await;
    server.click(&unit, "primary").await;

    let verdicts = server.verdicts(&unit).await;
    let expected = [
        "impression counted",
        "click invalid too_fast",
        "viewable invalid too_fast",
        "viewable counted",
        "click counted",
    ];
    assert_eq!(verdicts, expected);
}

pub async fn an_event_after_its_window_is_invalid_and_a_click_still_redirects(setup: Setup) {
    let server = setup.manual_clock().start().await;
    let (seen, unseen) = (server.unit().await, server.unit().await);

    server.advance_ms(900_000);
    server.reader.impression(&seen).await;
    server.advance_ms(1);
    server.reader.impression(&unseen).await;
    server.advance_ms(7_200_000 - 900_000);
    let late = server.click(&seen, "pricing").await;
    let late_view = server.reader.viewable(&seen).await;

    let verdicts = server.verdicts(&seen).await;
    assert_eq!(
        verdicts,
        ["impression counted", "click invalid expired", "viewable invalid expired"]
    );
    assert_eq!(server.verdicts(&unseen).await, ["impression invalid expired"]);
    assert!(late.location.unwrap().starts_with("https://zahid.host/pricing"));
    assert!(late_view.recorded);
}

#[tokio::test]
async fn a_token_counts_once_across_a_restart() {
    let server = server().await;
    let unit = server.unit().await;
    server.reader.impression(&unit).await;

    let server = server.restart().await;
    let url = unit.impression_url().replace(&origin(unit.impression_url()), &server.public);
    let ack = server.reader.fire(&url).await;

    assert!(ack.recorded);
    assert_eq!(server.verdicts(&unit).await, ["impression counted", "impression duplicate"]);
    assert_eq!(server.scrape().await.spent(), PRICE_MICROS);
    server.assert_ledger_consistent().await;
}

/// The origin of a URL, for example `http://127.0.0.1:1234`.
fn origin(url: &str) -> String {
    url.split('/').take(3).collect::<Vec<_>>().join("/")
}
