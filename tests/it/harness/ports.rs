//! Free ports for the servers that tests start.

use std::net::{TcpListener, UdpSocket};
use std::sync::Mutex;

/// The range to choose from, below the kernel's ephemeral ports: while a server restarts, an
/// outgoing connection could occupy an ephemeral port, or connect to itself.
const FIRST: u16 = 10_000;
const PORTS: u16 = 22_000;

/// A port without a listener that no other test process gets while this one runs, so that a server
/// that restarts finds its port free. The UDP socket on the same port number serves as a lock: the
/// kernel binds it for one process and releases it when that process ends, however it ends.
pub fn free_port() -> u16 {
    static LOCKS: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());
    let mut locks = LOCKS.lock().expect("no test panics here");
    let begin = u16::try_from(std::process::id() % u32::from(PORTS)).expect("below all ports");
    for step in 0..PORTS {
        let port = FIRST + (begin + step) % PORTS;
        let address = ("127.0.0.1", port);
        let Ok(lock) = UdpSocket::bind(address) else { continue };
        if TcpListener::bind(address).is_ok() {
            locks.push(lock);
            return port;
        }
    }
    panic!("no free port among {PORTS} from {FIRST} on");
}
