//! Metrics: every series exists from the start, event counts add up in every scrape, and the number of
//! series is bounded for any input.

use crate::harness::decision::reference_with;
use crate::harness::{Decision, Scrape, TestServer, reference};
use adjacent::domain::event::TokenRejection;
use adjacent::metrics::Metrics;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Every series of the contract, with its labels if it has any.
const CONTRACT: [&str; 27] = [
    "decisions_total{outcome",
    "no_fill_total{reason",
    "candidates_removed_total{stage",
    "events_received_total{kind",
    "events_total{kind",
    "invalid_events_total{kind",
    "decision_duration_seconds_count",
    "event_ack_duration_seconds_count",
    "click_unrecorded_total",
    "journal_unshipped_records",
    "journal_oldest_unshipped_seconds",
    "ledger_lag_seconds",
    "ledger_drift_micros",
    "spend_micros_total{campaign",
    "flight_pace_ratio{flight",
    "budget_remaining_ratio{campaign",
    "snapshot_age_seconds",
    "config_reloads_total{result=\"refused\",what=\"weights\"}",
    "rate_limited_total{class",
    "adapter_requests_total{adapter=\"kevel\",outcome=\"no_fill\"}",
    "store_up",
    "panics_total",
    "build_info{version",
    "events_total{kind=\"unknown\",verdict=\"invalid\"}",
    "events_total{kind=\"copy\",verdict=\"pending\"}",
    "decisions_total{outcome=\"filled\"}",
    "no_fill_total{reason=\"overloaded\"}",
];

const REASONS: &[&str] = &[
    "forged",
    "expired",
    "bot",
    "prefetch",
    "rate_limited",
    "too_fast",
    "orphan_click",
    "out_of_region",
    "wrong_origin",
    "over_budget",
    "over_goal",
    "test",
    "paused",
    "late",
    "credited",
    "agent",
];

#[tokio::test]
async fn every_series_of_the_contract_exists_at_zero_from_the_start() {
    let server = TestServer::start().await;

    let scrape = server.scrape().await;

    for name in CONTRACT {
        let name = format!("adjacent_{name}");
        assert!(scrape.0.keys().any(|series| series.starts_with(&name)), "{name}");
    }
    for reason in TokenRejection::ALL {
        assert_eq!(scrape.invalid("unknown", reason.as_str()), 0);
    }
    for kind in ["impression", "viewable", "click", "copy", "unknown"] {
        for reason in REASONS {
            assert_eq!(scrape.invalid(kind, reason), 0);
        }
    }
    // No counter has increased before the first request.
    let counters = scrape
        .0
        .iter()
        .filter(|(name, _)| name.contains("_total") && name.starts_with("adjacent_"));
    let counted: Vec<_> = counters.filter(|(_, value)| **value != 0.0).collect();
    assert!(counted.is_empty(), "{counted:?}");
    assert_eq!(scrape.count("adjacent_store_up"), 1);
}

#[tokio::test]
async fn a_scrape_has_series_of_every_declared_metric_and_of_no_other() {
    let server = TestServer::start().await;

    let scrape = server.scrape().await;

    // A histogram has three families; other series describe the process.
    let families = scrape.0.keys().filter_map(|series| series.strip_prefix("adjacent_"));
    let families: BTreeSet<&str> = families
        .map(|series| series.split('{').next().unwrap())
        .map(|name| name.strip_suffix("_bucket").unwrap_or(name))
        .filter(|name| !name.ends_with("_sum") && !name.ends_with("_count"))
        .collect();
    assert_eq!(families, Metrics::NAMES.iter().copied().collect());
}

#[tokio::test]
async fn received_equals_counted_plus_duplicate_invalid_and_pending_in_every_scrape_under_load() {
    let server = Arc::new(TestServer::start().await);
    let mut load = JoinSet::new();
    for worker in 0..6 {
        let server = server.clone();
        load.spawn(async move {
            for round in 0..25 {
                let unit: Decision = server.decide(&reference()).await;
                let mut urls = unit.urls();
                urls.extend(unit.urls().into_iter().skip(worker % 3));
                if worker % 2 == 1 {
                    // The impression comes last; the other events are pending until then.
                    urls.reverse();
                }
                for url in &urls {
                    server.reader.fire(url).await;
                }
                server.reader.fire(&format!("{}/e/forged-{round}", server.public)).await;
            }
        });
    }

    let (mut scrapes, mut pending) = (0, 0);
    while !load.is_empty() {
        let scrape = server.scrape().await;
        scrape.assert_every_event_is_accounted_for();
        pending += scrape.events("copy", "pending") + scrape.events("click", "pending");
        scrapes += 1;
        while let Some(finished) = load.try_join_next() {
            finished.unwrap();
        }
    }

    assert!(scrapes > 5 && pending > 0, "{scrapes} scrapes, {pending} pending");
    server.inner.ledger.barrier().await.unwrap();
    server.assert_ledger_consistent().await;
    let scrape = server.scrape().await;
    assert_eq!(scrape.events("impression", "counted"), 150);
    assert_eq!(scrape.invalid("unknown", "forged"), 150);
}

#[tokio::test]
async fn thousands_of_hostile_requests_create_no_new_series() {
    let server = Arc::new(TestServer::start().await);
    let names = |scrape: &Scrape| scrape.0.keys().cloned().collect::<BTreeSet<_>>();
    let before = names(&server.scrape().await);

    let mut load = JoinSet::new();
    for worker in 0..8 {
        let server = server.clone();
        load.spawn(async move {
            for n in 0..100 {
                let odd = format!("odd-{worker}-{n}\"}}\n{{");
                server.decision_response(&reference_with("/page/topics", json!([odd]))).await;
                server.decision_response(&reference_with("/viewer/region", json!(odd))).await;
                server.request_decisions(&reference_with("/publisher", json!(odd))).await;
                for path in ["e", "c", "v1", "w", "embed"] {
                    let url = format!("{}/{path}/odd-{worker}-{n}", server.public);
                    server.reader.fire(&url).await;
                }
            }
        });
    }
    load.join_all().await;

    let after = names(&server.scrape().await);
    assert_eq!(before, after);
    assert!(after.len() < 5_000, "{}", after.len());
}

#[tokio::test]
async fn decisions_are_counted_by_outcome_and_no_fill_reason() {
    let server = TestServer::start().await;

    server.unit().await;
    server.decide(&reference_with("/page/commercial", json!("none"))).await;

    let scrape = server.scrape().await;
    assert_eq!(scrape.count("adjacent_decisions_total{outcome=\"filled\"}"), 1);
    assert_eq!(scrape.count("adjacent_decisions_total{outcome=\"no_fill\"}"), 1);
    assert_eq!(scrape.count("adjacent_no_fill_total{reason=\"commercial_off\"}"), 1);
    assert_eq!(scrape.count("adjacent_decision_duration_seconds_count"), 2);
}

#[tokio::test]
async fn the_remaining_budget_ratio_is_relative_to_the_lifetime_limit() {
    let server = TestServer::start().await;
    let remaining = "adjacent_budget_remaining_ratio{campaign=\"zahid-launch\"}";

    // Limits: 5,000 lifetime and 200 per day. The ratio starts at 1, not at the 4 % that one day's
    // limit is of the lifetime one.
    assert_eq!(server.scrape().await.value(remaining), 1.0);
    server.reader.impression(&server.unit().await).await;

    let scrape = server.scrape().await;
    let expected = 1.0 - scrape.spent() as f64 / 5e9;
    assert!((scrape.value(remaining) - expected).abs() < 1e-9 && expected < 1.0);
}
