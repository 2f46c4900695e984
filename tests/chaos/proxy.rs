//! A TCP proxy whose behaviour can be degraded while it is in use.

use rand::RngExt;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Behaviour of the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ProxyMode {
    /// Forwards everything.
    Forward,
    /// Delays every chunk by 500 ms.
    Slow,
    /// Reads everything and forwards nothing.
    BlackHole,
    /// Closes connections in the middle of a response, at random.
    Truncate,
    /// Closes all connections, and new ones at once.
    Refuse,
}

/// A proxy on the loopback interface.
pub struct Proxy {
    port: u16,
    mode: Arc<AtomicU8>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// Starts a proxy to a port of the loopback interface.
    pub fn start(to: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mode, open) = (Arc::new(AtomicU8::new(ProxyMode::Forward as u8)), Arc::default());
        let proxy = Proxy { port, mode: mode.clone(), open };
        let open = proxy.open.clone();
        std::thread::spawn(move || {
            for from in listener.incoming().map_while(Result::ok) {
                if mode.load(Ordering::Acquire) == ProxyMode::Refuse as u8 {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                let copies = [&from, &server].map(|stream| stream.try_clone().unwrap());
                open.lock().unwrap().extend([&from, &server].map(|s| s.try_clone().unwrap()));
                let [requests, responses] = copies;
                let (request_mode, response_mode) = (mode.clone(), mode.clone());
                std::thread::spawn(move || forward(requests, server, &request_mode, false));
                std::thread::spawn(move || forward(responses, from, &response_mode, true));
            }
        });
        proxy
    }

    /// The port that the proxy listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes the behaviour. Connections that swallowed data are closed, since their streams are
    /// incomplete.
    pub fn set_mode(&self, mode: ProxyMode) {
        let before = self.mode.swap(mode as u8, Ordering::AcqRel);
        if before == ProxyMode::BlackHole as u8 || mode == ProxyMode::Refuse {
            for stream in self.open.lock().unwrap().drain(..) {
                stream.shutdown(Shutdown::Both).ok();
            }
        }
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, mode: &AtomicU8, is_response: bool) {
    let mut bytes = [0; 16_384];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let now = mode.load(Ordering::Acquire);
        if now == ProxyMode::BlackHole as u8 {
            continue;
        }
        if now == ProxyMode::Slow as u8 {
            std::thread::sleep(Duration::from_millis(500));
        }
        let breaks =
            now == ProxyMode::Truncate as u8 && is_response && rand::rng().random_ratio(1, 20);
        let count = if breaks { count / 2 } else { count };
        if to.write_all(&bytes[..count]).is_err() || breaks {
            break;
        }
    }
    from.shutdown(Shutdown::Both).ok();
    to.shutdown(Shutdown::Both).ok();
}
