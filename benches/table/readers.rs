//! Simulated readers: each requests a decision and reports its impression from a distinct address.

use crate::client;
use crate::client::Connection;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Connections shared by all readers.
const CONNECTIONS: usize = 16;

/// Requests `count` decisions; returns serialised impression reports of the filled ones.
pub fn decide(at: SocketAddr, requests: &[Vec<u8>], count: usize) -> Vec<Vec<u8>> {
    let numbered = (0..).zip(paths(at, requests, count));
    numbered
        .map(|(number, (impression, _))| {
            client::report(&impression, client::reader_of_few_networks(number))
        })
        .collect()
}

/// Requests `count` decisions; returns serialised reports of the impression and of a click of the filled ones.
pub fn units(at: SocketAddr, requests: &[Vec<u8>], count: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let numbered = (0..).zip(paths(at, requests, count));
    numbered
        .map(|(number, (impression, click))| {
            let reader = client::reader_of_many_networks(number);
            (client::report(&impression, reader), client::report(&click, reader))
        })
        .collect()
}

/// Requests `count` decisions; returns the paths of the impression and of a click of the filled ones.
fn paths(at: SocketAddr, requests: &[Vec<u8>], count: usize) -> Vec<(String, String)> {
    let part = |part: usize| {
        let mut connection = Connection::connect(at);
        let requests = requests.iter().cycle().skip(part * 97).take(count / CONNECTIONS);
        let paths = requests.filter_map(|request| paths_in(connection.send(request)));
        paths.collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let parts = (0..CONNECTIONS).map(|number| scope.spawn(move || part(number)));
        let parts: Vec<_> = parts.collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    })
}

/// The paths in a response, if the slot was filled.
fn paths_in(answer: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(answer).unwrap();
    let path = |text: &str, begin: &str| {
        let (_, token) = text.split_once(begin)?;
        Some(format!("{begin}{}", token.split_once('"')?.0))
    };
    let (_, impression) = text.split_once("\"impression\":\"")?;
    Some((path(impression, "/e/")?, path(text, "/c/")?))
}

/// Reports impressions, each connection as soon as its previous report is acknowledged.
pub fn report(to: SocketAddr, impressions: &[Vec<u8>]) {
    std::thread::scope(|scope| {
        for some in impressions.chunks(impressions.len().div_ceil(CONNECTIONS).max(1)) {
            scope.spawn(move || {
                let mut connection = Connection::connect(to);
                some.iter().for_each(|one| connection.report(one));
            });
        }
    });
}

/// Reports impressions at `rate` per second until all are sent or `stop` is set; returns how many
/// were sent.
pub fn report_at_rate(
    to: SocketAddr,
    impressions: &[Vec<u8>],
    rate: f64,
    stop: &AtomicBool,
) -> usize {
    let began = Instant::now();
    let part = |part: usize| {
        let mut connection = Connection::connect(to);
        let mut sent = 0;
        for (at, one) in impressions.iter().enumerate().skip(part).step_by(CONNECTIONS) {
            let due = Duration::from_secs_f64(at as f64 / rate);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
            if stop.load(Ordering::Relaxed) {
                break;
            }
            connection.report(one);
            sent += 1;
        }
        sent
    };
    std::thread::scope(|scope| {
        let parts = (0..CONNECTIONS).map(|number| scope.spawn(move || part(number)));
        let parts: Vec<_> = parts.collect();
        parts.into_iter().map(|part| part.join().unwrap()).sum()
    })
}
