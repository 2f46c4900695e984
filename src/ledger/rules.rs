//! The time windows that decide an event's verdict. They are recorded in the journal, so that a
//! changed setting changes no earlier verdict.

use serde::{Deserialize, Serialize};

/// Event windows, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Longest time from decision to impression.
    pub(crate) impression_ms: i64,
    /// Longest time from decision to viewable, click and copy.
    pub(crate) click_ms: i64,
    /// Shortest time from impression to viewable.
    pub(crate) viewable_after_ms: i64,
    /// Shortest time from impression to click.
    pub(crate) click_after_ms: i64,
    /// Grace period: how long an event waits for its impression.
    pub(crate) grace_ms: i64,
    /// How long an instance cut off from the store may spool records.
    pub(crate) spool_ms: i64,
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
    /// How long after a decision its events may still change, in milliseconds: the longest window, the
    /// grace period, and the time that a record may be spooled.
    pub(crate) fn life_ms(&self) -> i64 {
        self.click_ms.max(self.impression_ms) + self.grace_ms + self.spool_ms
    }
}
