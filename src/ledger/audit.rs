//! The same sum twice: everything recomputed from the journal's files, and what differs.

use crate::journal;
use crate::ledger::apply;
use crate::ledger::apply::Rules;
use crate::ledger::apply::State;
use crate::ledger::record::Record;
use std::io;
use std::path::Path;

/// One number that is not what the journal says.
#[derive(
    Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub struct Difference {
    /// Which number.
    pub what: String,
    /// What the journal says.
    pub journal: String,
    /// What the ledger says.
    pub ledger: String,
}

/// A ledger recomputed from the first `records` of a folder of segments; changes nothing there.
pub fn recompute(
    folder: &Path,
    rules: &Rules,
    records: u64,
) -> io::Result<(State, journal::Recovery)> {
    let mut state = State::default();
    let recovery = journal::recover(folder, false, |entry| {
        if let Ok(record) = Record::decode(&entry.payload)
            && state.applied() < records
        {
            apply::apply(&mut state, rules, &record);
        }
    })?;
    Ok((state, recovery))
}

/// What differs between a recomputed ledger and a live one.
pub fn compare(truth: &State, live: &State) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut note = |what: String, journal: String, ledger: String| {
        if journal != ledger {
            differences.push(Difference { what, journal, ledger });
        }
    };
    let campaigns: std::collections::BTreeSet<_> =
        truth.accounts.keys().chain(live.accounts.keys()).collect();
    for campaign in campaigns {
        let spent = |state: &State| {
            state.accounts.get(campaign).map(|account| account.spent.get()).unwrap_or(0).to_string()
        };
        note(format!("spend of {campaign}"), spent(truth), spent(live));
    }
    for kind in crate::domain::event::EventKind::ALL {
        let tally =
            |state: &State| format!("{:?}", state.totals.get(kind).cloned().unwrap_or_default());
        note(format!("{kind} events"), tally(truth), tally(live));
    }
    note("report rows".into(), truth.rows.len().to_string(), live.rows.len().to_string());
    if truth.rows != live.rows {
        note("report contents".into(), "as recorded".into(), "different".into());
    }
    differences
}

/// Money that the live ledger has and the journal has not, or the other way round, in micros.
pub fn drift_micros(truth: &State, live: &State) -> i64 {
    let sum =
        |state: &State| state.accounts.values().map(|account| account.spent.get()).sum::<i64>();
    sum(live) - sum(truth)
}

/// What a ledger says against itself: more billed than a budget allows, or sums that do not hold.
pub fn contradictions(state: &State) -> Vec<Difference> {
    let mut found = Vec::new();
    for (campaign, account) in &state.accounts {
        let days: i64 = account.by_day.values().map(|micros| micros.get()).sum();
        if days != account.spent.get() {
            found.push(Difference {
                what: format!("days of {campaign}"),
                journal: days.to_string(),
                ledger: account.spent.get().to_string(),
            });
        }
    }
    for (kind, tally) in &state.totals {
        let judged = tally.counted + tally.duplicate + tally.pending + tally.invalid_total();
        if judged != tally.received {
            found.push(Difference {
                what: format!("{kind} events"),
                journal: tally.received.to_string(),
                ledger: judged.to_string(),
            });
        }
    }
    found
}
