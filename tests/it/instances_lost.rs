//! Instances that never return, and instances that start without Redis.

use crate::harness::inventory::PRICE_MICROS;
use crate::harness::process::Installation;
use crate::harness::{Decision, Reader, Redis, Setup, Store, TestServer, reference, wait_until};
use crate::money_after_loss::{audit, is_final, money, spent};
use crate::proxy::{Proxy, ProxyMode};

const HOUR_MS: i64 = 3_600_000;

fn setup(redis: &Redis) -> Setup {
    Setup::default().with_store(redis).settings(|settings| {
        settings.store.reconcile_interval_seconds = 3_600;
        settings.store.spool_hours = 1;
    })
}

async fn show(server: &TestServer, count: usize) -> Vec<Decision> {
    let mut shown = Vec::new();
    for _ in 0..count {
        let unit = server.unit().await;
        assert!(server.reader.impression(&unit).await.recorded);
        shown.push(unit);
    }
    shown
}

async fn wait_until_billed(server: &TestServer, impressions: u64) {
    let due = impressions * PRICE_MICROS;
    wait_until("all impressions are billed", async || (spent(server) == due).then_some(())).await;
}

#[tokio::test]
async fn an_instance_that_never_returns_is_declared_gone_and_what_it_sent_is_kept() {
    let redis = Redis::start();
    let survivor = setup(&redis).manual_clock().start().await;
    let lost = Installation::new()
        .set("ADJACENT__STORE__URL", &redis.url())
        .set("ADJACENT__STORE__KEYS", redis.keys().to_str().unwrap())
        .set("ADJACENT__STORE__SPOOL_HOURS", "1")
        .set("ADJACENT__STORE__RECONCILE_INTERVAL_SECONDS", "3600");
    let process = lost.serve();
    survivor.wait_for_metric("adjacent_instances", 2).await;
    let reader = Reader::new();
    for _ in 0..5 {
        let unit = wait_until("the reference unit", async || {
            let answer = process.decide(&reader, &reference()).await?;
            let unit = Decision(answer["decisions"]["article-end"].clone());
            (unit.is_filled() && unit.advertiser() == "zahid-host").then_some(unit)
        })
        .await;
        assert!(reader.impression(&unit).await.recorded);
    }
    wait_until_billed(&survivor, 5).await;
    process.kill();
    drop(lost);

    show(&survivor, 3).await;
    wait_until_billed(&survivor, 8).await;
    let status = survivor.inner.ledger.status();
    assert!(status.provisional > 0, "the killed instance may have records on its disk");
    survivor.wait_for_metric("adjacent_instances", 1).await;
    survivor.advance_ms(HOUR_MS / 2);
    show(&survivor, 1).await;
    survivor.advance_ms(HOUR_MS / 2 + 60_000);
    let shown_ms = survivor.state.clock.now_ms();
    show(&survivor, 1).await;
    wait_until("everything is final", async || {
        let until_ms = survivor.inner.ledger.status().final_until_ms?;
        (is_final(&survivor) && until_ms >= shown_ms).then_some(())
    })
    .await;
    assert_eq!(spent(&survivor), 10 * PRICE_MICROS);
    assert_eq!(audit(&survivor).await, Some(vec![]));
    // Also after a loss of everything in Redis, and for an instance that starts then.
    let before = money(&survivor);
    redis.cli(&["FLUSHALL"]);
    wait_until("a restored store", async || {
        assert_eq!(money(&survivor), before);
        let is_restored = survivor.inner.ledger.status().rewinds > 0 && is_final(&survivor);
        (is_restored && audit(&survivor).await?.is_empty()).then_some(())
    })
    .await;
    let fresh = setup(&redis).start().await;
    wait_until("the same sums", async || (money(&fresh) == before).then_some(())).await;
}

#[tokio::test]
async fn events_taken_by_an_instance_that_started_without_redis_count_when_it_is_back() {
    start_without_redis(false).await;
}

#[tokio::test]
async fn they_count_also_when_redis_has_lost_all_data_in_between() {
    start_without_redis(true).await;
}

fn first_incarnation(redis: &Redis) -> String {
    let members = redis.cli(&["ZRANGE", "adj:{all}:instances", "0", "0"]);
    members.lines().next().unwrap().to_owned()
}

