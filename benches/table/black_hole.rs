//! Decisions while Redis responds and while it is frozen: a decision must not wait for Redis.

use crate::Row;
use crate::client::Connection;
use crate::instance;
use crate::instance::BenchServer;
use crate::store::Redis;
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use std::time::{Duration, Instant};

const FLIGHTS: usize = 10_000;
/// Measured turns per condition.
const ROUNDS: usize = 4;
/// Length of a turn. The store client waits three seconds for a response, so a turn that starts
/// `FREEZE_LEAD` after the freeze covers a timeout, the pauses of the circuit breaker and new
/// connections.
const TURN: Duration = Duration::from_secs(3);
const FREEZE_LEAD: Duration = Duration::from_millis(6_500);

/// Responses under one condition.
struct Responses {
    times: Histogram<u64>,
    sold: u64,
}

impl Responses {
    fn new() -> Responses {
        Responses { times: Histogram::new_with_bounds(1, 10_000_000_000, 3).unwrap(), sold: 0 }
    }

    /// Requests decisions over one connection for the length of a turn.
    fn turn(&mut self, connection: &mut Connection, requests: &[Vec<u8>]) {
        let began = Instant::now();
        for request in requests.iter().cycle() {
            let sent = Instant::now();
            if sent - began >= TURN {
                return;
            }
            let answer = connection.send(request);
            self.times.record(u64::try_from(sent.elapsed().as_nanos()).unwrap()).unwrap();
            let has = |text: &[u8]| answer.windows(text.len()).any(|part| part == text);
            // House units fill slots that cannot be sold.
            self.sold += u64::from(has(b"\"fill\":true") && !has(b"\"tier\":\"house\""));
        }
    }

    fn sold_percent(&self) -> f64 {
        self.sold as f64 / self.times.len() as f64 * 100.0
    }
}

/// Latency under both conditions, and the share of responses with a sold unit.
pub fn rows(progress: &ProgressBar) -> Vec<Row> {
    progress.set_message("black hole: starting an instance on Redis");
    let (folder, requests) = instance::data_directory(FLIGHTS);
    let redis = Redis::start(&[]);
    let mut server = BenchServer::on_redis(folder.path(), &redis);
    let mut connection = Connection::connect(server.adjacent).busy_polling();
    let (mut healthy, mut frozen) = (Responses::new(), Responses::new());
    let (mut errors, mut warm_up) = (0.0, Responses::new());
    warm_up.turn(&mut connection, &requests);
    for round in 1..=ROUNDS {
        progress.set_message(format!("black hole: round {round} of {ROUNDS}"));
        server.wait_until_applied();
        healthy.turn(&mut connection, &requests);
        redis.freeze();
        std::thread::sleep(FREEZE_LEAD);
        frozen.turn(&mut connection, &requests);
        errors = server.query("series adjacent_store_errors_total")[0];
        redis.thaw();
    }
    assert!(errors > 0.0, "no store request was made while Redis was frozen");
    let mut rows: Vec<Row> = [(0.5, "p50", ""), (0.99, "p99", "<= 1.1 x")]
        .into_iter()
        .map(|(quantile, name, goal)| {
            let [healthy, frozen] =
                [&healthy, &frozen].map(|side| side.times.value_at_quantile(quantile) as f64 / 1e3);
            Row::new(
                format!("one connection, {FLIGHTS} flights: {name}, Redis frozen / healthy"),
                format!("{:.2} x ({frozen:.0} us / {healthy:.0} us)", frozen / healthy),
                goal,
            )
        })
        .collect();
    rows.push(Row::new(
        format!("... responses with a sold unit ({errors:.0} store requests failed)"),
        format!("{:.1} % / {:.1} %", frozen.sold_percent(), healthy.sold_percent()),
        "equal",
    ));
    rows
}
