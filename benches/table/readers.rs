//! Readers: each has a page's decision made and sends its impression, from an address of its own.

use crate::client;
use crate::client::Connection;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

/// Connections that they share.
const CONNECTIONS: usize = 16;

/// Has so many decisions made; requests for the impressions of those that were filled.
pub fn read(at: SocketAddr, requests: &[Vec<u8>], count: usize) -> Vec<Vec<u8>> {
    let part = |part: usize| {
        let mut connection = Connection::to(at);
        let asked = requests.iter().cycle().skip(part * 97).take(count / CONNECTIONS);
        let answers = asked.map(|request| token(connection.ask(request)));
        answers.collect::<Vec<Option<String>>>()
    };
    let tokens = std::thread::scope(|scope| {
        let parts = (0..CONNECTIONS).map(|number| scope.spawn(move || part(number)));
        let parts: Vec<_> = parts.collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).flatten().collect::<Vec<_>>()
    });
    (0u32..).zip(tokens).map(|(reader, token)| client::impression(&token, reader)).collect()
}

/// The token of the impression in an answer, if it holds a unit.
fn token(answer: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(answer).unwrap();
    let (_, urls) = text.split_once("\"impression\":\"")?;
    let (url, _) = urls.split_once('"')?;
    Some(url.split_once("/e/")?.1.to_owned())
}

/// Sends these impressions as fast as they are acknowledged.
pub fn send(to: SocketAddr, impressions: &[Vec<u8>]) {
    std::thread::scope(|scope| {
        for some in impressions.chunks(impressions.len().div_ceil(CONNECTIONS).max(1)) {
            scope.spawn(move || {
                let mut connection = Connection::to(to);
                some.iter().for_each(|one| connection.fire(one));
            });
        }
    });
}

/// Sends these impressions, so many each second, until all are sent or somebody says that it is
/// enough; how many were sent.
pub fn send_steadily(
    to: SocketAddr,
    impressions: &[Vec<u8>],
    each_second: f64,
    enough: &AtomicBool,
) -> usize {
    let began = Instant::now();
    let part = |part: usize| {
        let mut connection = Connection::to(to);
        let mut sent = 0;
        for (at, one) in impressions.iter().enumerate().skip(part).step_by(CONNECTIONS) {
            let due = Duration::from_secs_f64(at as f64 / each_second);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
            if enough.load(Ordering::Relaxed) {
                break;
            }
            connection.fire(one);
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
