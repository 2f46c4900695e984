//! A process with a ledger on a store and no server: it records events as fast as it can while they
//! are sent and read again.

use crate::events;
use crate::threads;
use adjacent::ledger::Ledger;
use adjacent::ledger::Rules;
use adjacent::ledger::record::Attribution;
use adjacent::ledger::shared::Shared;
use adjacent::store::Address;
use adjacent::store::Client;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

const EVENTS: u64 = 1_000_000;
const IN_FLIGHT: u64 = 512;
/// As the executable looks at logs.
const LOOK: Duration = Duration::from_millis(50);

/// Says how many events there were; seconds until all were on disk, in the store and read again;
/// mebibytes before and after.
#[allow(clippy::print_stdout)] // the answer
pub fn run(url: &str, data: &Path) {
    let Ok(Address::Redis(place)) = url.parse() else { panic!("{url} is no Redis") };
    let client = Client::new(place);
    let (rules, listener) =
        (Rules::default(), Box::new(|_: adjacent::ledger::running::Change<'_>| {}));
    let ledger = Ledger::open_shared(data, 1, 1 << 25, rules, listener, client).unwrap();
    let ledger = Arc::new(ledger);
    let recorder = ledger.clone();
    // Sending and reading have one thread, as they have in the executable.
    actix_web::rt::System::new().block_on(async move {
        let shared = ledger.shared().unwrap().clone();
        ledger.come(1_790_000_000_000).await.unwrap();
        while !shared.send_files().await.unwrap() {}
        while !shared.follow().await.unwrap() {}
        tokio::spawn(shared.clone().ship());
        tokio::spawn(follow(shared.clone()));
        let (before, began) = (threads::resident_mib().0, Instant::now());
        let recording = std::thread::spawn(move || record(&recorder));
        let (mut recorded, mut sent) = (None, None);
        let read = loop {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let (standing, now) = (shared.standing(), began.elapsed().as_secs_f64());
            if !recording.is_finished() {
                continue;
            }
            recorded.get_or_insert(now);
            if standing.unsent == 0 {
                sent.get_or_insert(now);
            }
            if standing.unsent + standing.unapplied == 0 {
                break now;
            }
        };
        let (recorded, sent) = (recorded.unwrap(), sent.unwrap());
        println!("{EVENTS} {recorded} {sent} {read} {before} {}", threads::resident_mib().0);
        std::process::exit(0); // tasks that go on for ever end with it
    });
}

async fn follow(shared: Arc<Shared>) {
    loop {
        if shared.follow().await.unwrap() {
            tokio::time::sleep(LOOK).await;
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

/// As varied as reports of a day are: each is a row of every quarter of an hour.
fn attributions() -> Vec<Arc<Attribution>> {
    let countries = ["DE", "US", "GB", "FR", "NL", "ES", "IT", "PL"];
    let one = |number: usize| Attribution {
        flight: format!("flight-{}", number / 8).into(),
        creative: format!("creative-{}", number / 8).into(),
        region: countries[number % 8].into(),
        ..events::attribution()
    };
    (0..8_000).map(|number| Arc::new(one(number))).collect()
}
