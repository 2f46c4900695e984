//! Ports for servers that the tests start.

use std::net::TcpListener;
use std::net::UdpSocket;
use std::sync::Mutex;

/// The ports that are handed out: below those that the kernel gives to connections. One of these
/// would be taken by somebody's connection while its server is away, or by a connection to itself.
const FIRST: u16 = 10_000;
const PORTS: u16 = 22_000;

/// A port that nobody listens at, and that no other test gets while this process lives: a server of
/// its own that is away for a moment would find a stranger there. The sign is the same port of UDP,
/// which the kernel gives to one process and takes back when it ends, however it ends.
pub fn free_port() -> u16 {
    static TAKEN: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());
    let mut taken = TAKEN.lock().expect("no test panics here");
    let begin = u16::try_from(std::process::id() % u32::from(PORTS)).expect("below all ports");
    for step in 0..PORTS {
        let port = FIRST + (begin + step) % PORTS;
        let address = ("127.0.0.1", port);
        let Ok(sign) = UdpSocket::bind(address) else { continue };
        if TcpListener::bind(address).is_ok() {
            taken.push(sign);
            return port;
        }
    }
    panic!("no port is free from {FIRST} on");
}
