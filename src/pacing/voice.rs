//! Which part of the slots that a flight may have it is to be drawn for, so that it wins its share of them.
//!
//! Of a slot that a flight may have, others with a share of it may take theirs first. What is missing
//! is made up for in the next slots, so that the share holds over time and not in each draw.

use crate::pacing::average::Average;

/// Time over which slots are averaged, in milliseconds.
const WINDOW_MS: f64 = 60_000.0;

/// Time in which what is missing is made up for, in milliseconds, and at least this many slots.
const HORIZON_MS: f64 = 5_000.0;
const LEAST_SLOTS: f64 = 50.0;

/// Time after which what was missed or won too often is forgotten by a factor of e, in milliseconds: what was
/// missed in a week without a chance is not to be made up for in an hour.
const MEMORY_MS: f64 = 86_400_000.0;

/// Slots' worth of trust in that a flight gets what it is drawn for.
const PRIOR: f64 = 20.0;

/// The least part of what it is drawn for that a flight is assumed to get.
const LEAST_GOT: f64 = 0.1;

/// What is remembered of a flight with a share of voice.
#[derive(Clone, Debug)]
pub(crate) struct Voice {
    at_ms: i64,
    /// Slots entered and won, counted from any moment.
    last: (u64, u64),
    /// The same since it began, as far as it is remembered.
    entered: f64,
    won: f64,
    /// Slots entered, claimed by the part in force, and won, in a millisecond.
    rates: [Average; 3],
    part: f64,
}

impl Voice {
    /// Begins at `at_ms` with the slots that were entered and won until then.
    pub(crate) fn new(at_ms: i64, last: (u64, u64), share: f64) -> Voice {
        let rates = [Average::default(); 3];
        Voice { at_ms, last, entered: 0.0, won: 0.0, rates, part: share }
    }

    /// The part of its slots that it is to be drawn for.
    pub(crate) fn part(&self) -> f64 {
        self.part
    }

    /// The slots that it may expect in a time, in milliseconds; `None` before any came.
    pub(crate) fn supply(&self, length_ms: f64) -> Option<f64> {
        let rate = self.rates[0].value();
        (rate > 0.0).then_some(rate * length_ms)
    }

    /// Learns from the slots until `now_ms` and computes the part from here on.
    pub(crate) fn advance(&mut self, share: f64, now_ms: i64, (entered, won): (u64, u64)) {
        let passed = (now_ms - self.at_ms) as f64;
        let is_known = passed > 0.0 && entered >= self.last.0 && won >= self.last.1;
        let (more, won_now) = match is_known {
            true => ((entered - self.last.0) as f64, (won - self.last.1) as f64),
            false => (0.0, 0.0),
        };
        if is_known {
            let kept = (-passed / MEMORY_MS).exp();
            self.entered = self.entered * kept + more;
            self.won = self.won * kept + won_now;
            for (rate, slots) in self.rates.iter_mut().zip([more, more * self.part, won_now]) {
                rate.add(slots / passed, passed, WINDOW_MS);
            }
        }
        (self.at_ms, self.last) = (now_ms, (entered, won));
        let [rate, claimed, got] = self.rates.map(|rate| rate.value());
        let ahead = (rate * HORIZON_MS).max(LEAST_SLOTS);
        let wanted = share + (share * self.entered - self.won) / ahead;
        let prior = PRIOR / WINDOW_MS;
        let got = ((got + prior) / (claimed + prior)).clamp(LEAST_GOT, 1.0);
        self.part = if share >= 1.0 { 1.0 } else { (wanted / got).clamp(0.0, 1.0) };
    }
}
