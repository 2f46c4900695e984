//! Guessed API keys: each address waits longer with every wrong key, and the owner of a right key never.

use crate::harness::raw_http::send_request;
use crate::harness::{Setup, TestServer};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The longest delay in these tests, in milliseconds.
const LONGEST_MS: u64 = 400;

fn server() -> TestServer {
    Setup::default()
        .settings(|settings| settings.limits.wrong_key_delay_ms = LONGEST_MS)
        .start_blocking()
}

/// The status, the `Connection` header and the time of a request with this key.
fn request(server: &TestServer, path: &str, key: &str) -> (u16, Duration) {
    let began = Instant::now();
    let header = format!("authorization: Bearer {key}");
    let answer = send_request(server.ops_address(), "GET", path, &[&header], "");
    (answer.status, began.elapsed())
}

#[test]
fn wrong_keys_of_an_address_are_answered_late_and_counted_and_a_right_key_at_once() {
    let server = server();
    let path = "/v1/admin/inventory";

    let waits: Vec<Duration> = (0..5)
        .map(|guess| {
            let (status, wait) = request(&server, path, &format!("guess-{guess}"));
            assert_eq!(status, 401);
            wait
        })
        .collect();

    for (wait, ms) in waits.iter().zip([100, 200, LONGEST_MS, LONGEST_MS, LONGEST_MS]) {
        assert!(*wait >= Duration::from_millis(ms), "{waits:?}");
    }
    let (status, wait) = request(&server, path, server.key("operator"));
    assert_eq!(status, 200);
    assert!(wait < Duration::from_millis(LONGEST_MS), "the owner waits {wait:?}");
    let scrape = send_request(server.ops_address(), "GET", "/metrics", &[], "").body;
    assert!(scrape.contains("\nadjacent_wrong_keys_total 5\n"), "{scrape}");
}

#[test]
fn guesses_at_once_delay_neither_the_owner_nor_other_requests_of_their_address() {
    let server = server();
    let guesses = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                while guesses.fetch_add(1, Ordering::Relaxed) < 200 {
                    let (status, _) = request(&server, "/v1/admin/inventory", "guess");
                    assert_eq!(status, 401);
                }
            });
        }
        while guesses.load(Ordering::Relaxed) < 100 {
            let (status, wait) = request(&server, "/v1/admin/inventory", server.key("operator"));
            assert_eq!(status, 200);
            assert!(wait < Duration::from_millis(LONGEST_MS), "the owner waits {wait:?}");
            let (status, wait) = request(&server, "/livez", "");
            assert_eq!(status, 200);
            assert!(wait < Duration::from_millis(LONGEST_MS), "a probe waits {wait:?}");
        }
    });
}

#[test]
fn a_wrong_key_is_answered_late_wherever_a_request_carries_it() {
    let server = Setup::default()
        .settings(|settings| {
            settings.limits.wrong_key_delay_ms = LONGEST_MS;
            let adapters = "[adapters]\nkevel = true\nethicalads = true\nopenrtb = true\n";
            let named = adjacent::config::load::parse_settings("adapters", adapters).unwrap();
            settings.adapters = named.adapters;
        })
        .start_blocking();
    let id = "0198c0de-1f2e-7a3b-8c4d-5e6f70819201";
    let explain = format!("/v1/decisions/{id}/explain");
    let events = format!("/v1/decisions/{id}/events");
    let kevel =
        r#"{"placements": [{"divName": "a", "networkId": 1, "siteId": 1, "adTypes": [5]}]}"#;
    for (method, path, header, body) in [
        ("GET", "/v1/reports/advertisers/zahid-host", "authorization: Bearer x", ""),
        ("GET", "/reports/zahid-host", "authorization: Bearer x", ""),
        ("GET", &explain, "authorization: Bearer x", ""),
        ("GET", &events, "authorization: x", ""),
        ("GET", "/v1/decisions?publisher=eu-tech-news&placement=a", "authorization: Bearer x", ""),
        ("POST", "/v1/publishers/eu-tech-news/pauses", "authorization: Bearer x", "{}"),
        ("POST", "/api/v2", "x-adzerk-apikey: adj_o_0123456789_x", kevel),
        ("POST", "/api/v2", "x-adzerk-explain: x", kevel),
    ] {
        let lines = [header, "content-type: application/json"];
        let began = Instant::now();
        let answer = server.send_request(method, path, &lines, body);
        assert_eq!(answer.status, 401, "{path} {header}: {answer:?}");
        assert!(began.elapsed() >= Duration::from_millis(100), "{path} {header}");
    }
}
