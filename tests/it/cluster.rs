//! Several instances on one Redis: one order of events and one bill, also after failures of Redis.

use crate::harness::inventory::PRICE_MICROS;
use crate::harness::{
    Redis, RedisCluster, Sentinels, Setup, Store, TestServer, inventory, reference, wait_until,
};
use serde_json::{Value, json};

async fn start_instance(store: &impl Store) -> TestServer {
    Setup::default().with_store(store).start().await
}

async fn total(server: &TestServer) -> Value {
    let path = "/v1/reports/advertisers/zahid-host?by=topic";
    let (status, report) = server.get_as("advertiser:zahid-host", path).await;
    assert_eq!(status, 200);
    report["total"][0].clone()
}

/// Waits until an instance has counted this number of net impressions.
async fn wait_for_impressions(server: &TestServer, impressions: u64) {
    wait_until("impressions", async || {
        let found = total(server).await["impressions"]["net"].as_u64().unwrap_or(0);
        assert!(found <= impressions, "{found} of {impressions}");
        (found == impressions).then_some(())
    })
    .await;
}

/// Waits until a series of an instance has a value.
async fn wait_for_metric(server: &TestServer, series: &str, value: u64) {
    wait_until(series, async || (server.metric(series).await == value).then_some(())).await;
}

#[tokio::test]
async fn an_event_reported_to_two_instances_counts_once_and_both_agree() {
    let redis = Redis::start();
    let (one, other) = (start_instance(&redis).await, start_instance(&redis).await);
    let unit = one.unit().await;
    let (_, token) = unit.impression_url().split_once("/e/").unwrap();
    for _ in 0..2 {
        for server in [&one, &other] {
            let ack = server.reader.fire(&format!("{}/e/{token}", server.public)).await;
            assert!(ack.recorded);
        }
    }

    for server in [&one, &other] {
        wait_for_impressions(server, 1).await;
        let duplicates = async || {
            let state = server.inner.ledger.state();
            let tally = state.totals().values().next().cloned().unwrap_or_default();
            (tally.duplicate == 3 && tally.received == 4).then_some(tally)
        };
        wait_until("the three others are duplicates", duplicates).await;
        assert_eq!(total(server).await["spend_micros"], PRICE_MICROS);
    }
    // Each instance exports the events that it received; the sum is the four that were sent.
    let (a, b) = (one.scrape().await, other.scrape().await);
    a.assert_every_event_is_accounted_for();
    b.assert_every_event_is_accounted_for();
    assert_eq!(a.events("impression", "counted") + b.events("impression", "counted"), 1);
    assert_eq!(a.events("impression", "duplicate") + b.events("impression", "duplicate"), 3);
    assert_eq!(a.spent() + b.spent(), PRICE_MICROS);
}

#[tokio::test]
async fn a_budget_of_ten_impressions_is_billed_ten_times_by_two_instances() {
    let redis = Redis::start();
    let setup = || Setup::default().inventory(inventory::with_budget_for(10)).with_store(&redis);
    let instances = [setup().start().await, setup().start().await];
    let mut shown = 0;
    let mut round = 0;
    // Each instance sells its lease and requests the next; for this small budget a lease is one
    // impression.
    let all_sold = async || {
        for server in &instances {
            round += 1;
            let unit = server.decide(&reference()).await;
            if unit.is_filled() && unit.advertiser() == "zahid-host" {
                shown += u64::from(server.reader.impression(&unit).await.recorded);
            }
        }
        (shown >= 10 && round >= 60).then_some(())
    };
    wait_until("the whole budget is shown", all_sold).await;
    assert_eq!(shown, 10, "no impression over the budget is shown");
    for server in &instances {
        wait_until("all events are in the log", async || {
            let state = server.inner.ledger.state();
            let received = state.totals().values().next().map_or(0, |tally| tally.received);
            (received == shown).then_some(())
        })
        .await;
        let total = total(server).await;
        assert_eq!(total["impressions"]["net"], 10, "{total:#}");
        assert_eq!(total["spend_micros"], 10 * PRICE_MICROS);
    }
}

