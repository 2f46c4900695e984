//! Ports for servers that the tests start.

use std::net::TcpListener;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering;

/// The ports that are handed out: below those that the kernel gives to connections. One of these
/// would be taken by somebody's connection while its server is away, or by a connection to itself.
const FIRST: u16 = 10_000;

/// How many each process has of its own, and how many processes.
const OWN: u16 = 110;
const PROCESSES: u16 = 200;

/// A port that nobody listens at.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let of = u16::try_from(std::process::id() % u32::from(PROCESSES)).unwrap();
    let mut ports = (0..OWN).map(|_| FIRST + of * OWN + NEXT.fetch_add(1, Ordering::Relaxed) % OWN);
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.find(is_free).expect("a free port")
}
