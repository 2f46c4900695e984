//! Metrics that are set from the ledger at a scrape, and the text format.

use crate::domain::event::{EventKind, InvalidReason, TokenRejection};
use crate::metrics::{DeliveryRows, Metrics, MoneyRows, UNKNOWN};
use prometheus::{Encoder, IntCounterVec, TextEncoder};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// Event counts of one kind from the ledger: received = counted + duplicate + invalid + pending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EventRow {
    pub(crate) received: u64,
    /// Valid events, the first of their kind per decision.
    pub(crate) counted: u64,
    /// Repeated events.
    pub(crate) duplicate: u64,
    /// Events waiting for their impression.
    pub(crate) pending: u64,
    /// Invalid events by reason, in the order of [`InvalidReason::ALL`].
    pub(crate) invalid: Vec<u64>,
    /// Counted events that were credited later.
    pub(crate) credited: u64,
}

impl Metrics {
    /// Sets how many questions to the index had a known answer, and how many did not.
    pub(crate) fn set_index_questions(&self, [known, computed]: [u64; 2]) {
        set(&self.index_questions, &["known"], known);
        set(&self.index_questions, &["computed"], computed);
    }

    /// Renders all metrics. Values from the ledger are set together under one lock, so that the count
    /// identity holds in every scrape. `events` is in the order of [`EventKind::ALL`].
    pub(crate) fn scrape(
        &self,
        events: &[EventRow],
        money: &MoneyRows,
        delivery: &DeliveryRows,
    ) -> String {
        let rejected_tokens = self.rejected_tokens.each_ref().map(|n| n.load(Ordering::Relaxed));
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, row) in EventKind::ALL.iter().zip(events) {
            let kind = kind.as_str();
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
        let rejected = rejected_tokens.iter().sum();
        set(&self.received, &[UNKNOWN], rejected);
        set(&self.verdicts, &[UNKNOWN, "invalid"], rejected);
        for (reason, count) in TokenRejection::ALL.iter().zip(&rejected_tokens) {
            set(&self.invalid, &[UNKNOWN, reason.as_str()], *count);
        }
        self.set_money(money);
        self.set_delivery(delivery);
        let mut text = Vec::new();
        let encoder = TextEncoder::new();
        // Encoding into memory cannot fail: names were validated at registration.
        let _ = encoder.encode(&registry.gather(), &mut text);
        let _ = encoder.encode(&prometheus::gather(), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}

pub(super) fn set(vec: &IntCounterVec, labels: &[&str], value: u64) {
    let counter = vec.with_label_values(labels);
    counter.reset();
    counter.inc_by(value);
}
