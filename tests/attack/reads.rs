//! Reads that cost the server more than the caller: decisions looked up by made-up ids, and reports.

use crate::harness::process::Installation;
use crate::harness::{Process, Reader, reference};
use crate::runner::Plan;
use crate::table::{Row, row, run};
use futures_util::future::join_all;
use reqwest::RequestBuilder;
use std::time::Instant;
use uuid::Uuid;

/// The rates of the gates in front of these reads: as many at once, and then one per so many milliseconds.
/// They protect the server and not the bill, so `GET /v1/limits` does not print them.
struct Gate {
    burst: u64,
    every_ms: u64,
}

/// "Why this" pages of all readers, and of one.
const READERS: Gate = Gate { burst: 40, every_ms: 50 };
const READER: Gate = Gate { burst: 20, every_ms: 500 };
/// Events of decisions, by a publisher's key.
const EVENTS: Gate = Gate { burst: 20, every_ms: 6_000 };

/// How many of these requests, sent at once, the server worked on: it answered neither 429 nor 503.
async fn worked_on(requests: Vec<RequestBuilder>) -> u64 {
    let answers = join_all(requests.into_iter().map(RequestBuilder::send)).await;
    let is_refused = |status: u16| matches!(status, 429 | 503);
    let worked =
        answers.into_iter().filter(|one| !is_refused(one.as_ref().unwrap().status().as_u16()));
    worked.count() as u64
}

async fn attack(attack: &str, gate: &Gate, requests: Vec<RequestBuilder>) -> Row {
    let attempts = requests.len() as u64;
    let began = Instant::now();
    let ran = worked_on(requests).await;
    let elapsed = u64::try_from(began.elapsed().as_millis()).unwrap();
    assert!(ran > 0, "{attack}: all were refused, so this shows nothing");
    row(attack, attempts, "looked up", (ran, gate.burst + elapsed / gate.every_ms + 1))
}

/// The time that a process has used on processors, in milliseconds.
fn cpu_ms(process: &Process) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    // Clock ticks of 10 ms, in user and in kernel mode.
    10 * [fields[11], fields[12]].map(|ticks| ticks.parse::<u64>().unwrap()).iter().sum::<u64>()
}

pub fn cheap_reads(_: &Plan) -> String {
    run(async {
        let place = Installation::as_delivered()
            .set("ADJACENT__SERVER__TRUSTED_PROXIES", "[\"127.0.0.0/8\"]");
        let process = place.serve();
        let keys = std::fs::read_to_string(place.path("data/local-keys.toml")).unwrap();
        let keys: toml::Table = keys.parse().unwrap();
        let key = |party: &str, id: &str| keys[party][id].as_str().unwrap().to_owned();
        let reader = Reader::new();
        // Something to search in.
        for _ in 0..100 {
            process.decide(&reader, &reference()).await.unwrap();
        }
        let why = |number: usize, of: usize| {
            let url = format!("{}/w/{}", process.public, Uuid::now_v7());
            reader.get(&url).header("x-forwarded-for", format!("198.51.{}.7", number % of))
        };
        let before = cpu_ms(&process);
        let calls = (0..120).map(|number| why(number, 60)).collect();
        let mut rows = vec![attack("made-up decisions, 60 callers", &READERS, calls).await];
        let lookups = (0..120).map(|number| why(100 + number, 1)).collect();
        rows.push(attack("made-up decisions, one caller", &READER, lookups).await);
        let publisher = key("publisher", "eu-tech-news");
        let events = (0..60).map(|_| {
            let url = format!("{}/v1/decisions/{}/events", process.public, Uuid::now_v7());
            reader.get(&url).bearer_auth(&publisher)
        });
        rows.push(
            attack("events of made-up decisions, a publisher's key", &EVENTS, events.collect())
                .await,
        );
        println!(
            "cheap_reads: 300 made-up decisions took {} ms of processor time",
            cpu_ms(&process) - before
        );
        rows
    })
}
