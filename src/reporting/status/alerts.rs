//! Conditions that need an operator, as far as one instance knows them: those of `dashboards/rules`, without
//! the time for which they must hold there.

use crate::metrics::Metrics;
use crate::reporting::recent_totals::Totals;

/// What an alert looks at.
enum Signal {
    /// A value now, and when it is a problem.
    Now(fn(&Metrics) -> f64, fn(f64) -> bool),
    /// A count of the last minutes; more than 0 is a problem.
    Recent(fn(&Totals) -> u64),
}

/// An alert.
pub(crate) struct Alert {
    /// Its name in `dashboards/rules/alerts.yml`, whose runbook has what to do.
    pub(super) name: &'static str,
    /// A part of its expression there.
    pub(super) expr: &'static str,
    /// What is wrong; `{}` is the value.
    sentence: &'static str,
    signal: Signal,
}

const fn now(
    (name, expr, sentence): (&'static str, &'static str, &'static str),
    value: fn(&Metrics) -> f64,
    is_wrong: fn(f64) -> bool,
) -> Alert {
    Alert { name, expr, sentence, signal: Signal::Now(value, is_wrong) }
}

const fn recent(
    (name, expr, sentence): (&'static str, &'static str, &'static str),
    count: fn(&Totals) -> u64,
) -> Alert {
    Alert { name, expr, sentence, signal: Signal::Recent(count) }
}

/// The alerts, the most urgent first.
pub(super) const ALERTS: &[Alert] = &[
    now(
        (
            "AdjacentJournalWriterFailed",
            "adjacent_journal_up == 0",
            "the journal no longer accepts events",
        ),
        |metrics| metrics.journal_up.get() as f64,
        |up| up == 0.0,
    ),
    now(
        (
            "AdjacentJournalCorrupt",
            "adjacent_journal_corrupt_segments > 0",
            "{} regions of the journal are corrupt and quarantined",
        ),
        |metrics| metrics.journal_corrupt.get() as f64,
        |count| count > 0.0,
    ),
    now(
        (
            "AdjacentJournalRecordsMissing",
            "adjacent_journal_missing_records > 0",
            "the journal lacks {} acknowledged records",
        ),
        |metrics| metrics.journal_missing.get() as f64,
        |count| count > 0.0,
    ),
    now(
        ("AdjacentStoreBlocked", "adjacent_store_blocked == 1", "the shared store rejects writes"),
        |metrics| metrics.store_blocked.get() as f64,
        |blocked| blocked == 1.0,
    ),
    now(
        (
            "AdjacentStoreUnavailable",
            "adjacent_store_up == 0",
            "the shared store cannot be reached",
        ),
        |metrics| (metrics.store_up.get() - metrics.journal_up.get()) as f64,
        |difference| difference < 0.0,
    ),
    now(
        (
            "AdjacentLedgerMismatch",
            "adjacent_ledger_mismatches > 0",
            "{} mismatches between the ledger and its records",
        ),
        |metrics| metrics.ledger_mismatches.get() as f64,
        |count| count > 0.0,
    ),
    now(
        (
            "AdjacentLedgerDrift",
            "adjacent_ledger_drift_micros != 0",
            "the ledger differs from its journal by {} micros",
        ),
        |metrics| metrics.ledger_drift.get() as f64,
        |drift| drift != 0.0,
    ),
    now(
        (
            "AdjacentDiskFilling",
            "adjacent_store_free_ratio < 0.1",
            "only {%} of the data disk is free",
        ),
        |metrics| metrics.store_free.get(),
        |free| free < 0.1,
    ),
    now(
        (
            "AdjacentRecordsUnsent",
            "adjacent_journal_oldest_unshipped_seconds > 5",
            "events have waited for {} s to be sent to the shared store",
        ),
        |metrics| metrics.journal_oldest_unshipped.get(),
        |seconds| seconds > 5.0,
    ),
    now(
        (
            "AdjacentLedgerNotFinal",
            "adjacent_ledger_final_seconds > 900",
            "nothing is final since {} s",
        ),
        |metrics| metrics.ledger_final.get(),
        |seconds| seconds > 900.0,
    ),
    now(
        (
            "AdjacentClockSkew",
            "abs(adjacent_store_clock_offset_seconds) > 10",
            "the clock is {} s ahead of the shared store's",
        ),
        |metrics| metrics.store_clock.get(),
        |seconds| seconds.abs() > 10.0,
    ),
    now(
        (
            "AdjacentSnapshotStale",
            "adjacent_snapshot_age_seconds > 900",
            "the catalog was last reached {} s ago",
        ),
        |metrics| metrics.snapshot_age.get(),
        |seconds| seconds > 900.0,
    ),
    recent(
        (
            "AdjacentPanics",
            "increase(adjacent_panics_total[10m]) > 0",
            "{} request handlers panicked in the last minutes",
        ),
        |totals| totals.panics,
    ),
    recent(
        (
            "AdjacentRecordsResent",
            "increase(adjacent_journal_rewinds_total[10m]) > 0",
            "the shared store lost records that this instance had sent",
        ),
        |totals| totals.rewinds,
    ),
    recent(
        (
            "AdjacentReloadRefused",
            "increase(adjacent_config_reloads_total{result=\"refused\"}[15m]) > 0",
            "{} changes of files were refused in the last minutes",
        ),
        |totals| totals.reloads_refused,
    ),
    recent(
        (
            "AdjacentDecisionLogDropped",
            "increase(adjacent_decision_log_dropped_total[10m]) > 0",
            "{} decisions of the last minutes were not logged",
        ),
        |totals| totals.log_dropped,
    ),
    now(
        (
            "AdjacentTrafficToReview",
            "adjacent_review_findings > 0",
            "{} findings of the traffic review wait for a look",
        ),
        |metrics| metrics.review_findings() as f64,
        |count| count > 0.0,
    ),
];

impl Alert {
    /// What is wrong, if anything. `totals`: the counts of the last minutes.
    pub(super) fn said(&self, metrics: &Metrics, totals: &Totals) -> Option<String> {
        let value = match &self.signal {
            Signal::Now(value, is_wrong) => Some(value(metrics)).filter(|value| is_wrong(*value)),
            Signal::Recent(count) => Some(count(totals) as f64).filter(|count| *count > 0.0),
        }?;
        let percent = format!("{:.1} %", value * 100.0);
        Some(self.sentence.replace("{%}", &percent).replace("{}", &format!("{value:.0}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::SeriesLimits;
    use crate::reporting::status::NEARLY_SPENT;

    const RULES: &str = include_str!("../../../dashboards/rules/alerts.yml");

    #[test]
    fn each_alert_has_the_condition_of_its_rule() {
        let rule = |name: &str| {
            let start = format!("- alert: {name}\n");
            let (_, rest) = RULES.split_once(&start).unwrap_or_else(|| panic!("no rule {name}"));
            rest.split("- alert:").next().unwrap()
        };
        for alert in ALERTS {
            assert!(rule(alert.name).contains(alert.expr), "{}: {}", alert.name, alert.expr);
        }
        let expr = format!("adjacent_budget_remaining_ratio) < {NEARLY_SPENT}");
        assert!(rule("AdjacentBudgetNearlySpent").contains(&expr));
    }

    #[test]
    fn an_alert_is_said_with_its_value_while_its_condition_holds() {
        let metrics = Metrics::new(SeriesLimits::default()).unwrap();
        metrics.journal_up.set(1);
        metrics.store_up.set(1);
        metrics.store_free.set(0.5);
        let said = |totals: &Totals| -> Vec<String> {
            ALERTS.iter().filter_map(|alert| alert.said(&metrics, totals)).collect()
        };
        assert_eq!(said(&Totals::default()), [""; 0]);
        metrics.store_free.set(0.031);
        metrics.store_up.set(0);
        let totals = Totals { panics: 2, ..Totals::default() };
        let expected = [
            "the shared store cannot be reached",
            "only 3.1 % of the data disk is free",
            "2 request handlers panicked in the last minutes",
        ];
        assert_eq!(said(&totals), expected);
    }
}
