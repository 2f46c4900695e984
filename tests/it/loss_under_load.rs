//! Redis loses its data, and a cluster moves slots, while readers report events to three instances: every
//! acknowledged event counts once, on every instance, and nothing is billed over the budget.

use crate::harness::Decision;
use crate::harness::inventory::{PRICE_MICROS, with_budget_for};
use crate::harness::{
    Reader, Redis, RedisCluster, Setup, Store, TestServer, reference, wait_until,
};
use crate::money_after_loss::{audit, is_final, money, spent};
use adjacent::token;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::task::JoinSet;

/// What readers know: acknowledged events, each by its URL.
#[derive(Default)]
struct Oracle {
    impressions: Mutex<BTreeSet<String>>,
    /// Requests that were acknowledged, with repetitions.
    acknowledged: Mutex<u64>,
    stops: AtomicBool,
}

async fn start_three(store: &impl Store) -> Vec<TestServer> {
    let mut servers = Vec::new();
    for _ in 0..3 {
        let setup = Setup::default().inventory(with_budget_for(100_000)).with_store(store);
        let setup = setup.settings(|settings| settings.store.reconcile_interval_seconds = 1);
        servers.push(setup.start().await);
    }
    for server in &servers {
        server.wait_for_metric("adjacent_instances", 3).await;
    }
    servers
}

/// A reader who sees units on one instance and reports them to another, every fourth to both.
async fn read_pages(oracle: Arc<Oracle>, bases: Vec<String>, at: usize) {
    let reader = Reader::new();
    for turn in 0.. {
        if oracle.stops.load(Ordering::Acquire) {
            return;
        }
        let call = reader.post(&format!("{}/v1/decisions", bases[at])).json(&reference());
        let answer: serde_json::Value = call.send().await.unwrap().json().await.unwrap();
        let unit = Decision(answer["decisions"]["article-end"].clone());
        if unit.advertiser() != "zahid-host" {
            continue;
        }
        let (_, token) = unit.impression_url().split_once("/e/").unwrap();
        let to = [(at + turn) % 3, (at + turn + 1) % 3];
        for base in to.iter().take(if turn % 4 == 0 { 2 } else { 1 }) {
            let ack = reader.fire(&format!("{}/e/{token}", bases[*base])).await;
            if ack.recorded {
                oracle.impressions.lock().unwrap().insert(token.to_owned());
                *oracle.acknowledged.lock().unwrap() += 1;
            }
        }
    }
}

/// Runs `disturb` while readers report events, and compares what they know with every instance.
#[expect(clippy::print_stdout, reason = "prints the figures")]
async fn check_under_load(servers: &[TestServer], disturb: impl FnOnce() + Send + 'static) {
    let oracle = Arc::new(Oracle::default());
    let bases: Vec<String> = servers.iter().map(|server| server.public.clone()).collect();
    let mut readers = JoinSet::new();
    for at in 0..3 {
        readers.spawn(read_pages(oracle.clone(), bases.clone(), at));
    }
    let acknowledged = || *oracle.acknowledged.lock().unwrap();
    wait_until("load", async || (acknowledged() > 100).then_some(())).await;
    let mut disturbed = tokio::task::spawn_blocking(disturb);
    let began = Instant::now();
    // The sums of each instance never become lower.
    let mut most = [0_u64; 3];
    let mut lowest = 0_u64;
    let mut check = || {
        for (most, server) in most.iter_mut().zip(servers) {
            let now = spent(server);
            lowest = lowest.max(most.saturating_sub(now));
            *most = now.max(*most);
        }
    };
    wait_until("the end of the disturbance", async || {
        check();
        disturbed.is_finished().then_some(())
    })
    .await;
    (&mut disturbed).await.unwrap();
    let (at_end, ended) = (acknowledged(), Instant::now());
    wait_until("more load", async || {
        check();
        (acknowledged() > at_end + 100).then_some(())
    })
    .await;
    oracle.stops.store(true, Ordering::Release);
    while let Some(read) = readers.join_next().await {
        read.unwrap();
    }
    let impressions = oracle.impressions.lock().unwrap().len() as u64;
    println!(
        "{} acknowledged, {impressions} impressions, disturbed for {} ms",
        acknowledged(),
        (ended - began).as_millis()
    );
    wait_until("all acknowledged impressions on every instance", async || {
        check();
        let due = impressions * PRICE_MICROS;
        for server in servers {
            assert!(spent(server) <= due, "{} of {due}", spent(server));
        }
        let is_settled = |server: &TestServer| spent(server) == due && is_final(server);
        servers.iter().all(is_settled).then_some(())
    })
    .await;
    println!("all numbers {} ms after the disturbance", ended.elapsed().as_millis());
    println!("at most {} micros lower than before", lowest);
    let sums = money(&servers[0]);
    let totals = servers[0].inner.ledger.state().totals();
    let tally = totals.values().next().unwrap();
    assert_eq!((tally.received, tally.counted), (acknowledged(), impressions));
    for server in servers {
        assert_eq!(money(server), sums);
    }
    for server in servers {
        wait_until("no mismatch", async || {
            let found = audit(server).await?;
            if !found.is_empty() {
                println!("{found:?}");
            }
            found.is_empty().then_some(())
        })
        .await;
        assert_eq!(server.inner.ledger.status().lost_records, 0);
    }
    println!("no mismatch {} ms after the disturbance", ended.elapsed().as_millis());
    let received = async |server: &TestServer| {
        let series = "adjacent_events_received_total{kind=\"impression\"}";
        server.scrape().await.count(series)
    };
    let mut exported = 0;
    for server in servers {
        exported += received(server).await;
    }
    assert_eq!(exported, acknowledged(), "the metrics of all instances");
    assert_eq!(lowest, 0, "no sum became lower");
}

#[tokio::test]
async fn a_redis_that_loses_all_data_in_mid_load_changes_no_sum() {
    let redis = Arc::new(Redis::start());
    let servers = start_three(&*redis).await;
    let flushed = redis.clone();
    check_under_load(&servers, move || {
        assert_eq!(flushed.cli(&["FLUSHALL"]), "OK");
    })
    .await;
}

#[tokio::test]
async fn a_cluster_that_moves_a_slot_to_each_of_its_nodes_under_load_changes_no_sum() {
    let cluster = Arc::new(RedisCluster::start_without_replicas());
    let servers = start_three(&*cluster).await;
    let moved = cluster.clone();
    let key = format!("adj:{{p{:02}}}:log", token::partition_of("zahid-launch"));
    check_under_load(&servers, move || {
        for _ in 0..3 {
            moved.move_slot_of(&key);
        }
    })
    .await;
}
