//! Tokens that are forged, spliced, replayed, late, or of something else.

use crate::harness::Decision;
use crate::harness::reference;
use crate::runner::Plan;
use crate::table::{Row, row, run};
use crate::target::{MINUTE_MS, Target, Visitor, main_click};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;

const BILLED: &str = "events billed";

fn reader() -> Visitor {
    Visitor::at("203.0.113.7")
}

/// The URL before its token, and the bytes of the token.
fn parts(url: &str) -> (&str, Vec<u8>) {
    let (path, token) = url.rsplit_once('/').unwrap();
    (path, URL_SAFE_NO_PAD.decode(token).unwrap())
}

/// Sends the tokens to a path; returns how many were sent, and how many were recorded or redirected.
async fn accepted(target: &Target, path: &str, tokens: Vec<Vec<u8>>) -> (u64, u64) {
    let mut accepted = 0;
    for some in tokens.chunks(32) {
        let sent = some.iter().map(async |token| {
            target.send(&reader(), &format!("{path}/{}", URL_SAFE_NO_PAD.encode(token))).await
        });
        let acks = join_all(sent).await;
        accepted += acks.iter().filter(|ack| ack.recorded || ack.location.is_some()).count() as u64;
    }
    (tokens.len() as u64, accepted)
}

async fn flipped(target: &Target) -> Row {
    let unit = target.reference_unit(&reader()).await;
    let (mut attempts, mut gained) = (0, 0);
    for url in [unit.impression_url(), main_click(&unit)] {
        let (path, token) = parts(url);
        let flipped = (0..8 * token.len()).map(|bit| {
            let mut token = token.clone();
            token[bit / 8] ^= 1 << (bit % 8);
            token
        });
        let (sent, accepted) = accepted(target, path, flipped.collect()).await;
        attempts += sent;
        gained += accepted;
    }
    row("tokens with one bit flipped, each of all bytes", attempts, "accepted", (gained, 0))
}

async fn spliced(target: &Target) -> Row {
    let [one, other] =
        [target.reference_unit(&reader()).await, target.reference_unit(&reader()).await];
    let (path, one) = parts(one.impression_url());
    let (_, other) = parts(other.impression_url());
    let spliced = (1..one.len()).flat_map(|at| {
        let of = |head: &[u8], tail: &[u8]| [&head[..at], &tail[at..]].concat();
        [of(&one, &other), of(&other, &one)]
    });
    // Where the ends are equal, so is the result: the first bytes are version and key.
    let spliced = spliced.filter(|token| *token != one && *token != other).collect();
    let (sent, gained) = accepted(target, path, spliced).await;
    row("the beginning of one token, the end of another", sent, "accepted", (gained, 0))
}

async fn of_another_kind(target: &Target) -> Row {
    let unit = target.seen_unit(&reader()).await;
    let events = [unit.impression_url(), unit.viewable_url(), unit.copy_url()];
    let as_clicks = events.map(|url| url.replace("/e/", "/c/"));
    let as_event = main_click(&unit).replace("/c/", "/e/");
    let urls: Vec<String> = as_clicks.into_iter().chain([as_event]).collect();
    let mut gained = 0;
    for url in &urls {
        let ack = target.send(&reader(), url).await;
        gained += u64::from(ack.recorded || ack.location.is_some());
    }
    row("tokens of another kind", urls.len() as u64, "accepted", (gained, 0))
}

/// How many more events count after `attack`.
async fn counted_by(target: &Target, attack: impl Future<Output = ()>) -> u64 {
    let counted = async || {
        target.inner.ledger.barrier().await.unwrap();
        let scrape = target.scrape().await;
        let kinds = ["impression", "viewable", "click", "copy"];
        kinds.iter().map(|kind| scrape.events(kind, "counted")).sum::<u64>()
    };
    let before = counted().await;
    attack.await;
    counted().await - before
}

async fn replayed(target: &Target) -> Row {
    let unit = target.reference_unit(&reader()).await;
    let gained = counted_by(target, async {
        for part in 0..20 {
            let readers = (0..50).map(|number| Visitor::at(&format!("198.{part}.{number}.1")));
            let sent = readers.map(async |by| target.send(&by, unit.impression_url()).await);
            join_all(sent).await;
        }
    })
    .await;
    assert_eq!(gained, 1, "the first one counts");
    row("one token sent by 1,000 readers", 1_000, BILLED, (gained, 1))
}

/// Clicks of units that were never shown; another unit of the same reader was.
async fn of_another_decision(target: &Target) -> Row {
    let [shown, hidden] =
        [target.seen_unit(&reader()).await, target.reference_unit(&reader()).await];
    let gained = counted_by(target, async {
        target.send(&reader(), main_click(&hidden)).await;
        let grace = i64::try_from(target.limit("/windows/orphan_grace_seconds")).unwrap();
        target.advance_ms(grace * 1_000 + 1_000);
        // Events of others settle what is pending.
        target.send(&reader(), shown.impression_url()).await;
        target.send(&reader(), hidden.viewable_url()).await;
    })
    .await;
    row("a click whose own impression never came", 2, BILLED, (gained, 0))
}

async fn too_fast(target: &Target) -> Row {
    let units = [target.reference_unit(&reader()).await, target.reference_unit(&reader()).await];
    let mut seen = 0;
    let gained = counted_by(target, async {
        for unit in &units {
            seen += u64::from(target.send(&reader(), unit.impression_url()).await.recorded);
            target.send(&reader(), unit.viewable_url()).await;
            target.send(&reader(), main_click(unit)).await;
        }
    })
    .await;
    row("clicks and views at once after the impression", 4, BILLED, (gained - seen, 0))
}

async fn of_a_test(target: &Target) -> Row {
    let mut page = reference();
    page["test"] = true.into();
    let unit = target.unit_of(&reader(), &page, "zahid-host").await;
    let gained = counted_by(target, all_events(target, &unit)).await;
    row("events of a test", 4, BILLED, (gained, 0))
}

async fn all_events(target: &Target, unit: &Decision) {
    target.send(&reader(), unit.impression_url()).await;
    target.advance_ms(2_000);
    for url in [unit.viewable_url(), unit.copy_url(), main_click(unit)] {
        target.send(&reader(), url).await;
    }
}

async fn after_their_window(target: &Target) -> Row {
    let unit = target.reference_unit(&reader()).await;
    let window = i64::try_from(target.limit("/windows/click_seconds")).unwrap();
    target.advance_ms(window * 1_000 + MINUTE_MS);
    let gained = counted_by(target, all_events(target, &unit)).await;
    row("events after their window", 4, BILLED, (gained, 0))
}

pub fn tokens(_: &Plan) -> String {
    run(async {
        let target = Target::start(Target::on_a_day()).await;
        let mut rows = vec![flipped(&target).await, spliced(&target).await];
        rows.push(of_another_kind(&target).await);
        rows.push(replayed(&target).await);
        rows.push(of_another_decision(&target).await);
        rows.push(too_fast(&target).await);
        rows.push(of_a_test(&target).await);
        rows.push(after_their_window(&target).await);
        rows
    })
}
