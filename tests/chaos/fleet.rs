//! A fleet of instances under load from readers, and the final comparison: after recovery all
//! instances report the same totals.

use crate::Plan;
use crate::harness::inventory::PRICE_MICROS;
use crate::harness::process::Process;
use crate::harness::{Decision, Reader, Store, inventory, reference};
use crate::oracle::{Key, Oracle};
use crate::scene::Scene;
use rand::RngExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const INSTANCES: usize = 3;

/// Readers per instance.
const READERS: usize = 3;

/// Time allowed for recovery.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(120);

/// Impressions in the budget of the reference campaign: fewer than requested, so that the budget is
/// exhausted during the run.
const SOLD: u64 = 2_000;

/// The instances of a scenario.
pub struct Fleet {
    scenes: Vec<Scene>,
    instances: Vec<Process>,
    bases: Arc<Mutex<Vec<String>>>,
    url: String,
    oracle: Arc<Oracle>,
    /// Budget of each campaign, in micros.
    limits: Vec<(String, u64)>,
    readers: JoinSet<()>,
    runtime: tokio::runtime::Runtime,
}

impl Fleet {
    /// Starts three instances on `store`, which they reach at `url`.
    pub fn start(plan: &Plan, name: &str, store: &impl Store, url: &str) -> Fleet {
        Fleet::start_with(plan, name, (store, url), |scene| scene)
    }

    /// The same, with each scene prepared by `prepare`.
    pub fn start_with(
        plan: &Plan,
        name: &str,
        (store, url): (&impl Store, &str),
        prepare: impl Fn(Scene) -> Scene,
    ) -> Fleet {
        let limits = vec![("zahid-launch".to_owned(), SOLD * PRICE_MICROS)];
        let scene = |scene: Scene| {
            scene.use_inventory(&inventory::with_budget_for(SOLD));
            prepare(scene)
        };
        Fleet::start_custom((plan, name), (store, url), INSTANCES, limits, scene)
    }

    /// The same with another number of instances and other campaign budgets.
    pub fn start_custom(
        (plan, name): (&Plan, &str),
        (store, url): (&impl Store, &str),
        instances: usize,
        limits: Vec<(String, u64)>,
        prepare: impl Fn(Scene) -> Scene,
    ) -> Fleet {
        let keys = store.keys();
        let scenes: Vec<Scene> = (0..instances)
            .map(|number| {
                let scene = Scene::new(plan, &format!("{name}-{number}"))
                    .set("ADJACENT__STORE__URL", url)
                    .set("ADJACENT__STORE__KEYS", keys.to_str().unwrap())
                    .set("ADJACENT__STORE__SEGMENT_BYTES", "1048576")
                    // Reconcile often, so that base sums advance during failures.
                    .set("ADJACENT__STORE__RECONCILE_INTERVAL_SECONDS", "1");
                prepare(scene)
            })
            .collect();
        let instances: Vec<Process> = scenes.iter().map(|scene| scene.serve()).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let mut fleet = Fleet {
            bases: Arc::new(Mutex::new(instances.iter().map(|one| one.public.clone()).collect())),
            scenes,
            instances,
            url: store.url(),
            oracle: Arc::new(Oracle::default()),
            limits,
            readers: JoinSet::new(),
            runtime,
        };
        let count = fleet.instances.len();
        for number in 0..count * READERS {
            let (bases, oracle) = (fleet.bases.clone(), fleet.oracle.clone());
            let handle = fleet.runtime.handle().clone();
            fleet.readers.spawn_on(read_pages(bases, oracle, number % count), &handle);
        }
        fleet
    }

    /// The scene of an instance.
    pub fn scene(&self, at: usize) -> &Scene {
        &self.scenes[at]
    }

    /// Kills an instance with SIGKILL and starts it again on the same data directory.
    pub fn kill_and_restart(&mut self, at: usize) {
        let restarted = {
            let old = self.instances.remove(at);
            old.kill();
            self.scenes[at].serve()
        };
        self.bases.lock().unwrap()[at].clone_from(&restarted.public);
        self.instances.insert(at, restarted);
    }

