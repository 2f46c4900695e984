//! Shared code that turns a decision into another protocol's response.

use crate::delivery::Delivery;
use crate::delivery::decide::{PageDecision, Rejection};
use crate::delivery::rendered_unit::RenderedUnit;
use crate::domain::event::NoFill;
use crate::http::public::events::IGNORED;
use crate::selection::choose::Winner;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder};
use hashbrown::HashMap;
use std::cell::RefCell;

/// No-fill reasons: the decision's own, or the protocol's when it rejected the unit.
pub(crate) const NO_FILL_HEADER: &str = "Adjacent-No-Fill";

/// Maximum length of the [`IGNORED`] value: paths of request fields that were ignored.
const IGNORED_BYTES: usize = 512;

/// A rendered unit with its choice, or the no-fill reason.
pub(crate) type SlotResult<'d> = Result<(RenderedUnit<'d>, &'d Winner), NoFill>;

/// Per slot, why the caller rejected its best unit; the no-fill reason if no other unit is left.
#[derive(Default)]
pub(crate) struct Rejections(RefCell<HashMap<String, &'static str>>);

impl Rejections {
    /// Records the first rejection for a slot and passes the verdict on.
    pub(crate) fn record(
        &self,
        key: &str,
        answer: Result<(), (&'static str, Rejection)>,
    ) -> Result<(), Rejection> {
        answer.map_err(|(why, not_taken)| {
            self.0.borrow_mut().entry(key.to_owned()).or_insert(why);
            not_taken
        })
    }

    /// The no-fill reason of a slot: the caller's first rejection, else the decision's `reason`.
    pub(crate) fn reason(&self, key: &str, reason: NoFill) -> &'static str {
        self.0.borrow().get(key).copied().unwrap_or(reason.as_str())
    }
}

/// Renders every slot of a decision, in request order.
pub(crate) fn map_slots<T>(
    delivery: &Delivery,
    decided: &PageDecision,
    mut render: impl FnMut(usize, SlotResult<'_>) -> T,
) -> Vec<T> {
    let slots = decided.slots.iter().enumerate();
    slots
        .map(|(at, slot)| {
            let filled = slot.result.as_ref().map_err(|reason| *reason);
            let unit = delivery.rendered(decided, at);
            render(at, unit.and_then(|unit| Ok((unit, &filled?.win))))
        })
        .collect()
}

/// Starts an uncacheable response that lists the ignored request fields.
pub(crate) fn builder(status: StatusCode, ignored: &[String]) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    let mut header = String::new();
    for path in ignored {
        // The caller chose these names: skip any that a header cannot carry or that could alter it.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-[]".contains(&byte);
        if header.len() + path.len() + 2 <= IGNORED_BYTES && path.bytes().all(plain) {
            header.extend([if header.is_empty() { "" } else { ", " }, path]);
        }
    }
    if !header.is_empty() {
        answer.insert_header((IGNORED, header));
    }
    answer
}

/// A stable 31-bit hash of an id, for protocols with numeric ids. The same on every instance; it
/// may collide, so it is never used for lookups.
pub fn numeric_id(id: &str) -> i64 {
    i64::try_from(crate::selection::dice::stable_id(id) & 0x7FFF_FFFF).unwrap_or_default()
}
