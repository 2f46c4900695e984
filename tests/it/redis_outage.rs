//! Instances without a connection to Redis: pending events, lease use and the stale flag.

use crate::harness::process::Installation;
use crate::harness::{Reader, Redis, Setup, Store, TestServer, inventory, reference, wait_until};
use crate::proxy::{Proxy, ProxyMode};
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_click_waits_for_the_impression_on_the_disk_of_a_disconnected_instance() {
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    let proxied_url = format!("redis://127.0.0.1:{}", proxy.port());
    let setup = || {
        Setup::default().with_store(&redis).settings(|settings| {
            settings.windows.orphan_grace_seconds = 2;
            settings.windows.click_after_ms = 0;
        })
    };
    let connected = setup().start().await;
    let disconnected = setup().settings(|settings| settings.store.url = proxied_url).start().await;
    let unit = connected.unit().await;
    let (_, token) = unit.impression_url().split_once("/e/").unwrap();
    proxy.set_mode(ProxyMode::Refuse);
    assert!(disconnected.reader.fire(&format!("{}/e/{token}", disconnected.public)).await.recorded);
    connected.click(&unit, "primary").await;

    // The grace period is over, and the log's clock has advanced past it.
    let clicked_ms = connected.state.clock.now_ms();
    wait_until("a log time after the grace period", async || {
        (connected.inner.ledger.state().latest_ms() > clicked_ms + 2_000).then_some(())
    })
    .await;
    assert_eq!(connected.verdicts(&unit).await, ["click pending"]);

    proxy.set_mode(ProxyMode::Forward);
    for server in [&connected, &disconnected] {
        wait_until("both events counted", async || {
            let mut verdicts = server.verdicts(&unit).await;
            verdicts.sort();
            (verdicts == ["click counted", "impression counted"]).then_some(())
        })
        .await;
    }
}

/// Whether a decision response reports a stale snapshot.
async fn is_stale(server: &TestServer) -> bool {
    server.decision_response(&reference()).await["snapshot"]["stale"] == true
}

#[tokio::test]
async fn without_redis_an_instance_spends_its_lease_then_serves_house_ads_and_reports_a_stale_snapshot()
 {
    let redis = Redis::start();
    let server = Setup::default()
        .inventory(inventory::with_budget_for(300))
        .with_store(&redis)
        .settings(|settings| {
            settings.store.lease_seconds = 4;
            settings.store.outage_allowance_percent = 0;
            settings.snapshot.stale_after_seconds = 1;
        })
        .start()
        .await;
    server.reader.impression(&server.unit().await).await;
    wait_until("a fresh snapshot", async || (!is_stale(&server).await).then_some(())).await;

    redis.suspend();
    let mut shown = 0;
    wait_until("an exhausted lease and a stale snapshot", async || {
        let unit = server.decide(&reference()).await;
        assert!(unit.is_filled(), "{:#}", unit.0);
        let is_paid = unit.advertiser() == "zahid-host";
        if is_paid {
            shown += 1;
            assert!(server.reader.impression(&unit).await.recorded);
        }
        (!is_paid && is_stale(&server).await).then_some(())
    })
    .await;
    // A lease grows in slices of at most a hundredth of the budget; a few were granted before.
    assert!((1..=8).contains(&shown), "{shown}");
    wait_until("a house unit", async || {
        let unit = server.decide(&reference()).await;
        (unit.text("/tier") == "house").then_some(())
    })
    .await;
    server.wait_for_metric("adjacent_store_up", 0).await;

    redis.resume();
    wait_until("the paid unit and a fresh snapshot", async || {
        let unit = server.decide(&reference()).await;
        (unit.advertiser() == "zahid-host" && !is_stale(&server).await).then_some(())
    })
    .await;
    server.wait_for_metric("adjacent_journal_unshipped_records", 0).await;
    server.assert_ledger_consistent().await;
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "prints the figures")]
async fn two_instances_without_redis_go_on_selling_a_small_budget_a_little_at_a_time() {
    const BUDGET: u64 = 400;
    let redis = Redis::start();
    let setup = || {
        Setup::default().inventory(inventory::with_budget_for(BUDGET)).with_store(&redis).settings(
            |settings| {
                settings.store.lease_seconds = 4;
                // Each instance would otherwise reserve at most half of what is left.
                settings.store.publisher_reservation_percent = 100;
            },
        )
    };
    let servers = [setup().start().await, setup().start().await];
    // Shows one unit; returns whether it was the campaign's.
    let show = async |server: &TestServer| {
        let unit = server.decide(&reference()).await;
        let is_sold = unit.advertiser() == "zahid-host" && unit.text("/tier") != "house";
        assert!(!is_sold || server.reader.impression(&unit).await.recorded);
        is_sold
    };
    for server in &servers {
        server.wait_for_metric("adjacent_instances", 2).await;
        for _ in 0..10 {
            show(server).await;
        }
    }

    redis.suspend();
    let suspended = Instant::now();
    let mut sold: [Vec<Duration>; 2] = Default::default();
    let is_late =
        |sold: &Vec<Duration>| sold.last().is_some_and(|at| *at > Duration::from_secs(10));
    while !sold.iter().all(is_late) {
        assert!(suspended.elapsed() < Duration::from_secs(60), "{sold:?}");
        for (server, sold) in servers.iter().zip(&mut sold) {
            if show(server).await {
                sold.push(suspended.elapsed());
            }
        }
    }
    println!("sold without Redis after: {sold:?}");
    // Two leases of at most a hundredth each, grown once more before the outage was noticed, and the
    // allowance of a twentieth.
    let total = sold[0].len() + sold[1].len();
    assert!(total <= 20 + 20, "{sold:?}");

    redis.resume();
    for server in &servers {
        server.wait_for_metric("adjacent_journal_unshipped_records", 0).await;
    }
    wait_until("an exhausted budget", async || {
        let mut is_sold = false;
        for server in &servers {
            is_sold |= show(server).await;
        }
        let spent = servers[0].inner.ledger.state().account("zahid-launch").unwrap().spent.get();
        assert!(spent <= (BUDGET * inventory::PRICE_MICROS).cast_signed());
        (!is_sold).then_some(())
    })
    .await;
    for server in &servers {
        server.assert_ledger_consistent().await;
    }
}

