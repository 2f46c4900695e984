//! Recomputes the ledger from the journal's files and reports mismatches.

use crate::journal;
use crate::journal::chain;
use crate::ledger::account::Account;
use crate::ledger::history;
use crate::ledger::history::ReplayFrom;
use crate::ledger::state::State;
use crate::ledger::views::QUARTER_MS;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// A value that does not match the journal.
#[derive(
    Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub struct Mismatch {
    /// The value.
    pub what: String,
    /// As recomputed from the journal.
    pub(crate) journal: String,
    /// As found in the ledger.
    pub(crate) ledger: String,
}

impl Mismatch {
    /// A value that the journal says is `journal`, and the ledger `ledger`.
    pub(crate) fn new(what: String, journal: String, ledger: String) -> Mismatch {
        Mismatch { what, journal, ledger }
    }
}

/// Recomputes the state from the first `most` existing records; returns it with the recovery result
/// and all inconsistencies. Verifies seals and the newest checkpoint, too. Read-only.
pub fn recompute(
    folder: &Path,
    most: u64,
) -> io::Result<(State, journal::Recovery, Vec<Mismatch>)> {
    let (checkpoint, recovery) = history::replay(folder, ReplayFrom::First, most, false, |_| {})?;
    let mut mismatches = inconsistencies(&checkpoint.state);
    for name in chain::modified(folder, &journal::segments(folder)?)? {
        mismatches.push(Mismatch {
            what: format!("segment {name}"),
            journal: "as sealed".into(),
            ledger: "modified since".into(),
        });
    }
    mismatches.extend(journal_mismatches(&recovery));
    let newest = history::starting_point(folder, ReplayFrom::NewestCheckpoint)?.checkpoint;
    if newest.from > 0 {
        let due = checkpoint.state.applied();
        let (resumed, _) =
            history::replay(folder, ReplayFrom::NewestCheckpoint, due, false, |_| {})?;
        let found = compare(&checkpoint.state, &resumed.state);
        mismatches.extend(found.into_iter().map(|one| Mismatch {
            what: format!("{} after checkpoint {}", one.what, newest.from),
            ..one
        }));
    }
    Ok((checkpoint.state, recovery, mismatches))
}

/// What is missing or unreadable in the journal's files.
pub(crate) fn journal_mismatches(recovery: &journal::Recovery) -> Vec<Mismatch> {
    let of = |expected: &str, found: String| Mismatch {
        what: "journal file".into(),
        journal: expected.into(),
        ledger: found,
    };
    let lost = recovery.lost.iter().map(|loss| of("as acknowledged", loss.to_string()));
    lost.chain(recovery.corrupt.iter().map(|place| of("readable", place.clone()))).collect()
}

/// The differences between a recomputed state and the live one.
pub fn compare(recomputed: &State, live: &State) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    let mut note = |what: String, journal: String, ledger: String| {
        if journal != ledger {
            mismatches.push(Mismatch { what, journal, ledger });
        }
    };
    let (ours, theirs) = (recomputed.accounts(), live.accounts());
    for campaign in ours.keys().chain(theirs.keys()).collect::<BTreeSet<_>>() {
        let spent = |accounts: &BTreeMap<&str, &Account>| {
            accounts.get(campaign).map_or(0, |account| account.spent.get()).to_string()
        };
        note(format!("spend of {campaign}"), spent(&ours), spent(&theirs));
    }
    let totals = [recomputed.totals(), live.totals()];
    for kind in crate::domain::event::EventKind::ALL {
        let [recomputed, live] = totals
            .each_ref()
            .map(|totals| format!("{:?}", totals.get(kind).cloned().unwrap_or_default()));
        note(format!("{kind} events"), recomputed, live);
    }
    let mut different = BTreeSet::new();
    for ((_, ours), (_, theirs)) in recomputed.partitions().zip(live.partitions()) {
        different.extend(ours.views.differences(&theirs.views));
    }
    for quarter in different {
        let at = jiff::Timestamp::from_millisecond(quarter * QUARTER_MS).unwrap_or_default();
        note(format!("report rows of {at}"), "as recorded".into(), "different".into());
    }
    if mismatches.is_empty() && recomputed != live {
        mismatches.extend(recomputed.internal_mismatches(live).into_iter().map(|what| Mismatch {
            what,
            journal: "as recorded".into(),
            ledger: "different".into(),
        }));
    }
    mismatches
}

/// Spend in the live ledger minus spend in the recomputed one, in micros.
pub(crate) fn drift_micros(recomputed: &State, live: &State) -> i64 {
    let sum =
        |state: &State| state.accounts().values().map(|account| account.spent.get()).sum::<i64>();
    sum(live) - sum(recomputed)
}

/// Inconsistencies within one state: sums that do not add up.
pub(crate) fn inconsistencies(state: &State) -> Vec<Mismatch> {
    let mut found = Vec::new();
    for (campaign, account) in state.accounts() {
        let days: i64 = account.by_day.values().map(|micros| micros.get()).sum();
        if days != account.spent.get() {
            found.push(Mismatch {
                what: format!("daily spend of {campaign}"),
                journal: days.to_string(),
                ledger: account.spent.get().to_string(),
            });
        }
    }
    for (kind, tally) in &state.totals() {
        let judged = tally.counted + tally.duplicate + tally.pending + tally.invalid_total();
        if judged != tally.received {
            found.push(Mismatch {
                what: format!("{kind} events"),
                journal: tally.received.to_string(),
                ledger: judged.to_string(),
            });
        }
    }
    found
}
