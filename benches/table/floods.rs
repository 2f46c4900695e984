//! Decisions while others read: unknown callers asking for decisions that were never made, and reports of a large
//! ledger. Requests come at a fixed rate, and latency counts from the time at which each was due.

use crate::client::Connection;
use crate::instance::BenchServer;
use crate::{Row, events, instance, load, median};
use adjacent::clock::{Clock, SystemClock};
use adjacent::domain::attribution::AttributionKey;
use adjacent::domain::region::Country;
use adjacent::ledger::{Ledger, Rules};
use indicatif::ProgressBar;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

const FLIGHTS: usize = 10_000;
/// Decisions in the log: about 110 MB.
const DECISIONS: usize = 450_000;
/// Impressions of one advertiser in the ledger, in the last month.
const EVENTS: u64 = 1_100_000;
/// Clients of a flood, each with its next request as soon as the last one is answered, and a second after one
/// that was refused.
const CLIENTS: usize = 60;
/// Connections of the measured decisions.
const CONNECTIONS: usize = 8;
/// Share of the capacity that the measured decisions take.
const SHARE: f64 = 0.2;
/// Rounds of three turns: without the flood, with it, and without it. The two without it show what a ratio is
/// worth on this machine at this time.
const ROUNDS: usize = 20;
const TURN: Duration = Duration::from_secs(2);
/// Nice value of the clients of a flood, which should cost the server as little as those on another computer do.
const FLOOD_NICE: i32 = 15;

/// The request of a client of a flood with this number.
type MakeRequest = dyn Fn(usize, u64) -> String + Sync;

/// Latencies of decisions with each flood, as ratios to those without it.
pub fn rows(progress: &ProgressBar) -> Vec<Row> {
    progress.set_message("floods: building the inventory");
    let (folder, requests) = instance::data_directory(FLIGHTS);
    progress.set_message(format!("floods: {EVENTS} events"));
    write_events(&folder.path().join("journal"));
    let server = BenchServer::behind_proxy(folder.path());
    progress.set_message(format!("floods: {DECISIONS} decisions"));
    let began = Instant::now();
    let per_client = DECISIONS / CONNECTIONS;
    std::thread::scope(|scope| {
        for part in 0..CONNECTIONS {
            let requests = requests.iter().cycle().skip(part * 97).take(per_client);
            scope.spawn(|| {
                let mut connection = Connection::connect(server.adjacent);
                for request in requests {
                    connection.send(request);
                }
            });
        }
    });
    let capacity = (per_client * CONNECTIONS) as f64 / began.elapsed().as_secs_f64();
    let log_mb = bytes(&folder.path().join("decisions")) as f64 / 1e6;
    let keys = std::fs::read_to_string(folder.path().join("local-keys.toml")).unwrap();
    let key = |of: &str| {
        let value = keys.lines().find_map(|line| line.strip_prefix(of)?.strip_prefix(" = "));
        value.unwrap().trim_matches('"').to_owned()
    };
    let (key, publisher) = (key("operator"), key("eu-tech-news"));
    let floods: [(&str, Box<MakeRequest>); 4] = [
        ("unknown decisions, `/w/{id}`", Box::new(why)),
        (
            "unknown decisions, `/v1/decisions/{id}/events`",
            Box::new(move |_, number| {
                get(&format!("/v1/decisions/{}/events", unknown(number)), &publisher)
            }),
        ),
        (
            "reports, `/v1/reports/advertisers/{id}`",
            Box::new({
                let key = key.clone();
                move |_, _| get(REPORT, &key)
            }),
        ),
        ("an advertiser's page, `/reports/{id}`", Box::new(move |_, _| get(PAGE, &key))),
    ];
    let rate = capacity * SHARE;
    let mut rows = Vec::new();
    for (name, flood) in &floods {
        progress.set_message(format!("floods: {name}"));
        rows.extend(rounds(server.adjacent, &requests, rate, (name, flood.as_ref())));
    }
    rows.push(Row::new(
        "... with",
        format!(
            "{log_mb:.0} MB of decisions, {EVENTS} events, {rate:.0} decisions/s of {capacity:.0}"
        ),
        "",
    ));
    rows
}

const REPORT: &str = "/v1/reports/advertisers/sponsor-0?by=hour,creative,topic,region&limit=10000";
const PAGE: &str = "/reports/sponsor-0";

