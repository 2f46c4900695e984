//! Three machines, their readers, and the end of it: everything heals, everybody says the same.

use crate::Plan;
use crate::harness::Decision;
use crate::harness::Reader;
use crate::harness::Store;
use crate::harness::inventory;
use crate::harness::inventory::PRICE_MICROS;
use crate::harness::process::Process;
use crate::harness::reference;
use crate::oracle::Key;
use crate::oracle::Oracle;
use crate::scene::Scene;
use rand::RngExt;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;
use tokio::task::JoinSet;

/// How many machines there are.
const MACHINES: usize = 3;

/// Readers at each.
const READERS: usize = 3;

/// How long everything may take to be well again.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the reference sponsor has bought: less than is asked for, so that the last ones count.
const SOLD: u64 = 2_000;

/// The machines of a scenario.
pub struct Crowd {
    scenes: Vec<Scene>,
    machines: Vec<Process>,
    bases: Arc<Mutex<Vec<String>>>,
    url: String,
    oracle: Arc<Oracle>,
    /// What each campaign may be billed, in micros.
    limits: Vec<(String, u64)>,
    readers: JoinSet<()>,
    runtime: tokio::runtime::Runtime,
}

impl Crowd {
    /// Starts machines on a store; `url` is how they reach it.
    pub fn start(plan: &Plan, name: &str, store: &impl Store, url: &str) -> Crowd {
        Crowd::in_scenes(plan, name, (store, url), |scene| scene)
    }

    /// The same, each in a scene that `made` has made ready.
    pub fn in_scenes(
        plan: &Plan,
        name: &str,
        (store, url): (&impl Store, &str),
        made: impl Fn(Scene) -> Scene,
    ) -> Crowd {
        let limits = vec![("zahid-launch".to_owned(), SOLD * PRICE_MICROS)];
        let scene = |scene: Scene| {
            scene.sells(&inventory::sold(SOLD));
            made(scene)
        };
        Crowd::of((plan, name), (store, url), MACHINES, limits, scene)
    }

    /// So many machines, each in a scene that `made` has made ready.
    pub fn of(
        (plan, name): (&Plan, &str),
        (store, url): (&impl Store, &str),
        machines: usize,
        limits: Vec<(String, u64)>,
        made: impl Fn(Scene) -> Scene,
    ) -> Crowd {
        let keys = store.keys();
        let scenes: Vec<Scene> = (0..machines)
            .map(|number| {
                let scene = Scene::new(plan, &format!("{name}-{number}"))
                    .set("ADJACENT__STORE__URL", url)
                    .set("ADJACENT__STORE__KEYS", keys.to_str().unwrap())
                    .set("ADJACENT__STORE__SEGMENT_BYTES", "1048576")
                    // Bases move while everything fails.
                    .set("ADJACENT__STORE__BOOKKEEPING_SECONDS", "1");
                made(scene)
            })
            .collect();
        let machines: Vec<Process> = scenes.iter().map(|scene| scene.serve()).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let mut crowd = Crowd {
            bases: Arc::new(Mutex::new(machines.iter().map(|one| one.public.clone()).collect())),
            scenes,
            machines,
            url: store.url(),
            oracle: Arc::new(Oracle::default()),
            limits,
            readers: JoinSet::new(),
            runtime,
        };
        let count = crowd.machines.len();
        for number in 0..count * READERS {
            let (bases, oracle) = (crowd.bases.clone(), crowd.oracle.clone());
            let handle = crowd.runtime.handle().clone();
            crowd.readers.spawn_on(reads(bases, oracle, number % count), &handle);
        }
        crowd
    }

    /// Where a machine runs.
    pub fn scene(&self, at: usize) -> &Scene {
        &self.scenes[at]
    }

    /// Kills a machine as a power cut would, and starts it again on its own files.
    pub fn kill_a_machine(&mut self, at: usize) {
        let fresh = {
            let old = self.machines.remove(at);
            old.kill();
            self.scenes[at].serve()
        };
        self.bases.lock().unwrap()[at].clone_from(&fresh.public);
        self.machines.insert(at, fresh);
    }

