//! What is to be forecast: the inventory with new or changed documents, and the terms of each flight in it.

use crate::catalog::check;
use crate::catalog::check::Finding;
use crate::domain::campaign::{Flight, ServingStatus};
use crate::domain::creative::{Creative, CreativeState};
use crate::domain::event::{EventKind, Pricing};
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::lists;
use crate::domain::lists::{ListItem, ListVisitor};
use crate::domain::party::{Advertiser, Style};
use crate::domain::weights::Weights;
use crate::forecast::calendar::MAX_AHEAD_MS;
use crate::forecast::contest::Terms;
use crate::forecast::measured::{Measured, Rate};
use crate::selection::compile::compile;
use crate::selection::snapshot::Snapshot;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

const DAY_MS: i64 = 86_400_000;

/// How long a flight without an end is forecast for, in milliseconds.
pub(super) const OPEN_END_MS: i64 = 28 * DAY_MS;

/// The inventory with the documents of `part` added, or in place of those with the same ids.
pub(crate) fn merged(served: &Inventory, part: Inventory) -> Inventory {
    struct Merge(Inventory, Inventory);
    impl ListVisitor for Merge {
        type Out = ();
        fn visit<T: ListItem>(&mut self) {
            let new = std::mem::take(T::of_mut(&mut self.1));
            let list = T::of_mut(&mut self.0);
            let known = list.len();
            for document in new {
                match list[..known].binary_search_by(|one| one.id().cmp(document.id())) {
                    Ok(at) => list[at] = document,
                    Err(_) => list.push(document),
                }
            }
        }
    }
    let mut merge = Merge(served.clone(), part);
    merge.0.sort();
    lists::visit_all(&mut merge);
    merge.0.sort();
    merge.0
}

/// What is wrong with an inventory, as far as a forecast depends on it: creatives may come later.
pub(crate) fn problems(inventory: &Inventory) -> Vec<Finding> {
    let mut found = check::inventory(inventory);
    found.retain(|finding| finding.list != Creative::LIST);
    found
}

/// The flights with a goal that are new in `new`, or other than in `old`.
pub(crate) fn changed_with_goals(old: &Inventory, new: &Inventory) -> Vec<String> {
    let has_goal = |flight: &&Flight| flight.goals().set().next().is_some();
    let known: HashMap<&str, &Flight> =
        old.flights.iter().map(|flight| (flight.id.as_str(), flight)).collect();
    let is_new = |flight: &&Flight| known.get(flight.id.as_str()).is_none_or(|old| old != flight);
    let changed = new.flights.iter().filter(has_goal).filter(is_new);
    changed.map(|flight| flight.id.to_string()).collect()
}

/// A flight's dates in Unix milliseconds; open ones are the smallest and the largest number.
pub(super) fn dates(flight: &Flight, payer: &Advertiser) -> Range<i64> {
    let unix_ms = |civil: Option<jiff::civil::DateTime>, default: i64| {
        let zoned = civil.and_then(|at| payer.time_zone.rules().to_zoned(at).ok());
        zoned.map_or(default, |at| at.timestamp().as_millisecond())
    };
    unix_ms(flight.starts, i64::MIN)..unix_ms(flight.ends, i64::MAX)
}

/// An inventory that can be forecast: its flights have no dates, for these are in the terms.
pub(super) struct Sale {
    pub(super) snapshot: Arc<Snapshot>,
    /// By rank.
    pub(super) terms: Vec<Terms>,
    /// What was changed in it for the flights to be forecast.
    pub(super) notes: HashMap<Box<str>, Vec<String>>,
    now_ms: i64,
    /// By campaign: the daily budget, what is left of the lifetime's, and the end of its last flight.
    budgets: Vec<(Option<f64>, Option<f64>, i64)>,
}

