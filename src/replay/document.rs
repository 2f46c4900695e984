//! The result of a replay, as shown to operators.

use crate::catalog::difference::Difference;
use crate::catalog::effect::{AdvertiserEffect, Before, Effect};
use crate::catalog::guard;
use crate::config::guard_settings::GuardSettings;
use crate::replay::clicks::ClickValue;
use crate::replay::contexts::Changes;
use crate::replay::pass::Pass;
use crate::replay::tally::{Group, Pair, Sums};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most rows of a table.
const ROWS: usize = 1_000;

/// The most contexts.
const CONTEXTS: usize = 20;

/// A figure before and after, with its difference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Compared {
    /// Under the configuration before.
    pub(crate) before: f64,
    /// Under the configuration after.
    pub(crate) after: f64,
    /// After minus before.
    pub(crate) difference: f64,
    /// Half of the 95 % interval of the difference, for other traffic of the same kind.
    pub(crate) plus_minus: f64,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ShareRow {
    /// The id: of an advertiser, a campaign, a flight, a publisher, a topic or a region, or
    /// `PUBLISHER/PLACEMENT`; `unknown` where pages state none.
    pub(crate) id: String,
    /// Its filled slots as a part of all filled slots, from 0 to 1.
    pub(crate) share: Compared,
    /// The expected number of its filled slots.
    pub(crate) slots: Compared,
}

/// A table: rows with the largest differences first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Shares {
    pub(crate) rows: Vec<ShareRow>,
    /// Rows that are left out, with smaller differences.
    pub(crate) omitted: usize,
}

/// The expected revenue in a currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Revenue {
    /// ISO 4217 code.
    pub(crate) currency: String,
    /// Micros of the currency, of the replayed slots.
    pub(crate) micros: Compared,
}

/// An advertiser's expected spend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Spend {
    pub(crate) advertiser: String,
    /// ISO 4217 code.
    pub(crate) currency: String,
    /// Micros of the currency, of the replayed slots.
    pub(crate) micros: Compared,
}

/// The probability of a flight in a slot, before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct MovedFlight {
    pub(crate) flight: String,
    pub(crate) before: f64,
    pub(crate) after: f64,
}

/// A slot that changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ChangedExample {
    /// The decision, for `adjacent explain`.
    pub(crate) decision_id: String,
    /// The page, as far as its publisher has it stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// The part of the slot that another flight has, from 0 to 1.
    pub(crate) changed: f64,
    /// The flights whose probability changes most.
    pub(crate) flights: Vec<MovedFlight>,
}

/// Slots of a publisher, a placement and a topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ChangedContext {
    pub(crate) publisher: String,
    /// `PUBLISHER/PLACEMENT`.
    pub(crate) placement: String,
    /// The first topic of the pages.
    pub(crate) topic: String,
    /// Replayed slots.
    pub(crate) slots: u64,
    /// The expected number of them that another flight has.
    pub(crate) changed_slots: f64,
    /// Filled slots as a part of all, before.
    pub(crate) fill_before: f64,
    /// The same after.
    pub(crate) fill_after: f64,
    /// The slot that changes most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) example: Option<ChangedExample>,
}

/// Decisions that were not replayed, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct NotReplayed {
    /// Tests, and units that an operator forced.
    pub(crate) tests: u64,
    /// The world that they were made on is not in the decision log, or its version not in the catalog.
    pub(crate) without_world: u64,
    /// Their publisher is not in the inventory before.
    pub(crate) without_publisher: u64,
    /// Made on a catalog that was too old to sell on.
    pub(crate) stale: u64,
    /// Places of the decision log that cannot be read.
    pub(crate) unreadable_places: u64,
}

/// How what was recorded agrees with what is computed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Reproduced {
    /// Recorded winners whose propensity was compared with the computed one, bit for bit.
    pub(crate) checked: u64,
    /// Those that differ: 0, unless a record is damaged or was made by another version of the program.
    pub(crate) different: u64,
    /// Requests of the first of those.
    pub(crate) examples: Vec<String>,
}