    /// Stops the readers, waits until no instance has unshipped records, and compares the
    /// acknowledgements that readers got, the ordered log in the store and the totals of every
    /// instance.
    pub fn finish(mut self) -> String {
        let runtime = self.runtime;
        runtime.block_on(async {
            self.readers.abort_all();
            while self.readers.join_next().await.is_some() {}
            // Events of aborted requests may still be on their way to disk.
            let end = Instant::now() + RECOVERY_TIMEOUT;
            let mut last = String::new();
            loop {
                let mut totals = Vec::new();
                let mut unshipped = 0;
                for instance in &self.instances {
                    let scrape = instance.scrape().await;
                    unshipped += scrape.count("adjacent_journal_unshipped_records");
                    scrape.assert_every_event_is_accounted_for();
                    totals.push(report(instance, &self.scenes[0]).await);
                }
                let equal = totals.iter().all(|one| *one == totals[0]);
                if unshipped == 0 && equal && totals[0] == last {
                    break;
                }
                assert!(
                    Instant::now() < end,
                    "no recovery: {unshipped} records unshipped, totals {totals:#?}"
                );
                last.clone_from(&totals[0]);
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
        let mut rewinds = 0;
        for instance in &self.instances {
            rewinds += runtime.block_on(instance.scrape()).count("adjacent_journal_rewinds_total");
            // An instance that has just detected a failover replays the whole log.
            let end = Instant::now() + RECOVERY_TIMEOUT;
            loop {
                let mismatches = runtime.block_on(audit(instance, &self.scenes[0]));
                if mismatches == "[]" {
                    break;
                }
                assert!(
                    Instant::now() < end,
                    "totals of an instance differ from the log: {mismatches}"
                );
                std::thread::sleep(Duration::from_millis(500));
            }
        }
        for instance in self.instances {
            instance.kill();
        }
        let from = ["--store", self.url.as_str()];
        let limits: Vec<(&str, u64)> =
            self.limits.iter().map(|(campaign, limit)| (campaign.as_str(), *limit)).collect();
        let summary = self.oracle.audit_export(&self.scenes[0], &from, &limits);
        let text = std::fs::read_to_string(self.scenes[0].path("export.ndjson")).unwrap();
        let over = text.lines().filter(|line| line.contains("\"over_budget\"")).count();
        let sold: u64 = limits.iter().map(|(_, limit)| limit / PRICE_MICROS).sum();
        format!("{summary}; {over} over budget (not billed) of {sold} sold; {rewinds} rewinds")
    }
}

fn operator_key(scene: &Scene) -> String {
    let keys = scene.environment.iter().find(|(name, _)| name == "ADJACENT__STORE__KEYS").unwrap();
    let text = std::fs::read_to_string(std::path::Path::new(&keys.1).join("local-keys.toml"));
    let text = text.unwrap();
    let line = text.lines().find(|line| line.starts_with("operator")).unwrap();
    line.split('"').nth(1).unwrap().to_owned()
}

/// The totals of the reference sponsor as reported by an instance.
async fn report(instance: &Process, scene: &Scene) -> String {
    let url = format!("{}/v1/reports/advertisers/zahid-host?by=day", instance.public);
    let call = Reader::new().get(&url).bearer_auth(operator_key(scene));
    let reply: serde_json::Value = call.send().await.unwrap().json().await.unwrap();
    reply["total"].to_string()
}

/// The mismatches that an instance reports in its audit.
async fn audit(instance: &Process, scene: &Scene) -> String {
    let url = format!("{}/v1/admin/audit", instance.ops);
    let call = Reader::new().get(&url).bearer_auth(operator_key(scene));
    let reply: serde_json::Value = call.send().await.unwrap().json().await.unwrap();
    reply["differences"].to_string()
}

/// One reader, until aborted: requests decisions from one instance and reports events to any.
async fn read_pages(bases: Arc<Mutex<Vec<String>>>, oracle: Arc<Oracle>, at: usize) {
    let reader = Reader::new();
    let base = |at: usize| bases.lock().unwrap()[at].clone();
    loop {
        let call = reader.post(&format!("{}/v1/decisions", base(at))).json(&reference());
        let answer: Option<serde_json::Value> = match call.send().await {
            Ok(reply) => reply.json().await.ok(),
            Err(_) => None,
        };
        let Some(answer) = answer else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let decision = Decision(answer["decisions"]["article-end"].clone());
        if !decision.is_filled() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        let (targets, repeats, clicks) = {
            let mut random = rand::rng();
            let count = bases.lock().unwrap().len();
            let targets = (random.random_range(0..count), random.random_range(0..count));
            (targets, random.random_ratio(1, 8), random.random_ratio(1, 3))
        };
        let recorded = send(&reader, &oracle, &base(targets.0), &decision, "impression").await;
        if repeats {
            send(&reader, &oracle, &base(targets.1), &decision, "impression").await;
        }
        if recorded && clicks {
            send(&reader, &oracle, &base(targets.1), &decision, "click").await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Reports an event to an instance and notes it and its acknowledgement in the oracle. Returns
/// whether it was acknowledged as on disk.
async fn send(
    reader: &Reader,
    oracle: &Oracle,
    base: &str,
    decision: &Decision,
    kind: &'static str,
) -> bool {
    let (url, path, cta) = match kind {
        "impression" => (decision.impression_url(), "/e/", ""),
        _ => (decision.click_url("primary"), "/c/", "primary"),
    };
    let (_, token) = url.split_once(path).unwrap();
    let key = Key { decision: decision.id().to_owned(), kind, cta: cta.to_owned() };
    oracle.record_sent(&key);
    let ack = reader.try_fire(&format!("{base}{path}{token}")).await;
    let on_disk = ack.is_some_and(|ack| ack.recorded);
    if on_disk {
        oracle.record_acknowledged(&key);
    }
    on_disk
}