/// Starts an instance, and ends it once it is ready and has served; returns how long that took.
async fn start_until_ready(
    installation: &Installation,
    meanwhile: impl FnOnce() + Send,
) -> Duration {
    let started = Instant::now();
    let process = std::thread::scope(|scope| {
        scope.spawn(meanwhile);
        installation.serve()
    });
    let reader = Reader::new();
    assert_eq!(reader.fire(&format!("{}/readyz", process.ops)).await.status, 200);
    let took = started.elapsed();
    let answer = process.decide(&reader, &reference()).await.unwrap();
    assert!(answer["decisions"]["article-end"]["creative"].is_object(), "{answer:#}");
    process.kill();
    took
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "prints the figures")]
async fn an_instance_is_ready_within_5_seconds_whatever_redis_does() {
    let mut redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    let installation =
        Installation::new().set("ADJACENT__STORE__RECONCILE_INTERVAL_SECONDS", "3600");
    let mut direct = installation.set("ADJACENT__STORE__URL", &redis.url());
    let first = start_until_ready(&direct, || {}).await;
    let mut found = vec![("the first start", first)];
    found.push(("Redis answers", start_until_ready(&direct, || {}).await));

    redis.suspend();
    found.push(("Redis is frozen", start_until_ready(&direct, || {}).await));
    redis.resume();
    direct.environment.retain(|(name, _)| name != "ADJACENT__STORE__URL");
    let proxied =
        direct.set("ADJACENT__STORE__URL", &format!("redis://127.0.0.1:{}", proxy.port()));
    for (name, mode) in [
        ("Redis never answers", ProxyMode::BlackHole),
        ("Redis closes every connection", ProxyMode::Refuse),
        ("every answer of Redis takes half a second", ProxyMode::Slow),
    ] {
        proxy.set_mode(mode);
        found.push((name, start_until_ready(&proxied, || {}).await));
    }
    for delay_ms in [100, 300, 700] {
        proxy.set_mode(ProxyMode::Forward);
        let stop_answering = || {
            std::thread::sleep(Duration::from_millis(delay_ms));
            proxy.set_mode(ProxyMode::BlackHole);
        };
        found.push(("Redis stops answering", start_until_ready(&proxied, stop_answering).await));
    }
    redis.kill();
    proxy.set_mode(ProxyMode::Forward);
    found.push(("Redis refuses connections", start_until_ready(&proxied, || {}).await));
    for (name, took) in &found {
        println!("{name}: ready after {} ms", took.as_millis());
    }
    assert!(found.iter().all(|(_, took)| *took < Duration::from_secs(5)), "{found:?}");
}
