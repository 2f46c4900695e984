//! How regularly a publisher's impressions arrive: human traffic is bursty, scripted traffic is often
//! evenly spaced.

use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Length of a measurement window, in milliseconds: an hour of regular arrivals is detected, whatever
/// came before.
const WINDOW_MS: i64 = 3_600_000;

/// The maximum number of publishers measured; later ones are ignored.
const MAX_PUBLISHERS: usize = 10_000;

/// Statistics of the gaps between arrivals, in milliseconds: count, mean, sum of squared deviations.
///
/// Welford's online algorithm: B. P. Welford, "Note on a Method for Calculating Corrected Sums of
/// Squares and Products", Technometrics 4 (1962).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct GapStats {
    count: u64,
    mean: f64,
    squares: f64,
}

impl GapStats {
    pub(crate) fn add(&mut self, gap_ms: f64) {
        self.count += 1;
        let before = gap_ms - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (gap_ms - self.mean);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Coefficient of variation (standard deviation over mean): 0 for evenly spaced arrivals, 1 for
    /// independent ones (a Poisson process). `None` with fewer than two gaps or a mean of 0.
    pub(crate) fn variation(&self) -> Option<f64> {
        let defined = self.count > 1 && self.mean > 0.0;
        defined.then(|| (self.squares / (self.count - 1) as f64).sqrt() / self.mean)
    }
}

/// The gaps of every publisher, for the current window and the last complete one. Holds no data about
/// readers.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    publishers: Mutex<HashMap<Box<str>, Windows>>,
}

#[derive(Clone, Copy, Debug)]
struct Windows {
    started_ms: i64,
    last_ms: i64,
    current: GapStats,
    previous: GapStats,
}

impl Arrivals {
    /// Records an impression at `now_ms`, in Unix milliseconds.
    pub(crate) fn record(&self, publisher: &str, now_ms: i64) {
        let mut publishers = self.lock();
        if let Some(windows) = publishers.get_mut(publisher) {
            windows.record(now_ms);
        } else if publishers.len() < MAX_PUBLISHERS {
            let gaps = GapStats::default();
            let windows =
                Windows { started_ms: now_ms, last_ms: now_ms, current: gaps, previous: gaps };
            publishers.insert(publisher.into(), windows);
        }
    }

    /// Each publisher with its gaps of the last complete window and of the current one.
    pub(crate) fn all(&self) -> Vec<(Box<str>, [GapStats; 2])> {
        let publishers = self.lock();
        publishers
            .iter()
            .map(|(id, windows)| (id.clone(), [windows.previous, windows.current]))
            .collect()
    }

    /// Ignores poisoning: the map holds plain numbers, so every state is valid.
    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Windows>> {
        self.publishers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Windows {
    fn record(&mut self, now_ms: i64) {
        // A clock that steps back counts as a gap of 0.
        self.current.add((now_ms - self.last_ms).max(0) as f64);
        self.last_ms = now_ms;
        if now_ms - self.started_ms >= WINDOW_MS {
            self.started_ms = now_ms;
            self.previous = mem::take(&mut self.current);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn even_gaps_have_variation_0_and_random_ones_1() {
        let (mut even, mut random) = (GapStats::default(), GapStats::default());
        for number in 0..10_000_u32 {
            even.add(250.0);
            // Quantiles of the exponential distribution: the gaps of a Poisson process.
            random.add(-((f64::from(number) + 0.5) / 10_000.0).ln() * 250.0);
        }
        assert_eq!(even.variation(), Some(0.0));
        assert!((random.variation().unwrap() - 1.0).abs() < 0.01, "{:?}", random.variation());
        assert_eq!(GapStats::default().variation(), None);
    }

    #[test]
    fn an_hour_of_even_gaps_is_detected_after_irregular_traffic() {
        let (arrivals, mut now_ms) = (Arrivals::default(), 1_790_000_000_000);
        for number in 0..500 {
            arrivals.record("site", now_ms);
            now_ms += if number % 7 == 0 { 90_000 } else { 100 };
        }
        for _ in 0..3 * 3_600 {
            arrivals.record("site", now_ms);
            now_ms += 1_000;
        }
        let [(_, [before, now])] = arrivals.all().try_into().unwrap();
        assert_eq!((before.variation(), now.variation()), (Some(0.0), Some(0.0)));
        assert!(before.count() >= 3_600);
    }

    #[test]
    fn the_number_of_measured_publishers_is_capped() {
        let arrivals = Arrivals::default();
        for number in 0..MAX_PUBLISHERS + 100 {
            arrivals.record(&format!("site-{number}"), 0);
        }
        assert_eq!(arrivals.all().len(), MAX_PUBLISHERS);
    }

    proptest! {
        #[test]
        fn the_online_algorithm_agrees_with_two_passes(gaps in prop::collection::vec(1_u32..10_000_000, 2..300)) {
            let mut online = GapStats::default();
            gaps.iter().for_each(|gap| online.add(f64::from(*gap)));
            let mean = gaps.iter().map(|gap| f64::from(*gap)).sum::<f64>() / gaps.len() as f64;
            let squares: f64 = gaps.iter().map(|gap| (f64::from(*gap) - mean).powi(2)).sum();
            let expected = (squares / (gaps.len() - 1) as f64).sqrt() / mean;
            prop_assert!((online.variation().unwrap() - expected).abs() <= 1e-9 * expected.max(1.0));
        }
    }
}
