//! Money: the billed amount never exceeds the budget, also under concurrent requests.

use crate::harness::decision::reference_with;
use crate::harness::inventory::PRICE_MICROS;
use crate::harness::{Decision, Setup, TestServer, inventory, reference, wait_until};
use crate::removed::{apply, served};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Waits until the reference page shows a unit of the reference advertiser.
async fn reference_unit(server: &TestServer) -> Decision {
    wait_until("a unit of the reference advertiser", async || {
        let decision = server.decide(&reference()).await;
        (decision.advertiser() == "zahid-host").then_some(decision)
    })
    .await
}

pub async fn of_sixty_requests_for_a_budget_of_ten_impressions_exactly_ten_are_shown_and_billed(
    setup: Setup,
) {
    let server = setup.inventory(inventory::with_budget_for(10)).manual_clock().start().await;

    for number in 0..60 {
        // Instances that share a budget wait a moment for their next lease.
        let decision = if number < 10 {
            reference_unit(&server).await
        } else {
            server.decide(&reference()).await
        };
        server.reader.impression(&decision).await;
        assert_eq!(decision.advertiser() == "zahid-host", number < 10, "request {number}");
    }

    assert_eq!(server.scrape().await.spent(), 10 * PRICE_MICROS);
    assert_eq!(server.scrape().await.invalid("impression", "over_budget"), 0);
    server.assert_ledger_consistent().await;
}

pub async fn impressions_over_the_budget_are_reported_as_over_budget_and_free(setup: Setup) {
    let server = setup.inventory(inventory::with_budget_for(60)).manual_clock().start().await;
    let mut shown = Vec::new();
    for _ in 0..60 {
        shown.push(reference_unit(&server).await);
    }
    // The advertiser lowers the budget while they are on their way.
    let mut lowered = served(&server).await;
    let campaigns = lowered["campaigns"].as_array_mut().unwrap();
    let campaign = campaigns.iter_mut().find(|one| one["id"] == "zahid-launch").unwrap();
    campaign["budget"]["lifetime_micros"] = (10 * PRICE_MICROS).into();
    let (status, reply) = apply(&server, &lowered).await;
    assert_eq!(status, 200, "{reply:#}");

    for decision in &shown {
        assert!(server.reader.impression(decision).await.recorded);
    }

    let scrape = server.scrape().await;
    assert_eq!(scrape.events("impression", "counted"), 10);
    assert_eq!(scrape.invalid("impression", "over_budget"), 50);
    assert_eq!(scrape.spent(), 10 * PRICE_MICROS);
    server.assert_ledger_consistent().await;
}

#[tokio::test]
async fn a_reservation_is_available_again_once_its_event_can_no_longer_count() {
    let server =
        Setup::default().inventory(inventory::with_budget_for(1)).manual_clock().start().await;
    reference_unit(&server).await;

    let while_reserved = server.decide(&reference()).await;
    server.advance_ms(600_000);
    let while_expected = server.decide(&reference()).await;
    server.advance_ms(301_000);
    let after = reference_unit(&server).await;
    server.reader.impression(&after).await;

    assert_eq!(while_reserved.advertiser(), "house");
    assert_eq!(while_expected.advertiser(), "house");
    assert_eq!(server.verdicts(&after).await, ["impression counted"]);
}

#[tokio::test]
async fn with_two_publishers_neither_reserves_more_than_its_share_of_a_budget() {
    let half = |settings: &mut adjacent::config::Settings| {
        settings.store.publisher_reservation_percent = 50;
    };
    let server = Setup::default()
        .inventory(inventory::with_budget_for(10))
        .settings(half)
        .manual_clock()
        .start()
        .await;
    let elsewhere = reference_with("/publisher", "kitchen-journal".into());

    let first = server.decide(&elsewhere).await.advertiser().to_owned();
    let mut reserved = (0, 1);
    for _ in 0..20 {
        reserved.0 += u32::from(server.decide(&reference()).await.advertiser() == "zahid-host");
    }
    for _ in 0..20 {
        reserved.1 += u32::from(server.decide(&elsewhere).await.advertiser() == "zahid-host");
    }

    assert_eq!(first, "zahid-host");
    assert_eq!(reserved, (5, 5));
}

