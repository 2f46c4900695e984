//! The executable is killed under load: acknowledged events survive the restart.

use crate::harness::inventory::PRICE_MICROS;
use crate::harness::process::Installation;
use crate::harness::{Process, Reader, Setup, reference};
use rand::RngExt;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

const ROUNDS: usize = 8;
const READERS: usize = 6;

/// Impressions sent so far: URL path, and whether the server acknowledged the event.
type Sent = Arc<Mutex<BTreeMap<String, bool>>>;

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_counted_twice_by_kill_9_under_load() {
    let installation = Installation::new();
    let sent = Sent::default();
    for _ in 0..ROUNDS {
        let process = installation.serve();
        assert_recovered(&process, &sent).await;
        let mut load = JoinSet::new();
        for _ in 0..READERS {
            load.spawn(read_pages(process.public.clone(), sent.clone()));
        }
        // The moment of the kill is random on purpose.
        let delay_ms = rand::rng().random_range(50..1_200);
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        process.kill();
        load.join_all().await;
    }

    let process = installation.serve();
    assert_recovered(&process, &sent).await;
    replay(&process, &sent).await;
    let once = process.scrape().await;
    replay(&process, &sent).await;
    let twice = process.scrape().await;
    process.kill();

    let tokens = u64::try_from(sent.lock().unwrap().len()).unwrap();
    assert!(tokens > 50, "only {tokens} impressions sent");
    for scrape in [&once, &twice] {
        assert_eq!(scrape.events("impression", "counted"), tokens);
        assert_eq!(scrape.spent(), tokens * PRICE_MICROS);
        scrape.assert_every_event_is_accounted_for();
    }
    let duplicates = |scrape: &crate::harness::Scrape| scrape.events("impression", "duplicate");
    assert_eq!(duplicates(&twice), duplicates(&once) + tokens);
    let data = installation.path("data").display().to_string();
    let server = Setup::default().settings(|settings| settings.store.data = data).start().await;
    server.assert_ledger_consistent().await;
}

/// Requests decisions and reports their impressions until the server stops replying.
async fn read_pages(public: String, sent: Sent) {
    let reader = Reader::new();
    loop {
        let request = reader.post(&format!("{public}/v1/decisions")).json(&reference());
        let Ok(reply) = request.send().await else { return };
        let Ok(answer) = reply.json::<serde_json::Value>().await else { return };
        let url = answer["decisions"]["article-end"]["event_urls"]["impression"].as_str().unwrap();
        let path = url.strip_prefix(&public).unwrap().to_owned();
        sent.lock().unwrap().insert(path.clone(), false);
        match reader.try_fire(url).await {
            Some(ack) => sent.lock().unwrap().insert(path, ack.recorded),
            None => return,
        };
    }
}

/// Asserts that every acknowledged event is counted, and no more than were sent.
async fn assert_recovered(process: &Process, sent: &Sent) {
    let (acknowledged, all) = {
        let sent = sent.lock().unwrap();
        (sent.values().filter(|acknowledged| **acknowledged).count(), sent.len())
    };
    let scrape = process.scrape().await;
    let counted = usize::try_from(scrape.events("impression", "counted")).unwrap();
    assert!((acknowledged..=all).contains(&counted), "{acknowledged} <= {counted} <= {all}");
    assert_eq!(scrape.spent(), counted as u64 * PRICE_MICROS);
    assert_eq!(
        scrape.count("adjacent_journal_corrupt_segments"),
        0,
        "a torn end is not corruption"
    );
    assert_eq!(scrape.count("adjacent_journal_missing_records"), 0, "nothing acknowledged is lost");
}

/// Sends every token again.
async fn replay(process: &Process, sent: &Sent) {
    let reader = Reader::new();
    let paths: Vec<String> = sent.lock().unwrap().keys().cloned().collect();
    for chunk in paths.chunks(64) {
        let mut wave = JoinSet::new();
        for path in chunk {
            let (reader, url) = (reader.clone(), format!("{}{path}", process.public));
            wave.spawn(async move { reader.fire(&url).await });
        }
        assert!(wave.join_all().await.iter().all(|ack| ack.recorded));
    }
}

#[tokio::test]
async fn a_second_server_on_the_same_data_directory_does_not_start_and_the_first_keeps_serving() {
    let installation = Installation::new();
    let process = installation.serve();

    let second =
        installation.command(&["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]).output();
    let second = second.unwrap();

    assert_eq!(second.status.code(), Some(64));
    let errors = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(errors.contains("is in use by a running server"), "{errors}");
    assert!(process.decide(&Reader::new(), &reference()).await.is_some());
}
