//! Click rates by hierarchical shrinkage: all creatives → one creative → that creative on a group of topics → on
//! one topic. Each level starts from the estimate of the level above it, which has none of its own counts, and
//! trusts that estimate as far as it has counts itself.

/// Impressions that the rate of all creatives is worth in the estimate of one.
const ABOVE_CREATIVE: f64 = 300.0;

/// Impressions that the expected click rate is worth in the rate of all creatives.
const ABOVE_ALL: f64 = 1_000.0;

/// Rates between which every estimate is, so that each has a spread.
const RATES: std::ops::RangeInclusive<f64> = 1e-6..=0.5;

/// Impressions and clicks. Older ones count less, so they are no integers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) impressions: f64,
    pub(crate) clicks: f64,
}

impl Counts {
    /// These counts without some of them.
    pub(crate) fn without(self, part: Counts) -> Counts {
        Counts {
            impressions: (self.impressions - part.impressions).max(0.0),
            clicks: (self.clicks - part.clicks).max(0.0),
        }
    }

    pub(crate) fn add(&mut self, other: Counts) {
        self.impressions += other.impressions;
        self.clicks += other.clicks;
    }

    /// At most one click for each impression: the impressions of some clicks may not have come yet.
    fn plausible(self) -> Counts {
        Counts { impressions: self.impressions, clicks: self.clicks.min(self.impressions) }
    }
}

/// A click rate, and how many impressions the knowledge of it is worth: the mean of a Beta distribution and the
/// sum of its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) rate: f64,
    pub(crate) strength: f64,
}

/// How far a level trusts the level above it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shrinkage {
    /// Impressions that a known rate above is worth.
    strength: f64,
}

/// The rate of all creatives, without one of them, given the click rate to expect without any counts.
pub(crate) fn of_all(all: Counts, one: Counts, expected: f64) -> f64 {
    let Counts { impressions, clicks } = all.without(one).plausible();
    within((clicks + ABOVE_ALL * within(expected)) / (impressions + ABOVE_ALL))
}

/// The estimate of a creative from its counts and the rate of all others.
pub(crate) fn of_creative(of_all: f64, counts: Counts) -> Estimate {
    updated(Estimate { rate: of_all, strength: ABOVE_CREATIVE }, counts)
}

impl Shrinkage {
    /// For click rates around `rate` that differ by `cv` (standard deviation over mean) below one level.
    pub(crate) fn new(rate: f64, cv: f64) -> Shrinkage {
        let rate = within(rate);
        Shrinkage { strength: (1.0 - rate) / (rate * cv * cv) }
    }

    /// The estimate one level below `above`, from the counts there. Strengths add up like parallel resistors: the
    /// estimate above is worth no more than its own strength, and no more than siblings are alike.
    pub(crate) fn below(self, above: Estimate, counts: Counts) -> Estimate {
        let strength = 1.0 / (1.0 / self.strength + 1.0 / above.strength);
        updated(Estimate { rate: above.rate, strength }, counts)
    }
}

fn updated(prior: Estimate, counts: Counts) -> Estimate {
    let Counts { impressions, clicks } = counts.plausible();
    let strength = prior.strength + impressions;
    Estimate { rate: within((clicks + prior.strength * prior.rate) / strength), strength }
}

fn within(rate: f64) -> f64 {
    if rate.is_nan() { *RATES.start() } else { rate.clamp(*RATES.start(), *RATES.end()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(impressions: f64, clicks: f64) -> Counts {
        Counts { impressions, clicks }
    }

    #[test]
    fn the_formulas_of_three_levels_give_these_figures() {
        let rate = of_all(counts(99_000.0, 396.0), counts(0.0, 0.0), 0.004);
        assert!((rate - 0.004).abs() < 1e-12, "{rate}");
        let shrinkage = Shrinkage::new(rate, 0.35);
        assert!((shrinkage.strength - 2_032.65).abs() < 0.01, "{}", shrinkage.strength);

        let creative = of_creative(rate, counts(1_700.0, 13.8));
        assert_eq!(creative, Estimate { rate: (13.8 + 1.2) / 2_000.0, strength: 2_000.0 });
        let group = shrinkage.below(creative, counts(0.0, 0.0));
        assert!((group.strength - 1_008.1).abs() < 0.1 && group.rate == creative.rate, "{group:?}");
        let topic = shrinkage.below(group, counts(1_000.0, 2.0));
        let strength = 1.0 / (1.0 / 2_032.65 + 1.0 / group.strength);
        assert!((topic.strength - strength - 1_000.0).abs() < 0.1, "{topic:?}");
        let rate = (2.0 + strength * 0.0075) / (1_000.0 + strength);
        assert!((topic.rate - rate).abs() < 1e-6, "{topic:?}");
    }

    #[test]
    fn a_level_without_counts_is_never_surer_than_the_one_above_it() {
        let nothing = of_creative(0.004, Counts::default());
        let below = Shrinkage::new(0.004, 0.35).below(nothing, Counts::default());
        assert!(below.strength < nothing.strength && below.rate == nothing.rate);
    }

    proptest! {
        #[test]
        fn every_estimate_is_a_rate_with_a_strength(
            all in (0f64..1e12, 0f64..1e12), own in (0f64..1e12, 0f64..1e12), expected in 0f64..1.0, cv in 0.05f64..2.0,
        ) {
            let (all, own) = (counts(all.0, all.1), counts(own.0, own.1));
            let rate = of_all(all, own, expected);
            let creative = of_creative(rate, own);
            let topic = Shrinkage::new(rate, cv).below(creative, own);
            for one in [creative, topic] {
                prop_assert!(RATES.contains(&one.rate) && one.strength > 0.0 && one.strength.is_finite(), "{one:?}");
            }
        }
    }

    #[test]
    fn nothing_at_all_and_nonsense_give_the_smallest_rate() {
        assert_eq!(of_all(Counts::default(), Counts::default(), f64::NAN), *RATES.start());
        assert_eq!(of_creative(f64::NAN, counts(0.0, 5.0)).rate, *RATES.start());
    }
}
