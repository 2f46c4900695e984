//! A way to a server that can be made bad while it is used.

use rand::RngExt;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How the way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mood {
    /// As it should be.
    Well,
    /// Every piece waits half a second.
    Slow,
    /// Takes everything, hands on nothing.
    BlackHole,
    /// Ends connections in the middle of an answer.
    Breaks,
    /// Ends new connections at once.
    Refuses,
}

/// The way.
pub struct Proxy {
    port: u16,
    mood: Arc<AtomicU8>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// Leads to a port of loopback.
    pub fn start(to: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mood, open) = (Arc::new(AtomicU8::new(Mood::Well as u8)), Arc::default());
        let proxy = Proxy { port, mood: mood.clone(), open };
        let open = proxy.open.clone();
        std::thread::spawn(move || {
            for from in listener.incoming().map_while(Result::ok) {
                if mood.load(Ordering::Acquire) == Mood::Refuses as u8 {
                    continue;
                }
                let Ok(there) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                let copies = [&from, &there].map(|stream| stream.try_clone().unwrap());
                open.lock().unwrap().extend([&from, &there].map(|s| s.try_clone().unwrap()));
                let [asks, answers] = copies;
                let (there_mood, back_mood) = (mood.clone(), mood.clone());
                std::thread::spawn(move || carries(asks, there, &there_mood, false));
                std::thread::spawn(move || carries(answers, from, &back_mood, true));
            }
        });
        proxy
    }

    /// Where it begins.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes it; what swallowed something is never whole again.
    pub fn is_now(&self, mood: Mood) {
        let before = self.mood.swap(mood as u8, Ordering::AcqRel);
        if before == Mood::BlackHole as u8 || mood == Mood::Refuses {
            for stream in self.open.lock().unwrap().drain(..) {
                stream.shutdown(Shutdown::Both).ok();
            }
        }
    }
}

fn carries(mut from: TcpStream, mut to: TcpStream, mood: &AtomicU8, is_answer: bool) {
    let mut bytes = [0; 16_384];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let now = mood.load(Ordering::Acquire);
        if now == Mood::BlackHole as u8 {
            continue;
        }
        if now == Mood::Slow as u8 {
            std::thread::sleep(Duration::from_millis(500));
        }
        let breaks = now == Mood::Breaks as u8 && is_answer && rand::rng().random_ratio(1, 20);
        let count = if breaks { count / 2 } else { count };
        if to.write_all(&bytes[..count]).is_err() || breaks {
            break;
        }
    }
    from.shutdown(Shutdown::Both).ok();
    to.shutdown(Shutdown::Both).ok();
}
