//! Prometheus metrics. Every series exists at zero from the start; label values are closed lists or
//! configured ids, limited in number.
//!
//! A metric is a row of the table below. Its doc comment is its help text; the fields of [`Metrics`], the
//! registration, the series at zero and [`Metrics::NAMES`] follow from the rows.

#[macro_use]
mod declare;
mod delivery;
mod money;
mod observe;
mod scrape;
mod series;

pub(crate) use delivery::{DeliveryRows, FlightEvents, Pair, PlacementSlots};
pub(crate) use money::MoneyRows;
pub(crate) use scrape::EventRow;
pub(crate) use series::SeriesLimits;

use crate::domain::event::{EventKind, InvalidReason, NoFill, TokenRejection, Verdict};
use crate::domain::protocol::Protocol;
use crate::selection::slot_stage::SlotStage;
use crate::traffic::review::Indicator;
use delivery::{OwnDelivery, Placements};
use prometheus::{
    Gauge, GaugeVec, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use series::{OTHER, OwnSeries};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

string_enum! {
    /// The outcome of a slot.
    SlotOutcome {
        /// A unit was chosen.
        Filled = "filled",
        /// No unit was chosen.
        NoFill = "no_fill",
        /// A test slot, filled or not.
        Test = "test",
        /// Refused because of overload or a snapshot that is too old.
        Refused = "refused",
    }
}

string_enum! {
    /// What became of a file that was read again.
    ReloadResult {
        /// It is served.
        Applied = "applied",
        /// It is invalid; the previous version stays.
        Refused = "refused",
        /// It waits for confirmation; the previous version stays.
        Pending = "pending",
    }
}

/// The most names in `catalog_changes_total`.
const CHANGERS: usize = 50;
/// The files that are reloaded.
const RELOADED: [&str; 5] = ["inventory", "weights", "labels", "config", "datacenters"];
/// How the body of a decision request was read: it was known, or it was parsed.
const BODY_ANSWERS: [&str; 2] = ["known", "parsed"];
/// How a unit was written: what was written before with its ids, tokens and times, or anew.
const UNIT_ANSWERS: [&str; 2] = ["known", "rendered"];
/// The kind of events whose token is rejected, see [`TokenRejection`].
const UNKNOWN: &str = "unknown";

fn stages() -> impl Iterator<Item = &'static str> {
    SlotStage::before_draw().map(SlotStage::as_str)
}

fn kinds() -> impl Iterator<Item = &'static str> {
    EventKind::ALL.iter().map(|kind| kind.as_str()).chain([UNKNOWN])
}