impl Sale {
    /// Prepares the flights `wanted` of an inventory.
    pub(super) fn new(
        inventory: &Inventory,
        (weights, labels): (&Weights, &LabelTable),
        wanted: &[&str],
        measured: &Measured,
        now_ms: i64,
    ) -> Sale {
        let mut copy = inventory.clone();
        copy.sort();
        let owners: HashMap<&str, &Advertiser> = inventory
            .campaigns
            .iter()
            .filter_map(|campaign| {
                let owner = inventory.advertisers.iter().find(|one| one.id == campaign.advertiser);
                Some((campaign.id.as_str(), owner?))
            })
            .collect();
        let of = |flight: &Flight| {
            owners
                .get(flight.campaign.as_str())
                .map_or(i64::MIN..i64::MAX, |owner| dates(flight, owner))
        };
        let times: HashMap<Box<str>, Range<i64>> =
            copy.flights.iter().map(|flight| (flight.id.as_str().into(), of(flight))).collect();
        copy.flights.retain(|flight| {
            wanted.contains(&flight.id.as_str()) || times[flight.id.as_str()].end > now_ms
        });
        let mut notes: HashMap<Box<str>, Vec<String>> = HashMap::new();
        for id in wanted {
            notes.insert((*id).into(), open(&mut copy, id));
        }
        for flight in &mut copy.flights {
            (flight.starts, flight.ends) = (None, None);
        }
        copy.sort();
        let weights = Weights { max_candidates: u32::MAX, ..weights.clone() };
        let snapshot = Arc::new(compile(copy, &weights, labels));
        let mut sale = Sale { terms: Vec::new(), notes, now_ms, budgets: Vec::new(), snapshot };
        let all = sale.snapshot.flights.iter().map(|row| {
            let flight = &sale.snapshot.inventory.flights[row.doc];
            let times = times.get(flight.id.as_str()).cloned().unwrap_or(now_ms..now_ms);
            sale.terms_of(flight, row.campaign, times, measured)
        });
        sale.terms = all.collect();
        sale.budgets = sale.budgets_left(measured);
        sale
    }

    fn terms_of(
        &self,
        flight: &Flight,
        campaign: usize,
        dates: Range<i64>,
        measured: &Measured,
    ) -> Terms {
        let now_ms = self.now_ms;
        let end = dates.end.min(now_ms + MAX_AHEAD_MS);
        let times = dates.start.max(now_ms)..end.max(now_ms);
        let needs = |(kind, goal): (EventKind, u64)| {
            let left = left_of(flight, (kind, goal), &dates, measured, now_ms);
            left / rate(flight, kind, measured).rate
        };
        let cost = expected_cost(flight, measured);
        let budget = &self.snapshot.inventory.campaigns[campaign].budget;
        let is_limited = budget.daily_micros.is_some() || budget.lifetime_micros.is_some();
        Terms {
            tier: flight.tier as usize,
            needs: flight.goals().set().map(needs).reduce(f64::max),
            share: flight.share_percent.map(|percent| percent / 100.0),
            times,
            budget: (is_limited && cost > 0.0).then_some(campaign),
            cost,
        }
    }

    fn budgets_left(&self, measured: &Measured) -> Vec<(Option<f64>, Option<f64>, i64)> {
        let mut ends = vec![self.now_ms; self.snapshot.inventory.campaigns.len()];
        for (row, terms) in self.snapshot.flights.iter().zip(&self.terms) {
            ends[row.campaign] = ends[row.campaign].max(terms.times.end);
        }
        let campaigns = self.snapshot.inventory.campaigns.iter().zip(ends);
        let of = |(campaign, end): (&crate::domain::campaign::Campaign, i64)| {
            let spent = measured.spent.get(campaign.id.as_str());
            let spent = spent.map_or(0.0, |(_, spent)| spent.get() as f64);
            let daily = campaign.budget.daily_micros.map(|amount| amount.get() as f64);
            let left = campaign.budget.lifetime_micros.map(|all| all.get() as f64 - spent);
            (daily, left.map(|left| left.max(0.0)), end)
        };
        campaigns.map(of).collect()
    }

    /// What a campaign's budget can pay in a time: its part of each day, and of what is left of the lifetime's,
    /// which lasts until the campaign's last flight ends.
    pub(super) fn budget_of(&self, campaign: usize, times: &Range<i64>) -> f64 {
        let (daily, left, end) = self.budgets[campaign];
        let length = (times.end.min(end) - times.start.max(self.now_ms)).max(0) as f64;
        let of_days = daily.map_or(f64::INFINITY, |daily| daily * length / DAY_MS as f64);
        let all = (end - self.now_ms).max(1) as f64;
        of_days.min(left.map_or(f64::INFINITY, |left| left * length / all))
    }

    /// The rank of a flight.
    pub(super) fn place(&self, flight: &str) -> Option<usize> {
        let inventory = &self.snapshot.inventory;
        self.snapshot
            .flights
            .iter()
            .position(|row| inventory.flights[row.doc].id.as_str() == flight)
    }
}

