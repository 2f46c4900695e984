//! Every outcome is a series that is there, at zero, from the start. Labels are closed lists or
//! configured ids under a budget.

mod money;
mod notes;

pub use money::MoneyRows;

use crate::domain::event::EventKind;
use crate::domain::event::InvalidReason;
use crate::domain::event::NoFill;
use crate::domain::event::Verdict;
use prometheus::Encoder;
use prometheus::Gauge;
use prometheus::Histogram;
use prometheus::HistogramOpts;
use prometheus::IntCounter;
use prometheus::IntCounterVec;
use prometheus::IntGauge;
use prometheus::IntGaugeVec;
use prometheus::Opts;
use prometheus::Registry;
use prometheus::TextEncoder;
use std::sync::Mutex;
use std::sync::PoisonError;

/// How a decision ended, as a label.
pub const OUTCOMES: [&str; 4] = ["filled", "no_fill", "test", "refused"];
/// What can be reloaded, as a label.
pub const RELOADS: [&str; 5] = ["inventory", "weights", "labels", "config", "datacenters"];
/// Who is refused for rate, as a label.
pub const CLASSES: [&str; 3] = ["impression", "click", "flood"];
/// Other clients' dialects, as a label.
pub const ADAPTERS: [&str; 3] = ["ethicalads", "kevel", "openrtb"];
/// How a dialect's call ended, as a label: with a unit in every slot, with a slot that has none, or
/// refused.
pub const ADAPTER_OUTCOMES: [&str; 3] = ["filled", "no_fill", "refused"];
/// Kinds of events, and those of forged tokens.
pub const KINDS: [&str; 5] = ["impression", "viewable", "click", "copy", "unknown"];

/// From 10 µs to 5 s.
const BUCKETS: [f64; 18] = [
    0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0,
];

/// Events of one kind as the ledger tells them: received = counted + duplicate + invalid + pending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventRow {
    /// All that were received.
    pub received: u64,
    /// Valid, first of their kind.
    pub counted: u64,
    /// Seen before.
    pub duplicate: u64,
    /// Waiting for their impression.
    pub pending: u64,
    /// By reason, in the order of [`InvalidReason::ALL`].
    pub invalid: Vec<u64>,
    /// Of those that counted, how many were credited since.
    pub credited: u64,
}

