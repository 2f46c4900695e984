//! A Redis that loses its data, or gets an old copy of it back, changes no bill: the same sums and verdicts
//! on every instance before, while it is restored, and after.

use crate::harness::inventory::{PRICE_MICROS, with_budget_for};
use crate::harness::{Decision, Redis, RedisCluster, Setup, Store, TestServer, wait_until};
use crate::proxy::{Proxy, ProxyMode};
use crate::removed::{CLICK_MICROS, apply, paid_by_click, post, refund, served};
use adjacent::ledger::audit::Mismatch;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;
use tempfile::TempDir;

const HOUR_MS: i64 = 3_600_000;

/// Two instances, the first and the second.
type Pair = [TestServer; 2];

fn setup(store: &impl Store, at_ms: i64) -> Setup {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap();
    Setup::default().with_store(store).manual_clock_at(at).settings(|settings| {
        // The tests run the reconciliation themselves.
        settings.store.reconcile_interval_seconds = 3_600;
    })
}

#[expect(clippy::disallowed_methods, reason = "the manual clocks start at the real time")]
fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

async fn start_pair(store: &impl Store, change: impl Fn(Setup) -> Setup) -> Pair {
    let at_ms = now_ms();
    let pair =
        [change(setup(store, at_ms)).start().await, change(setup(store, at_ms)).start().await];
    for server in &pair {
        server.wait_for_metric("adjacent_instances", 2).await;
    }
    pair
}

async fn units(server: &TestServer, count: usize) -> Vec<Decision> {
    let mut units = Vec::new();
    for _ in 0..count {
        units.push(server.unit().await);
    }
    units
}

/// Reports an event of a unit to any instance. On a busy machine a click is redirected before it is on disk, so it
/// is reported until it is acknowledged: it counts once.
async fn fire(server: &TestServer, url: &str) {
    let url = url::Url::parse(url).unwrap();
    wait_until("an acknowledgement", async || {
        let ack = server.reader.fire(&format!("{}{}", server.public, url.path())).await;
        ack.recorded.then_some(())
    })
    .await;
}

async fn show(server: &TestServer, units: &[Decision]) {
    for unit in units {
        fire(server, unit.impression_url()).await;
    }
}

/// All sums of the accounts and all counts by verdict, as an instance has them.
pub fn money(server: &TestServer) -> String {
    let state = server.inner.ledger.state();
    format!("{:#?}\n{:#?}", state.accounts(), state.totals())
}

pub fn spent(server: &TestServer) -> u64 {
    let state = server.inner.ledger.state();
    let spent = state.account("zahid-launch").map_or(0, |account| account.spent.get());
    u64::try_from(spent).unwrap()
}

pub fn is_final(server: &TestServer) -> bool {
    let status = server.inner.ledger.status();
    status.is_up && status.unsent == 0 && status.unapplied == 0 && status.provisional == 0
}

/// Waits until every event is final on both instances, with the same sums; returns these.
async fn settled(pair: &Pair) -> String {
    wait_until("the same final sums", async || {
        let all = pair.iter().all(is_final);
        let sums = pair.each_ref().map(money);
        (all && sums[0] == sums[1]).then(|| sums[0].clone())
    })
    .await
}

/// What an instance finds when it compares itself with the store; `None` while the log changes.
pub async fn audit(server: &TestServer) -> Option<Vec<Mismatch>> {
    let inner = server.inner.clone();
    tokio::task::spawn_blocking(move || inner.reporting.audit()).await.unwrap().ok()
}

/// Waits until both instances noticed a loss, gave the store its records back, and agree with it. At no moment
/// is a sum another one than `before`.
#[expect(clippy::print_stdout, reason = "prints the figures")]
async fn assert_restored(pair: &Pair, rewinds: [u64; 2], before: &str) {
    let lost_at = Instant::now();
    let check = || {
        for (at, server) in pair.iter().enumerate() {
            let after = money(server);
            assert!(after == before, "instance {at}: {after} instead of {before}");
        }
    };
    wait_until("a restored store", async || {
        check();
        let is_noticed =
            |(server, before): (&TestServer, u64)| server.inner.ledger.status().rewinds > before;
        let all = pair.iter().zip(rewinds).all(is_noticed) && pair.iter().all(is_final);
        all.then_some(())
    })
    .await;
    println!("restored after {} ms", lost_at.elapsed().as_millis());
    for server in pair {
        wait_until("no mismatch", async || {
            check();
            let found = audit(server).await?;
            let is_clean = found.is_empty();
            if !is_clean {
                println!("after {} ms: {found:?}", lost_at.elapsed().as_millis());
            }
            is_clean.then_some(())
        })
        .await;
    }
    println!("no mismatch after {} ms", lost_at.elapsed().as_millis());
    for server in pair {
        assert_eq!(server.inner.ledger.status().lost_records, 0);
    }
}

