//! Readers that request decisions, report events and note the acknowledgements in the oracle.

use crate::harness::{Ack, Decision, Reader, reference};
use crate::oracle::{Key, Oracle};
use rand::RngExt;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Starts readers that run until the server is gone or the set is dropped.
pub fn readers(public: &str, oracle: &Arc<Oracle>, count: usize) -> JoinSet<()> {
    let mut readers = JoinSet::new();
    for _ in 0..count {
        let (public, oracle) = (public.to_owned(), oracle.clone());
        readers.spawn(async move {
            let reader = Reader::new();
            while read_a_page(&reader, &public, &oracle).await.is_some() {}
        });
    }
    readers
}

/// One page view: an impression, sometimes repeated; then viewable, click and copy if the impression
/// was acknowledged. `None` if the server did not respond.
pub async fn read_a_page(reader: &Reader, public: &str, oracle: &Oracle) -> Option<()> {
    let decision = decide(reader, public).await?;
    if !decision.is_filled() {
        return Some(());
    }
    let (impressions, leaves_early) = {
        let mut random = rand::rng();
        (if random.random_ratio(1, 8) { 2 } else { 1 }, random.random_ratio(1, 4))
    };
    let mut on_disk = true;
    for _ in 0..impressions {
        on_disk &= send(reader, oracle, &decision, "impression", "").await?.recorded;
    }
    if !on_disk || leaves_early {
        return Some(());
    }
    for (kind, cta) in [("viewable", ""), ("click", "primary"), ("copy", "")] {
        // A unit without a command has nothing to copy.
        if kind != "copy" || decision.0["creative"]["command"]["copy_url"].is_string() {
            send(reader, oracle, &decision, kind, cta).await?;
        }
    }
    Some(())
}

/// Requests a decision. `None` if the server did not respond.
pub async fn decide(reader: &Reader, public: &str) -> Option<Decision> {
    let call = reader.post(&format!("{public}/v1/decisions")).json(&reference());
    let answer: serde_json::Value = call.send().await.ok()?.json().await.ok()?;
    Some(Decision(answer["decisions"]["article-end"].clone()))
}

/// Reports an event and notes it and its acknowledgement. `None` if the server did not respond.
pub async fn send(
    reader: &Reader,
    oracle: &Oracle,
    decision: &Decision,
    kind: &'static str,
    cta: &str,
) -> Option<Ack> {
    let url = match kind {
        "impression" => decision.impression_url(),
        "viewable" => decision.viewable_url(),
        "copy" => decision.copy_url(),
        _ => decision.click_url(cta),
    };
    let key = Key { decision: decision.id().to_owned(), kind, cta: cta.to_owned() };
    oracle.record_sent(&key);
    let ack = reader.try_fire(url).await?;
    if ack.recorded {
        oracle.record_acknowledged(&key);
    }
    Some(ack)
}
