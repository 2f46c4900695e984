//! What was sent and what was acknowledged, written down by whoever sent it, and the auditor who
//! compares it with what the server's own files say.

use crate::harness::process::Place;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::Mutex;

/// One event as its sender and the export both name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub decision: String,
    pub kind: &'static str,
    pub cta: String,
}

/// How often an event was sent, and how often it was said to be on disk.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    times: usize,
    acknowledged: usize,
}

/// The senders' own book.
#[derive(Default)]
pub struct Oracle(Mutex<BTreeMap<Key, Sent>>);

/// A line of `adjacent export`, of which the auditor reads this much.
#[derive(Debug, Deserialize)]
struct Line {
    entry: String,
    kind: Option<String>,
    cta: Option<String>,
    decision_id: Option<String>,
    verdict: Option<String>,
    reason: Option<String>,
    billed_micros: i64,
    campaign: String,
}

/// What an audit found, all of it in order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Books {
    /// Events that were sent, each once.
    pub sent: usize,
    /// Of those, events that were said to be on disk.
    pub acknowledged: usize,
    /// Events that are on disk, with every repetition.
    pub recorded: usize,
}

impl AddAssign for Books {
    fn add_assign(&mut self, other: Books) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.recorded += other.recorded;
    }
}

impl std::fmt::Display for Books {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Books { sent, acknowledged, recorded } = self;
        write!(f, "{sent} events sent, {acknowledged} acknowledged, {recorded} on record with ")?;
        write!(f, "repetitions, lost 0, doubled 0, over budget 0")
    }
}

impl Oracle {
    /// An event is about to be sent.
    pub fn sends(&self, key: &Key) {
        self.0.lock().unwrap().entry(key.clone()).or_default().times += 1;
    }

    /// The server said that it is on disk.
    pub fn acknowledged(&self, key: &Key) {
        self.0.lock().unwrap().entry(key.clone()).or_default().acknowledged += 1;
    }

    /// Reads a stopped server's files and panics where they differ from this book: an acknowledged
    /// event that is not there or did not count, one that counted twice, one that nobody sent, a
    /// campaign over its limit, a sum that differs when it is made again.
    pub fn audit(&self, place: &Place, limits: &[(&str, u64)]) -> Books {
        let books = self.audit_of(place, &[], limits);
        recompute(place);
        books
    }

    /// The same of what `adjacent export` reads with these arguments.
    pub fn audit_of(&self, place: &Place, from: &[&str], limits: &[(&str, u64)]) -> Books {
        let out = place.path("export.ndjson");
        run(place, &[&["export", "--out", out.to_str().unwrap()], from].concat());
        let text = std::fs::read_to_string(&out).unwrap();
        let mut found: BTreeMap<Key, Vec<Line>> = BTreeMap::new();
        let mut billed: BTreeMap<String, i64> = BTreeMap::new();
        for line in text.lines() {
            let line: Line = serde_json::from_str(line).unwrap();
            *billed.entry(line.campaign.clone()).or_default() += line.billed_micros;
            assert_eq!(line.entry, "event", "nothing was given back: {line:?}");
            let kinds = ["impression", "viewable", "click", "copy"];
            let kind = kinds.into_iter().find(|kind| line.kind.as_deref() == Some(kind)).unwrap();
            let cta = line.cta.clone().unwrap_or_default();
            let key = Key { decision: line.decision_id.clone().unwrap(), kind, cta };
            found.entry(key).or_default().push(line);
        }
        let book = self.0.lock().unwrap();
        let mut books = Books { sent: book.len(), ..Books::default() };
        for (key, sent) in book.iter() {
            let lines = found.remove(key).unwrap_or_default();
            books.recorded += lines.len();
            books.acknowledged += usize::from(sent.acknowledged > 0);
            let counted = lines.iter().filter(|l| l.verdict.as_deref() == Some("counted")).count();
            assert!(lines.len() >= sent.acknowledged, "LOST {key:?}: {sent:?}, there {lines:?}");
            assert!(counted <= 1, "DOUBLED {key:?}: {sent:?}, there {lines:?}");
            assert!(lines.len() <= sent.times, "MADE UP {key:?}: {sent:?}, there {lines:?}");
            // What counts once more than its money lasts is told, and billed nothing.
            let over = lines.iter().any(|l| l.reason.as_deref() == Some("over_budget"));
            let due = usize::from(sent.acknowledged > 0 && !over);
            assert!(counted >= due, "NOT COUNTED {key:?}: {sent:?}, there {lines:?}");
        }
        assert!(found.is_empty(), "NOBODY SENT {found:?}");
        for (campaign, limit) in limits {
            let billed = billed.get(*campaign).copied().unwrap_or(0);
            assert!(
                billed <= i64::try_from(*limit).unwrap(),
                "OVER {campaign}: {billed} > {limit}"
            );
        }
        books
    }
}

/// Makes the sum again from a stopped server's files, which must contradict each other nowhere.
pub fn recompute(place: &Place) {
    run(place, &["audit"]);
}

/// Runs a verb of the executable, which must end well.
fn run(place: &Place, arguments: &[&str]) {
    let output = place.command(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}