/// Impressions of 50 creatives on 200 topics in 12 countries, over a month.
fn write_events(journal: &Path) {
    let begin_ms = SystemClock::starting_at_least(0).now_ms() - 29 * 86_400_000;
    let ledger = Ledger::open(journal, 1, 1 << 25, Rules::default(), Box::new(|_| {})).unwrap();
    let countries: Vec<Country> =
        ["US", "DE", "GB", "FR", "NL", "ES", "IT", "PL", "SE", "CA", "AT", "CH"]
            .map(|code| code.parse().unwrap())
            .into();
    let attributions: Vec<Arc<AttributionKey>> = (0..5_000)
        .map(|number| {
            let mut own = events::attribution();
            own.advertiser = "sponsor-0".into();
            own.campaign = "campaign-0".into();
            own.flight = format!("flight-{}", number % 50).into();
            own.creative = format!("creative-{}", number % 50).into();
            own.page.topic = format!("topic-{}", number / 25).into();
            own.page.region = countries[number * 7 % 12].to_string().into();
            Arc::new(own)
        })
        .collect();
    actix_web::rt::System::new().block_on(async {
        for first in (0..EVENTS).step_by(512) {
            let writes = (first..EVENTS.min(first + 512)).map(|number| {
                let attribution = &attributions[usize::try_from(number % 5_000).unwrap()];
                let mut event = events::event(number, attribution);
                event.at_ms = begin_ms + i64::try_from(number).unwrap() * 28 * 86_400 / 1_100;
                event.decided_at_ms = event.at_ms - 500;
                ledger.record(event)
            });
            futures_util::future::try_join_all(writes).await.unwrap();
        }
    });
}

fn bytes(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

/// The id of a decision that may have been made in the last minute, and was not.
fn unknown(number: u64) -> String {
    let now_ms = SystemClock::starting_at_least(0).now_ms();
    let millis = u64::try_from(now_ms).unwrap() - 5_000 - number * 37 % 20_000;
    let random = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let (high, low) = (millis >> 16, millis & 0xFFFF);
    format!(
        "{high:08x}-{low:04x}-7{:03x}-8{:03x}-{:010x}01",
        random & 0xFFF,
        random >> 12 & 0xFFF,
        random >> 24
    )
}

/// A reader's request; each client has an address of its own.
fn why(client: usize, number: u64) -> String {
    format!(
        "GET /w/{} HTTP/1.1\r\nHost: news.example\r\nAccept: */*\r\nX-Forwarded-For: 198.18.1.{client}\r\n\r\n",
        unknown(number)
    )
}

fn get(path: &str, key: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: news.example\r\nAccept: */*\r\nAuthorization: Bearer {key}\r\n\r\n"
    )
}

/// Turns without and with a flood, one after the other.
fn rounds(
    address: SocketAddr,
    requests: &[Vec<u8>],
    rate: f64,
    (name, flood): (&str, &MakeRequest),
) -> Vec<Row> {
    let (mut p50, mut p99): ([Vec<f64>; 3], [Vec<f64>; 3]) = Default::default();
    let mut answers = BTreeMap::<u16, u64>::new();
    for _ in 0..ROUNDS {
        let before = load::at_rate(address, requests, rate, TURN);
        let stop = AtomicBool::new(false);
        let (next, begun) = (AtomicU64::new(1), Barrier::new(CLIENTS + 1));
        let (flooded, statuses) = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let (stop, next, begun) = (&stop, &next, &begun);
                    scope.spawn(move || {
                        load::set_nice(FLOOD_NICE);
                        let mut connection = Connection::connect(address);
                        let mut statuses = Vec::new();
                        while !stop.load(Ordering::Relaxed) {
                            let number = next.fetch_add(1, Ordering::Relaxed);
                            let request = flood(client, number);
                            let status = connection.status(request.as_bytes());
                            statuses.push(status);
                            if statuses.len() == 1 {
                                begun.wait();
                            }
                            if matches!(status, 429 | 503) {
                                std::thread::sleep(Duration::from_secs(1));
                            }
                        }
                        statuses
                    })
                })
                .collect();
            // What is measured is the flood, not its first sixty connections at once.
            begun.wait();
            let flooded = load::at_rate(address, requests, rate, TURN);
            stop.store(true, Ordering::Relaxed);
            let ended = clients.into_iter().flat_map(|client| client.join().unwrap());
            (flooded, ended.collect::<Vec<u16>>())
        });
        for status in statuses {
            *answers.entry(status).or_default() += 1;
        }
        let after = load::at_rate(address, requests, rate, TURN);
        for (at, times) in [before, flooded, after].iter().enumerate() {
            p50[at].push(times.value_at_quantile(0.5) as f64 / 1e3);
            p99[at].push(times.value_at_quantile(0.99) as f64 / 1e3);
        }
    }
    let mut text = String::new();
    for (status, count) in &answers {
        let _ = write!(text, " {status}: {count}");
    }
    let ([p50_before, p50_flooded, _], [before, flooded, after]) =
        (p50.map(median), p99.map(median));
    let alone = f64::midpoint(before, after);
    vec![
        Row::new(
            format!("{CLIENTS} clients, {name}: p99 of decisions, with / without"),
            format!(
                "{:.2} x ({flooded:.0} us / {alone:.0} us); p50 {:.2} x; without / without {:.2} x",
                flooded / alone,
                p50_flooded / p50_before,
                after / before
            ),
            "<= 1.2 x",
        ),
        Row::new("... answers by status", text.trim().to_owned(), ""),
    ]
}
