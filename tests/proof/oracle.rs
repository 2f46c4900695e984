//! The oracle: what readers sent and what was acknowledged, noted by the readers and compared with
//! an export of the server's files.

use crate::harness::process::Installation;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::Mutex;

/// Identifies an event in the oracle and in an export.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub decision: String,
    pub kind: &'static str,
    pub cta: String,
}

/// How often an event was sent, and how often it was acknowledged as on disk.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    times: usize,
    acknowledged: usize,
}

/// All events that readers sent.
#[derive(Default)]
pub struct Oracle(Mutex<BTreeMap<Key, Sent>>);

/// The fields of a line of `adjacent export` that the audit reads.
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

/// Totals of a passed audit.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditSummary {
    /// Distinct events sent.
    pub sent: usize,
    /// Distinct events acknowledged as on disk.
    pub acknowledged: usize,
    /// Events on disk, including repetitions.
    pub recorded: usize,
}

impl AddAssign for AuditSummary {
    fn add_assign(&mut self, other: AuditSummary) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.recorded += other.recorded;
    }
}

impl std::fmt::Display for AuditSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let AuditSummary { sent, acknowledged, recorded } = self;
        write!(f, "{sent} events sent, {acknowledged} acknowledged, {recorded} recorded ")?;
        write!(f, "(with repetitions), 0 lost, 0 counted twice, 0 over budget")
    }
}

impl Oracle {
    /// Notes that an event is about to be sent.
    pub fn record_sent(&self, key: &Key) {
        self.0.lock().unwrap().entry(key.clone()).or_default().times += 1;
    }

    /// Notes that the server acknowledged an event as on disk.
    pub fn record_acknowledged(&self, key: &Key) {
        self.0.lock().unwrap().entry(key.clone()).or_default().acknowledged += 1;
    }

    /// Audits the files of a stopped server. Panics on an acknowledged event that is missing or did
    /// not count, an event that counted twice or was never sent, a campaign billed over its limit,
    /// and totals that differ when recomputed.
    pub fn audit(&self, place: &Installation, limits: &[(&str, u64)]) -> AuditSummary {
        let summary = self.audit_export(place, &[], limits);
        recompute(place);
        summary
    }

    /// The same without recomputing totals, for the data that `adjacent export` reads with these
    /// arguments.
    pub fn audit_export(
        &self,
        place: &Installation,
        from: &[&str],
        limits: &[(&str, u64)],
    ) -> AuditSummary {
        let out = place.path("export.ndjson");
        run(place, &[&["export", "--out", out.to_str().unwrap()], from].concat());
        let text = std::fs::read_to_string(&out).unwrap();
        let mut found: BTreeMap<Key, Vec<Line>> = BTreeMap::new();
        let mut billed: BTreeMap<String, i64> = BTreeMap::new();
        for line in text.lines() {
            let line: Line = serde_json::from_str(line).unwrap();
            *billed.entry(line.campaign.clone()).or_default() += line.billed_micros;
            assert_eq!(line.entry, "event", "unexpected credit or refund: {line:?}");
            let kinds = ["impression", "viewable", "click", "copy"];
            let kind = kinds.into_iter().find(|kind| line.kind.as_deref() == Some(kind)).unwrap();
            let cta = line.cta.clone().unwrap_or_default();
            let key = Key { decision: line.decision_id.clone().unwrap(), kind, cta };
            found.entry(key).or_default().push(line);
        }
        let events = self.0.lock().unwrap();
        let mut summary = AuditSummary { sent: events.len(), ..AuditSummary::default() };
        for (key, sent) in events.iter() {
            let lines = found.remove(key).unwrap_or_default();
            summary.recorded += lines.len();
            summary.acknowledged += usize::from(sent.acknowledged > 0);
            let counted = lines.iter().filter(|l| l.verdict.as_deref() == Some("counted")).count();
            assert!(lines.len() >= sent.acknowledged, "LOST {key:?}: {sent:?}, recorded {lines:?}");
            assert!(counted <= 1, "COUNTED TWICE {key:?}: {sent:?}, recorded {lines:?}");
            assert!(lines.len() <= sent.times, "NEVER SENT {key:?}: {sent:?}, recorded {lines:?}");
            // An event over the budget is recorded with that reason and not billed.
            let over = lines.iter().any(|l| l.reason.as_deref() == Some("over_budget"));
            let expected = usize::from(sent.acknowledged > 0 && !over);
            assert!(counted >= expected, "NOT COUNTED {key:?}: {sent:?}, recorded {lines:?}");
        }
        assert!(found.is_empty(), "NEVER SENT {found:?}");
        for (campaign, limit) in limits {
            let billed = billed.get(*campaign).copied().unwrap_or(0);
            assert!(
                billed <= i64::try_from(*limit).unwrap(),
                "OVER BUDGET {campaign}: {billed} > {limit}"
            );
        }
        summary
    }
}

/// Recomputes the totals from the files of a stopped server; panics on a mismatch.
pub fn recompute(place: &Installation) {
    run(place, &["audit"]);
}

/// Runs a command of the executable; panics if it fails.
fn run(place: &Installation, arguments: &[&str]) {
    let output = place.command(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}
