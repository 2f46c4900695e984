//! How evenly a publisher's impressions arrive: people come in fits and starts, a clockwork does not.

use std::collections::HashMap;
use std::mem;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// How long gaps are measured together, in milliseconds: a clockwork that runs for an hour shows,
/// and the hours before do not hide it.
pub const SPAN_MS: i64 = 3_600_000;

/// The most publishers that are measured; those that come after are not.
const MOST: usize = 10_000;

/// The gaps between arrivals, in milliseconds: count, mean and sum of squared distances from it.
///
/// Welford's online algorithm: B. P. Welford, "Note on a Method for Calculating Corrected Sums of
/// Squares and Products", Technometrics 4 (1962).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gaps {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Gaps {
    /// Adds one.
    pub fn add(&mut self, gap_ms: f64) {
        self.count += 1;
        let before = gap_ms - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (gap_ms - self.mean);
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Standard deviation over mean: 0 for a clockwork, 1 where arrivals know nothing of each other
    /// (a Poisson process). `None` where there is no mean to divide by.
    pub fn variation(&self) -> Option<f64> {
        let enough = self.count > 1 && self.mean > 0.0;
        enough.then(|| (self.squares / (self.count - 1) as f64).sqrt() / self.mean)
    }
}

/// The gaps of every publisher, of this span and the last that was whole. Nothing of a reader.
#[derive(Debug, Default)]
pub struct Arrivals {
    publishers: Mutex<HashMap<Box<str>, Spans>>,
}

#[derive(Clone, Copy, Debug)]
struct Spans {
    began_ms: i64,
    last_ms: i64,
    now: Gaps,
    before: Gaps,
}

impl Arrivals {
    /// Notes an impression at `now_ms`, unix milliseconds.
    pub fn note(&self, publisher: &str, now_ms: i64) {
        let mut publishers = self.lock();
        if let Some(spans) = publishers.get_mut(publisher) {
            spans.note(now_ms);
        } else if publishers.len() < MOST {
            let gaps = Gaps::default();
            let spans = Spans { began_ms: now_ms, last_ms: now_ms, now: gaps, before: gaps };
            publishers.insert(publisher.into(), spans);
        }
    }

    /// Each publisher with its gaps: those of the last whole span, and those of this one.
    pub fn all(&self) -> Vec<(Box<str>, [Gaps; 2])> {
        let publishers = self.lock();
        publishers.iter().map(|(id, spans)| (id.clone(), [spans.before, spans.now])).collect()
    }

    /// The map holds plain numbers: whatever a panic left is a valid state.
    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Spans>> {
        self.publishers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spans {
    fn note(&mut self, now_ms: i64) {
        // A clock that steps back makes no gap.
        self.now.add((now_ms - self.last_ms).max(0) as f64);
        self.last_ms = now_ms;
        if now_ms - self.began_ms >= SPAN_MS {
            self.began_ms = now_ms;
            self.before = mem::take(&mut self.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_clockwork_has_no_variation_and_chance_has_one() {
        let (mut clockwork, mut chance) = (Gaps::default(), Gaps::default());
        for number in 0..10_000_u32 {
            clockwork.add(250.0);
            // Quantiles of the exponential distribution: the gaps of a Poisson process.
            chance.add(-((f64::from(number) + 0.5) / 10_000.0).ln() * 250.0);
        }
        assert_eq!(clockwork.variation(), Some(0.0));
        assert!((chance.variation().unwrap() - 1.0).abs() < 0.01, "{:?}", chance.variation());
        assert_eq!(Gaps::default().variation(), None);
    }

    #[test]
    fn a_clockwork_of_an_hour_is_not_hidden_by_what_came_before() {
        let (arrivals, mut now_ms) = (Arrivals::default(), 1_790_000_000_000);
        for number in 0..500 {
            arrivals.note("site", now_ms);
            now_ms += if number % 7 == 0 { 90_000 } else { 100 };
        }
        for _ in 0..3 * 3_600 {
            arrivals.note("site", now_ms);
            now_ms += 1_000;
        }
        let [(_, [before, now])] = arrivals.all().try_into().unwrap();
        assert_eq!((before.variation(), now.variation()), (Some(0.0), Some(0.0)));
        assert!(before.count() >= 3_600);
    }

    #[test]
    fn no_number_of_publishers_takes_more_than_its_room() {
        let arrivals = Arrivals::default();
        for number in 0..MOST + 100 {
            arrivals.note(&format!("site-{number}"), 0);
        }
        assert_eq!(arrivals.all().len(), MOST);
    }

    proptest! {
        #[test]
        fn one_pass_finds_what_two_passes_find(gaps in prop::collection::vec(1_u32..10_000_000, 2..300)) {
            let mut online = Gaps::default();
            gaps.iter().for_each(|gap| online.add(f64::from(*gap)));
            let mean = gaps.iter().map(|gap| f64::from(*gap)).sum::<f64>() / gaps.len() as f64;
            let squares: f64 = gaps.iter().map(|gap| (f64::from(*gap) - mean).powi(2)).sum();
            let expected = (squares / (gaps.len() - 1) as f64).sqrt() / mean;
            prop_assert!((online.variation().unwrap() - expected).abs() <= 1e-9 * expected.max(1.0));
        }
    }
}
