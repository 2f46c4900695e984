//! Access to what belongs to others: through a rebound host name, with a key of another party, or with
//! guessed keys.

use crate::harness::raw_http::{send, send_request};
use crate::harness::{Setup, TestServer};
use crate::runner::Plan;
use crate::table::{Row, note, row, run};
use crate::target::{Target, Visitor};
use adjacent::adapters;
use adjacent::config::load::parse_settings;
use adjacent::http::{ops, public};
use reqwest::Method;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Names that a page of an attacker may resolve to the server's address.
const REBOUND: [&str; 4] = [
    "rebound.example:8081",
    "adjacent",
    "127.0.0.1.rebound.example",
    "units.example.rebound.example",
];

/// Every route with a made-up value for each of its parts.
fn paths(table: Vec<adjacent::http::routes::Route>) -> Vec<String> {
    let path = |route: &adjacent::http::routes::Route| {
        let mut path = route.path().to_owned();
        while let Some((begin, end)) = path.find('{').zip(path.find('}')) {
            path.replace_range(begin..=end, "x");
        }
        path
    };
    table.iter().map(path).collect()
}

pub fn host_names(_: &Plan) -> String {
    let url = "[server]\npublic_url = \"https://units.example\"\n";
    let read = parse_settings("hosts", url).unwrap().server;
    let server = Setup::as_delivered()
        .settings(|settings| {
            let (listen, ops_listen) = (settings.server.listen, settings.server.ops_listen);
            settings.server = read;
            (settings.server.listen, settings.server.ops_listen) = (listen, ops_listen);
        })
        .start_blocking();
    let ask = |at: SocketAddr, path: &str, host: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        send(at, head.as_bytes())
    };
    let mut public_paths = paths(public::table());
    public_paths.extend(paths(adapters::table()));
    let listeners = [
        ("rebound host name, public listener", server.address(), public_paths),
        ("rebound host name, operations listener", server.ops_address(), paths(ops::table())),
    ];
    let mut rows = Vec::new();
    for (attack, at, paths) in listeners {
        assert_eq!(ask(at, "/livez", "units.example").status, 200);
        let (mut attempts, mut read) = (0, 0);
        for (path, host) in paths.iter().flat_map(|path| REBOUND.map(|host| (path, host))) {
            attempts += 1;
            read += u64::from(ask(at, path, host).status != 421);
        }
        assert!(attempts > 50, "{attempts}");
        rows.push(row(attack, attempts, "answers other than 421", (read, 0)));
    }
    note(rows)
}

/// What a party must not read or change: a key, a method, a URL after the listener's address.
const FOREIGN: [(&str, &str, &str); 18] = [
    ("advertiser:gitlift", "GET", "public/v1/reports/advertisers/zahid-host?by=day"),
    ("advertiser:gitlift", "GET", "public/v1/reports/publishers/eu-tech-news"),
    ("advertiser:gitlift", "GET", "public/reports/zahid-host"),
    ("advertiser:gitlift", "GET", "public/v1/decisions/{id}/events"),
    ("advertiser:zahid-host", "GET", "public/v1/reports/publishers/eu-tech-news"),
    ("advertiser:zahid-host", "POST", "public/v1/publishers/eu-tech-news/pauses"),
    ("publisher:kitchen-journal", "GET", "public/v1/reports/publishers/eu-tech-news"),
    ("publisher:kitchen-journal", "GET", "public/v1/reports/advertisers/zahid-host"),
    ("publisher:kitchen-journal", "GET", "public/v1/decisions/{id}/events"),
    ("publisher:kitchen-journal", "GET", "public/v1/decisions/{id}/explain"),
    ("publisher:kitchen-journal", "GET", "ops/v1/decisions/{id}/events"),
    ("publisher:kitchen-journal", "GET", "ops/v1/decisions/{id}/explain"),
    ("publisher:kitchen-journal", "POST", "public/v1/publishers/eu-tech-news/pauses"),
    ("publisher:eu-tech-news", "GET", "public/v1/reports/advertisers/zahid-host"),
    ("publisher:eu-tech-news", "GET", "public/reports/zahid-host"),
    ("", "GET", "public/v1/reports/advertisers/zahid-host"),
    ("", "GET", "public/v1/decisions/{id}/events"),
    ("", "GET", "public/v1/decisions/{id}/explain"),
];

/// Keys that open no route of operators.
const PARTIES: [&str; 3] = ["publisher:eu-tech-news", "advertiser:zahid-host", ""];

