//! Judges a canary: whether its requests do worse than the others by more than the limits, and by more than chance.

use crate::config::canary_settings::CanarySettings;
use crate::world::canary_arms::ArmTotals;

/// Decisions of each arm before anything is judged: below, the normal distribution is no approximation.
const LEAST: u64 = 50;

string_enum! {
    /// What a canary does worse.
    Guardrail {
        /// Filled slots.
        Fill = "fill",
        /// Clicks per impression.
        ClickRate = "click_rate",
        /// How long decisions take.
        P99 = "p99",
        /// Failed reservations.
        LostReservations = "lost_reservations",
        /// Slots that are empty because of a subject conflict.
        SubjectConflicts = "subject_conflicts",
    }
}

/// A guardrail that a canary broke, with the figures.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Breach {
    pub(crate) guardrail: Guardrail,
    pub(crate) text: String,
}

/// Hits among tries.
#[derive(Clone, Copy)]
struct Part {
    hits: u64,
    of: u64,
}

impl Part {
    fn rate(self) -> f64 {
        self.hits as f64 / self.of.max(1) as f64
    }

    /// How many standard errors `other` is above this one, if both have the same probability.
    fn below(self, other: Part) -> f64 {
        if self.of < LEAST || other.of < LEAST {
            return 0.0;
        }
        let pooled = (self.hits + other.hits) as f64 / (self.of + other.of) as f64;
        let variance = pooled * (1.0 - pooled) * (1.0 / self.of as f64 + 1.0 / other.of as f64);
        if variance <= 0.0 { 0.0 } else { (other.rate() - self.rate()) / variance.sqrt() }
    }
}

fn percent(rate: f64) -> String {
    format!("{:.2} %", rate * 100.0)
}

/// What the canary does worse than the others.
pub(crate) fn breaches(
    served: &ArmTotals,
    canary: &ArmTotals,
    limits: &CanarySettings,
) -> Vec<Breach> {
    let mut found = Vec::new();
    let fill = |arm: &ArmTotals| Part { hits: arm.filled, of: arm.slots };
    let clicks =
        |arm: &ArmTotals| Part { hits: arm.clicks.min(arm.impressions), of: arm.impressions };
    let lost = |arm: &ArmTotals| Part { hits: arm.lost, of: arm.decisions };
    let conflicts = |arm: &ArmTotals| Part { hits: arm.conflicts, of: arm.decisions };
    let is_sure = |errors: f64| errors > limits.standard_errors;

    let (own, other) = (fill(canary), fill(served));
    let points = 100.0 * (other.rate() - own.rate());
    if points > limits.fill_points && is_sure(own.below(other)) {
        let text = format!(
            "fill {} instead of {}, in {} and {} slots",
            percent(own.rate()),
            percent(other.rate()),
            own.of,
            other.of
        );
        found.push(Breach { guardrail: Guardrail::Fill, text });
    }
    let (own, other) = (clicks(canary), clicks(served));
    let lower = 100.0 * (1.0 - own.rate() / other.rate().max(f64::MIN_POSITIVE));
    if lower > limits.click_rate_percent && is_sure(own.below(other)) {
        let text = format!(
            "click rate {} instead of {}, in {} and {} impressions",
            percent(own.rate()),
            percent(other.rate()),
            own.of,
            other.of
        );
        found.push(Breach { guardrail: Guardrail::ClickRate, text });
    }
    let bound = served.p99_micros() as f64 * limits.p99_factor;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "microseconds")]
    let bound = bound as u64;
    let slow = |arm: &ArmTotals| Part { hits: arm.slower_than(bound), of: arm.decisions };
    let (own, other) = (slow(canary), slow(served));
    if own.rate() > 0.01 && is_sure(other.below(own)) {
        let text = format!(
            "p99 {} µs instead of {} µs, in {} and {} decisions",
            canary.p99_micros(),
            served.p99_micros(),
            own.of,
            other.of
        );
        found.push(Breach { guardrail: Guardrail::P99, text });
    }
    let more = [
        (Guardrail::LostReservations, lost(canary), lost(served), limits.lost_points),
        (Guardrail::SubjectConflicts, conflicts(canary), conflicts(served), limits.conflict_points),
    ];
    for (guardrail, own, other, limit) in more {
        let points = 100.0 * (own.rate() - other.rate());
        if points > limit && is_sure(other.below(own)) {
            let what = match guardrail {
                Guardrail::LostReservations => "failed reservations",
                _ => "subject conflicts",
            };
            let text = format!(
                "{what} in {} instead of {} of {} and {} decisions",
                percent(own.rate()),
                percent(other.rate()),
                own.of,
                other.of
            );
            found.push(Breach { guardrail, text });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::canary_arms::tests::totals;

    fn found(served: &ArmTotals, canary: &ArmTotals) -> Vec<Guardrail> {
        let found = breaches(served, canary, &CanarySettings::default());
        found.into_iter().map(|one| one.guardrail).collect()
    }

    #[test]
    fn a_canary_that_does_as_well_breaks_nothing_and_neither_does_a_difference_by_chance() {
        let served = totals(10_000, 9_000, &[50, 60]);
        assert_eq!(found(&served, &totals(100, 90, &[50, 60])), []);
        assert_eq!(found(&served, &totals(1_000, 880, &[50, 60])), [], "two points less");
        assert_eq!(found(&served, &totals(100, 84, &[50, 60])), [], "six points less of 100");
        assert_eq!(found(&served, &totals(20, 0, &[50])), [], "too few");
        assert_eq!(found(&ArmTotals::default(), &served), []);
    }

    #[test]
    fn what_is_worse_by_more_than_the_limit_and_chance_is_named_with_its_figures() {
        let served = totals(10_000, 9_000, &[50, 60]);
        let bad = totals(200, 100, &[50, 60]);
        assert_eq!(found(&served, &bad), [Guardrail::Fill]);
        let text = &breaches(&served, &bad, &CanarySettings::default())[0].text;
        assert_eq!(text, "fill 50.00 % instead of 90.00 %, in 200 and 10000 slots");
        assert_eq!(found(&served, &totals(1_000, 900, &[50, 400])), [Guardrail::P99]);
        let with = |clicks, lost, conflicts| ArmTotals {
            impressions: 5_000,
            clicks,
            lost,
            conflicts,
            ..totals(5_000, 4_500, &[50, 60])
        };
        assert_eq!(found(&with(100, 10, 10), &with(90, 12, 8)), []);
        assert_eq!(found(&with(100, 10, 10), &with(30, 10, 10)), [Guardrail::ClickRate]);
        let expected = [Guardrail::LostReservations, Guardrail::SubjectConflicts];
        assert_eq!(found(&with(100, 10, 10), &with(100, 200, 200)), expected);
    }
}
