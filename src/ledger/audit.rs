//! The same sum twice: everything recomputed from the journal's files, and what differs.

use crate::journal;
use crate::journal::chain;
use crate::ledger::history;
use crate::ledger::history::Since;
use crate::ledger::state::State;
use crate::ledger::views::QUARTER_MS;
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

/// The first `most` records, from the first that is there: a state, what was found on the way, and
/// whatever contradicts itself. Seals and checkpoints are looked at, too. Changes nothing.
pub fn recompute(
    folder: &Path,
    most: u64,
) -> io::Result<(State, journal::Recovery, Vec<Difference>)> {
    let (checkpoint, recovery) = history::replay(folder, Since::First, most, false, |_| {})?;
    let mut differences = contradictions(&checkpoint.state);
    for name in chain::changed(folder, &journal::segments(folder)?)? {
        differences.push(Difference {
            what: format!("segment {name}"),
            journal: "as it was sealed".into(),
            ledger: "changed since".into(),
        });
    }
    for place in &recovery.damaged {
        differences.push(Difference {
            what: "the journal".into(),
            journal: "whole".into(),
            ledger: place.clone(),
        });
    }
    let newest = history::beginning(folder, Since::Newest)?.checkpoint;
    if newest.from > 0 {
        let due = checkpoint.state.applied();
        let (resumed, _) = history::replay(folder, Since::Newest, due, false, |_| {})?;
        let found = compare(&checkpoint.state, &resumed.state);
        differences.extend(found.into_iter().map(|one| Difference {
            what: format!("{} behind checkpoint {}", one.what, newest.from),
            ..one
        }));
    }
    Ok((checkpoint.state, recovery, differences))
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
        let tally = |state: &State| {
            format!("{:?}", state.views.totals.get(kind).cloned().unwrap_or_default())
        };
        note(format!("{kind} events"), tally(truth), tally(live));
    }
    let quarters: std::collections::BTreeSet<_> =
        truth.views.quarters.keys().chain(live.views.quarters.keys()).collect();
    for quarter in quarters {
        if truth.views.quarters.get(quarter) != live.views.quarters.get(quarter) {
            let at = jiff::Timestamp::from_millisecond(quarter * QUARTER_MS).unwrap_or_default();
            note(format!("report rows of {at}"), "as recorded".into(), "different".into());
        }
    }
    if differences.is_empty() && truth != live {
        differences.extend(truth.hidden(live).into_iter().map(|what| Difference {
            what,
            journal: "as recorded".into(),
            ledger: "different".into(),
        }));
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
    for (kind, tally) in &state.views.totals {
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
