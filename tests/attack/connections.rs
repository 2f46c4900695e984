//! Clients that hold connections: half a request head, responses that they never read, and too many.

use crate::harness::process::Installation;
use crate::harness::{PATIENCE, Process};
use crate::runner::Plan;
use crate::table::{note, row};
use adjacent::config::load::{DEFAULTS, parse_settings};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const CLIENTS: u64 = 30;
/// How long slow clients go on: longer than the deadline of a request head, 5 s, and of a response that
/// its client takes none of, 10 s.
const SENDING: Duration = Duration::from_secs(6);

fn address(process: &Process) -> SocketAddr {
    process.public.strip_prefix("http://").unwrap().parse().unwrap()
}

/// Connections that the server has open, as the kernel lists them.
fn open(at: SocketAddr) -> u64 {
    let (local, established) = (format!("0100007F:{:04X}", at.port()), "01");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let is_open = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[1] == local && fields[3] == established
    };
    table.lines().skip(1).filter(is_open).count() as u64
}

/// Connections that are still open after the patience of the tests.
fn open_in_the_end(at: SocketAddr) -> u64 {
    let end = Instant::now() + PATIENCE;
    while open(at) > 0 && Instant::now() < end {
        thread::sleep(Duration::from_millis(50));
    }
    open(at)
}

fn connect(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A connection on which one request was answered and that stays open; `None` if the server refused it.
fn kept(at: SocketAddr) -> Option<TcpStream> {
    let mut stream = connect(at);
    // A server that refuses the connection need not read this.
    write!(stream, "GET /livez HTTP/1.1\r\nhost: {at}\r\n\r\n").ok();
    let (mut answer, mut part) = (Vec::new(), [0; 1024]);
    while !answer.ends_with(b"live\n") {
        match stream.read(&mut part) {
            Ok(count @ 1..) => answer.extend_from_slice(&part[..count]),
            _ => return None,
        }
    }
    Some(stream)
}

/// Half a head on a connection, every other one a kept one, and a byte of it from time to time.
fn half_heads(at: SocketAddr) -> Vec<TcpStream> {
    let half = |number: u64| {
        let mut stream = if number.is_multiple_of(2) { kept(at).unwrap() } else { connect(at) };
        stream.write_all(b"GET /livez HTTP/1.1\r\nhos").unwrap();
        stream
    };
    let mut streams: Vec<TcpStream> = (0..CLIENTS).map(half).collect();
    let began = Instant::now();
    while began.elapsed() < SENDING {
        for stream in &mut streams {
            stream.write_all(b"t").ok();
        }
        thread::sleep(Duration::from_millis(200));
    }
    streams
}

/// Clients that ask for more than the buffers of both ends hold, and read nothing.
fn never_reading(at: SocketAddr) -> Vec<TcpStream> {
    let request = format!("GET /openapi.json HTTP/1.1\r\nhost: {at}\r\n\r\n");
    let asks = |_| {
        let mut stream = connect(at);
        for _ in 0..2_000 {
            if stream.write_all(request.as_bytes()).is_err() {
                break;
            }
        }
        stream
    };
    (0..CLIENTS).map(asks).collect()
}

pub fn slow_clients(_: &Plan) -> String {
    let place = Installation::as_delivered();
    let process = place.serve();
    let at = address(&process);

    let silent = never_reading(at);
    assert!(open(at) > 0, "the clients were not even connected");
    let halves = half_heads(at);
    let held = open_in_the_end(at);
    drop((silent, halves));
    let attack = "30 half request heads, 30 clients that read nothing";
    let mut rows = vec![row(attack, 2 * CLIENTS, "open afterwards", (held, 0))];

    // `GET /v1/limits` prints limits of events; this one is of connections.
    let limit = parse_settings("defaults", DEFAULTS).unwrap().limits.connections_per_address;
    let many: Vec<TcpStream> = (0..300).filter_map(|_| kept(at)).collect();
    assert!(!many.is_empty());
    rows.push(row(
        "300 connections of one address",
        300,
        "open",
        (many.len() as u64, limit.into()),
    ));
    note(rows)
}
