//! Counts decisions by arm while a canary runs.

use crate::delivery::Delivery;
use crate::delivery::decide::PageDecision;
use crate::domain::event::NoFill;
use crate::world::canary_arms::ArmDecision;
use crate::world::live::Live;
use std::time::Instant;

impl Delivery {
    /// Counts a decision that began then, except a test and one that reserves nothing.
    pub(super) fn count_arm(&self, live: &Live, decided: &PageDecision, began: Option<Instant>) {
        let (Some(canary), Some(began)) = (&live.canary, began) else { return };
        if decided.test || decided.idle {
            return;
        }
        let slots = &decided.slots;
        let filled = slots.iter().filter(|slot| slot.result.is_ok()).count() as u64;
        let empty = slots.len() as u64 - filled;
        self.parts.metrics.count_canary_slots(decided.is_canary, filled, empty);
        canary.arms.count(
            decided.is_canary,
            &ArmDecision {
                slots: slots.len() as u64,
                filled,
                lost_reservation: slots
                    .iter()
                    .any(|slot| slot.masked.iter().any(|mask| mask.is_lost())),
                subject_conflict: slots
                    .iter()
                    .any(|slot| matches!(slot.result, Err(NoFill::SubjectConflict))),
                took: began.elapsed(),
            },
        );
    }
}
