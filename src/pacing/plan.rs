//! Which share of its traffic a flight is to win so that it delivers its goal by its end.
//!
//! The plan says how much is to be delivered by when; the share follows from what is still to come until a
//! near horizon, from how much traffic is expected until then, and from how much a won slot delivers. All
//! three are measured as the flight runs. Pure; times and amounts are arguments.

use crate::domain::campaign::Pacing;
use crate::pacing::average::Average;

/// The share of the expected traffic after which the goal is to be delivered: what is late at the end cannot
/// be made up for.
const FINISHED_AT: f64 = 0.985;

/// The share of its length that a flight looks ahead, and the longest look, in milliseconds.
const HORIZON_SHARE: f64 = 1.0 / 16.0;
const MAX_HORIZON_MS: f64 = 1_800_000.0;

/// The same for the time over which traffic is averaged.
const WINDOW_SHARE: f64 = 1.0 / 24.0;
const MAX_WINDOW_MS: f64 = 900_000.0;

/// The same for the time between two changes of the share, with the least.
const PERIOD_SHARE: f64 = 1.0 / 240.0;
const PERIOD_MS: (f64, f64) = (1_000.0, 30_000.0);

/// Slots' worth of trust in what is assumed before it is measured.
const PRIOR: f64 = 3.0;

/// The least part of its share that a flight is assumed to get.
const LEAST_GOT: f64 = 0.1;

/// How far ahead of its plan a flight may be before any traffic was measured: until shares are next computed.
const AHEAD_MS: i64 = 500;

/// The exponent of `front_loaded`: the first half of the traffic gets 62 % of the goal.
const FRONT_LOADED: f64 = 0.7;

/// An amount to deliver over a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) starts_ms: i64,
    pub(crate) ends_ms: i64,
    pub(crate) curve: Pacing,
    /// Whether it goes on after its end until the amount is delivered.
    pub(crate) soft_end: bool,
    /// The amount: events, or micros.
    pub(crate) goal: f64,
}

/// What was seen of a flight up to a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// The amount delivered.
    pub(crate) delivered: f64,
    /// The amount expected of slots won whose event has not come yet.
    pub(crate) outstanding: f64,
    /// Slots that it might have had, and slots that it won, counted from any moment.
    pub(crate) entered: u64,
    pub(crate) won: u64,
}

/// How much traffic is expected in a time, in any unit.
pub(crate) trait Traffic {
    fn between(&self, from_ms: i64, to_ms: i64) -> f64;
}

/// The traffic that a flight may expect, and the time in which it runs: what the curves follow.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) traffic: &'a dyn Traffic,
    pub(crate) time: &'a dyn Traffic,
}

/// The same traffic at all times.
pub(crate) struct Flat;

impl Expected<'_> {
    /// The same traffic at all times.
    pub(crate) const FLAT: Expected<'static> = Expected { traffic: &Flat, time: &Flat };
}

impl Traffic for Flat {
    fn between(&self, from_ms: i64, to_ms: i64) -> f64 {
        (to_ms - from_ms).max(0) as f64
    }
}

impl Seen {
    /// The part of one of several instances that deliver the same. Slots are its own.
    pub(crate) fn of_one_in(self, instances: usize) -> Seen {
        Seen { delivered: self.delivered / instances.max(1) as f64, ..self }
    }
}

impl Plan {
    /// The part of one of several instances that deliver the same.
    pub(crate) fn of_one_in(self, instances: usize) -> Plan {
        Plan { goal: self.goal / instances.max(1) as f64, ..self }
    }

    fn length_ms(&self) -> f64 {
        self.ends_ms.saturating_sub(self.starts_ms).max(1) as f64
    }

    /// The share of the goal that is due at a time.
    pub(crate) fn due(&self, expected: &Expected<'_>, at_ms: i64) -> f64 {
        let at_ms = at_ms.clamp(self.starts_ms, self.ends_ms);
        let of = if self.curve == Pacing::Even { expected.time } else { expected.traffic };
        let all = of.between(self.starts_ms, self.ends_ms);
        let passed = if all > 0.0 { of.between(self.starts_ms, at_ms) / all } else { 1.0 };
        let passed = (passed / FINISHED_AT).min(1.0);
        match self.curve {
            Pacing::FrontLoaded => passed.powf(FRONT_LOADED),
            _ => passed,
        }
    }
}

/// What is remembered of a flight between changes of its share.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    at_ms: i64,
    last: Seen,
    /// Slots entered, and traffic expected, in a millisecond.
    entered: Average,
    expected: Average,
    /// Slots that its share would have given it, and slots won.
    claimed: Average,
    won: Average,
    /// The amount that a won slot delivers.
    worth: Average,
    share: f64,
}

impl Pace {
    /// Begins at `at_ms`, after what was seen until then. `worth` is what a won slot is assumed to deliver.
    pub(crate) fn new(at_ms: i64, last: Seen, worth: f64) -> Pace {
        Pace {
            at_ms,
            last,
            entered: Average::default(),
            expected: Average::default(),
            claimed: Average::default(),
            won: Average::default(),
            worth: Average::of(worth),
            share: 0.0,
        }
    }