#[tokio::test]
async fn a_decision_is_billed_for_one_click_however_many_links_are_clicked() {
    let cpm = "pricing = \"cpm\"\nprice_micros = 8_000_000";
    let with_cpc = inventory::example_with(cpm, "pricing = \"cpc\"\nprice_micros = 700_000");
    let server = Arc::new(Setup::default().inventory(with_cpc).manual_clock().start().await);
    let mut units = Vec::new();
    for _ in 0..20 {
        let unit = server.unit().await;
        server.reader.impression(&unit).await;
        units.push(unit);
    }
    server.advance_ms(1_000);

    let mut race = JoinSet::new();
    for unit in &units {
        for at in 0..8 {
            let (reader, cta) = (server.reader.clone(), ["primary", "pricing"][at % 2]);
            let url = unit.click_url(cta).to_owned();
            race.spawn(async move { reader.fire(&url).await });
        }
    }
    let acks = race.join_all().await;
    server.inner.ledger.barrier().await.unwrap();

    assert!(acks.iter().all(|ack| ack.status == 302 && ack.location.is_some()));
    let scrape = server.scrape().await;
    assert_eq!(scrape.spent(), 20 * 700_000);
    assert_eq!(scrape.events("click", "counted"), 40, "each call to action is counted");
    assert_eq!(scrape.events("click", "duplicate"), 120);
    server.assert_ledger_consistent().await;
}

pub async fn concurrent_pages_do_not_oversell_a_budget(setup: Setup) {
    let server =
        Arc::new(setup.inventory(inventory::with_budget_for(20)).manual_clock().start().await);

    let burst = async || {
        let mut pages = JoinSet::new();
        for _ in 0..100 {
            let server = server.clone();
            pages.spawn(async move {
                let decision = server.decide(&reference()).await;
                server.reader.impression(&decision).await;
                decision.advertiser() == "zahid-host"
            });
        }
        pages.join_all().await.into_iter().filter(|shown| *shown).count()
    };
    let mut shown = burst().await;
    if server.inner.leasing.lease_terms().is_none() {
        assert_eq!(shown, 20, "a single instance has the whole budget at once");
    }
    wait_until("the whole budget is sold, lease by lease", async || {
        shown += burst().await;
        (shown >= 20).then_some(())
    })
    .await;

    assert_eq!(shown, 20);
    server.inner.ledger.barrier().await.unwrap();
    assert_eq!(server.scrape().await.spent(), 20 * PRICE_MICROS);
    server.assert_ledger_consistent().await;
}

pub async fn a_report_adds_up_to_the_billed_amount_under_every_breakdown(setup: Setup) {
    let server = setup.manual_clock().start().await;
    for country in ["DE", "FR", "BE"] {
        let page = crate::harness::decision::reference_with("/viewer/region", country.into());
        let unit = server.decide(&page).await;
        server.reader.impression(&unit).await;
    }
    server.inner.ledger.barrier().await.unwrap();

    for by in ["day", "region", "topic,entity", "creative,region", "publisher", "campaign,flight"] {
        let path = format!("/v1/reports/advertisers/zahid-host?by={by}");
        let (status, report) = server.get_as("advertiser:zahid-host", &path).await;
        assert_eq!(status, 200);
        let rows = report["rows"].as_array().unwrap();
        let sum: u64 = rows.iter().map(|row| row["spend_micros"].as_u64().unwrap()).sum();
        assert_eq!(sum, 3 * PRICE_MICROS, "{by}: {report:#}");
        assert_eq!(report["total"][0]["spend_micros"], sum);
        assert_eq!(report["total"][0]["impressions"]["net"], 3);
    }
}