async fn answer(target: &Target, key: &str, method: &str, url: &str) -> (u16, String) {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let by = Visitor::at("203.0.113.7").with("content-type", "application/json");
    let mut request = target.request(method.clone(), &by, url);
    if !key.is_empty() {
        request = request.bearer_auth(target.key(key));
    }
    if method != Method::GET {
        request = request.body(r#"{"site": true, "paused": true}"#);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

pub fn foreign_objects(_: &Plan) -> String {
    run(async {
        let target = Target::start(Target::on_a_day()).await;
        let unit = target.seen_unit(&Visitor::at("203.0.113.7")).await;
        let url = |path: &str| {
            let (listener, path) = path.split_once('/').unwrap();
            let base = if listener == "ops" { &target.ops } else { &target.public };
            format!("{base}/{}", path.replace("{id}", unit.id()))
        };
        for (key, path) in [
            ("advertiser:zahid-host", "public/v1/reports/advertisers/zahid-host"),
            ("publisher:eu-tech-news", "public/v1/decisions/{id}/events"),
        ] {
            let (status, own) = answer(&target, key, "GET", &url(path)).await;
            assert!(status == 200 && own.contains("impression"), "{key}'s own: {own}");
        }
        let mut read = 0;
        for (key, method, path) in FOREIGN {
            let (status, text) = answer(&target, key, method, &url(path)).await;
            let is_empty = serde_json::from_str(&text)
                .is_ok_and(|reply: Value| reply["events"] == Value::Array(vec![]));
            read += u64::from(status < 400 && !is_empty);
        }
        let attempts = FOREIGN.len() as u64;
        let mut rows =
            vec![row("keys of other parties, or none", attempts, "answers with data", (read, 0))];
        let (mut attempts, mut opened) = (0, 0);
        for path in paths(ops::table()).iter().filter(|path| path.starts_with("/v1/admin/")) {
            for (key, method) in PARTIES
                .iter()
                .flat_map(|key| ["GET", "POST", "PUT", "DELETE"].map(|method| (key, method)))
            {
                let (status, _) =
                    answer(&target, key, method, &format!("{}{path}", target.ops)).await;
                attempts += 1;
                opened += u64::from(status < 400);
            }
        }
        rows.push(row("keys of parties on operators' routes", attempts, "accepted", (opened, 0)));
        rows
    })
}

/// The delays of wrong keys in a row that end within [`GUESSING`], from the documented first one: each is
/// twice the one before. `limits.wrong_key_delay_ms` is the longest.
const DELAYS_MS: [u64; 5] = [100, 200, 400, 800, 1_600];
const GUESSING: Duration = Duration::from_secs(5);

fn guess(server: &TestServer, key: &str) -> u16 {
    let header = format!("authorization: Bearer {key}");
    send_request(server.ops_address(), "GET", "/v1/admin/inventory", &[&header], "").status
}

pub fn key_guesses(_: &Plan) -> String {
    let server = Setup::as_delivered().start_blocking();
    note(vec![in_a_row(&server), at_once(&server)])
}

fn in_a_row(server: &TestServer) -> Row {
    let began = Instant::now();
    let (mut sent, mut answered) = (0, 0);
    while began.elapsed() < GUESSING {
        assert_eq!(guess(server, &format!("guess-{sent}")), 401);
        sent += 1;
        answered += u64::from(began.elapsed() < GUESSING);
    }
    let promised = DELAYS_MS.len() as u64;
    row("wrong keys, one after the other", sent, "answers in 5 s", (answered, promised))
}

/// Guesses on many connections, while the owner of a key uses it.
fn at_once(server: &TestServer) -> Row {
    let (guesses, found, most) = (AtomicU64::new(0), AtomicU64::new(0), 300);
    let mut late = 0;
    thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                loop {
                    let number = guesses.fetch_add(1, Ordering::Relaxed);
                    if number >= most {
                        return;
                    }
                    found.fetch_add(
                        u64::from(guess(server, &format!("{number}")) != 401),
                        Ordering::Relaxed,
                    );
                }
            });
        }
        while guesses.load(Ordering::Relaxed) < most {
            let began = Instant::now();
            assert_eq!(guess(server, server.key("operator")), 200);
            late += u64::from(began.elapsed() >= Duration::from_secs(5));
        }
    });
    assert_eq!(found.into_inner(), 0);
    row("wrong keys, 24 at once", most, "answers to the owner that are late", (late, 0))
}
