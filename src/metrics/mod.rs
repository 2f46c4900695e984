//! Prometheus metrics. Every series exists at zero from the start; label values are fixed lists or
//! configured ids, limited in number.

mod money;
mod observe;

pub use money::MoneyRows;

use crate::domain::event::{InvalidReason, NoFill, TokenRejection, Verdict};
use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Label values: outcome of a slot.
pub const OUTCOMES: [&str; 4] = ["filled", "no_fill", "test", "refused"];
/// Label values: what was reloaded.
pub const RELOADS: [&str; 5] = ["inventory", "weights", "labels", "config", "datacenters"];
/// Label values: which rate limit was exceeded.
pub const LIMIT_CLASSES: [&str; 3] = ["impression", "click", "flood"];
/// Label values: protocol adapter.
pub const ADAPTERS: [&str; 3] = ["ethicalads", "kevel", "openrtb"];
/// Label values: outcome of an adapter request (a unit in every slot, at least one slot without a unit,
/// or rejected).
pub const ADAPTER_OUTCOMES: [&str; 3] = ["filled", "no_fill", "refused"];
/// Label values: kind of event; `unknown` for rejected tokens, see [`TokenRejection`].
pub const KINDS: [&str; 5] = ["impression", "viewable", "click", "copy", UNKNOWN];

/// The kind of events whose token is rejected.
const UNKNOWN: &str = "unknown";

/// Histogram buckets in seconds, from 10 µs to 5 s.
const BUCKETS: [f64; 18] = [
    0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0,
];

/// Event counts of one kind from the ledger: received = counted + duplicate + invalid + pending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventRow {
    /// All received events.
    pub received: u64,
    /// Valid events, the first of their kind per decision.
    pub counted: u64,
    /// Repeated events.
    pub duplicate: u64,
    /// Events waiting for their impression.
    pub pending: u64,
    /// Invalid events by reason, in the order of [`InvalidReason::ALL`].
    pub invalid: Vec<u64>,
    /// Counted events that were credited later.
    pub credited: u64,
}

/// All metrics of the server.
pub struct Metrics {
    registry: Registry,
    /// Rejected event tokens since the start, in the order of [`TokenRejection::ALL`].
    rejected_tokens: [AtomicU64; TokenRejection::ALL.len()],
    outcomes: Vec<IntCounter>,
    no_fills: Vec<IntCounter>,
    removed: IntCounterVec,
    received: IntCounterVec,
    verdicts: IntCounterVec,
    invalid: IntCounterVec,
    decision_seconds: Histogram,
    ack_seconds: Histogram,
    /// Clicks redirected before their record was on disk.
    pub click_unrecorded: IntCounter,
    /// Decisions missing from the decision log because its queue was full.
    pub decision_log_dropped: IntCounter,
    /// Times the journal was resent because the shared store had lost records.
    pub journal_rewinds: IntCounter,
    /// Records read from the shared store that are no longer in it.
    pub store_lost_records: IntGauge,
    /// Records on disk that the shared store does not have yet.
    pub journal_unshipped: IntGauge,
    /// Records on disk that no replica of the shared store has yet.
    pub journal_unconfirmed: IntGauge,
    /// Age of the oldest unsent record, in seconds.
    pub journal_oldest_unshipped: Gauge,
    /// 1 while the journal records events, else 0.
    pub journal_up: IntGauge,
    /// Live instances of the fleet.
    pub instances: IntGauge,
    /// How far this clock is ahead of the shared store's, in seconds.
    pub store_clock: Gauge,
    /// Corrupt regions found in the journal at start.
    pub journal_corrupt: IntGauge,
    /// How far the ledger is behind, in seconds.
    pub ledger_lag: Gauge,
    /// Billed micros of the running ledger minus those of a recomputed one.
    pub ledger_drift: IntGauge,
    /// Mismatches found when the ledger was last recomputed.
    pub ledger_mismatches: IntGauge,
    /// Time since the catalog was last reached, in seconds.
    pub snapshot_age: Gauge,
    /// Time from a catalog change until it was served, in seconds.
    pub snapshot_lag: Gauge,
    reloads: IntCounterVec,
    rate_limited: IntCounterVec,
    adapters: IntCounterVec,
    findings: IntGaugeVec,
    /// 1 while the event store responds, else 0.
    pub store_up: IntGauge,
    /// 1 while the shared store rejects writes until an operator intervenes, else 0.
    pub store_blocked: IntGauge,
    store_errors: IntCounterVec,
    /// Free share of the disk with the data directory, 0 to 1.
    pub store_free: Gauge,
    /// Requests that panicked.
    pub panics: IntCounter,
    money: money::Money,
    scrape: Mutex<()>,
}

