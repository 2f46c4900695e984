//! How sure a forecast is. Pure.
//!
//! What a flight finds is taken as log-normal around its forecast:
//! P(hit) = Φ(ln(available / goal) / σ), σ² = σ_backtest² + σ_sampling². The first part is the error of
//! forecasts of 7 days that are made from the recorded history itself, shrunk to 12 % with a weight of four
//! weeks (empirical Bayes: Efron and Morris, "Data analysis using Stein's estimator", 1975). In 1,500
//! simulated worlds the two together are calibrated, and σ from counts alone (Poisson) is far too sure of
//! itself: see `calibration`.

/// The usual error of a forecast made from four weeks, as a standard deviation of its logarithm.
const USUAL: f64 = 0.12;
/// How many weeks of backtests it counts as much as.
const USUAL_WEEKS: f64 = 4.0;
/// Days of a full history.
const FULL_DAYS: f64 = 28.0;
/// Days of a backtest.
const TESTED: usize = 7;
/// The least days with decisions that a backtest is made from, and that it is compared with.
const LEAST_DAYS: usize = 4;

/// From this probability on, a goal can be promised.
pub(super) const SAFE: f64 = 0.9;
/// From this probability on, a goal may be promised with a warning.
pub(super) const RISKY: f64 = 0.6;
/// Φ(Z90) = 0.9.
pub(super) const Z90: f64 = 1.281_551_565_5;

/// What was found on a day of the history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Day {
    /// From 0, Monday.
    pub(super) weekday: usize,
    /// The supply; `None` if the day is missing or not whole.
    pub(super) supply: Option<f64>,
}

/// The spread of a forecast, as standard deviations of its logarithm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    /// Of the backtests, shrunk to what is usual.
    pub(super) backtest: f64,
    /// Weeks that were forecast and compared with what came.
    pub(super) weeks: f64,
    /// Of the counts themselves and of the sample of them.
    pub(super) sampling: f64,
}

impl Spread {
    /// From the days of the history, in order, and the sample's weights: their sum, and that of their squares.
    pub(super) fn of(days: &[Day], (sum, squares): (f64, f64)) -> Spread {
        let known = days.iter().filter(|day| day.supply.is_some()).count() as f64;
        // With less history the level is known less well; with less than a week, weekdays are not known.
        let less = FULL_DAYS / known.clamp(1.0, FULL_DAYS);
        let usual = USUAL * USUAL * if known >= TESTED as f64 { less.sqrt() } else { less };
        let (error, weeks) = backtest(days);
        let backtest = (USUAL_WEEKS * usual + weeks * error) / (USUAL_WEEKS + weeks);
        let sampling = if sum > 0.0 { squares / (sum * sum) } else { 1.0 };
        Spread { backtest: backtest.sqrt(), weeks, sampling: sampling.sqrt() }
    }

    /// Both together.
    pub(super) fn sigma(&self) -> f64 {
        (self.backtest * self.backtest + self.sampling * self.sampling).sqrt()
    }
}

/// The mean square error of the logarithms of 7-day forecasts, each made from the days before it, and how
/// many weeks were compared.
fn backtest(days: &[Day]) -> (f64, f64) {
    let mut errors = Vec::new();
    for origin in TESTED..(days.len() + 1).saturating_sub(TESTED) {
        let (before, after) = (&days[..origin], &days[origin..origin + TESTED]);
        let known = |days: &[Day]| days.iter().filter(|day| day.supply.is_some()).count();
        if known(before) < LEAST_DAYS || known(after) < LEAST_DAYS {
            continue;
        }
        let came: f64 = after.iter().filter_map(|day| day.supply).sum();
        let compared = after.iter().filter(|day| day.supply.is_some());
        let expected: f64 = compared.map(|day| usual_day(before, day.weekday)).sum();
        let error = ((came + 0.5) / (expected + 0.5)).ln();
        errors.push(error * error);
    }
    let tests = errors.len() as f64;
    if errors.is_empty() {
        return (0.0, 0.0);
    }
    // Tests of neighbouring days share most of their days.
    let weeks = (tests + TESTED as f64 - 1.0) / TESTED as f64;
    (errors.iter().sum::<f64>() / tests, weeks)
}

/// The mean of the same weekday, or of all days if it is not among them.
fn usual_day(days: &[Day], weekday: usize) -> f64 {
    let mean = |is_meant: &dyn Fn(&Day) -> bool| {
        let of = days.iter().filter(|day| is_meant(day)).filter_map(|day| day.supply);
        let (sum, count) = of.fold((0.0, 0.0), |(sum, count), one| (sum + one, count + 1.0));
        (count > 0.0).then(|| sum / count)
    };
    mean(&|day| day.weekday == weekday).or_else(|| mean(&|_| true)).unwrap_or_default()
}