#[tokio::test]
async fn events_are_accepted_while_redis_is_down_and_resent_after_it_lost_all_data() {
    let mut redis = Redis::start();
    let server = start_instance(&redis).await;
    for _ in 0..5 {
        server.reader.impression(&server.unit().await).await;
    }
    wait_for_impressions(&server, 5).await;

    redis.kill();
    wait_for_metric(&server, "adjacent_store_up", 0).await;
    for _ in 0..7 {
        let ack = server.reader.impression(&server.unit().await).await;
        assert!(ack.recorded, "the event is on the disk of this instance");
    }
    // With counts of opportunities, if a second has ended since.
    wait_until("seven records that are not shipped", async || {
        (server.metric("adjacent_journal_unshipped_records").await >= 7).then_some(())
    })
    .await;
    // Both values keep growing while Redis is down, and the journal accepts events.
    let before = server.scrape().await;
    assert_eq!(before.count("adjacent_journal_up"), 1);
    for series in ["adjacent_journal_oldest_unshipped_seconds", "adjacent_ledger_lag_seconds"] {
        wait_until(series, async || {
            (server.scrape().await.value(series) > before.value(series) + 0.3).then_some(())
        })
        .await;
    }
    assert_eq!(total(&server).await["impressions"]["net"], 5);

    // Redis restarts without data.
    redis.restart(&[]);
    wait_for_impressions(&server, 12).await;
    wait_for_metric(&server, "adjacent_journal_unshipped_records", 0).await;
    wait_for_metric(&server, "adjacent_store_up", 1).await;
    wait_until("the instance has caught up", async || {
        let scrape = server.scrape().await;
        let lag = scrape.value("adjacent_ledger_lag_seconds");
        let waits = scrape.value("adjacent_journal_oldest_unshipped_seconds");
        (lag < 0.5 && waits == 0.0).then_some(())
    })
    .await;
    assert_audit_finds_no_mismatch(&server).await;
    // An instance that starts now reads the same totals.
    assert_eq!(server.metric("adjacent_instances").await, 1);
    let fresh = start_instance(&redis).await;
    wait_for_impressions(&fresh, 12).await;
    for instance in [&server, &fresh] {
        wait_for_metric(instance, "adjacent_instances", 2).await;
    }
    assert_same_totals(&[server, fresh]).await;
}

/// Waits until all instances report the same totals. Opportunities are sent once per second.
async fn assert_same_totals(instances: &[TestServer]) {
    wait_until("the same totals on all instances", async || {
        let first = total(&instances[0]).await;
        for other in &instances[1..] {
            if total(other).await != first {
                return None;
            }
        }
        Some(())
    })
    .await;
}

/// Waits until the audit finds no mismatch between an instance and the log in Redis: after a loss it does
/// until the log has all records again.
async fn assert_audit_finds_no_mismatch(server: &TestServer) {
    wait_until("an audit without mismatches", async || {
        let inner = server.inner.clone();
        let audited = tokio::task::spawn_blocking(move || inner.reporting.audit()).await.unwrap();
        audited.ok()?.is_empty().then_some(())
    })
    .await;
}

/// Reports impressions to the instances in turn and asserts that each is acknowledged.
async fn report_impressions(instances: &[TestServer], count: usize) {
    for number in 0..count {
        let server = &instances[number % instances.len()];
        let ack = server.reader.impression(&server.unit().await).await;
        assert!(ack.recorded);
    }
}

#[tokio::test]
async fn a_thousand_decisions_send_no_command_to_redis_and_none_waits_while_it_is_suspended() {
    const COUNT: u64 = 1_000;
    let redis = Redis::start();
    let server = start_instance(&redis).await;
    server.unit().await;
    let seconds = "adjacent_decision_duration_seconds";
    let (before, commands) = (server.scrape().await, redis.client_commands());

    redis.signal("STOP");
    for _ in 0..COUNT {
        assert!(server.decide(&reference()).await.is_filled());
    }
    redis.signal("CONT");

    // Redis now executes the commands sent in the meantime, before it reports the count: a few log
    // reads that were in flight, far fewer than the decisions.
    let sent = redis.client_commands() - commands;
    assert!(sent < COUNT / 2, "{sent} commands");
    let after = server.scrape().await;
    let grown = |series: &str| after.count(series) - before.count(series);
    assert_eq!(grown(&format!("{seconds}_count")), COUNT);
    // A command without a reply would time out after three seconds.
    assert_eq!(grown(&format!("{seconds}_bucket{{le=\"1\"}}")), COUNT);
}