metrics! {
    // Decisions.

    /// Slots decided, by outcome.
    outcomes: Vec<IntCounter> = "decisions_total" (outcome) in (SlotOutcome::ALL);
    /// Slots decided, by placement and outcome; the most used placements have their own series. `other` has
    /// the rest, undeclared placements, and requests that were refused because of overload.
    delivery_decisions: IntCounterVec = "delivery_decisions_total" (publisher, placement, outcome);
    /// Bodies of decision requests, by how they were read.
    decision_bodies: Vec<IntCounter> = "decision_bodies_total" (answer) in (BODY_ANSWERS);
    /// Units in replies to decision requests, by how they were written.
    units_written: Vec<IntCounter> = "units_written_total" (answer) in (UNIT_ANSWERS);
    /// Slots without a unit, by no-fill reason.
    no_fills: Vec<IntCounter> = "no_fill_total" (reason) in (NoFill::ALL);
    /// Flights that did not take part in the draw, by the first stage that filtered each. Counted for a sample
    /// of decisions, which takes one per cent of a core, and scaled to all of them except tests.
    removed: IntCounterVec = "candidates_removed_total" (stage) in (stages());
    /// Time from the parsed decision request to the reply.
    decision_seconds: Histogram = "decision_duration_seconds";
    /// Decisions not logged because the decision log's queue was full.
    decision_log_dropped: IntCounter = "decision_log_dropped_total";
    /// Bytes of the decision log's files.
    decision_log_bytes: IntGauge = "decision_log_bytes";
    /// Files of the decision log removed before their retention period was over, because of its size limit.
    decision_log_removed: IntCounter = "decision_log_removed_total";
    /// Places of the decision log that an explanation could not read, each counted once.
    decision_log_unreadable: IntCounter = "decision_log_unreadable_total";
    /// Requests to protocol adapters, by adapter and outcome.
    adapters: IntCounterVec = "adapter_requests_total"
        (adapter, outcome) in (Protocol::ALL, ["filled", "no_fill", "refused"]);

    // Events and traffic.

    /// Events recorded, by kind.
    received: IntCounterVec = "events_received_total" (kind) in (kinds());
    /// Events by kind and verdict; the pending count falls when pending events get their verdict.
    verdicts: IntCounterVec = "events_total" (kind, verdict) in (kinds(), Verdict::LABELS);
    /// Events recorded as invalid and not billed, by reason; credited ones were counted first and stay
    /// `counted` in adjacent_events_total.
    invalid: IntCounterVec = "invalid_events_total"
        (kind, reason) in (kinds(), InvalidReason::ALL), ([UNKNOWN], TokenRejection::ALL);
    /// Time from the event request until the event is on disk.
    ack_seconds: Histogram = "event_ack_duration_seconds";
    /// Clicks redirected before their record was on disk.
    click_unrecorded: IntCounter = "click_unrecorded_total";
    /// Requests and events over a rate limit, by class.
    rate_limited: IntCounterVec = "rate_limited_total" (class)
        in (["impression", "viewable", "click", "copy", "flood", "overload"]);
    /// Connections refused because their address had too many.
    connections_refused: IntCounter = "connections_refused_total";
    /// Requests with a wrong API key.
    wrong_keys: IntCounter = "wrong_keys_total";
    /// Traffic review findings for an operator to check, by sign.
    findings: IntGaugeVec = "review_findings" (sign) in (Indicator::ALL);

    /// Events with a final verdict, by flight: `billed`; `unbilled`, which counted and cost nothing; `duplicate`;
    /// or why the event is invalid. The flights that deliver most have their own series. An event that is
    /// credited later stays `billed`.
    delivery_events: IntCounterVec = "delivery_events_total" (campaign, flight, kind, verdict);

    /// Verdicts that changed when the order of a fleet's records became known; adjacent_events_total keeps
    /// the first one.
    verdict_changes: IntCounterVec = "verdict_changes_total"
        (kind, from, to) in (kinds(), Verdict::LABELS, Verdict::LABELS);

    // Money, by configured campaign and flight.

    /// Billed amount (gross, before credits and refunds), in micros of the currency.
    spend: IntCounterVec = "spend_micros_total" (campaign, currency);
    /// Amount credited and refunded, in micros of the currency.
    credited: IntCounterVec = "credited_micros_total" (campaign, currency);
    /// Part of adjacent_spend_micros_total that was not billed in the end, since a verdict changed, in micros
    /// of the currency.
    unbilled: IntCounterVec = "unbilled_micros_total" (campaign, currency);
    /// Remaining share of a campaign's lifetime budget, else of its daily budget, 0 to 1.
    budget_left: GaugeVec = "budget_remaining_ratio" (campaign);
    /// What a flight with a goal or a budget to spread has delivered over what is due by now; 1 is on pace.
    /// Only flights between their start and their end have a series.
    pace: GaugeVec = "flight_pace_ratio" (flight);

    // What the state lists for decisions.

    /// The largest part that one advertiser has of a topic's slots on this UTC day, 0 to 1, as far as this instance
    /// knows: of twenty topics with a bound, those with the most slots; of the rest the largest, as `other`.
    topic_share: GaugeVec = "topic_share_max_ratio" (topic) in ([OTHER]);
    /// Advertisers that get no more slots of a topic for now, once for each of its topics.
    topics_closed: IntGauge = "topic_shares_closed";
    /// Rows of what was learned about the creatives of flights with rotation `optimise`.
    rotation_rows: IntGauge = "rotation_rows";
    /// How long it took to learn that the last time.
    rotation_seconds: Gauge = "rotation_learn_seconds";

    /// Decisions compared with those of the weights in the shadow: a sample.
    shadow_decisions: IntCounterVec = "shadow_decisions_total" (agreement) in (["same", "other"]);
    /// How many percentage points of the filled slots an advertiser would have more with the weights in the shadow:
    /// of the twenty that would move most, and of the rest together as `other`.
    shadow_share: GaugeVec = "shadow_share_points" (advertiser) in ([OTHER]);

    /// The part of the requests that gets the weights of the canary, 0 to 1.
    canary_share: Gauge = "canary_share_ratio";
    /// Questions of decisions to the index of the snapshot being served: those with an answer that is still known, and
    /// the others.
    index_questions: IntCounterVec = "index_questions_total" (answer) in (["known", "computed"]);

    /// Slots while a canary runs: of the requests with its weights, and of the others.
    canary_slots: IntCounterVec = "canary_slots_total" (arm, result)
        in (["served", "canary"], ["filled", "empty"]);
    /// Canaries that ended because they did worse than the other requests, by what.
    canary_stopped: IntCounterVec = "canary_stopped_total" (guardrail)
        in (["fill", "click_rate", "p99", "lost_reservations", "subject_conflicts"]);

    // Journal and ledger.

    /// 1 while the journal records events, else 0.
    journal_up: IntGauge = "journal_up";
    /// Corrupt regions of the journal found and quarantined at start.
    journal_corrupt: IntGauge = "journal_corrupt_segments";
    /// Acknowledged records that the journal's files lack, as found at start or known to the shared store;
    /// those that a repair wrote off do not count.
    journal_missing: IntGauge = "journal_missing_records";
    /// Records lost for good, as written off by repairs of the journal.
    journal_repaired: IntGauge = "journal_repaired_records";
    /// Records on this instance's disk that the shared store does not have yet.
    journal_unshipped: IntGauge = "journal_unshipped_records";
    /// Records on disk that no replica of the shared store has yet; without replicas, that the store does
    /// not have.
    journal_unconfirmed: IntGauge = "journal_unconfirmed_records";
    /// Age of the oldest record on disk that the shared store does not have.
    journal_oldest_unshipped: Gauge = "journal_oldest_unshipped_seconds";
    /// Times the journal was resent because the shared store had lost records.
    journal_rewinds: IntCounter = "journal_rewinds_total";
    /// How far the ledger is behind: age of the oldest record on disk that it has not applied, or time since
    /// it last read the shared store to the end.
    ledger_lag: Gauge = "ledger_lag_seconds";
    /// Age of the time up to which the ledger's verdicts and sums are final: every instance has sent what it
    /// recorded until then. 0 without a shared store.
    ledger_final: Gauge = "ledger_final_seconds";
    /// Records after that time: their verdicts and sums may still change.
    ledger_provisional: IntGauge = "ledger_provisional_records";
    /// Credits and refunds that wait for the first event that they can be paid from.
    ledger_waiting_credits: IntGauge = "ledger_waiting_credits";
    /// Billed micros of the ledger minus those recomputed from the journal.
    ledger_drift: IntGauge = "ledger_drift_micros";
    /// Mismatches found when the ledger was last recomputed from the journal or the shared log; 1 if the log
    /// could not be read completely.
    ledger_mismatches: IntGauge = "ledger_mismatches";

    // Event store and fleet. Each scrape sets every kind of store error.

    /// 1 while the event store responds, else 0.
    store_up: IntGauge = "store_up";
    /// 1 while the shared store rejects writes until an operator intervenes, else 0.
    store_blocked: IntGauge = "store_blocked";
    /// Errors of the shared store, by kind.
    store_errors: IntCounterVec = "store_errors_total" (kind);
    /// Records read from the shared store that are no longer in it.
    store_lost_records: IntGauge = "store_lost_records";
    /// How far this instance's clock is ahead of the shared store's; 0 without one.
    store_clock: Gauge = "store_clock_offset_seconds";
    /// Free share of the disk with the data directory, 0 to 1.
    store_free: Gauge = "store_free_ratio";
    /// Instances with a heartbeat in the last ten seconds, including this one; 1 without a shared store.
    instances: IntGauge = "instances";

    // Catalog and process.

    /// Number of the catalog's change that is served.
    catalog_version: IntGauge = "catalog_version";
    /// Changes of the catalog that were served, by who made them: the id of an API key, or `file`; beyond
    /// fifty names `other`.
    catalog_changes: IntCounterVec = "catalog_changes_total" (by) in (["file", OTHER]);
    /// Time since the catalog was last reached.
    snapshot_age: Gauge = "snapshot_age_seconds";
    /// Time from the last catalog change until it was served.
    snapshot_lag: Gauge = "snapshot_lag_seconds";
    /// Reloads of configuration files, by file and result.
    reloads: IntCounterVec = "config_reloads_total"
        (what, result)
        in (RELOADED, ReloadResult::ALL);
    /// Log lines dropped because the reader of the log does not keep up.
    log_dropped: IntCounter = "log_lines_dropped_total";
    /// Request handlers that panicked.
    panics: IntCounter = "panics_total";
    /// Always 1; the label has the version.
    build: IntGaugeVec = "build_info" (version) in ([env!("CARGO_PKG_VERSION")]);
}

impl Metrics {
    /// Registers all metrics.
    pub(crate) fn new(limits: SeriesLimits) -> Result<Metrics, prometheus::Error> {
        let registry = Registry::new_custom(Some("adjacent".into()), None)?;
        let metrics = Metrics::register(registry, limits)?;
        metrics.build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(metrics)
    }
}
