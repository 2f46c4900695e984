//! The windows an event is judged by. They are on record themselves, so that a changed setting
//! changes no judgement that was made before it.

use serde::Deserialize;
use serde::Serialize;

/// The windows, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// From the decision to its impression.
    pub impression_ms: i64,
    /// From the decision to viewable, click and copy.
    pub click_ms: i64,
    /// Least time from impression to viewable.
    pub viewable_after_ms: i64,
    /// Least time from impression to click.
    pub click_after_ms: i64,
    /// How long an event waits for its impression.
    pub grace_ms: i64,
    /// How long a record may wait on a machine that the store cannot be reached from.
    pub spool_ms: i64,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            impression_ms: 900_000,
            click_ms: 7_200_000,
            viewable_after_ms: 900,
            click_after_ms: 500,
            grace_ms: 60_000,
            spool_ms: 0,
        }
    }
}

impl Rules {
    /// How long after a decision anything may still become of its events: the longest window,
    /// the grace, and the time that a record may be on its way, in milliseconds.
    pub fn life_ms(&self) -> i64 {
        self.click_ms.max(self.impression_ms) + self.grace_ms + self.spool_ms
    }
}