/// What another configuration would have changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ReplayReport {
    /// The time that was replayed.
    pub(crate) from: String,
    /// Its end, exclusive.
    pub(crate) to: String,
    /// The part of the decisions that was read, from 0 to 1.
    pub(crate) sampled: f64,
    /// Replayed decisions.
    pub(crate) decisions: u64,
    /// Their slots.
    pub(crate) slots: u64,
    pub(crate) not_replayed: NotReplayed,
    /// Only if the configuration before is the recorded one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reproduced: Option<Reproduced>,
    /// Filled slots as a part of all slots.
    pub(crate) fill: Compared,
    /// The expected part of the slots that another flight has.
    pub(crate) changed: f64,
    /// By currency; currencies are not added.
    pub(crate) revenue: Vec<Revenue>,
    pub(crate) spend: Vec<Spend>,
    pub(crate) advertisers: Shares,
    pub(crate) campaigns: Shares,
    pub(crate) flights: Shares,
    /// By the first topic of the page.
    pub(crate) topics: Shares,
    /// By the reader's country.
    pub(crate) regions: Shares,
    pub(crate) publishers: Shares,
    pub(crate) placements: Shares,
    /// Where most slots change.
    pub(crate) contexts: Vec<ChangedContext>,
    /// Clicks, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clicks: Option<ClickValue>,
    /// What of this needs confirmation, by the limits of the guard.
    #[serde(default)]
    pub(crate) needs_confirmation: Vec<String>,
    /// What the figures assume.
    pub(crate) assumptions: Vec<String>,
}

fn compared(value: Pair, plus_minus: f64) -> Compared {
    let Pair { before, after } = value;
    Compared { before, after, difference: after - before, plus_minus }
}

fn shares(group: &Group, filled: &Sums, decisions: u64) -> Shares {
    let row = |(id, sums): (&str, &Sums)| ShareRow {
        id: id.to_owned(),
        share: compared(sums.shares(filled), sums.shares_plus_minus(filled)),
        slots: compared(sums.value, sums.plus_minus(decisions)),
    };
    let mut rows: Vec<ShareRow> = group.rows().map(row).collect();
    let largest = |row: &ShareRow| row.share.before.max(row.share.after);
    rows.sort_by(|a, b| {
        let by_difference = b.share.difference.abs().total_cmp(&a.share.difference.abs());
        by_difference.then(largest(b).total_cmp(&largest(a))).then(a.id.cmp(&b.id))
    });
    let omitted = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    Shares { rows, omitted }
}

/// What was replayed.
pub(super) struct Replayed {
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) sampled: f64,
    pub(super) without_world: u64,
    pub(super) unreadable_places: u64,
}

fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| at.to_string())
}

pub(super) fn report(pass: &Pass<'_>, replayed: &Replayed) -> ReplayReport {
    let tally = &pass.tally;
    let filled = &tally.filled;
    let slots = (tally.slots as f64).max(1.0);
    let parties = &tally.parties;
    let fill = Pair { before: filled.value.before / slots, after: filled.value.after / slots };
    let left_out = pass.left_out;
    let examples = pass.different.iter().map(|id| uuid::Uuid::from_u128(*id).to_string());
    ReplayReport {
        from: time(replayed.from_ms),
        to: time(replayed.to_ms),
        sampled: replayed.sampled,
        decisions: tally.decisions,
        slots: tally.slots,
        not_replayed: NotReplayed {
            tests: left_out.tests,
            without_world: replayed.without_world + left_out.versions,
            without_publisher: left_out.publishers,
            stale: left_out.stale,
            unreadable_places: replayed.unreadable_places,
        },
        reproduced: pass.is_recorded().then(|| Reproduced {
            checked: pass.checked,
            different: pass.differences,
            examples: examples.collect(),
        }),
        fill: compared(fill, filled.plus_minus(tally.decisions) / slots),
        changed: tally.changed / slots,
        revenue: revenue(pass),
        spend: spend(pass),
        advertisers: shares(&parties.advertisers, filled, tally.decisions),
        campaigns: shares(&parties.campaigns, filled, tally.decisions),
        flights: shares(&parties.flights, filled, tally.decisions),
        topics: shares(&tally.topics, filled, tally.decisions),
        regions: shares(&tally.regions, filled, tally.decisions),
        publishers: shares(&tally.publishers, filled, tally.decisions),
        placements: shares(&tally.placements, filled, tally.decisions),
        contexts: contexts(pass),
        clicks: pass.clicks.as_ref().map(|(_, estimator)| estimator.value()),
        needs_confirmation: Vec::new(),
        assumptions: assumptions(pass, replayed),
    }
}

fn spend(pass: &Pass<'_>) -> Vec<Spend> {
    let parties = &pass.tally.parties;
    let rows = parties.spend.rows().map(|(advertiser, sums)| Spend {
        advertiser: advertiser.to_owned(),
        currency: parties.currency(advertiser),
        micros: compared(sums.value, sums.plus_minus(pass.tally.decisions)),
    });
    let mut rows: Vec<Spend> = rows.collect();
    rows.sort_by(|a, b| {
        b.micros
            .difference
            .abs()
            .total_cmp(&a.micros.difference.abs())
            .then(a.advertiser.cmp(&b.advertiser))
    });
    rows.truncate(ROWS);
    rows
}

