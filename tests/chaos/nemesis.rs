//! Failures injected into Redis and into instances.

use crate::Plan;
use crate::fleet::Fleet;
use crate::harness::{Redis, RedisCluster, Sentinels, Store};
use crate::proxy::{Proxy, ProxyMode};
use crate::scene::Scene;
use rand::{RngExt, SeedableRng};
use std::time::Duration;

/// Largest clock error at a start that is still accepted, in seconds.
const MAX_CLOCK_ERROR: i32 = 28;

pub fn dice(plan: &Plan) -> rand_pcg::Pcg32 {
    rand_pcg::Pcg32::seed_from_u64(plan.seed.into())
}

pub fn pause(dice: &mut rand_pcg::Pcg32, least_ms: u64, most_ms: u64) {
    std::thread::sleep(Duration::from_millis(dice.random_range(least_ms..most_ms)));
}

/// Freezes a primary of a cluster while its replica takes over. Writes that only the old primary
/// accepted are lost when it returns.
pub fn partition(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let mut cluster = RedisCluster::start();
    let fleet = Fleet::start(plan, "partition", &cluster, &cluster.url());
    let cuts = plan.scaled(3);
    for _ in 0..cuts {
        pause(&mut dice, 500, 1_500);
        cluster.freeze_primary(Duration::from_millis(dice.random_range(2_500..4_000)));
        pause(&mut dice, 2_000, 3_000);
    }
    format!("{cuts} partitions: {}", fleet.finish())
}

/// Kills primaries of a cluster. Replicas take over; the killed nodes return empty.
pub fn failover(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let mut cluster = RedisCluster::start();
    let fleet = Fleet::start(plan, "failover", &cluster, &cluster.url());
    let kills = plan.scaled(3);
    for _ in 0..kills {
        pause(&mut dice, 500, 1_500);
        let dead = cluster.kill_primary();
        cluster.wait_for_failover(dead);
        cluster.restart_node(dead);
        pause(&mut dice, 2_000, 3_000);
    }
    format!("{kills} primaries killed: {}", fleet.finish())
}

/// Makes Sentinel fail over to the replica.
pub fn sentinels(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let mut rounds = Vec::new();
    for _ in 0..plan.scaled(1) {
        let mut sentinels = Sentinels::start();
        let fleet = Fleet::start(plan, "sentinels", &sentinels, &sentinels.url());
        pause(&mut dice, 1_000, 2_000);
        sentinels.fail_over();
        pause(&mut dice, 1_000, 2_000);
        rounds.push(fleet.finish());
    }
    format!("{} failovers: {}", rounds.len(), rounds.join("; "))
}

/// Restarts a single Redis without data, freezes it, flushes it and restores an old dump.
pub fn restore(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let mut redis = Redis::start();
    let fleet = Fleet::start(plan, "restore", &redis, &redis.url());
    let rounds = plan.scaled(2);
    for _ in 0..rounds {
        pause(&mut dice, 300, 1_000);
        let old = redis.dump();
        pause(&mut dice, 300, 1_000);
        redis.restart(&[]);
        pause(&mut dice, 300, 1_000);
        redis.freeze(Duration::from_millis(dice.random_range(500..4_000)));
        pause(&mut dice, 300, 1_000);
        redis.cli(&["FLUSHALL"]);
        pause(&mut dice, 300, 1_000);
        redis.restore(&old);
    }
    format!("{rounds} times emptied, frozen, flushed and restored: {}", fleet.finish())
}

/// Empties a single Redis again and again under load.
pub fn flush(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let redis = Redis::start();
    let fleet = Fleet::start(plan, "flush", &redis, &redis.url());
    let rounds = plan.scaled(4);
    for _ in 0..rounds {
        pause(&mut dice, 500, 3_000);
        redis.cli(&["FLUSHALL"]);
    }
    pause(&mut dice, 300, 1_000);
    format!("{rounds} times flushed: {}", fleet.finish())
}

/// Moves the slot of the reference campaign's log around a cluster.
pub fn reshard(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let cluster = RedisCluster::start_without_replicas();
    let fleet = Fleet::start(plan, "reshard", &cluster, &cluster.url());
    let key = format!("adj:{{p{:02}}}:log", adjacent::token::partition_of("zahid-launch"));
    let rounds = plan.scaled(4);
    for _ in 0..rounds {
        pause(&mut dice, 500, 1_500);
        cluster.move_slot_of(&key);
    }
    pause(&mut dice, 300, 1_000);
    format!("{rounds} slots moved: {}", fleet.finish())
}

/// Kills and restarts instances in turn, with Redis healthy and with Redis frozen.
pub fn instances(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let redis = Redis::start();
    let mut fleet = Fleet::start(plan, "instances", &redis, &redis.url());
    let kills = plan.scaled(6);
    for number in 0..kills {
        pause(&mut dice, 200, 900);
        if number % 3 == 2 {
            redis.freeze(Duration::from_millis(dice.random_range(200..1_000)));
        }
        fleet.kill_and_restart(number % 3);
    }
    pause(&mut dice, 500, 1_000);
    format!("{kills} instances killed: {}", fleet.finish())
}

/// Makes the connection to Redis slow, silent, truncating and refused in turn.
pub fn network(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port());
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let fleet = Fleet::start(plan, "network", &redis, &url);
    let modes = [ProxyMode::Slow, ProxyMode::BlackHole, ProxyMode::Truncate, ProxyMode::Refuse];
    let rounds = plan.scaled(1);
    for _ in 0..rounds {
        for mode in modes {
            proxy.set_mode(mode);
            pause(&mut dice, 1_000, 4_000);
            proxy.set_mode(ProxyMode::Forward);
            pause(&mut dice, 300, 1_000);
        }
    }
    format!("{} network failures: {}", rounds * modes.len(), fleet.finish())
}

/// Fills the disk of each instance in turn for a while. Events that cannot be recorded are not
/// acknowledged; the other instances continue.
pub fn disks(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let redis = Redis::start();
    let prepare = |scene: Scene| scene.on_disk_of("64m");
    let fleet = Fleet::start_with(plan, "disks", (&redis, &redis.url()), prepare);
    let rounds = plan.scaled(2) * 3;
    for round in 0..rounds {
        pause(&mut dice, 300, 1_000);
        let disk = fleet.scene(round % 3).disk();
        disk.fill();
        pause(&mut dice, 500, 1_500);
        disk.free_space();
    }
    format!("{rounds} full disks: {}", fleet.finish())
}

/// Moves clocks by hours and days while instances run, which must have no effect, and restarts
/// instances with clocks that differ by as much as is accepted.
pub fn clocks(plan: &Plan) -> String {
    let mut dice = dice(plan);
    let redis = Redis::start();
    let (store, url) = (&redis, redis.url());
    let mut fleet = Fleet::start_with(plan, "clocks", (store, &url), Scene::with_fake_clock);
    let jumps = ["+1h", "-1h", "+1d", "-1d", "+0 x2", "+0 x0.5"];
    let starts = plan.scaled(6);
    for number in 0..starts {
        let (at, error) = (number % 3, dice.random_range(-MAX_CLOCK_ERROR..=MAX_CLOCK_ERROR));
        fleet.scene(at).set_clock(jumps[number % jumps.len()]);
        pause(&mut dice, 300, 900);
        fleet.scene(at).set_clock(&format!("{error:+}s"));
        fleet.kill_and_restart(at);
    }
    pause(&mut dice, 500, 1_000);
    format!("{starts} clocks moved, {starts} starts with a wrong clock: {}", fleet.finish())
}