#[expect(clippy::print_stdout, reason = "prints the figures")]
async fn start_without_redis(loses_data: bool) {
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    let proxied_url = format!("redis://127.0.0.1:{}", proxy.port());
    let first = setup(&redis).start().await;
    let units = {
        let mut units = Vec::new();
        for _ in 0..3 {
            units.push(first.unit().await);
        }
        units
    };
    let proxied = || setup(&redis).settings(|settings| settings.store.url = proxied_url.clone());
    // The first start of all needs the catalog.
    let folder = proxied().start().await.end();
    show(&first, 2).await;
    proxy.set_mode(ProxyMode::Refuse);
    let second = proxied().in_folder(&folder).start().await;
    for unit in &units {
        let (_, token) = unit.impression_url().split_once("/e/").unwrap();
        assert!(second.reader.fire(&format!("{}/e/{token}", second.public)).await.recorded);
        // The others go on, and are final without it.
        show(&first, 1).await;
        wait_until("the others are final", async || is_final(&first).then_some(())).await;
    }
    assert_eq!(spent(&first), 5 * PRICE_MICROS);
    if loses_data {
        redis.cli(&["FLUSHALL"]);
        wait_until("a restored store", async || {
            let is_restored = first.inner.ledger.status().rewinds > 0 && is_final(&first);
            (is_restored && audit(&first).await?.is_empty()).then_some(())
        })
        .await;
    }
    proxy.set_mode(ProxyMode::Forward);
    let both = [&first, &second];
    for server in both {
        wait_until_billed(server, 8).await;
    }
    wait_until("the same final sums", async || {
        let all = both.iter().all(|server| is_final(server));
        (all && money(&first) == money(&second)).then_some(())
    })
    .await;
    for server in both {
        assert_eq!(audit(server).await, Some(vec![]));
        let status = server.inner.ledger.status();
        assert!(status.lost_records == 0 && (loses_data || status.rewinds == 0), "{status:?}");
    }
    // Nothing is read again when nothing is new: only what the two have appended meanwhile.
    let reads = || {
        let stats = redis.cli(&["INFO", "commandstats"]);
        let line = stats.lines().find(|line| line.starts_with("cmdstat_xrange:")).unwrap();
        line.split(['=', ',']).nth(1).unwrap().parse::<u64>().unwrap()
    };
    let heard = async || redis.cli(&["HGET", "adj:{all}:reached", &first_incarnation(&redis)]);
    let before = reads();
    for _ in 0..2 {
        let last = heard().await;
        wait_until("a heartbeat", async || (heard().await != last).then_some(())).await;
    }
    let reads = reads() - before;
    println!("{reads} reads between two heartbeats");
    assert!(reads < 300, "{reads}");
}

#[tokio::test]
async fn a_log_with_records_that_came_late_is_trimmed_all_the_same() {
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    let proxied_url = format!("redis://127.0.0.1:{}", proxy.port());
    let hourly = || setup(&redis).settings(|settings| settings.store.log_hours = 1);
    let proxied = || hourly().settings(|settings| settings.store.url = proxied_url.clone());
    let folder = proxied().manual_clock().start().await.end();
    let first = hourly().manual_clock().start().await;
    let at = first.state.clock.now();
    let unit = first.unit().await;
    proxy.set_mode(ProxyMode::Refuse);
    let second = proxied().in_folder(&folder).manual_clock_at(at).start().await;
    let (_, token) = unit.impression_url().split_once("/e/").unwrap();
    assert!(second.reader.fire(&format!("{}/e/{token}", second.public)).await.recorded);
    first.advance_ms(5_000);
    show(&first, 20).await;
    wait_until("the others are final", async || is_final(&first).then_some(())).await;
    // Its batch says that what is before is final.
    show(&first, 1).await;
    wait_until_billed(&first, 21).await;
    proxy.set_mode(ProxyMode::Forward);
    wait_until_billed(&first, 22).await;

    let key = format!("adj:{{p{:02}}}:log", adjacent::token::partition_of("zahid-launch"));
    let length = || redis.cli(&["XLEN", &key]).parse::<usize>().unwrap();
    for server in [&first, &second] {
        server.advance_ms(2 * HOUR_MS);
    }
    let before = length();
    for server in [&first, &second] {
        let inner = server.inner.clone();
        let report = tokio::task::spawn_blocking(move || inner.reporting.reconcile());
        assert_eq!(report.await.unwrap().unwrap().mismatches, []);
    }
    assert!(length() < before / 4, "{} of {before}", length());
    wait_until("no mismatch once all is final", async || {
        audit(&first).await?.is_empty().then_some(())
    })
    .await;
}
