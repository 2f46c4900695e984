//! Attacks on a fleet: clicks of one address that are spread over three instances; reports while Redis does
//! not answer.

use crate::harness::inventory::paid_by_click;
use crate::harness::{Decision, Redis, wait_until};
use crate::runner::Plan;
use crate::table::{Row, row, run};
use crate::target::{Target, Visitor, main_click};
use futures_util::future::join_all;
use reqwest::Method;
use std::time::{Duration, Instant};

/// How long instances may take to compare what they saw.
const PATIENCE: Duration = Duration::from_secs(20);

async fn start(redis: &Redis, count: usize) -> Vec<Target> {
    let mut instances = Vec::new();
    for _ in 0..count {
        let setup = Target::setup().with_store(redis).inventory(paid_by_click(1_000_000));
        instances.push(Target::start(setup).await);
    }
    for target in &instances {
        wait_until("the salt of the day", async || {
            target.inner.events.renew_visitor_salt().await.ok()
        })
        .await;
    }
    instances
}

/// Gross and net clicks in the advertiser's report.
async fn reported(target: &Target) -> (u64, u64) {
    let path = "/v1/reports/advertisers/zahid-host";
    let (status, report) = target.get_as("advertiser:zahid-host", path).await;
    assert_eq!(status, 200);
    let clicks = &report["total"][0]["clicks"];
    (clicks["gross"].as_u64().unwrap_or(0), clicks["net"].as_u64().unwrap_or(0))
}

/// One address clicks `count` units of the instances in turn, and views them first. Returns the clicks that
/// are billed in the end.
async fn billed(instances: &[Target], count: u64) -> u64 {
    let mut units: Vec<(&Target, Visitor, Decision)> = Vec::new();
    for (number, target) in (0..count).zip(instances.iter().cycle()) {
        let by = Visitor::at("203.0.113.7").browser(number).with("sec-gpc", "1");
        let unit = target.reference_unit(&by).await;
        assert!(target.send(&by, unit.impression_url()).await.recorded);
        units.push((target, by, unit));
    }
    let seen = Instant::now();
    let pause = Duration::from_millis(instances[0].pause_ms().unsigned_abs());
    wait_until("the time that a click needs", async || (seen.elapsed() > pause).then_some(()))
        .await;
    for (target, by, unit) in &units {
        assert_eq!(target.send(by, main_click(unit)).await.status, 302);
    }
    let promised = instances[0].most("address_on_campaign", "minute", "clicks");
    let end = Instant::now() + PATIENCE;
    loop {
        let mut all = Vec::new();
        for target in instances {
            all.push(reported(target).await);
        }
        let agree = all.iter().all(|one| *one == all[0]) && all[0].0 == count;
        if (agree && all[0].1 <= promised) || Instant::now() > end {
            return all.iter().map(|(_, net)| *net).max().unwrap();
        }
    }
}

pub fn three_instances(_: &Plan) -> String {
    run(async {
        let (clicks, redis) = (30, [Redis::start(), Redis::start()]);
        let one = start(&redis[0], 1).await;
        let promised = one[0].most("address_on_campaign", "minute", "clicks");
        let of_one = billed(&one, clicks).await;
        let three = start(&redis[1], 3).await;
        let of_three = billed(&three, clicks).await;
        assert!(of_one > 0 && of_three > 0, "nothing was billed, so this shows nothing");
        vec![
            row(
                "one address, one instance with Redis",
                clicks,
                "clicks billed",
                (of_one, promised),
            ),
            row(
                "the same on three instances in turn",
                clicks,
                "clicks billed",
                (of_three, promised),
            ),
        ]
    })
}

/// The most reports in progress or waiting, of one key and of all. It protects the server and not the bill, so
/// `GET /v1/limits` does not print it.
const REPORTS_OF_ONE: u64 = 4;
const REPORTS: u64 = 16;

/// How long a report waits for events that Redis has not returned, with time to spare: what is refused later
/// may have found a free place.
const HELD: Duration = Duration::from_millis(400);

/// Sends reports at once with these keys in turn, while each of them waits. Says how many were made; repeats
/// it where this computer was too slow to send all in that time.
async fn reports(attack: &str, keys: &[&str], promised: u64) -> Row {
    let redis = Redis::start();
    let target = start(&redis, 1).await.remove(0);
    let by = Visitor::at("203.0.113.7");
    let sent = 60;
    for attempt in 0.. {
        let unit = target.reference_unit(&by).await;
        // As many connections as the attack needs.
        let live = format!("{}/livez", target.public);
        join_all((0..sent).map(|_| target.request(Method::GET, &by, &live).send())).await;
        redis.suspend();
        assert!(target.send(&by, unit.impression_url()).await.recorded);
        let began = Instant::now();
        let reports = keys.iter().cycle().take(sent).map(async |key| {
            let (role, id) = key.split_once(':').unwrap();
            let url = format!("{}/v1/reports/{role}s/{id}", target.public);
            let request = target.request(Method::GET, &by, &url).bearer_auth(target.key(key));
            (request.send().await.unwrap().status().as_u16(), began.elapsed())
        });
        let answers = join_all(reports).await;
        redis.resume();
        let is_slow = answers.iter().any(|(status, after)| *status != 200 && *after > HELD);
        let made = answers.iter().filter(|(status, _)| *status == 200).count() as u64;
        assert!(made > 0, "{attack}: all were refused, so this shows nothing");
        if !is_slow || attempt == 4 {
            return row(attack, sent as u64, "reports made", (made, promised));
        }
        wait_until("Redis answers again", async || {
            let status = target.inner.ledger.status();
            (status.is_up && status.unapplied == 0).then_some(())
        })
        .await;
    }
    unreachable!("the last attempt returns")
}

pub fn slow_reports(_: &Plan) -> String {
    let all = [
        "advertiser:zahid-host",
        "advertiser:gitlift",
        "advertiser:house",
        "advertiser:kontorbuch",
        "advertiser:veloria",
        "advertiser:palisade-audit",
        "advertiser:lernwerk",
        "advertiser:kupferpfanne",
        "publisher:eu-tech-news",
        "publisher:kitchen-journal",
    ];
    run(async {
        vec![
            reports("60 reports at once, one key", &all[..1], REPORTS_OF_ONE).await,
            reports("60 reports at once, ten keys", &all, REPORTS).await,
        ]
    })
}