/// All series.
pub struct Metrics {
    registry: Registry,
    outcomes: Vec<IntCounter>,
    no_fills: Vec<IntCounter>,
    removed: IntCounterVec,
    received: IntCounterVec,
    verdicts: IntCounterVec,
    invalid: IntCounterVec,
    decision_seconds: Histogram,
    ack_seconds: Histogram,
    /// Clicks that were redirected before their record was on disk.
    pub click_unrecorded: IntCounter,
    /// Decisions that the log had no room for.
    pub decision_log_dropped: IntCounter,
    /// How often the journal's files were sent again, because the shared log had lost something.
    pub journal_rewinds: IntCounter,
    /// Records that were read from a shared store and are in it no more.
    pub store_missing: IntGauge,
    /// Records on disk that no ledger has applied.
    pub journal_unshipped: IntGauge,
    /// Records on disk that no replica of a shared store has.
    pub journal_unconfirmed: IntGauge,
    /// Age of the oldest of them, in seconds.
    pub journal_oldest_unshipped: Gauge,
    /// Whether the journal here records.
    pub journal_up: IntGauge,
    /// Machines that share the store.
    pub machines: IntGauge,
    /// How far the clock here is ahead of a shared store's, in seconds.
    pub store_clock: Gauge,
    /// Damaged places found in the journal at the start.
    pub journal_damaged: IntGauge,
    /// Time from the acknowledgement to the ledger, in seconds.
    pub ledger_lag: Gauge,
    /// What the running ledger has more than a recomputed one, in micros.
    pub ledger_drift: IntGauge,
    /// What differed when the ledger was last made again.
    pub ledger_differences: IntGauge,
    /// Age of the inventory since the catalog was last reached, in seconds.
    pub snapshot_age: Gauge,
    /// Time from a change of the catalog to its being served, in seconds.
    pub snapshot_lag: Gauge,
    reloads: IntCounterVec,
    rate_limited: IntCounterVec,
    adapters: IntCounterVec,
    findings: IntGaugeVec,
    /// Whether the store answers.
    pub store_up: IntGauge,
    /// Whether a shared store refuses something until a person has done something.
    pub store_refuses: IntGauge,
    store_troubles: IntCounterVec,
    /// Free share of the store's disk, 0 to 1.
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
    /// Registers every series at zero. `stages` are the funnel's, `signs` the review's; `campaigns` and `flights` are
    /// those with series of their own.
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
        let whole = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let seconds = |name: &str, help: &str| {
            let opts = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
            let histogram = Histogram::with_opts(opts)?;
            registry.register(Box::new(histogram.clone()))?;
            Ok::<_, prometheus::Error>(histogram)
        };
        let outcomes = counters("decisions_total", "Slots decided, by outcome.", &["outcome"])?;
        let no_fills = counters("no_fill_total", "Slots without a unit, by reason.", &["reason"])?;
        let reasons: Vec<&str> = NoFill::ALL.iter().map(|reason| reason.as_str()).collect();
        let build =
            IntGaugeVec::new(Opts::new("build_info", "1, with the version."), &["version"])?;
        registry.register(Box::new(build.clone()))?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let findings = IntGaugeVec::new(
            Opts::new("review_findings", "What a person should look at, by sign."),
            &["sign"],
        )?;
        registry.register(Box::new(findings.clone()))?;
        let metrics = Metrics {
            findings,
            outcomes: handles(&outcomes, &OUTCOMES),
            no_fills: handles(&no_fills, &reasons),
            removed: counters(
                "candidates_removed_total",
                "Flights removed in the tiers a decision visited, by stage.",
                &["stage"],
            )?,
            received: counters("events_received_total", "Events on record, by kind.", &["kind"])?,
            verdicts: counters(
                "events_total",
                "Events by kind and verdict; pending ones move on when they are settled.",
                &["kind", "verdict"],
            )?,
            invalid: counters(
                "invalid_events_total",
                "Events that are kept and never billed, by reason; those credited afterwards counted \
                 first, and stay `counted` in adjacent_events_total.",
                &["kind", "reason"],
            )?,
            decision_seconds: seconds(
                "decision_duration_seconds",
                "From the parsed call to the reply.",
            )?,
            ack_seconds: seconds(
                "event_ack_duration_seconds",
                "From the call to the event on disk.",
            )?,
            click_unrecorded: counter(
                "click_unrecorded_total",
                "Clicks redirected before their record was on disk.",
            )?,
            decision_log_dropped: counter(
                "decision_log_dropped_total",
                "Decisions that the log had no room for.",
            )?,
            journal_rewinds: counter(
                "journal_rewinds_total",
                "Times that the journal was sent again, because a shared store had lost something.",
            )?,
            store_missing: whole(
                "store_missing_records",
                "Records that were read from a shared store and are in it no more.",
            )?,
            journal_unshipped: whole(
                "journal_unshipped_records",
                "Records on disk here that a shared store does not have.",
            )?,
            journal_unconfirmed: whole(
                "journal_unconfirmed_records",
                "Records on disk that no replica of a shared store has; without replicas, that the store has not.",
            )?,
            journal_oldest_unshipped: gauge(
                "journal_oldest_unshipped_seconds",
                "Age of the oldest of them.",
            )?,
            journal_up: whole("journal_up", "Whether the journal here records events.")?,
            machines: whole(
                "machines",
                "Instances that were here in the last ten seconds, this one among them; alone, 1.",
            )?,
            store_clock: gauge(
                "store_clock_offset_seconds",
                "How far the clock here is ahead of a shared store's; alone, 0.",
            )?,
            journal_damaged: whole(
                "journal_damaged_places",
                "Damaged places found in the journal at the start, put aside.",
            )?,
            ledger_lag: gauge(
                "ledger_lag_seconds",
                "How far the ledger here is behind: since when the oldest record on disk here waits for \
                 it, or since when not everything in a shared store was read.",
            )?,
            ledger_drift: whole(
                "ledger_drift_micros",
                "What the ledger has billed more than its journal says.",
            )?,
            ledger_differences: whole(
                "ledger_differences",
                "What differed when the ledger was last made again from its journal, or from the shared \
                 log; 1 when that could not be read whole.",
            )?,
            snapshot_age: gauge("snapshot_age_seconds", "Since the catalog was last reached.")?,
            snapshot_lag: gauge(
                "snapshot_lag_seconds",
                "From the last change of the catalog to its being served.",
            )?,
            reloads: counters(
                "config_reloads_total",
                "Reloads, by file and result.",
                &["what", "result"],
            )?,
            rate_limited: counters("rate_limited_total", "What went over a limit.", &["class"])?,
            adapters: counters(
                "adapter_requests_total",
                "Calls in other clients' dialects.",
                &["adapter", "outcome"],
            )?,
            store_up: whole("store_up", "Whether the store answers.")?,
            store_refuses: whole(
                "store_refuses",
                "Whether a shared store refuses something until a person has done something.",
            )?,
            store_troubles: counters(
                "store_troubles_total",
                "Errors of a shared store, by what they mean.",
                &["trouble"],
            )?,
            store_free: gauge("store_free_ratio", "Free share of the store's disk, 0 to 1.")?,
            panics: counter("panics_total", "Requests that panicked.")?,
            money: money::Money::new(&registry, campaigns, flights)?,
            scrape: Mutex::new(()),
            registry: registry.clone(),
        };
        handles(&metrics.removed, stages);
        handles(&metrics.received, &KINDS);
        handles(&metrics.rate_limited, &CLASSES);
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
        for what in RELOADS {
            for result in ["applied", "refused"] {
                metrics.reloads.with_label_values(&[what, result]);
            }
        }
        Ok(metrics)
    }

    /// Counts a filled slot.
    pub fn filled(&self, test: bool) {
        self.outcomes[if test { 2 } else { 0 }].inc();
    }

    /// Counts a slot without a unit; test slots count as `test` alone.
    pub fn unfilled(&self, reason: NoFill, test: bool) {
        if test {
            self.outcomes[2].inc();
            return;
        }
        let refused = matches!(reason, NoFill::Overloaded | NoFill::StaleTooOld);
        self.outcomes[if refused { 3 } else { 1 }].inc();
        self.no_fills[reason as usize].inc();
    }

    /// A handle to count flights that a stage removed.
    pub fn removed(&self, stage: &str) -> IntCounter {
        self.removed.with_label_values(&[stage])
    }

    /// The text of a scrape. Everything the ledger knows is set in one go, so that sums hold in
    /// every scrape: `events` in the order of [`KINDS`].
    pub fn scrape(&self, events: &[EventRow], money: &MoneyRows) -> String {
        let _one_at_a_time = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
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
        self.money.set(money);
        let mut text = Vec::new();
        let encoder = TextEncoder::new();
        // Writing to memory does not fail, and names were checked when they were registered.
        let _ = encoder.encode(&self.registry.gather(), &mut text);
        let _ = encoder.encode(&prometheus::gather(), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// Kinds of events, in the order of [`KINDS`].
pub fn kind_number(kind: EventKind) -> usize {
    kind as usize
}

fn set(vec: &IntCounterVec, labels: &[&str], value: u64) {
    let counter = vec.with_label_values(labels);
    counter.reset();
    counter.inc_by(value);
}