/// Φ, the standard normal distribution: error below 2e-7 (Abramowitz and Stegun 1964, 7.1.26).
pub(super) fn normal(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs() / std::f64::consts::SQRT_2);
    let poly = 1.061_405_429f64
        .mul_add(t, -1.453_152_027)
        .mul_add(t, 1.421_413_741)
        .mul_add(t, -0.284_496_736)
        .mul_add(t, 0.254_829_592)
        * t;
    let tail = 0.5 * poly * (-x * x / 2.0).exp();
    if x > 0.0 { 1.0 - tail } else { tail }
}

/// P(what is available reaches the goal).
pub(super) fn p_hit(available: f64, goal: f64, sigma: f64) -> f64 {
    if available <= 0.0 {
        return 0.0;
    }
    normal((available / goal.max(f64::MIN_POSITIVE)).ln() / sigma.max(1e-6))
}

/// The amount that is exceeded with a probability of `1 - Φ(z)`.
pub(super) fn quantile(median: f64, z: f64, sigma: f64) -> f64 {
    median * (z * sigma).exp()
}

/// E[min(X, goal)] of a log-normal X with this median.
pub(super) fn expected_up_to(median: f64, goal: f64, sigma: f64) -> f64 {
    if median <= 0.0 {
        return 0.0;
    }
    let sigma = sigma.max(1e-6);
    let z = (goal / median).ln() / sigma;
    let below = median * (sigma * sigma / 2.0).exp() * normal(z - sigma);
    (below + goal * normal(-z)).min(goal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(count: usize, supply: impl Fn(usize) -> Option<f64>) -> Vec<Day> {
        (0..count).map(|at| Day { weekday: at % 7, supply: supply(at) }).collect()
    }

    #[test]
    fn the_normal_distribution_has_its_known_values() {
        for (x, p) in
            [(0.0, 0.5), (1.0, 0.841_344_7), (-1.0, 0.158_655_3), (Z90, 0.9), (4.0, 0.999_968_3)]
        {
            assert!((normal(x) - p).abs() < 3e-7, "{x}: {} {p}", normal(x));
        }
    }

    #[test]
    fn a_history_that_repeats_each_week_is_surer_than_usual_and_a_wild_one_less() {
        let weekly =
            Spread::of(&days(28, |at| Some(1_000.0 + 100.0 * (at % 7) as f64)), (1e6, 1e6));
        assert_eq!(weekly.weeks, 3.0);
        let usual = (USUAL_WEEKS * USUAL * USUAL / (USUAL_WEEKS + 3.0)).sqrt();
        assert!((weekly.backtest - usual).abs() < 1e-6, "{weekly:?}");
        let wild = Spread::of(
            &days(28, |at| Some(if at / 7 % 2 == 0 { 100.0 } else { 900.0 })),
            (1e6, 1e6),
        );
        assert!(wild.backtest > 0.4, "{wild:?}");
    }

    #[test]
    fn less_than_a_week_and_few_counts_are_less_sure() {
        let of = |count: usize, counts: f64| {
            Spread::of(&days(count, |_| Some(9.0)), (counts, counts)).sigma()
        };
        assert!((of(3, 1e9) - USUAL * (28.0f64 / 3.0).sqrt()).abs() < 1e-3);
        assert!(of(28, 1e9) < of(10, 1e9) && of(10, 1e9) < of(3, 1e9));
        assert!((of(28, 25.0).powi(2) - of(28, 1e18).powi(2) - 0.04).abs() < 1e-9);
        // A sample of one in twenty of a thousand counts is as good as fifty counts.
        let sampled = Spread::of(&days(28, |_| Some(9.0)), (1_000.0, 20_000.0));
        assert!((sampled.sampling - 0.02f64.sqrt()).abs() < 1e-9);
    }

    #[test]
    fn missing_days_are_not_zeros() {
        let hole = days(28, |at| (!(9..13).contains(&at)).then_some(500.0));
        let (error, weeks) = backtest(&hole);
        assert!(error < 1e-12 && weeks > 2.0, "{error} {weeks}");
    }

    #[test]
    fn a_goal_at_the_forecast_is_even_odds_and_the_expected_delivery_stays_below_it() {
        assert!((p_hit(500.0, 500.0, 0.2) - 0.5).abs() < 1e-6);
        assert_eq!(p_hit(0.0, 500.0, 0.2), 0.0);
        assert!((p_hit(quantile(500.0, Z90, 0.2), 500.0, 0.2) - SAFE).abs() < 1e-6);
        let expected = expected_up_to(500.0, 500.0, 0.2);
        assert!(expected > 440.0 && expected < 500.0, "{expected}");
        assert!((expected_up_to(500.0, 1e9, 0.2) - 500.0 * 0.02f64.exp()).abs() < 1e-3);
        assert_eq!(expected_up_to(1e9, 500.0, 0.2), 500.0);
    }
}
