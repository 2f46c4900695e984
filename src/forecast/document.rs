//! Forecasts as documents, and in words.

use crate::domain::event::{EventKind, Tier};
use crate::forecast::measured::Rate;
use crate::selection::filter_reason::FilterReason;
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

string_enum! {
    /// Whether a flight's goals can be promised.
    ForecastVerdict {
        /// They are reached with a probability of 90 % or more.
        Accept = "accept",
        /// They are reached with a probability of 60 to 90 %.
        Warn = "warn",
        /// They are reached with a probability below 60 %: offer the flight without a goal.
        BestEffort = "best_effort",
        /// The flight has no goal that could be missed.
        NoGoal = "no_goal",
        /// There is less than a day of recorded decisions, so nothing can be forecast.
        NoHistory = "no_history",
        /// The flight's dates are in the past, or further ahead than forecasts look.
        NoTime = "no_time",
    }
}

/// What forecasts of some flights say, and what they are based on.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Forecasts {
    /// When they were made.
    pub(crate) at: String,
    /// The recorded decisions that they are based on.
    pub(crate) history: HistoryUsed,
    /// One forecast for each flight, in the order in which they were asked for.
    pub(crate) forecasts: Vec<FlightForecast>,
    /// Flights that were left out because there are too many.
    pub(crate) left_out: usize,
}

/// The recorded decisions behind a forecast.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub(crate) struct HistoryUsed {
    /// Recorded decisions that were used; a sample where there are many.
    pub(crate) decisions: usize,
    /// How many decisions these stand for.
    pub(crate) stands_for: u64,
    /// The time of the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    /// Days with decisions, in the time zone of the first flight's advertiser.
    pub(crate) days: usize,
    /// Days without any decision since the first one, which count as missing, not as days without traffic.
    pub(crate) missing_days: usize,
    /// Decisions that are left out because their publisher, or the version that they were made on, is gone.
    pub(crate) left_out: usize,
    /// Places of the decision log that cannot be read.
    pub(crate) unreadable: usize,
}

/// The forecast of a flight from now, or its start, to its end.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct FlightForecast {
    /// The flight's id.
    pub(crate) flight: String,
    /// Its tier.
    pub(crate) tier: Tier,
    /// The time that is forecast: from its start, or now, to its end.
    pub(crate) from: String,
    /// The end of that time (exclusive).
    pub(crate) to: String,
    /// The time zone of its days.
    pub(crate) time_zone: String,
    /// Whether its goals can be promised.
    pub(crate) verdict: ForecastVerdict,
    /// The forecast in a sentence.
    pub(crate) summary: String,
    /// Slots that match it.
    pub(crate) supply: u64,
    /// Slots that it can have without keeping flights with goals from reaching theirs.
    pub(crate) available: u64,
    /// The slots that it is expected to win.
    pub(crate) expected_slots: u64,
    /// Its goals, each with the probability of reaching it.
    pub(crate) goals: Vec<GoalForecast>,
    /// The probability of reaching all its goals; absent without a goal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) probability: Option<f64>,
    /// What it is expected to deliver, of the kind of event that its first goal counts; impressions without a
    /// goal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delivery: Option<Delivery>,
    /// Flights that lose slots to it, the most first; at most 20.
    pub(crate) displaced: Vec<Displaced>,
    /// The spread of the forecast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spread: Option<SpreadOf>,
    /// Where no recorded slot matches: the rules that keep it out, with the part of the slots that each of
    /// them alone keeps it out of.
    pub(crate) filters: Vec<Filter>,
    /// What to know about the forecast.
    pub(crate) notes: Vec<String>,
}

/// A goal with its forecast.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct GoalForecast {
    /// The kind of event that it counts.
    pub(crate) event: EventKind,
    /// The goal.
    pub(crate) goal: u64,
    /// What is left of it.
    pub(crate) left: u64,
    /// What a won slot delivers.
    pub(crate) per_slot: Rate,
    /// What the available slots would deliver.
    pub(crate) available: u64,
    /// The probability of reaching it.
    pub(crate) probability: f64,
    /// The largest goal that is reached with a probability of 90 %, from now on.
    pub(crate) safe_goal: u64,
    /// How much more supply it would take to reach the goal with a probability of 90 %, in percent; 0 if none.
    /// Absent where nothing is available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) missing_percent: Option<u64>,
}

