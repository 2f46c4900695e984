//! What is done to the store, and to the machines.

use crate::Plan;
use crate::crowd::Crowd;
use crate::harness::Cluster;
use crate::harness::Redis;
use crate::harness::Sentinels;
use crate::harness::Store;
use crate::proxy::Mood;
use crate::proxy::Proxy;
use crate::scene::Scene;
use rand::RngExt;
use rand::SeedableRng;
use std::time::Duration;

/// Seconds by which a clock may be wrong at a start.
const MOST_OFF: i32 = 28;

pub fn dice(plan: &Plan) -> rand_pcg::Pcg32 {
    rand_pcg::Pcg32::seed_from_u64(plan.seed.into())
}

pub fn pause(dice: &mut rand_pcg::Pcg32, least_ms: u64, most_ms: u64) {
    std::thread::sleep(Duration::from_millis(dice.random_range(least_ms..most_ms)));
}

/// A primary of a cluster is cut off while its replica takes over, and comes back: what it took in
/// between is gone.
pub fn partition(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let mut cluster = Cluster::start();
    let crowd = Crowd::start(plan, "partition", &cluster, &cluster.url());
    let cuts = plan.times(3);
    for _ in 0..cuts {
        pause(&mut dice, 500, 1_500);
        cluster.freeze_a_primary(Duration::from_millis(dice.random_range(2_500..4_000)));
        pause(&mut dice, 2_000, 3_000);
    }
    format!("{cuts} partitions: {}", crowd.ends())
}

/// Primaries of a cluster are killed; replicas take over; the dead come back empty.
pub fn failover(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let mut cluster = Cluster::start();
    let crowd = Crowd::start(plan, "failover", &cluster, &cluster.url());
    let kills = plan.times(3);
    for _ in 0..kills {
        pause(&mut dice, 500, 1_500);
        let dead = cluster.kill_a_primary();
        cluster.heals(dead);
        cluster.revive(dead);
        pause(&mut dice, 2_000, 3_000);
    }
    format!("{kills} primaries killed: {}", crowd.ends())
}

/// The primary that sentinels watch is killed.
pub fn sentinels(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let mut rounds = Vec::new();
    for _ in 0..plan.times(1) {
        let mut sentinels = Sentinels::start();
        let crowd = Crowd::start(plan, "sentinels", &sentinels, &sentinels.url());
        pause(&mut dice, 1_000, 2_000);
        sentinels.fails_over();
        pause(&mut dice, 1_000, 2_000);
        rounds.push(crowd.ends());
    }
    format!("{} failovers: {}", rounds.len(), rounds.join("; "))
}

/// One server loses everything, stands still, is emptied by hand, is restored from an old copy.
pub fn restore(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let mut redis = Redis::start();
    let crowd = Crowd::start(plan, "restore", &redis, &redis.url());
    let rounds = plan.times(2);
    for _ in 0..rounds {
        pause(&mut dice, 300, 1_000);
        let old = redis.dump();
        pause(&mut dice, 300, 1_000);
        redis.again(&[]);
        pause(&mut dice, 300, 1_000);
        redis.freeze(Duration::from_millis(dice.random_range(500..4_000)));
        pause(&mut dice, 300, 1_000);
        redis.ask(&["FLUSHALL"]);
        pause(&mut dice, 300, 1_000);
        redis.restore(&old);
    }
    format!("{rounds} times emptied, frozen, flushed and restored: {}", crowd.ends())
}

/// Machines are killed and start again, one after the other, while the store is well and while it is
/// away.
pub fn machines(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let redis = Redis::start();
    let mut crowd = Crowd::start(plan, "machines", &redis, &redis.url());
    let kills = plan.times(6);
    for number in 0..kills {
        pause(&mut dice, 200, 900);
        if number % 3 == 2 {
            redis.freeze(Duration::from_millis(dice.random_range(200..1_000)));
        }
        crowd.kill_a_machine(number % 3);
    }
    pause(&mut dice, 500, 1_000);
    format!("{kills} machines killed: {}", crowd.ends())
}

/// The way to the store is slow, swallows everything, breaks in the middle of an answer.
pub fn network(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let crowd = Crowd::start(plan, "network", &redis, &url);
    let moods = [Mood::Slow, Mood::BlackHole, Mood::Breaks, Mood::Refuses];
    let rounds = plan.times(1);
    for _ in 0..rounds {
        for mood in moods {
            proxy.is_now(mood);
            pause(&mut dice, 1_000, 4_000);
            proxy.is_now(Mood::Well);
            pause(&mut dice, 300, 1_000);
        }
    }
    format!("{} bad networks: {}", rounds * moods.len(), crowd.ends())
}

/// The disk of one machine after the other is full for a while: what cannot be recorded there is not
/// acknowledged, and the others go on.
pub fn disks(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let redis = Redis::start();
    let made = |scene: Scene| scene.on_a_disk_of("64m");
    let crowd = Crowd::in_scenes(plan, "disks", (&redis, &redis.url()), made);
    let rounds = plan.times(2) * 3;
    for round in 0..rounds {
        pause(&mut dice, 300, 1_000);
        let disk = crowd.scene(round % 3).disk();
        disk.fill();
        pause(&mut dice, 500, 1_500);
        disk.make_room();
    }
    format!("{rounds} times a disk was full: {}", crowd.ends())
}

/// Clocks are moved far while machines live, which nobody looks at, and machines start with clocks that
/// differ as much as clocks may.
pub fn clocks(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let redis = Redis::start();
    let (store, url) = (&redis, redis.url());
    let mut crowd = Crowd::in_scenes(plan, "clocks", (store, &url), Scene::on_a_clock_of_its_own);
    let far = ["+1h", "-1h", "+1d", "-1d", "+0 x2", "+0 x0.5"];
    let starts = plan.times(6);
    for number in 0..starts {
        let (at, off) = (number % 3, dice.random_range(-MOST_OFF..=MOST_OFF));
        crowd.scene(at).clock_says(far[number % far.len()]);
        pause(&mut dice, 300, 900);
        crowd.scene(at).clock_says(&format!("{off:+}s"));
        crowd.kill_a_machine(at);
    }
    pause(&mut dice, 500, 1_000);
    format!("{starts} clocks moved, {starts} starts with another: {}", crowd.ends())
}
