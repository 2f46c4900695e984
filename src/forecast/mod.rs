//! Forecasts of flights by replaying recorded decisions: what matches, what is available, what would be delivered,
//! which flights would lose by it, and how likely a goal is reached.
//!
//! [`history`] samples the decision log, [`field`] finds out which flights may have each recorded slot,
//! [`calendar`] says how often it is expected in the time of a flight, [`contest`] shares it out, and
//! [`accuracy`] says how sure all that is. Exploration, and what reservations lose, are left out.

mod accuracy;
mod calendar;
#[cfg(test)]
mod calibration;
mod contest;
pub(crate) mod document;
mod field;
mod history;
mod measured;
mod sale;
mod service;
#[cfg(test)]
mod tests;

pub(crate) use document::{FlightForecast, ForecastVerdict, Forecasts};
pub(crate) use history::{Effort, Sample};
pub(crate) use measured::Measured;
pub(crate) use sale::{changed_with_goals, expected_cost, merged, problems};
pub(crate) use service::{ForecastError, Forecasting};

use crate::domain::campaign::Flight;
use crate::domain::event::EventKind;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::lists;
use crate::domain::weights::Weights;
use crate::domain::zone::Zone;
use crate::forecast::accuracy::{Spread, Z90};
use crate::forecast::calendar::Calendar;
use crate::forecast::contest::{Contest, Part, Terms};
use crate::forecast::document::{Delivery, Displaced, Filter, GoalForecast, HistoryUsed, SpreadOf};
use crate::forecast::field::{Field, Supply};
use crate::forecast::sale::{OPEN_END_MS, Sale};
use jiff::Timestamp;
use std::ops::Range;

/// The most flights that are forecast at once.
pub(crate) const MAX_FLIGHTS: usize = 20;

/// The most displaced flights that are listed.
const MAX_DISPLACED: usize = 20;

/// What forecasts are made from.
pub(crate) struct Sources<'a> {
    pub(crate) sample: &'a Sample,
    pub(crate) measured: &'a Measured,
    pub(crate) weights: &'a Weights,
    pub(crate) labels: &'a LabelTable,
    pub(crate) now_ms: i64,
}

/// Forecasts flights of an inventory, each with the others in it. Takes seconds: do not call on a request thread.
pub(crate) fn forecast(
    sources: &Sources<'_>,
    inventory: &Inventory,
    flights: &[String],
) -> Forecasts {
    let wanted: Vec<&str> = flights.iter().take(MAX_FLIGHTS).map(String::as_str).collect();
    let (measured, now_ms) = (sources.measured, sources.now_ms);
    let sale = Sale::new(inventory, (sources.weights, sources.labels), &wanted, measured, now_ms);
    let mut field = Field::of(sources.sample, &sale.snapshot);
    let mut history = history_used(sources.sample, &field);
    let mut forecasts = Vec::new();
    let mut known: Option<(Zone, Calendar)> = None;
    for id in wanted {
        let flight = inventory.flights.iter().find(|flight| flight.id.as_str() == id);
        let payer = flight.and_then(|flight| {
            let campaign = inventory.campaigns.iter().find(|one| one.id == flight.campaign)?;
            inventory.advertisers.iter().find(|one| one.id == campaign.advertiser)
        });
        let (Some(flight), Some(payer), Some(place)) = (flight, payer, sale.place(id)) else {
            continue;
        };
        let zone = &payer.time_zone;
        if known.as_ref().is_none_or(|(known, _)| known != zone) {
            let times = field.rows.iter().map(|row| row.at_ms);
            let times = times.chain(sources.sample.times_of_decisions());
            let calendar = Calendar::new(zone.rules().clone(), sources.sample.times.clone(), times);
            field.set_calendar(&calendar);
            if known.is_none() {
                (history.days, history.missing_days) = calendar.days_used_and_missing();
            }
            known = Some((zone.clone(), calendar));
        }
        if let Some((zone, calendar)) = &known {
            let one = One { sources, sale: &sale, field: &field, calendar, flight, place };
            forecasts.push(one.forecast(zone, sale::dates(flight, payer)));
        }
    }
    Forecasts {
        at: text(now_ms),
        history,
        forecasts,
        left_out: flights.len().saturating_sub(MAX_FLIGHTS),
    }
}

fn text(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).unwrap_or_default().to_string()
}

fn history_used(sample: &Sample, field: &Field) -> HistoryUsed {
    let (decisions, stands_for) = sample.size();
    HistoryUsed {
        decisions,
        stands_for: whole(stands_for),
        from: (decisions > 0).then(|| text(sample.times.start)),
        left_out: field.gone,
        unreadable: sample.unreadable,
        ..HistoryUsed::default()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded; a float beyond the range becomes its end"
)]
fn whole(amount: f64) -> u64 {
    amount.round().max(0.0) as u64
}

/// One flight to be forecast.
struct One<'a> {
    sources: &'a Sources<'a>,
    sale: &'a Sale,
    field: &'a Field,
    calendar: &'a Calendar,
    flight: &'a Flight,
    place: usize,
}

