//! The funnel as a document (JSON).

use crate::reporting::flight_state::{DeliveryStatus, FlightState};
use crate::reporting::funnel::{OwnedFlight, SlotCounts, main_reason};
use crate::reporting::recorded::Coverage;
use crate::reporting::report::Figures;
use crate::selection::slot_stage::SlotStage;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::ops::Range;

/// The stage of slots whose inventory did not have the flight.
const NOT_BOOKED: &str = "not_booked";

/// Why a flight is delivered as it is: what became of every slot that was asked for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct FlightFunnel {
    /// Flight id.
    pub(crate) flight: String,
    /// Campaign id.
    pub(crate) campaign: String,
    /// Advertiser id.
    pub(crate) advertiser: String,
    /// Start.
    pub(crate) from: String,
    /// End (exclusive).
    pub(crate) to: String,
    /// State now: the first obstacle, else how the delivery is going.
    pub(crate) status: DeliveryStatus,
    /// The state in words.
    pub(crate) state: String,
    /// What does not keep it from being chosen, such as a price text that has expired.
    pub(crate) remarks: Vec<String>,
    /// The main reason why it is not chosen, as a sentence; null without any slot.
    pub(crate) main_reason: Option<String>,
    /// Slots that were asked for, on all pages; bots and agents included, tests not.
    pub(crate) asked: u64,
    /// The stages that lost slots, in evaluation order. With `won` they add up to `asked`.
    pub(crate) stages: Vec<FunnelStage>,
    /// Slots that it won.
    pub(crate) won: u64,
    /// Of these, units that were sent to readers: without bots, agents and pages of other sites.
    pub(crate) served: u64,
    /// Counted impressions.
    pub(crate) shown: u64,
    /// Counted viewable impressions.
    pub(crate) viewable: u64,
    /// Whether counts of slots are rounded: below 100 to tens, else to two significant digits. They then do
    /// not add up.
    pub(crate) rounded: bool,
    /// Whether `asked`, the stages and `won` are of one instance of several, while `served`, `shown` and
    /// `viewable` are of all.
    pub(crate) one_of_several_instances: bool,
    /// What was read.
    pub(crate) coverage: Coverage,
}

/// A stage that lost slots.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct FunnelStage {
    /// Its name: `not_booked`, a filter stage as in explanations, `unfillable` or `draw`.
    pub(crate) stage: String,
    /// The reason as a sentence about the flight.
    pub(crate) reason: &'static str,
    /// Slots that were lost.
    pub(crate) removed: u64,
    /// Slots that are left after it.
    pub(crate) left: u64,
}

/// What a funnel is about.
pub(crate) struct Covers<'a> {
    pub(crate) times: &'a Range<i64>,
    /// Whether there are other instances.
    pub(crate) is_shared: bool,
}

impl FlightFunnel {
    /// The exact funnel, from the slots, what the ledger counted, and what was read.
    pub(super) fn new(
        (flight, state): (&OwnedFlight, FlightState),
        counts: SlotCounts,
        delivered: &Figures,
        (mut coverage, covers): (Coverage, Covers<'_>),
    ) -> FlightFunnel {
        let time = |ms: i64| Timestamp::from_millisecond(ms).unwrap_or_default().to_string();
        let SlotCounts { not_booked, stages } = counts;
        let asked = not_booked + stages.values().sum::<u64>();
        let mut left = asked;
        let mut stage = |name: &str, reason: &'static str, removed: u64| {
            left -= removed;
            FunnelStage { stage: name.to_owned(), reason, removed, left }
        };
        let mut losses = Vec::new();
        if not_booked > 0 {
            losses.push(stage(
                NOT_BOOKED,
                "it was not in the inventory yet, or not any more",
                not_booked,
            ));
        }
        for (lost, count) in stages.iter().filter(|(lost, _)| **lost != SlotStage::Won) {
            losses.push(stage(lost.as_str(), lost.sentence(), *count));
        }
        if covers.is_shared {
            coverage.notes.push(ONE_OF_SEVERAL.to_owned());
        }
        FlightFunnel {
            flight: flight.flight.id.to_string(),
            campaign: flight.flight.campaign.to_string(),
            advertiser: flight.advertiser.clone(),
            from: time(covers.times.start),
            to: time(covers.times.end),
            status: state.status,
            state: state.words,
            remarks: state.remarks,
            main_reason: main_reason(&stages),
            asked,
            stages: losses,
            won: stages.get(&SlotStage::Won).copied().unwrap_or_default(),
            served: delivered.filled,
            shown: delivered.impressions.net,
            viewable: delivered.viewable.net,
            rounded: false,
            one_of_several_instances: covers.is_shared,
            coverage,
        }
    }

    /// The same for its advertiser: what it lost to others is rounded, so that nothing about what they spend
    /// can be computed. What it won and delivered is its own.
    pub(super) fn rounded(mut self) -> FlightFunnel {
        self.asked = rounded(self.asked);
        for stage in &mut self.stages {
            (stage.removed, stage.left) = (rounded(stage.removed), rounded(stage.left));
        }
        self.stages.retain(|stage| stage.removed > 0);
        self.coverage.round(rounded);
        self.rounded = true;
        self
    }
}

const ONE_OF_SEVERAL: &str = "slots are those of this instance, which are in its own decision log: ask each of the \
     other instances for theirs; served, shown and viewable are of all instances";

/// Below 100 to tens, else to two significant digits.
fn rounded(count: u64) -> u64 {
    let digits = count.checked_ilog10().unwrap_or(0);
    let unit = 10u64.pow(digits.saturating_sub(1).max(1));
    count.saturating_add(unit / 2) / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_counts_are_rounded_to_tens_and_large_ones_to_two_digits() {
        let cases = [(0, 0), (4, 0), (5, 10), (14, 10), (95, 100), (149, 150), (1_234, 1_200)];
        for (exact, expected) in cases {
            assert_eq!(rounded(exact), expected, "{exact}");
        }
        assert_eq!(rounded(987_654), 990_000);
        assert_eq!(rounded(u64::MAX), u64::MAX / 10u64.pow(18) * 10u64.pow(18));
    }
}
