//! A process with a ledger on Redis and no server. It records events as fast as possible while they
//! are shipped to Redis and applied from there.

use crate::events;
use crate::threads;
use adjacent::cluster::OpenOptions;
use adjacent::cluster::log::SharedLog;
use adjacent::domain::attribution::{AttributionKey, PageKey};
use adjacent::ledger::event_log::EventLog;
use adjacent::ledger::{Ledger, Rules};
use adjacent::store::{Address, Client};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const EVENTS: u64 = 1_000_000;
const IN_FLIGHT: u64 = 512;
/// The interval at which the executable polls the logs.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Prints the number of events, the seconds until all were on disk, in Redis and applied, and the
/// resident memory in MiB before and after.
#[allow(clippy::print_stdout)] // the result
pub fn run(url: &str, data: &Path) {
    let Ok(Address::Redis(place)) = url.parse() else { panic!("{url} is not a Redis URL") };
    let client = Client::new(place);
    let options = OpenOptions {
        folder: data,
        incarnation: 1,
        segment_bytes: 1 << 25,
        rules: Rules::default(),
        listener: Box::new(|_| {}),
    };
    let (ledger, shared) = adjacent::cluster::open_shared(options, client).unwrap();
    let ledger = Arc::new(ledger);
    let recorder = ledger.clone();
    // Shipping and following share one thread, as in the executable.
    actix_web::rt::System::new().block_on(async move {
        ledger.join(1_790_000_000_000).await.unwrap();
        while !shared.send_files().await.unwrap() {}
        while !shared.follow().await.unwrap() {}
        tokio::spawn(shared.clone().ship());
        tokio::spawn(follow(shared.clone()));
        let (before, began) = (threads::resident_mib().0, Instant::now());
        let recording = std::thread::spawn(move || record(&recorder));
        let (mut recorded, mut sent) = (None, None);
        let applied = loop {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let (status, elapsed) = (shared.status(), began.elapsed().as_secs_f64());
            if !recording.is_finished() {
                continue;
            }
            recorded.get_or_insert(elapsed);
            if status.unsent == 0 {
                sent.get_or_insert(elapsed);
            }
            if status.unsent + status.unapplied == 0 {
                break elapsed;
            }
        };
        let (recorded, sent) = (recorded.unwrap(), sent.unwrap());
        println!("{EVENTS} {recorded} {sent} {applied} {before} {}", threads::resident_mib().0);
        std::process::exit(0); // the background tasks never return
    });
}

async fn follow(shared: Arc<SharedLog>) {
    loop {
        if shared.follow().await.unwrap() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

fn record(ledger: &Ledger) {
    let attributions = attributions();
    actix_web::rt::System::new().block_on(async {
        for first in (0..EVENTS).step_by(IN_FLIGHT as usize) {
            let writes = (first..EVENTS.min(first + IN_FLIGHT)).map(|number| {
                let attribution = &attributions[number as usize % attributions.len()];
                ledger.record(events::event(number, attribution))
            });
            futures_util::future::try_join_all(writes).await.unwrap();
        }
    });
}

/// 8,000 attributions, the variety of a day's reports: each is one row per 15 minutes.
fn attributions() -> Vec<Arc<AttributionKey>> {
    let countries = ["DE", "US", "GB", "FR", "NL", "ES", "IT", "PL"];
    let one = |number: usize| AttributionKey {
        flight: format!("flight-{}", number / 8).into(),
        creative: format!("creative-{}", number / 8).into(),
        page: PageKey { region: countries[number % 8].into(), ..events::attribution().page },
        ..events::attribution()
    };
    (0..8_000).map(|number| Arc::new(one(number))).collect()
}
