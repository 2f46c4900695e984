//! From a decision to another dialect's answer: what all of them share.

use crate::domain::event::NoFill;
use crate::http::Face;
use crate::http::public::filling;
use crate::http::public::reply::Fill;
use crate::server::decide::Decided;
use crate::server::decide::Filled;
use crate::server::decide::NotTaken;
use actix_web::HttpResponse;
use actix_web::HttpResponseBuilder;
use actix_web::http::StatusCode;
use actix_web::http::header;
use hashbrown::HashMap;
use std::cell::RefCell;

/// Why there is no unit: the decision's reason, or the dialect's for one that was withheld.
pub const NO_FILL: &str = "Adjacent-No-Fill";

/// Fields of the request that were passed over unread, by their paths.
pub const IGNORED: &str = "Adjacent-Ignored";

/// The longest value of [`IGNORED`].
const IGNORED_BYTES: usize = 512;

/// A unit with the choice it comes from, or why there is none.
pub type Slot<'s, 'u> = Result<(&'s Fill<'u>, &'s Filled), NoFill>;

/// Why a caller did not take the best unit of a slot: where no other is left, that is the reason.
#[derive(Default)]
pub struct Refusals(RefCell<HashMap<String, &'static str>>);

impl Refusals {
    /// Notes why a unit is not taken for a slot, if it is not.
    pub fn note(
        &self,
        key: &str,
        answer: Result<(), (&'static str, NotTaken)>,
    ) -> Result<(), NotTaken> {
        answer.map_err(|(why, not_taken)| {
            self.0.borrow_mut().entry(key.to_owned()).or_insert(why);
            not_taken
        })
    }

    /// Why a slot is empty.
    pub fn reason(&self, key: &str, reason: NoFill) -> &'static str {
        self.0.borrow().get(key).copied().unwrap_or(reason.as_str())
    }
}

/// Shows every slot of a decision, in request order.
pub fn each<T>(
    face: &Face,
    decided: &Decided,
    mut show: impl FnMut(usize, Slot<'_, '_>) -> T,
) -> Vec<T> {
    let units = filling::units(decided);
    let slots = decided.slots.iter().enumerate();
    slots
        .map(|(at, slot)| match (&slot.result, &units[at]) {
            (Ok(filled), Some(unit)) => {
                let fill = filling::fill(&face.server, decided, at, filled, unit);
                show(at, Ok((&fill, filled)))
            }
            (Ok(_), None) => show(at, Err(NoFill::LabelUnavailable)),
            (Err(reason), _) => show(at, Err(*reason)),
        })
        .collect()
}

/// An answer that belongs to one page view, and says what of the request was not read.
pub fn answer(status: StatusCode, ignored: &[String]) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    let mut told = String::new();
    for path in ignored {
        // A caller wrote these names: what a header cannot hold, or might be read as more, is left out.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-[]".contains(&byte);
        if told.len() + path.len() + 2 <= IGNORED_BYTES && path.bytes().all(plain) {
            told.extend([if told.is_empty() { "" } else { ", " }, path]);
        }
    }
    if !told.is_empty() {
        answer.insert_header((IGNORED, told));
    }
    answer
}

/// A positive number of 31 bits for an id, the same on every machine, for dialects that know numbers
/// alone. It may collide, so nothing is looked up by it.
pub fn number(id: &str) -> i64 {
    i64::try_from(crate::selection::dice::stable_id(id) & 0x7FFF_FFFF).unwrap_or_default()
}