fn rewinds(pair: &Pair) -> [u64; 2] {
    pair.each_ref().map(|server| server.inner.ledger.status().rewinds)
}

async fn flush(redis: &Redis, pair: &Pair) {
    let (before, rewinds) = (settled(pair).await, rewinds(pair));
    assert_eq!(redis.cli(&["FLUSHALL"]), "OK");
    assert_restored(pair, rewinds, &before).await;
}

async fn lower_budget(server: &TestServer, lifetime: u64) {
    let mut inventory = served(server).await;
    let campaigns = inventory["campaigns"].as_array_mut().unwrap();
    let campaign = campaigns.iter_mut().find(|one| one["id"] == "zahid-launch").unwrap();
    campaign["budget"] = json!({ "lifetime_micros": lifetime });
    let (status, reply) = apply(server, &inventory).await;
    assert_eq!(status, 200, "{reply:#}");
}

const BUDGET: u64 = 20 * PRICE_MICROS;

/// 20 impressions on the second instance, then a budget of that on the first, then 10 more.
async fn spend_a_lowered_budget(redis: &Redis) -> Pair {
    let pair = start_pair(redis, |setup| setup.inventory(with_budget_for(1_000))).await;
    let [a, b] = &pair;
    let shown = units(b, 30).await;
    show(b, &shown[..20]).await;
    wait_until("20 on the other", async || (spent(a) == BUDGET).then_some(())).await;
    lower_budget(a, BUDGET).await;
    wait_until("the budget on the other", async || {
        let state = b.inner.ledger.state();
        let limit = state.account("zahid-launch")?.lifetime?;
        (u64::try_from(limit.get()).unwrap() == BUDGET).then_some(())
    })
    .await;
    show(b, &shown[20..]).await;
    let sums = settled(&pair).await;
    assert!(sums.contains("OverBudget: 10"), "{sums}");
    assert_eq!(spent(a), BUDGET);
    pair
}

#[tokio::test]
async fn a_lowered_budget_still_limits_the_bill_after_redis_lost_all_data() {
    let redis = Redis::start();
    let pair = spend_a_lowered_budget(&redis).await;
    flush(&redis, &pair).await;
    flush(&redis, &pair).await;
}

/// Ends both instances, empties Redis, and starts them again, beginning with `first`.
async fn restart_after_loss(redis: &Redis, pair: Pair, first: usize, keeps_cache: bool) -> Pair {
    let before = settled(&pair).await;
    for server in &pair {
        let inner = server.inner.clone();
        tokio::task::spawn_blocking(move || inner.reporting.reconcile()).await.unwrap().unwrap();
    }
    let folders: [Arc<TempDir>; 2] = pair.map(TestServer::end);
    assert_eq!(redis.cli(&["FLUSHALL"]), "OK");
    if !keeps_cache {
        for folder in &folders {
            std::fs::remove_file(folder.path().join("data/journal/shared.ledger")).unwrap();
        }
    }
    let start = async |at: usize| setup(redis, now_ms()).in_folder(&folders[at]).start().await;
    let one = start(first).await;
    // Its own journal has no record of the lowered budget.
    let most = if keeps_cache { BUDGET } else { 30 * PRICE_MICROS };
    assert!(spent(&one) <= most, "{}", spent(&one));
    if keeps_cache {
        assert_eq!(spent(&one), BUDGET);
    }
    let other = start(1 - first).await;
    let pair = if first == 0 { [one, other] } else { [other, one] };
    wait_until("the same sums as before", async || {
        for server in &pair {
            assert!(spent(server) <= most, "{}", spent(server));
        }
        let now = pair.each_ref().map(money);
        (now.iter().all(|sums| *sums == before)).then_some(())
    })
    .await;
    assert_eq!(settled(&pair).await, before);
    for server in &pair {
        assert_eq!(audit(server).await, Some(vec![]));
    }
    pair
}

#[tokio::test]
async fn a_lowered_budget_still_limits_the_bill_when_both_instances_start_on_an_empty_redis() {
    let redis = Redis::start();
    let pair = spend_a_lowered_budget(&redis).await;
    let pair = restart_after_loss(&redis, pair, 0, true).await;
    restart_after_loss(&redis, pair, 1, true).await;
}

#[tokio::test]
async fn a_lowered_budget_still_limits_the_bill_when_only_the_journals_are_left() {
    let redis = Redis::start();
    let pair = spend_a_lowered_budget(&redis).await;
    let pair = restart_after_loss(&redis, pair, 1, false).await;
    restart_after_loss(&redis, pair, 0, false).await;
}