fn revenue(pass: &Pass<'_>) -> Vec<Revenue> {
    let rows = pass.tally.parties.revenue.rows().map(|(currency, sums)| Revenue {
        currency: currency.to_owned(),
        micros: compared(sums.value, sums.plus_minus(pass.tally.decisions)),
    });
    let mut rows: Vec<Revenue> = rows.collect();
    rows.sort_by(|a, b| a.currency.cmp(&b.currency));
    rows
}

fn contexts(pass: &Pass<'_>) -> Vec<ChangedContext> {
    let tally = &pass.tally;
    let of = |([publisher, placement, topic], changes): ([u32; 3], &Changes)| {
        let slots = (changes.slots as f64).max(1.0);
        let example = changes.example.as_ref().map(|example| ChangedExample {
            decision_id: uuid::Uuid::from_u128(
                example.request | u128::try_from(example.slot + 1).unwrap_or(0xFF).min(0xFF),
            )
            .to_string(),
            url: example.url.as_deref().map(str::to_owned),
            changed: example.changed,
            flights: example
                .flights
                .iter()
                .map(|(flight, chance)| MovedFlight {
                    flight: tally.parties.flights.name(*flight).to_owned(),
                    before: chance.before,
                    after: chance.after,
                })
                .collect(),
        });
        ChangedContext {
            publisher: tally.publishers.name(publisher).to_owned(),
            placement: tally.placements.name(placement).to_owned(),
            topic: tally.topics.name(topic).to_owned(),
            slots: changes.slots,
            changed_slots: changes.changed,
            fill_before: changes.filled.before / slots,
            fill_after: changes.filled.after / slots,
            example,
        }
    };
    pass.contexts.most_changed(CONTEXTS).into_iter().map(of).collect()
}

fn assumptions(pass: &Pass<'_>, replayed: &Replayed) -> Vec<String> {
    let mut said = vec![
        "budgets, goals and pacing are as they were recorded: a flight whose budget was used up then is out on \
         both sides, and one that wins more here would use up its budget sooner than it did"
            .to_owned(),
        "bounds on an advertiser's part of a topic closed what they closed then: another bound would close other \
         slots"
            .to_owned(),
        "flights that were not in the inventory then have no budget, goal or pace that limits them".to_owned(),
        "flights run at the recorded times as their dates say: one that starts later wins nothing".to_owned(),
        "readers see, click and copy as before: expected revenue is the price of what flights delivered for a \
         won slot in the last four weeks, or assumed rates where that is too little"
            .to_owned(),
        "of a page's later slots, what the slots before took is drawn with the request's own numbers; all \
         else is exact"
            .to_owned(),
        "requests of programs are replayed like all others".to_owned(),
    ];
    if pass.clicks.is_some() {
        said.push(
            "clicks are estimated from the first slot of each page, given the same flights, paces and budgets; a \
             creative is clicked as often within its flight as before; trying many configurations on one log \
             finds some that look better by chance"
                .to_owned(),
        );
    }
    if replayed.sampled < 1.0 {
        said.push(format!("{:.1} % of the decisions were read", replayed.sampled * 100.0));
    }
    if pass.contexts.other_slots > 0 {
        said.push(format!(
            "{} slots are in contexts beyond the first 20,000 and not among the most changed",
            pass.contexts.other_slots
        ));
    }
    said
}

impl ReplayReport {
    /// The same with what needs confirmation by these limits.
    pub(crate) fn judged(mut self, limits: &GuardSettings) -> ReplayReport {
        let nothing = Difference::default();
        let effect = self.effect();
        let found = guard::concerns(&nothing, guard::Compared::default(), Some(&effect), limits);
        self.needs_confirmation = found.into_iter().map(|concern| concern.text).collect();
        self
    }

    /// What the guard judges.
    pub(crate) fn effect(&self) -> Effect {
        let before = |value: &Compared| Before { before: value.before, after: value.after };
        let thousands = (self.slots as f64 / 1_000.0).max(f64::MIN_POSITIVE);
        let spend = |advertiser: &str| {
            let found = self.spend.iter().find(|one| one.advertiser == advertiser);
            found.map(|one| {
                let Before { before, after } = before(&one.micros);
                let micros = Before { before: before / thousands, after: after / thousands };
                (micros, one.currency.clone())
            })
        };
        let advertisers = self.advertisers.rows.iter().map(|row| {
            let (spend_micros, currency) = spend(&row.id).unwrap_or_default();
            let advertiser = row.id.clone();
            AdvertiserEffect { advertiser, share: before(&row.share), spend_micros, currency }
        });
        let advertisers = advertisers.collect();
        Effect { slots: self.slots, fill: before(&self.fill), advertisers }
    }
}