fn handles(vec: &IntCounterVec, labels: &[&str]) -> Vec<IntCounter> {
    labels.iter().map(|label| vec.with_label_values(&[*label])).collect()
}

impl Metrics {
    /// Registers every series at zero. `stages` are those of the selection funnel, `signs` the rules of the
    /// traffic review; `campaigns` and `flights` get series of their own.
    pub fn new(
        stages: &[&str],
        signs: &[&str],
        campaigns: &[(String, String)],
        flights: &[String],
    ) -> Result<Metrics, prometheus::Error> {
        let registry = Registry::new_custom(Some("adjacent".into()), None)?;
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let vec = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(vec.clone()))?;
            Ok::<_, prometheus::Error>(vec)
        };
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = Gauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let int_gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let histogram = |name: &str, help: &str| {
            let opts = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
            let histogram = Histogram::with_opts(opts)?;
            registry.register(Box::new(histogram.clone()))?;
            Ok::<_, prometheus::Error>(histogram)
        };
        let outcomes = counters("decisions_total", "Slots decided, by outcome.", &["outcome"])?;
        let no_fills =
            counters("no_fill_total", "Slots without a unit, by no-fill reason.", &["reason"])?;
        let reasons: Vec<&str> = NoFill::ALL.iter().map(|reason| reason.as_str()).collect();
        let build = IntGaugeVec::new(
            Opts::new("build_info", "Always 1; the label has the version."),
            &["version"],
        )?;
        registry.register(Box::new(build.clone()))?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let findings = IntGaugeVec::new(
            Opts::new(
                "review_findings",
                "Traffic review findings for an operator to check, by sign.",
            ),
            &["sign"],
        )?;
        registry.register(Box::new(findings.clone()))?;
        let metrics = Metrics {
            rejected_tokens: [const { AtomicU64::new(0) }; TokenRejection::ALL.len()],
            findings,
            outcomes: handles(&outcomes, &OUTCOMES),
            no_fills: handles(&no_fills, &reasons),
            removed: counters(
                "candidates_removed_total",
                "Flights filtered out in the tiers that decisions visited, by stage.",
                &["stage"],
            )?,
            received: counters("events_received_total", "Events recorded, by kind.", &["kind"])?,
            verdicts: counters(
                "events_total",
                "Events by kind and verdict; the pending count falls when pending events get their verdict.",
                &["kind", "verdict"],
            )?,
            invalid: counters(
                "invalid_events_total",
                "Events recorded as invalid and not billed, by reason; credited ones were counted first \
                 and stay `counted` in adjacent_events_total.",
                &["kind", "reason"],
            )?,
            decision_seconds: histogram(
                "decision_duration_seconds",
                "Time from the parsed decision request to the reply.",
            )?,
            ack_seconds: histogram(
                "event_ack_duration_seconds",
                "Time from the event request until the event is on disk.",
            )?,
            click_unrecorded: counter(
                "click_unrecorded_total",
                "Clicks redirected before their record was on disk.",
            )?,
            decision_log_dropped: counter(
                "decision_log_dropped_total",
                "Decisions not logged because the decision log's queue was full.",
            )?,
            journal_rewinds: counter(
                "journal_rewinds_total",
                "Times the journal was resent because the shared store had lost records.",
            )?,
            store_lost_records: int_gauge(
                "store_lost_records",
                "Records read from the shared store that are no longer in it.",
            )?,
            journal_unshipped: int_gauge(
                "journal_unshipped_records",
                "Records on this instance's disk that the shared store does not have yet.",
            )?,
            journal_unconfirmed: int_gauge(
                "journal_unconfirmed_records",
                "Records on disk that no replica of the shared store has yet; without replicas, that the store does not have.",
            )?,
            journal_oldest_unshipped: gauge(
                "journal_oldest_unshipped_seconds",
                "Age of the oldest record on disk that the shared store does not have.",
            )?,
            journal_up: int_gauge("journal_up", "1 while the journal records events, else 0.")?,
            instances: int_gauge(
                "instances",
                "Instances with a heartbeat in the last ten seconds, including this one; 1 without a shared store.",
            )?,
            store_clock: gauge(
                "store_clock_offset_seconds",
                "How far this instance's clock is ahead of the shared store's; 0 without one.",
            )?,
            journal_corrupt: int_gauge(
                "journal_corrupt_segments",
                "Corrupt regions of the journal found and quarantined at start.",
            )?,
            ledger_lag: gauge(
                "ledger_lag_seconds",
                "How far the ledger is behind: age of the oldest record on disk that it has not applied, or \
                 time since it last read the shared store to the end.",
            )?,
            ledger_drift: int_gauge(
                "ledger_drift_micros",
                "Billed micros of the ledger minus those recomputed from the journal.",
            )?,
            ledger_mismatches: int_gauge(
                "ledger_mismatches",
                "Mismatches found when the ledger was last recomputed from the journal or the shared log; \
                 1 if the log could not be read completely.",
            )?,
            snapshot_age: gauge(
                "snapshot_age_seconds",
                "Time since the catalog was last reached.",
            )?,
            snapshot_lag: gauge(
                "snapshot_lag_seconds",
                "Time from the last catalog change until it was served.",
            )?,
            reloads: counters(
                "config_reloads_total",
                "Reloads of configuration files, by file and result.",
                &["what", "result"],
            )?,
            rate_limited: counters(
                "rate_limited_total",
                "Requests and events over a rate limit, by class.",
                &["class"],
            )?,
            adapters: counters(
                "adapter_requests_total",
                "Requests to protocol adapters, by adapter and outcome.",
                &["adapter", "outcome"],
            )?,
            store_up: int_gauge("store_up", "1 while the event store responds, else 0.")?,
            store_blocked: int_gauge(
                "store_blocked",
                "1 while the shared store rejects writes until an operator intervenes, else 0.",
            )?,
            store_errors: counters(
                "store_errors_total",
                "Errors of the shared store, by kind.",
                &["kind"],
            )?,
            store_free: gauge(
                "store_free_ratio",
                "Free share of the disk with the data directory, 0 to 1.",
            )?,
            panics: counter("panics_total", "Request handlers that panicked.")?,
            money: money::Money::new(&registry, campaigns, flights)?,
            scrape: Mutex::new(()),
            registry: registry.clone(),
        };
        handles(&metrics.removed, stages);
        handles(&metrics.received, &KINDS);
        handles(&metrics.rate_limited, &LIMIT_CLASSES);
        for adapter in ADAPTERS {
            for outcome in ADAPTER_OUTCOMES {
                metrics.adapters.with_label_values(&[adapter, outcome]);
            }
        }
        for sign in signs {
            metrics.findings.with_label_values(&[*sign]);
        }
        for kind in KINDS {
            for verdict in Verdict::LABELS {
                metrics.verdicts.with_label_values(&[kind, verdict]);
            }
            for reason in InvalidReason::ALL {
                metrics.invalid.with_label_values(&[kind, reason.as_str()]);
            }
        }
        for reason in TokenRejection::ALL {
            metrics.invalid.with_label_values(&[UNKNOWN, reason.as_str()]);
        }
        for what in RELOADS {
            for result in ["applied", "refused"] {
                metrics.reloads.with_label_values(&[what, result]);
            }
        }
        Ok(metrics)
    }

    /// Counts an event token that was rejected.
    pub fn count_rejected_token(&self, reason: TokenRejection) {
        self.rejected_tokens[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Renders all metrics. Values from the ledger are set together under one lock, so that the count
    /// identity holds in every scrape. `events` is in the order of [`KINDS`], without `unknown`.
    pub fn scrape(&self, events: &[EventRow], money: &MoneyRows) -> String {
        let _guard = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, row) in KINDS.iter().zip(events) {
            set(&self.received, &[kind], row.received);
            set(&self.verdicts, &[kind, "counted"], row.counted);
            set(&self.verdicts, &[kind, "duplicate"], row.duplicate);
            set(&self.verdicts, &[kind, "pending"], row.pending);
            set(&self.verdicts, &[kind, "invalid"], row.invalid.iter().sum());
            for (reason, count) in InvalidReason::ALL.iter().zip(&row.invalid) {
                set(&self.invalid, &[kind, reason.as_str()], *count);
            }
            set(&self.invalid, &[kind, InvalidReason::Credited.as_str()], row.credited);
        }
        let rejected_tokens = self.rejected_tokens.each_ref().map(|n| n.load(Ordering::Relaxed));
        let rejected = rejected_tokens.iter().sum();
        set(&self.received, &[UNKNOWN], rejected);
        set(&self.verdicts, &[UNKNOWN, "invalid"], rejected);
        for (reason, count) in TokenRejection::ALL.iter().zip(&rejected_tokens) {
            set(&self.invalid, &[UNKNOWN, reason.as_str()], *count);
        }
        self.money.set(money);
        let mut text = Vec::new();
        let encoder = TextEncoder::new();
        // Encoding into memory cannot fail: names were validated at registration.
        let _ = encoder.encode(&self.registry.gather(), &mut text);
        let _ = encoder.encode(&prometheus::gather(), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}

fn set(vec: &IntCounterVec, labels: &[&str], value: u64) {
    let counter = vec.with_label_values(labels);
    counter.reset();
    counter.inc_by(value);
}