/// What a flight is expected to deliver from now on.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Delivery {
    /// The kind of event.
    pub(crate) event: EventKind,
    /// The expected number.
    pub(crate) expected: u64,
    /// Exceeded with a probability of 90 %.
    pub(crate) p10: u64,
    /// Exceeded with a probability of 10 %.
    pub(crate) p90: u64,
}

/// What a flight loses to the one that is forecast.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Displaced {
    /// Its id.
    pub(crate) flight: String,
    /// Its tier.
    pub(crate) tier: Tier,
    /// Whether it has a goal.
    pub(crate) has_goal: bool,
    /// The slots that it would win without the other flight.
    pub(crate) before: u64,
    /// How many of them it loses.
    pub(crate) loses: u64,
}

/// The spread of a forecast: standard deviations of its logarithm.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct SpreadOf {
    /// Of all together.
    pub(crate) sigma: f64,
    /// Of forecasts of 7 days made from the history itself, shrunk to what is usual.
    pub(crate) backtest: f64,
    /// How many weeks were forecast and compared with what came.
    pub(crate) backtest_weeks: f64,
    /// Of the counts and the sample of them.
    pub(crate) sampling: f64,
}

/// A rule that keeps a flight out of recorded slots.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Filter {
    /// The rule, as in explanations.
    pub(crate) reason: FilterReason,
    /// The part of the recorded slots that it alone keeps the flight out of.
    pub(crate) part: f64,
}

/// A number with separators of thousands.
pub(crate) struct Thousands(pub(crate) u64);

impl fmt::Display for Thousands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// A kind of event in the plural.
pub(crate) fn events(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Impression => "impressions",
        EventKind::Viewable => "viewable impressions",
        EventKind::Click => "clicks",
        EventKind::Copy => "copies",
    }
}

/// The forecast of a flight in one or two sentences.
pub(super) fn summary(of: &FlightForecast) -> String {
    match of.verdict {
        ForecastVerdict::NoHistory => {
            return "less than a day of recorded decisions yet: nothing can be forecast".to_owned();
        }
        ForecastVerdict::NoTime => {
            return format!("no time to forecast: it runs from {} to {}", of.from, of.to);
        }
        _ => {}
    }
    if of.supply == 0 {
        let all = of.filters.iter().filter(|filter| filter.part >= 1.0);
        let all: Vec<&str> = all.map(|filter| filter.reason.as_str()).collect();
        let few = of
            .filters
            .iter()
            .take(3)
            .map(|filter| format!("{} {:.0} %", filter.reason, (filter.part * 100.0).floor()));
        let why = match all.is_empty() {
            false => format!("{} keeps it out of every one", all.join(" and ")),
            true => {
                format!("no single rule does that; {} of them", few.collect::<Vec<_>>().join(", "))
            }
        };
        return format!("no recorded slot matches it: {why}");
    }
    let (supply, available) = (Thousands(of.supply), Thousands(of.available));
    let slots = format!("{supply} slots match, {available} of them are available");
    let Some(delivery) = &of.delivery else { return slots };
    let kind = events(delivery.event);
    let range = format!(
        "{} {kind} expected ({} to {})",
        Thousands(delivery.expected),
        Thousands(delivery.p10),
        Thousands(delivery.p90)
    );
    let least = of.goals.iter().min_by(|a, b| a.probability.total_cmp(&b.probability));
    let Some(goal) = least else { return format!("no goal: {range}; {slots}") };
    let chance = match goal.probability {
        many if many > 0.995 => "more than 99 %".to_owned(),
        few if few < 0.005 => "less than 1 %".to_owned(),
        other => format!("{:.0} %", other * 100.0),
    };
    let what = format!("{} {}", Thousands(goal.left), events(goal.event));
    let advice = match (of.verdict, goal.missing_percent) {
        (ForecastVerdict::Accept, _) => format!("accept {what}: {chance} likely"),
        (ForecastVerdict::Warn, more) => format!(
            "{what} are at risk: {chance} likely; {} are safe{}",
            Thousands(goal.safe_goal),
            more.map(|more| format!(", or +{more} % supply")).unwrap_or_default()
        ),
        (_, Some(more)) => format!(
            "offer best effort: {what} are {chance} likely; a goal of {} is safe, or it needs +{more} % supply",
            Thousands(goal.safe_goal)
        ),
        (_, None) => format!("offer best effort: nothing is available for {what}"),
    };
    format!("{advice}; {range}; {slots}")
}