/// What a flight wins.
struct Shares {
    available: f64,
    expected: f64,
    displaced: Vec<Displaced>,
}

impl One<'_> {
    fn forecast(&self, zone: &Zone, dates: Range<i64>) -> FlightForecast {
        let now_ms = self.sources.now_ms;
        let open_end = dates.end == i64::MAX;
        let mut times = self.sale.terms[self.place].times.clone();
        if open_end {
            times.end = times.start + OPEN_END_MS;
        }
        let shown = |at: i64, default: i64| {
            text(if at == i64::MIN || at == i64::MAX { default } else { at })
        };
        let mut forecast = FlightForecast {
            flight: self.flight.id.to_string(),
            tier: self.flight.tier,
            from: shown(dates.start.max(now_ms), now_ms),
            to: shown(if open_end { times.end } else { dates.end }, times.end),
            time_zone: zone.name().to_owned(),
            verdict: ForecastVerdict::NoTime,
            summary: String::new(),
            supply: 0,
            available: 0,
            expected_slots: 0,
            goals: Vec::new(),
            probability: None,
            delivery: None,
            displaced: Vec::new(),
            spread: None,
            filters: Vec::new(),
            notes: self.sale.notes.get(self.flight.id.as_str()).cloned().unwrap_or_default(),
        };
        if times.is_empty() {
            if dates.start < now_ms {
                forecast.from = shown(dates.start, now_ms);
            }
        } else if !self.sources.sample.has_a_day() {
            forecast.verdict = ForecastVerdict::NoHistory;
        } else {
            self.fill(&mut forecast, &times, &dates);
            self.note(&mut forecast, &times, &dates);
        }
        forecast.summary = document::summary(&forecast);
        forecast
    }

    fn fill(&self, forecast: &mut FlightForecast, times: &Range<i64>, dates: &Range<i64>) {
        let budgets = |budget: usize, times: &Range<i64>| self.sale.budget_of(budget, times);
        let contest = Contest::new(self.field, self.calendar, &self.sale.terms, &budgets);
        let supply = self.field.supply(self.calendar, self.place, times);
        let spread = Spread::of(&self.calendar.whole_days(&supply.by_day), supply.sums);
        forecast.supply = whole(supply.slots);
        if supply.recorded == 0 {
            let reasons = field::filters(self.sources.sample, &self.sale.snapshot, self.place);
            forecast.filters =
                reasons.into_iter().map(|(reason, part)| Filter { reason, part }).collect();
        }
        let shares = self.shares(&contest, times, &supply);
        forecast.available = whole(shares.available);
        forecast.expected_slots = whole(shares.expected);
        forecast.displaced.clone_from(&shares.displaced);
        let sigma = spread.sigma();
        let goals = self.flight.goals();
        forecast.goals =
            goals.set().map(|goal| self.goal(goal, dates, shares.available, sigma)).collect();
        let probability = forecast.goals.iter().map(|goal| goal.probability).reduce(f64::min);
        forecast.probability = probability;
        forecast.verdict = match probability {
            None => ForecastVerdict::NoGoal,
            Some(p) if p >= accuracy::SAFE => ForecastVerdict::Accept,
            Some(p) if p >= accuracy::RISKY => ForecastVerdict::Warn,
            Some(_) => ForecastVerdict::BestEffort,
        };
        forecast.delivery = Some(self.delivery(forecast, &shares, sigma));
        forecast.spread = Some(SpreadOf {
            sigma,
            backtest: spread.backtest,
            backtest_weeks: spread.weeks,
            sampling: spread.sampling,
        });
    }

    /// What the flight can have, what it gets, and what that takes from others.
    fn shares(&self, contest: &Contest<'_>, times: &Range<i64>, supply: &Supply) -> Shares {
        if supply.recorded == 0 {
            return Shares { available: 0.0, expected: 0.0, displaced: Vec::new() };
        }
        let before = contest.won(times, (self.place, Part::Absent));
        let with = contest.won(times, (self.place, Part::AsSold));
        let greedy = if self.sale.terms[self.place].needs.is_some() {
            contest.won(times, (self.place, Part::Everything))
        } else {
            // As if it had a goal.
            let mut terms: Vec<Terms> = self.sale.terms.clone();
            terms[self.place].needs = Some(0.0);
            let budgets = |budget: usize, times: &Range<i64>| self.sale.budget_of(budget, times);
            let contest = Contest::new(self.field, self.calendar, &terms, &budgets);
            contest.won(times, (self.place, Part::Everything))
        };
        // What flights with goals would lack is not available.
        let protected = (0..before.len())
            .filter(|at| *at != self.place && contest.is_protected_from(*at, self.place));
        let lacking: f64 = protected.map(|at| (before[at] - greedy[at]).max(0.0)).sum();
        let inventory = &self.sale.snapshot.inventory;
        let mut displaced: Vec<Displaced> = (0..before.len())
            .filter(|at| *at != self.place)
            .filter(|at| before[*at] - with[*at] > 0.5 + before[*at] * 1e-3)
            .map(|at| Displaced {
                flight: inventory.flights[self.sale.snapshot.flights[at].doc].id.to_string(),
                tier: self.sale.snapshot.tier_of(at),
                has_goal: self.sale.terms[at].needs.is_some(),
                before: whole(before[at]),
                loses: whole(before[at] - with[at]),
            })
            .collect();
        displaced.sort_by(|a, b| (b.loses, &a.flight).cmp(&(a.loses, &b.flight)));
        displaced.truncate(MAX_DISPLACED);
        let available = (greedy[self.place] - lacking).max(0.0);
        Shares { available, expected: with[self.place], displaced }
    }

    fn goal(
        &self,
        (event, goal): (EventKind, u64),
        dates: &Range<i64>,
        available: f64,
        sigma: f64,
    ) -> GoalForecast {
        let (measured, now_ms) = (self.sources.measured, self.sources.now_ms);
        let per_slot = sale::rate(self.flight, event, measured);
        let left = sale::left_of(self.flight, (event, goal), dates, measured, now_ms);
        let available = available * per_slot.rate;
        let needed = accuracy::quantile(left, Z90, sigma);
        let missing = (needed / available - 1.0).max(0.0) * 100.0;
        GoalForecast {
            event,
            goal,
            left: whole(left),
            available: whole(available),
            probability: if left <= 0.0 { 1.0 } else { accuracy::p_hit(available, left, sigma) },
            safe_goal: whole(accuracy::quantile(available, -Z90, sigma).floor()),
            missing_percent: missing.is_finite().then(|| whole(missing.ceil())),
            per_slot,
        }
    }

    fn delivery(&self, forecast: &FlightForecast, shares: &Shares, sigma: f64) -> Delivery {
        let Some(goal) = forecast.goals.first() else {
            let event = EventKind::Impression;
            let median =
                shares.expected * sale::rate(self.flight, event, self.sources.measured).rate;
            let at = |z: f64| whole(accuracy::quantile(median, z, sigma));
            return Delivery { event, expected: whole(median), p10: at(-Z90), p90: at(Z90) };
        };
        let median = shares.available * goal.per_slot.rate;
        let most = goal.left as f64;
        let at = |z: f64| whole(accuracy::quantile(median, z, sigma).min(most));
        let expected = whole(accuracy::expected_up_to(median, most, sigma));
        Delivery { event: goal.event, expected, p10: at(-Z90), p90: at(Z90) }
    }

    /// What to know about a forecast.
    fn note(&self, forecast: &mut FlightForecast, times: &Range<i64>, dates: &Range<i64>) {
        let notes = &mut forecast.notes;
        let (used, missing) = self.calendar.days_used_and_missing();
        if missing > 0 {
            notes.push(format!(
                "{missing} of {} days have no recorded decision and count as missing, not as days without traffic",
                used + missing
            ));
        }
        if self.calendar.number_of_whole_days() < 7 {
            notes.push(format!(
                "less than a week of history ({used} days): all weekdays are taken as alike, and the range is wider"
            ));
        }
        if dates.end == i64::MAX {
            notes.push("it has no end: 28 days are forecast".to_owned());
        } else if dates.end > times.end {
            notes.push(format!("it ends after the time that is forecast, {}", text(times.end)));
        }
        for goal in &forecast.goals {
            let rate = &goal.per_slot;
            let of = rate.of.as_ref().map(|of| format!(" of {of}")).unwrap_or_default();
            notes.push(format!(
                "{} {} per won slot ({}{of})",
                (rate.rate * 1e4).round() / 1e4,
                document::events(goal.event),
                rate.basis
            ));
        }
        if self.sources.measured.delivered.is_none() {
            notes.push(
                "no server runs: flights are taken to be on plan, and rates are those that are assumed"
                    .to_owned(),
            );
        }
        notes.extend(self.unknown_names());
    }

    /// What the flight targets that recorded decisions do not tell, because no flight asked about it.
    fn unknown_names(&self) -> Vec<String> {
        let names = || self.sources.sample.versions.iter().filter_map(|(_, names)| names.as_ref());
        let lacks = |of: String| {
            format!(
                "{of} was not recorded before a flight asked about it: pages with it are missing"
            )
        };
        let targeting = &self.flight.targeting;
        let words = targeting.keywords.any.iter();
        let words = words.filter(|word| names().any(|of| !of.has_keyword(word)));
        let mut notes: Vec<String> = words.map(|word| lacks(format!("keyword `{word}`"))).collect();
        for (key, clause) in &targeting.custom.0 {
            let values = clause.any.iter();
            let values =
                values.filter(|value| names().any(|of| !of.has_value(key.as_str(), value)));
            notes.extend(values.map(|value| lacks(format!("`{key}` = `{value}`"))));
        }
        notes
    }
}

/// The flights of a list of ids that an inventory does not have.
pub(crate) fn missing(inventory: &Inventory, flights: &[String]) -> Option<String> {
    let is_missing = |id: &&String| lists::find::<Flight>(inventory, id).is_none();
    flights.iter().find(is_missing).cloned()
}
