//! Shared code that turns a decision into another protocol's response.

use crate::delivery::Delivery;
use crate::delivery::decide::{PageDecision, Rejection};
use crate::delivery::rendered_unit::RenderedUnit;
use crate::domain::event::NoFill;
use crate::http::public::ignored;
use crate::http::public::ignored::IGNORED;
use crate::selection::choose::Winner;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder};
use bumpalo::Bump;
use hashbrown::HashMap;
use std::cell::RefCell;

/// No-fill reasons: the decision's own, or the protocol's when it rejected the unit.
pub(crate) const NO_FILL_HEADER: &str = "Adjacent-No-Fill";

/// A rendered unit with its choice, or the no-fill reason.
pub(crate) type SlotResult<'d> = Result<(RenderedUnit<'d>, &'d Winner), NoFill>;

/// Why the caller rejected a unit.
#[derive(Clone, Copy)]
pub(crate) struct Rejected {
    /// The reason.
    pub(crate) why: &'static str,
    /// How many of the caller's checks the unit passed before.
    pub(crate) passed: usize,
    /// What is rejected of it.
    pub(crate) rejection: Rejection,
}

/// Per slot, the most useful reason for which the caller rejected a unit: that of the unit that passed
/// the most checks, and of several such units the one of the highest rank, which was drawn first. The
/// no-fill reason if no other unit is left.
#[derive(Default)]
pub(crate) struct Rejections(RefCell<HashMap<String, Furthest>>);

/// How far a slot's units came in the caller's checks.
#[derive(Clone, Copy)]
enum Furthest {
    Rejected(Rejected),
    /// One passed all of them, so its budget was the reason if the slot is empty.
    Accepted,
}

impl Rejections {
    /// Records the verdict on a unit of a slot and passes it on. Called in the order of the draw.
    pub(crate) fn record(&self, key: &str, answer: Result<(), Rejected>) -> Result<(), Rejection> {
        let mut slots = self.0.borrow_mut();
        let known = slots.get(key).copied();
        let furthest = match (known, answer) {
            (Some(Furthest::Accepted), _) | (_, Ok(())) => Furthest::Accepted,
            (Some(Furthest::Rejected(known)), Err(new)) if known.passed >= new.passed => {
                Furthest::Rejected(known)
            }
            (_, Err(new)) => Furthest::Rejected(new),
        };
        slots.insert(key.to_owned(), furthest);
        answer.map_err(|rejected| rejected.rejection)
    }

    /// The no-fill reason of a slot: the caller's most useful one, else the decision's `reason`.
    pub(crate) fn reason(&self, key: &str, reason: NoFill) -> &'static str {
        match self.0.borrow().get(key) {
            Some(Furthest::Rejected(rejected)) => rejected.why,
            Some(Furthest::Accepted) => NoFill::BudgetsSpent.as_str(),
            None => reason.as_str(),
        }
    }
}

/// Renders every slot of a decision, in request order.
pub(crate) fn map_slots<T>(
    delivery: &Delivery,
    decided: &PageDecision,
    mut render: impl FnMut(usize, SlotResult<'_>) -> T,
) -> Vec<T> {
    let texts = Bump::new();
    let slots = decided.slots.iter().enumerate();
    slots
        .map(|(at, slot)| {
            let filled = slot.result.as_ref().map_err(|reason| *reason);
            let unit = delivery.rendered(decided, at, &texts);
            render(at, unit.and_then(|unit| Ok((unit, &filled?.win))))
        })
        .collect()
}

/// Starts an uncacheable response that lists the ignored request fields.
pub(crate) fn builder(status: StatusCode, paths: &[String]) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    if let Some(paths) = ignored::value(paths) {
        answer.insert_header((IGNORED, paths));
    }
    answer
}

/// A stable 31-bit hash of an id, for protocols with numeric ids. The same on every instance; it
/// may collide, so it is never used for lookups.
pub fn numeric_id(id: &str) -> i64 {
    i64::try_from(crate::selection::dice::stable_id(id) & 0x7FFF_FFFF).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_that_of_the_first_unit_that_passed_the_most_checks() {
        let reason = |units: &[Result<(), (&'static str, usize)>]| {
            let rejections = Rejections::default();
            for unit in units {
                let rejected =
                    |(why, passed)| Rejected { why, passed, rejection: Rejection::Flight };
                assert_eq!(rejections.record("slot", unit.map_err(rejected)).is_ok(), unit.is_ok());
            }
            rejections.reason("slot", NoFill::PublisherBlocked)
        };
        let (currency, language, domain) =
            (Err(("currency", 1)), Err(("language", 7)), Err(("domain", 7)));
        assert_eq!(reason(&[]), "publisher_blocked");
        assert_eq!(reason(&[currency, domain]), "domain");
        assert_eq!(reason(&[domain, currency]), "domain");
        assert_eq!(reason(&[currency, language, domain]), "language", "the higher rank");
        assert_eq!(reason(&[currency, Ok(()), domain]), "budgets_spent", "it was not reserved");
    }
}