/// What a won slot of a flight is expected to cost, in micros of its advertiser's currency.
pub(crate) fn expected_cost(flight: &Flight, measured: &Measured) -> f64 {
    let billed = match flight.pricing {
        Pricing::Cpm => EventKind::Impression,
        Pricing::Vcpm => EventKind::Viewable,
        Pricing::Cpc => EventKind::Click,
        Pricing::Flat => EventKind::Copy,
    };
    flight.pricing.price_of_one(flight.price_micros) as f64 * rate(flight, billed, measured).rate
}

/// What a won slot of a flight delivers.
pub(super) fn rate(flight: &Flight, kind: EventKind, measured: &Measured) -> Rate {
    let publishers: Vec<&str> =
        flight.targeting.publishers.any.iter().map(|id| id.as_str()).collect();
    measured.rate(flight.id.as_str(), &publishers, kind)
}

/// What is left of a goal: without what was delivered, or, if that is not known, with what is on plan delivered.
pub(super) fn left_of(
    flight: &Flight,
    (kind, goal): (EventKind, u64),
    dates: &Range<i64>,
    measured: &Measured,
    now_ms: i64,
) -> f64 {
    if let Some(delivered) = &measured.delivered {
        let delivered = delivered.get(flight.id.as_str()).and_then(|all| all.get(kind).copied());
        return goal.saturating_sub(delivered.unwrap_or_default()) as f64;
    }
    if dates.start == i64::MIN || dates.end == i64::MAX || dates.start >= now_ms {
        return goal as f64;
    }
    let length = (dates.end - dates.start).max(1) as f64;
    goal as f64 * ((dates.end - now_ms).max(0) as f64 / length)
}

/// Lets a flight be served: whatever pauses it now is to be gone when it runs. Returns what was changed.
fn open(inventory: &mut Inventory, id: &str) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(at) = inventory.flights.iter().position(|flight| flight.id.as_str() == id) else {
        return notes;
    };
    let campaign_id = inventory.flights[at].campaign.clone();
    let campaign = inventory.campaigns.iter().position(|one| one.id == campaign_id);
    let mut was_paused = false;
    if let Some(campaign) = campaign {
        let owner = inventory.campaigns[campaign].advertiser.clone();
        let others_paused = inventory.campaigns[campaign].is_paused();
        let of_owner: Vec<_> = inventory
            .campaigns
            .iter()
            .filter(|one| one.advertiser == owner)
            .map(|one| one.id.clone())
            .collect();
        let payer = inventory.advertisers.iter_mut().find(|one| one.id == owner);
        let owner_paused = payer.as_ref().is_some_and(|payer| payer.is_paused());
        for flight in inventory.flights.iter_mut().filter(|one| one.id.as_str() != id) {
            if others_paused && flight.campaign == campaign_id
                || owner_paused && of_owner.contains(&flight.campaign)
            {
                flight.status = ServingStatus::Paused;
            }
        }
        if let Some(payer) = payer {
            (payer.status, payer.paused_by) = (ServingStatus::Active, None);
        }
        let campaign = &mut inventory.campaigns[campaign];
        (campaign.status, campaign.paused_by) = (ServingStatus::Active, None);
        was_paused = others_paused || owner_paused;
    }
    let flight = &mut inventory.flights[at];
    if was_paused || flight.is_paused() {
        (flight.status, flight.paused_by) = (ServingStatus::Active, None);
        notes.push("it is paused: the forecast is for when it is resumed".to_owned());
    }
    let own = |creative: &&mut Creative| creative.flight.as_str() == id;
    if inventory
        .creatives
        .iter_mut()
        .filter(own)
        .any(|one| one.serving_state() == CreativeState::Live)
    {
        return notes;
    }
    let mut count = 0;
    for creative in inventory.creatives.iter_mut().filter(own) {
        (creative.state, creative.paused_by) = (CreativeState::Live, None);
        count += 1;
    }
    if count > 0 {
        notes.push(
            "it has no live creative: the forecast is for when its creatives are live".to_owned(),
        );
        return notes;
    }
    let flight_id = inventory.flights[at].id.clone();
    let stand_in = inventory.creatives.first().cloned().and_then(|any| {
        let id = format!("forecast-{at}").parse().ok()?;
        let (styles, state) = (Style::ALL.to_vec(), CreativeState::Live);
        Some(Creative { id, flight: flight_id, styles, state, ..any })
    });
    notes.push("it has no creative: the forecast is for one in every style".to_owned());
    inventory.creatives.extend(stand_in);
    notes
}