    /// Ends the readers, waits until nothing waits on any machine, and compares: what readers were
    /// told, what is in the one order, what each machine says.
    pub fn ends(mut self) -> String {
        let runtime = self.runtime;
        runtime.block_on(async {
            self.readers.abort_all();
            while self.readers.join_next().await.is_some() {}
            // What was cut in the middle may still be on its way to a disk.
            let end = Instant::now() + PATIENCE;
            let mut last = String::new();
            loop {
                let mut said = Vec::new();
                let mut waits = 0;
                for machine in &self.machines {
                    let scrape = machine.scrape().await;
                    waits += scrape.count("adjacent_journal_unshipped_records");
                    scrape.assert_every_event_is_accounted_for();
                    said.push(report(machine, &self.scenes[0]).await);
                }
                let same = said.iter().all(|one| *one == said[0]);
                if waits == 0 && same && said[0] == last {
                    break;
                }
                assert!(Instant::now() < end, "{waits} wait; they say {said:#?}");
                last.clone_from(&said[0]);
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        });
        let mut rewinds = 0;
        for machine in &self.machines {
            rewinds += runtime.block_on(machine.scrape()).count("adjacent_journal_rewinds_total");
            // One that has just learnt of a failover reads everything again.
            let end = Instant::now() + PATIENCE;
            loop {
                let audited = runtime.block_on(audit(machine, &self.scenes[0]));
                if audited == "[]" {
                    break;
                }
                assert!(Instant::now() < end, "a machine is not what the order says: {audited}");
                std::thread::sleep(Duration::from_millis(500));
            }
        }
        for machine in self.machines {
            machine.kill();
        }
        let from = ["--store", self.url.as_str()];
        let limits: Vec<(&str, u64)> =
            self.limits.iter().map(|(campaign, limit)| (campaign.as_str(), *limit)).collect();
        let books = self.oracle.audit_of(&self.scenes[0], &from, &limits);
        let text = std::fs::read_to_string(self.scenes[0].path("export.ndjson")).unwrap();
        let over = text.lines().filter(|line| line.contains("\"over_budget\"")).count();
        let sold: u64 = limits.iter().map(|(_, limit)| limit / PRICE_MICROS).sum();
        format!("{books}; {over} shown for nothing of {sold} sold; {rewinds} rewinds")
    }
}

fn operator_key(scene: &Scene) -> String {
    let keys = scene.environment.iter().find(|(name, _)| name == "ADJACENT__STORE__KEYS").unwrap();
    let text = std::fs::read_to_string(std::path::Path::new(&keys.1).join("local-keys.toml"));
    let text = text.unwrap();
    let line = text.lines().find(|line| line.starts_with("operator")).unwrap();
    line.split('"').nth(1).unwrap().to_owned()
}

/// The totals of the reference sponsor, as a machine says them.
async fn report(machine: &Process, scene: &Scene) -> String {
    let url = format!("{}/v1/reports/advertisers/zahid-host?by=day", machine.public);
    let call = Reader::new().get(&url).bearer_auth(operator_key(scene));
    let reply: serde_json::Value = call.send().await.unwrap().json().await.unwrap();
    reply["total"].to_string()
}

async fn audit(machine: &Process, scene: &Scene) -> String {
    let url = format!("{}/v1/admin/audit", machine.ops);
    let call = Reader::new().get(&url).bearer_auth(operator_key(scene));
    let reply: serde_json::Value = call.send().await.unwrap().json().await.unwrap();
    reply["differences"].to_string()
}

/// One reader for ever: pages of one machine, events to any of them.
async fn reads(bases: Arc<Mutex<Vec<String>>>, oracle: Arc<Oracle>, at: usize) {
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
        if !decision.fills() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        let (there, twice, follows) = {
            let mut random = rand::rng();
            let count = bases.lock().unwrap().len();
            let any = (random.random_range(0..count), random.random_range(0..count));
            (any, random.random_ratio(1, 8), random.random_ratio(1, 3))
        };
        let seen = send(&reader, &oracle, &base(there.0), &decision, "impression").await;
        if twice {
            send(&reader, &oracle, &base(there.1), &decision, "impression").await;
        }
        if seen && follows {
            send(&reader, &oracle, &base(there.1), &decision, "click").await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Sends an event to a machine and writes both sides down; whether it is on disk.
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
    oracle.sends(&key);
    let ack = reader.try_fire(&format!("{base}{path}{token}")).await;
    let on_disk = ack.is_some_and(|ack| ack.recorded);
    if on_disk {
        oracle.acknowledged(&key);
    }
    on_disk
}