#[tokio::test]
async fn a_redis_restored_from_an_old_backup_receives_the_lost_records_again() {
    let mut redis = Redis::start();
    let instances = [start_instance(&redis).await, start_instance(&redis).await];
    report_impressions(&instances, 6).await;
    for server in &instances {
        wait_for_impressions(server, 6).await;
    }
    let old = redis.dump();
    report_impressions(&instances, 8).await;
    for server in &instances {
        wait_for_impressions(server, 14).await;
    }

    redis.restore(&old);
    report_impressions(&instances, 2).await;

    for server in &instances {
        let all = async || {
            let net = total(server).await["impressions"]["net"].as_u64().unwrap_or(0);
            (net == 16).then_some(())
        };
        wait_until("all acknowledged impressions", all).await;
        assert_audit_finds_no_mismatch(server).await;
    }
    assert_same_totals(&instances).await;
}

#[tokio::test]
async fn foreign_data_in_redis_is_left_unchanged_and_pages_are_still_served() {
    let redis = Redis::start();
    for partition in 0..64 {
        redis.cli(&["SET", &format!("adj:{{p{partition:02}}}:log"), "foreign"]);
    }
    let server = Setup::default().with_store(&redis).start().await;

    let decision = server.decide(&reference()).await;
    assert_eq!(
        decision.text("/tier"),
        "house",
        "no unit is sold while its events cannot be counted"
    );
    assert!(server.reader.impression(&decision).await.recorded);
    assert_eq!(redis.cli(&["GET", "adj:{p07}:log"]), "foreign");
    let unshipped = server.metric("adjacent_journal_unshipped_records").await;
    assert!(unshipped >= 1, "the event waits on disk: {unshipped}");
}

#[tokio::test]
async fn a_change_on_one_instance_is_served_on_the_other_and_concurrent_changes_are_serialised() {
    let redis = Redis::start();
    let (one, other) = (start_instance(&redis).await, start_instance(&redis).await);
    let number = |server: &TestServer| server.inner.publishing.head().unwrap().unwrap().number;
    assert_eq!(number(&one), number(&other), "the second instance has the catalog of the first");
    let pause = |server: &TestServer, paused: bool| {
        let url = format!("{}/v1/admin/pauses", server.ops);
        let body = json!({ "what": "campaign", "id": "zahid-launch", "paused": paused });
        server.reader.post(&url).bearer_auth(server.key("operator")).json(&body).send()
    };
    assert_eq!(pause(&one, true).await.unwrap().status(), 200);

    wait_until("the change on the other instance", async || {
        let decision = other.decide(&reference()).await;
        (decision.advertiser() != "zahid-host").then_some(())
    })
    .await;
    assert_eq!(number(&one), number(&other));
    let history = |server: &TestServer| server.inner.publishing.history().unwrap();
    assert_eq!(history(&one), history(&other), "the history is the same on all instances");

    // Concurrent changes: each names the catalog number that it is based on, so that one is rejected as
    // a conflict or both are applied in sequence. No change is lost.
    let before = number(&one);
    let (a, b) = tokio::join!(pause(&one, false), pause(&other, true));
    let statuses = [a.unwrap().status().as_u16(), b.unwrap().status().as_u16()];
    assert!(statuses.contains(&200), "{statuses:?}");
    wait_until("the same catalog on both", async || {
        (number(&one) == number(&other) && number(&one) > before).then_some(())
    })
    .await;
    assert_eq!(history(&one), history(&other));
}