    /// The share in force. Before any traffic was measured, and with `asap`, it is all or nothing, by what is
    /// due.
    pub(crate) fn share_now(
        &self,
        plan: &Plan,
        expected: &Expected<'_>,
        now_ms: i64,
        seen: &Seen,
    ) -> f64 {
        let is_asap = plan.curve == Pacing::Asap;
        if self.level().is_some() && !is_asap {
            return self.share;
        }
        let is_over = now_ms >= plan.ends_ms;
        let is_running = now_ms >= plan.starts_ms && (!is_over || plan.soft_end);
        let due = if is_asap || is_over { 1.0 } else { plan.due(expected, now_ms + AHEAD_MS) };
        let due = (plan.goal * due).ceil();
        if is_running && seen.delivered + seen.outstanding < due { 1.0 } else { 0.0 }
    }

    /// The slots that the flight may expect until its end; `None` before any came.
    pub(crate) fn supply(&self, plan: &Plan, expected: &Expected<'_>) -> Option<f64> {
        Some(self.level()? * expected.traffic.between(self.at_ms, plan.ends_ms))
    }

    /// The slots that the flight must be able to have to deliver what is left, by what a won slot delivers
    /// and by how much of its share it gets.
    pub(crate) fn needed(&self, plan: &Plan, seen: &Seen) -> f64 {
        let left = (plan.goal - seen.delivered - seen.outstanding).max(0.0);
        left / self.worth.value().max(f64::MIN_POSITIVE) / self.got(plan)
    }

    /// Whether traffic was measured.
    pub(crate) fn is_measured(&self) -> bool {
        self.level().is_some()
    }

    fn level(&self) -> Option<f64> {
        let level = self.entered.value() / self.expected.value();
        (level.is_finite() && level > 0.0).then_some(level)
    }

    /// Whether it is time for another share.
    pub(crate) fn is_due(&self, plan: &Plan, now_ms: i64) -> bool {
        let (least, most) = PERIOD_MS;
        // At first, when nothing is known, as often as possible.
        let is_new = self.expected.weight() < 0.5;
        let period = if is_new { least } else { plan.length_ms() * PERIOD_SHARE };
        now_ms < self.at_ms || (now_ms - self.at_ms) as f64 >= period.clamp(least, most)
    }

    /// Learns from what was `seen` by `now_ms` and computes the share from here on.
    pub(crate) fn advance(
        &mut self,
        plan: &Plan,
        expected: &Expected<'_>,
        now_ms: i64,
        seen: Seen,
    ) {
        let passed = now_ms - self.at_ms;
        if passed > 0 && seen.entered >= self.last.entered && seen.won >= self.last.won {
            self.learn(plan, expected, now_ms, &seen);
        }
        (self.at_ms, self.last) = (now_ms, seen);
        self.share = self.next(plan, expected);
    }

    fn learn(&mut self, plan: &Plan, expected: &Expected<'_>, now_ms: i64, seen: &Seen) {
        let passed = (now_ms - self.at_ms) as f64;
        let window = (plan.length_ms() * WINDOW_SHARE).min(MAX_WINDOW_MS);
        let entered = (seen.entered - self.last.entered) as f64;
        let won = (seen.won - self.last.won) as f64;
        let from = self.at_ms.max(plan.starts_ms);
        if expected.traffic.between(from, now_ms) > 0.0 || entered > 0.0 {
            self.entered.add(entered / passed, passed, window);
            self.expected.add(
                expected.traffic.between(self.at_ms, now_ms) / passed,
                passed,
                window,
            );
        }
        self.claimed.add(entered * self.share / passed, passed, window);
        self.won.add(won / passed, passed, window);
        // What was delivered or is outstanding, of what was won: by slots, so that quiet times teach little.
        let delivered =
            seen.delivered - self.last.delivered + seen.outstanding - self.last.outstanding;
        if won > 0.0 {
            self.worth.add((delivered / won).max(0.0), won, 20.0 * PRIOR);
        }
    }

    fn next(&self, plan: &Plan, expected: &Expected<'_>) -> f64 {
        let left = plan.goal - self.last.delivered - self.last.outstanding;
        if self.at_ms < plan.starts_ms || left <= 0.0 {
            return 0.0;
        }
        if self.at_ms >= plan.ends_ms {
            return if plan.soft_end { 1.0 } else { 0.0 };
        }
        let Some(level) = self.level() else { return 0.0 };
        let (least, most) = PERIOD_MS;
        let period = (plan.length_ms() * PERIOD_SHARE).clamp(least, most);
        let horizon = (plan.length_ms() * HORIZON_SHARE).min(MAX_HORIZON_MS).max(2.0 * period);
        #[expect(clippy::cast_possible_truncation, reason = "at most half an hour")]
        let horizon_ms = horizon as i64;
        let until = (self.at_ms + horizon_ms).min(plan.ends_ms);
        let due = plan.goal * plan.due(expected, until);
        let amount = (due - self.last.delivered - self.last.outstanding).max(0.0);
        let slots = level * expected.traffic.between(self.at_ms, until);
        let worth = self.worth.value().max(f64::MIN_POSITIVE);
        let wanted = amount / worth / slots;
        let share = wanted / self.got(plan);
        if share.is_nan() { 1.0 } else { share.clamp(0.0, 1.0) }
    }

    /// How much of its share it gets: others come first, and reservations are lost.
    fn got(&self, plan: &Plan) -> f64 {
        let prior = PRIOR / (plan.length_ms() * WINDOW_SHARE).min(MAX_WINDOW_MS);
        let got = (self.won.value() + prior) / (self.claimed.value() + prior);
        got.clamp(LEAST_GOT, 1.0)
    }
}
