//! Load on one server, from one thread: as fast as it answers, or at a fixed rate.

use crate::client::Connection;
use hdrhistogram::Histogram;
use std::net::SocketAddr;
use std::num::NonZero;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Connections of a load that is sent as fast as it is answered.
pub const CONNECTIONS: usize = 64;

/// Connections of a load at a fixed rate.
const RATED_CONNECTIONS: usize = 8;

/// Connections that always have a request on their way.
pub struct Load(Vec<Connection>);

impl Load {
    /// Opens [`CONNECTIONS`] connections.
    pub fn connect(address: SocketAddr) -> Load {
        Load((0..CONNECTIONS).map(|_| Connection::connect(address)).collect())
    }

    /// Sends the requests, each as soon as the one before it on its connection is answered; `read` reads an
    /// answer. Returns when all are answered.
    pub fn send<'a>(
        &mut self,
        requests: impl IntoIterator<Item = &'a Vec<u8>>,
        mut read: impl FnMut(&mut Connection),
    ) {
        let mut sent = 0;
        for request in requests {
            let connection = &mut self.0[sent % CONNECTIONS];
            if sent >= CONNECTIONS {
                read(connection);
            }
            connection.write(request);
            sent += 1;
        }
        for number in sent.saturating_sub(CONNECTIONS)..sent {
            read(&mut self.0[number % CONNECTIONS]);
        }
    }

    /// Sends requests whose answers have a body; returns how many bodies contain `"fill":true`.
    pub fn decide<'a>(&mut self, requests: impl IntoIterator<Item = &'a Vec<u8>>) -> usize {
        let mut filled = 0;
        self.send(requests, |connection| {
            let body = connection.read_body();
            // It comes within the first few hundred bytes.
            let begin = &body[..body.len().min(400)];
            filled += usize::from(begin.windows(11).any(|part| part == b"\"fill\":true"));
        });
        filled
    }
}

/// Latencies, in nanoseconds, of requests that come at `rate` per second for `duration`. They count from the time
/// at which each was due.
pub fn at_rate(
    address: SocketAddr,
    requests: &[Vec<u8>],
    rate: f64,
    duration: Duration,
) -> Histogram<u64> {
    let began = Instant::now() + Duration::from_millis(50);
    let part = |part: usize| {
        set_nice(MEASURING_NICE);
        let mut connection = Connection::connect(address);
        let mut times = new_histogram();
        for number in (part..).step_by(RATED_CONNECTIONS) {
            let due = began + Duration::from_secs_f64(number as f64 / rate);
            if due > began + duration {
                return times;
            }
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            connection.send(&requests[number % requests.len()]);
            times.record(u64::try_from(due.elapsed().as_nanos()).unwrap()).unwrap();
        }
        times
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> =
            (0..RATED_CONNECTIONS).map(|number| scope.spawn(move || part(number))).collect();
        let mut all = new_histogram();
        parts.into_iter().for_each(|part| all.add(part.join().unwrap()).unwrap());
        all
    })
}

/// Times of up to 100 seconds, in nanoseconds.
pub fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 100_000_000_000, 3).unwrap()
}

/// Nice value of the clients that measure.
const MEASURING_NICE: i32 = -10;

pub fn set_nice(nice: i32) {
    // On Linux this is about the calling thread alone. Without the right to do so, the ratios are higher.
    let _ = rustix::process::setpriority_process(None, nice);
}

/// Leaves the first `count` cores to the servers, if there are others; returns how many others there are. 0 gives
/// this process all of them.
pub fn leave_cores(count: usize) -> usize {
    static ALL: LazyLock<usize> =
        LazyLock::new(|| std::thread::available_parallelism().map_or(1, NonZero::get));
    let others = ALL.saturating_sub(count);
    if others > 0 {
        let mut taskset = Command::new("taskset");
        taskset.args(["--all-tasks", "--cpu-list", "--pid", &format!("{count}-{}", *ALL - 1)]);
        taskset.arg(std::process::id().to_string()).stdout(Stdio::null());
        assert!(taskset.status().unwrap().success());
    }
    others
}