#[tokio::test]
async fn a_decision_is_explained_by_every_instance_and_by_none_while_its_own_is_down() {
    let redis = Redis::start();
    let (one, other) = (start_instance(&redis).await, start_instance(&redis).await);
    let unit = one.unit().await;
    let page = async |server: &TestServer| {
        let address = format!("{}/w/{}", server.public, unit.id());
        let page = server.reader.get(&address).send().await.unwrap();
        (page.status().as_u16(), page.text().await.unwrap().replace(&server.public, ""))
    };
    let on_own = one.explain("operator", unit.id()).await;
    assert_eq!((on_own.0, &on_own.1["agrees"]), (200, &serde_json::json!(true)));

    let on_second = wait_until("the instances know each other", async || {
        let reply = other.explain("operator", unit.id()).await;
        (reply.0 == 200).then_some(reply)
    })
    .await;
    assert_eq!(on_second, on_own);
    let for_publisher = other.explain("publisher:eu-tech-news", unit.id()).await;
    assert_eq!(for_publisher, one.explain("publisher:eu-tech-news", unit.id()).await);
    let on_other = page(&other).await;
    assert!(on_other.0 == 200 && on_other == page(&one).await, "{on_other:?}");
    // The last two digits of a decision id are the slot; the digit before belongs to the request.
    let (call, rest) = unit.id().split_at(33);
    let unknown_id = format!("{call}{}{}", if rest.starts_with('0') { 1 } else { 0 }, &rest[1..]);
    for instance in [&one, &other] {
        assert_eq!(
            instance.explain("operator", &unknown_id).await.1["code"],
            "decision_not_recorded"
        );
    }

    let data = one.end();
    // Replies of other instances are stored in Redis for a minute.
    let replies = redis.cli(&["KEYS", "adj:*:replies:*"]);
    for key in replies.lines() {
        let seconds: i64 = redis.cli(&["TTL", key]).parse().unwrap();
        assert!((1..=60).contains(&seconds), "{key}: {seconds}");
        redis.cli(&["DEL", key]);
    }
    let (status, problem) = other.explain("operator", unit.id()).await;
    assert_eq!((status, &problem["code"]), (404, &"decision_elsewhere".into()));
    let problem = other.explain("publisher:eu-tech-news", unit.id()).await.1;
    assert_eq!(problem["code"], "decision_elsewhere");
    assert!(!problem["detail"].as_str().unwrap().contains("127.0.0.1"), "{problem}");

    // A later start on the same data directory has the record.
    let _one = Setup::default().in_folder(&data).with_store(&redis).start().await;
    wait_until("the record from the restarted instance", async || {
        (other.explain("operator", unit.id()).await == on_own).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_instance_whose_clock_differs_from_redis_is_not_ready_and_keeps_serving() {
    let redis = Redis::start();
    let server = Setup::default().with_store(&redis).manual_clock().start().await;
    let other = start_instance(&redis).await;
    let ready = async |server: &TestServer| {
        let reply = server.reader.get(&format!("{}/readyz", server.ops)).send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    };
    let offset = async || {
        let seconds = server.scrape_now().await.value("adjacent_store_clock_offset_seconds");
        format!("{seconds:.0}").parse::<i64>().unwrap()
    };
    // The limit is half of the minute that a click waits for its impression. The manual clock does not
    // run, so that each step starts from the current offset.
    for (ahead, is_ready) in [(20, true), (60, false)] {
        server.advance_ms((ahead - offset().await) * 1_000);
        wait_until("a measurement of the clock offset", async || {
            (ahead - 15..=ahead + 2).contains(&offset().await).then_some(())
        })
        .await;
        let (status, body) = ready(&server).await;
        assert_eq!((status == 200, body.contains("clock")), (is_ready, !is_ready), "{body}");
        assert!(server.reader.impression(&server.unit().await).await.recorded);
    }
    assert_eq!(ready(&other).await, (200, "ready\n".to_owned()));
}

#[tokio::test]
async fn a_dead_cluster_primary_loses_and_duplicates_no_event() {
    let mut cluster = RedisCluster::start();
    let instances = [start_instance(&cluster).await, start_instance(&cluster).await];
    report_impressions(&instances, 20).await;
    let dead = cluster.kill_primary();
    report_impressions(&instances, 20).await;
    cluster.wait_for_failover(dead);
    report_impressions(&instances, 20).await;

    for server in &instances {
        wait_for_impressions(server, 60).await;
        assert_audit_finds_no_mismatch(server).await;
    }
    assert_same_totals(&instances).await;
    assert_eq!(total(&instances[0]).await["spend_micros"], 60 * PRICE_MICROS);
}

#[tokio::test]
async fn a_sentinel_failover_loses_no_event() {
    let mut sentinels = Sentinels::start();
    let instances = [start_instance(&sentinels).await, start_instance(&sentinels).await];
    report_impressions(&instances, 20).await;
    sentinels.fail_over();
    report_impressions(&instances, 20).await;

    for server in &instances {
        wait_for_impressions(server, 40).await;
        assert_audit_finds_no_mismatch(server).await;
    }
    assert_same_totals(&instances).await;
}
