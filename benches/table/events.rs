//! Durable events: recorded in the journal, synced to disk, given a verdict.

use crate::Row;
use adjacent::domain::attribution::{AttributionKey, PageKey};
use adjacent::domain::event::{EventKind, Pricing, Tier};
use adjacent::domain::money::Micros;
use adjacent::ledger::record::{DecisionKey, Event};
use adjacent::ledger::{Ledger, Rules};
use adjacent::token::PARTITIONS;
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Measuring time per number of events in flight.
const DURATION: Duration = Duration::from_secs(3);

/// The attribution of the benchmark's events.
pub fn attribution() -> AttributionKey {
    AttributionKey {
        advertiser: "sponsor-1".into(),
        currency: "EUR".parse().unwrap(),
        campaign: "campaign-1".into(),
        flight: "flight-1".into(),
        creative: "creative-1".into(),
        variant: 0,
        page: PageKey {
            publisher: "eu-tech-news".into(),
            placement: "article-end".into(),
            topic: "ai-infrastructure".into(),
            region: "DE".into(),
            ..PageKey::default()
        },
        tier: Tier::Standard,
    }
}

/// The `number`th impression.
pub fn event(number: u64, attribution: &Arc<AttributionKey>) -> Event {
    let at_ms = 1_790_000_000_000 + i64::try_from(number / 100).unwrap();
    let partition = u8::try_from(number % u64::from(PARTITIONS)).unwrap();
    Event {
        kind: EventKind::Impression,
        cta: None,
        at_ms,
        decision_key: DecisionKey {
            incarnation: 1,
            partition,
            seq: number / u64::from(PARTITIONS),
        },
        decision: u128::from(number) << 8,
        decided_at_ms: at_ms - 500,
        day: 20_000,
        attribution: attribution.clone(),
        pricing: Pricing::Cpm,
        price: Micros::try_from(5_000).unwrap(),
        invalid_reason: None,
    }
}

/// Throughput and acknowledgement latency with many events in flight.
pub fn rows(progress: &ProgressBar) -> Vec<Row> {
    [(64, ">= 100k/s; p50 <= 1 ms, p99 <= 5 ms"), (512, "")]
        .into_iter()
        .map(|(in_flight, goal)| {
            progress.set_message(format!("events, {in_flight} in flight"));
            let (rate, acks) = measure(in_flight);
            let at = |quantile| acks.value_at_quantile(quantile) as f64 / 1e3;
            Row::new(
                format!("durable events, {in_flight} in flight: throughput; ack p50, p99"),
                format!("{:.0}k/s; {:.2} ms, {:.2} ms", rate / 1e3, at(0.5), at(0.99)),
                goal,
            )
        })
        .collect()
}

/// Events in the journal that the timed start replays.
const JOURNAL: u64 = 1_000_000;

/// A start on a journal of a million events without a checkpoint, which replays all of them.
pub fn recovery(progress: &ProgressBar) -> Vec<Row> {
    progress.set_message("recovery: writing a journal of a million events");
    let folder = tempfile::tempdir().unwrap();
    let open =
        || Ledger::open(folder.path(), 1, 1 << 25, Rules::default(), Box::new(|_| {})).unwrap();
    let ledger = open();
    let attribution = Arc::new(attribution());
    actix_web::rt::System::new().block_on(async {
        for first in (0..JOURNAL).step_by(512) {
            let batch = first..JOURNAL.min(first + 512);
            let writes = batch.map(|number| ledger.record(event(number, &attribution)));
            futures_util::future::try_join_all(writes).await.unwrap();
        }
    });
    drop(ledger);
    progress.set_message("recovery: starting on it");
    let began = Instant::now();
    let ledger = open();
    let took = began.elapsed();
    assert!(ledger.recovery().entries >= JOURNAL, "{:?}", ledger.recovery());
    let measurement = format!("start on a journal of {JOURNAL} events without a checkpoint");
    vec![Row::new(measurement, format!("{:.2} s", took.as_secs_f64()), "<= 5 s")]
}

/// Events per second and acknowledgement latencies in microseconds.
fn measure(in_flight: usize) -> (f64, Histogram<u64>) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(folder.path(), 1, 1 << 25, Rules::default(), Box::new(|_| {}));
    let ledger = Rc::new(ledger.unwrap());
    let acks = Histogram::<u64>::new_with_bounds(1, 100_000_000, 3).unwrap();
    let (acks, next) = (Rc::new(RefCell::new(acks)), Rc::new(RefCell::new(0u64..)));
    let attribution = Arc::new(attribution());
    let began = Instant::now();
    actix_web::rt::System::new().block_on(async {
        let tasks = (0..in_flight).map(|_| {
            let (ledger, acks, next) = (ledger.clone(), acks.clone(), next.clone());
            let attribution = attribution.clone();
            actix_web::rt::spawn(async move {
                while began.elapsed() < DURATION {
                    let number = next.borrow_mut().next().unwrap();
                    let sent = Instant::now();
                    ledger.record(event(number, &attribution)).await.unwrap();
                    let micros = u64::try_from(sent.elapsed().as_micros()).unwrap();
                    acks.borrow_mut().record(micros.max(1)).unwrap();
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    let acks = acks.borrow().clone();
    (acks.len() as f64 / seconds, acks)
}
