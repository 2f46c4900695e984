//! Decisions while the store answers, and while it is a black hole: nothing of it is on their way.

use crate::Row;
use crate::client::Connection;
use crate::machine;
use crate::machine::Served;
use crate::store::Redis;
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use std::time::Duration;
use std::time::Instant;

const FLIGHTS: usize = 10_000;
/// Turns of each side.
const ROUNDS: usize = 4;
/// How long a turn is. Answers are waited for for three seconds, so a turn that begins here sees
/// one come to its end, the breaker's pauses and new connections.
const TURN: Duration = Duration::from_secs(3);
const BEFORE: Duration = Duration::from_millis(6_500);

/// What one side was answered.
struct Side {
    times: Histogram<u64>,
    sold: u64,
}

impl Side {
    fn new() -> Side {
        Side { times: Histogram::new_with_bounds(1, 10_000_000_000, 3).unwrap(), sold: 0 }
    }

    /// Asks for decisions over one connection for as long as a turn is.
    fn turn(&mut self, connection: &mut Connection, requests: &[Vec<u8>]) {
        let began = Instant::now();
        for request in requests.iter().cycle() {
            let asked = Instant::now();
            if asked - began >= TURN {
                return;
            }
            let answer = connection.ask(request);
            self.times.record(u64::try_from(asked.elapsed().as_nanos()).unwrap()).unwrap();
            let has = |text: &[u8]| answer.windows(text.len()).any(|part| part == text);
            // A house unit is what is left where nothing can be sold.
            self.sold += u64::from(has(b"\"fill\":true") && !has(b"\"tier\":\"house\""));
        }
    }

    fn share(&self) -> f64 {
        self.sold as f64 / self.times.len() as f64 * 100.0
    }
}

/// Latency of both, and how many of the answers hold a unit that is sold.
pub fn rows(progress: &ProgressBar) -> Vec<Row> {
    progress.set_message("black hole: a machine with a store");
    let (folder, requests) = machine::stocked(FLIGHTS);
    let redis = Redis::start(&[]);
    let mut served = Served::sharing(folder.path(), &redis);
    let mut connection = Connection::to(served.ours).awake();
    let (mut well, mut hole) = (Side::new(), Side::new());
    let (mut unanswered, mut warm) = (0.0, Side::new());
    warm.turn(&mut connection, &requests);
    for round in 1..=ROUNDS {
        progress.set_message(format!("black hole: round {round} of {ROUNDS}"));
        served.settles();
        well.turn(&mut connection, &requests);
        redis.stops();
        std::thread::sleep(BEFORE);
        hole.turn(&mut connection, &requests);
        unanswered = served.ask("series adjacent_store_troubles_total")[0];
        redis.goes_on();
    }
    assert!(unanswered > 0.0, "nobody asked the store while it was a black hole");
    let mut rows: Vec<Row> = [(0.5, "p50", ""), (0.99, "p99", "<= 1.1 x")]
        .into_iter()
        .map(|(quantile, name, goal)| {
            let [well, hole] =
                [&well, &hole].map(|side| side.times.value_at_quantile(quantile) as f64 / 1e3);
            Row::new(
                format!("one connection, {FLIGHTS} flights: {name} with a black hole / with Redis"),
                format!("{:.2} x ({hole:.0} us / {well:.0} us)", hole / well),
                goal,
            )
        })
        .collect();
    rows.push(Row::new(
        format!("... answers with a sponsor's unit ({unanswered:.0} questions got no answer)"),
        format!("{:.1} % / {:.1} %", hole.share(), well.share()),
        "the same",
    ));
    rows
}