#[tokio::test]
async fn refunds_and_credits_survive_the_loss_of_all_data_and_an_old_copy() {
    let mut redis = Redis::start();
    let pair = start_pair(&redis, |setup| setup).await;
    let [a, b] = &pair;
    settled(&pair).await;
    let old = redis.dump();
    let shown = units(b, 10).await;
    show(b, &shown).await;
    wait_until("10 on the other", async || (spent(a) == 10 * PRICE_MICROS).then_some(())).await;
    let credit = json!({ "decisions": [shown[0].id()], "note": "a click farm" });
    assert_eq!(post(a, "credits", "c", &credit).await["micros"]["EUR"], PRICE_MICROS);
    assert_eq!(refund(a, "r", 50_000).await, 50_000);
    settled(&pair).await;
    assert_eq!(spent(b), 9 * PRICE_MICROS - 50_000);

    flush(&redis, &pair).await;
    for server in &pair {
        assert_eq!(refund(server, "r", 50_000).await, 50_000, "asked again");
    }
    for server in &pair {
        assert_eq!(server.verdicts(&shown[1]).await, ["impression counted"]);
    }
    let (before, rewound) = (settled(&pair).await, rewinds(&pair));
    redis.restore(&old);
    assert_restored(&pair, rewound, &before).await;
    for server in &pair {
        assert_eq!(refund(server, "r", 50_000).await, 50_000, "asked again");
    }
    assert_eq!(settled(&pair).await, before);
    // The events are there one by one, not only their sums.
    let credit = json!({ "decisions": [shown[2].id()], "note": "a click farm" });
    assert_eq!(post(a, "credits", "d", &credit).await["micros"]["EUR"], PRICE_MICROS);
}

/// Impressions on the first instance, their clicks on the second, then more than the grace period of
/// history.
async fn click_elsewhere(store: &impl Store) -> Pair {
    let pair = start_pair(store, |setup| setup.inventory(paid_by_click())).await;
    let [a, b] = &pair;
    for _ in 0..5 {
        let unit = a.unit().await;
        fire(a, unit.impression_url()).await;
        pair.iter().for_each(|server| server.advance_ms(1_000));
        fire(b, unit.click_url("primary")).await;
    }
    for _ in 0..4 {
        pair.iter().for_each(|server| server.advance_ms(40_000));
        for server in &pair {
            show(server, &units(server, 1).await).await;
        }
    }
    let sums = settled(&pair).await;
    assert_eq!(spent(a), 5 * CLICK_MICROS, "{sums}");
    pair
}

#[tokio::test]
async fn clicks_stay_counted_after_redis_lost_all_data() {
    let redis = Redis::start();
    let pair = click_elsewhere(&redis).await;
    flush(&redis, &pair).await;
}

#[tokio::test]
async fn clicks_stay_counted_after_a_cluster_lost_the_keys_of_each_part_of_its_slots() {
    let mut cluster = RedisCluster::start_without_replicas();
    let pair = click_elsewhere(&cluster).await;
    for at in 0..3 {
        let (before, rewound) = (settled(&pair).await, rewinds(&pair));
        cluster.lose_data_of(at);
        assert_restored(&pair, rewound, &before).await;
    }
}

#[tokio::test]
async fn no_impression_becomes_late_when_a_long_history_is_lost() {
    let redis = Redis::start();
    let pair = start_pair(&redis, |setup| setup).await;
    for _ in 0..4 {
        for server in &pair {
            let shown = units(server, 3).await;
            show(server, &shown).await;
        }
        settled(&pair).await;
        pair.iter().for_each(|server| server.advance_ms(3 * HOUR_MS));
    }
    settled(&pair).await;
    assert_eq!(spent(&pair[0]), 24 * PRICE_MICROS);
    flush(&redis, &pair).await;
}

#[tokio::test]
async fn a_retry_on_another_instance_makes_no_honest_viewable_too_fast() {
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    let at_ms = now_ms();
    let proxied_url = format!("redis://127.0.0.1:{}", proxy.port());
    let a = setup(&redis, at_ms).settings(|settings| settings.store.url = proxied_url);
    let pair = [a.start().await, setup(&redis, at_ms).start().await];
    let [a, b] = &pair;
    b.wait_for_metric("adjacent_instances", 2).await;
    let shown = units(a, 5).await;
    proxy.set_mode(ProxyMode::Refuse);
    let advance = |ms| pair.iter().for_each(|server| server.advance_ms(ms));
    show(a, &shown).await;
    advance(600);
    show(b, &shown).await;
    advance(500);
    for unit in &shown {
        fire(b, unit.viewable_url()).await;
    }
    wait_until("the retries on the second instance", async || {
        b.inner.ledger.status().unapplied.eq(&0).then_some(())
    })
    .await;
    advance(300);
    proxy.set_mode(ProxyMode::Forward);
    settled(&pair).await;
    for server in &pair {
        for unit in &shown {
            let mut verdicts = server.verdicts(unit).await;
            verdicts.sort();
            assert_eq!(
                verdicts,
                ["impression counted", "impression duplicate", "viewable counted"]
            );
        }
        assert_eq!(spent(server), 5 * PRICE_MICROS);
        assert_eq!(audit(server).await, Some(vec![]));
    }
}
