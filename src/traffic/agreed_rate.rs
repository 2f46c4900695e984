//! Request rates agreed with exchanges and publishers' servers, in place of the limit per address: one
//! server sends the requests of many readers.

use crate::traffic::keyed_rate::KeyedRate;
use hashbrown::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The agreed rate of each key, by key id.
///
/// Only authenticated keys are stored, so there are at most as many entries as keys.
#[derive(Default)]
pub(crate) struct AgreedRates(Mutex<HashMap<String, (u32, KeyedRate)>>);

impl AgreedRates {
    /// Whether a key with an agreed rate may send another request at `now_ms`, in Unix milliseconds:
    /// `per_second` on average, and as many at once.
    pub(crate) fn admits(&self, key: &str, per_second: u32, now_ms: i64) -> bool {
        let agreed = || {
            let period = Duration::from_secs(1) / per_second.max(1);
            (per_second, KeyedRate::new(period, per_second, 1))
        };
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = rates.entry_ref(key).or_insert_with(agreed);
        if rate.0 != per_second {
            *rate = agreed();
        }
        rate.1.take(&(), now_ms).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_sends_as_many_requests_as_agreed_and_no_more() {
        let rates = AgreedRates::default();
        let start = 1_790_000_000_000;
        let sent = |key, now_ms| (0..1_000).filter(|_| rates.admits(key, 200, now_ms)).count();
        assert_eq!(sent("one", start), 200);
        assert_eq!(sent("one", start + 500), 100);
        assert_eq!(sent("other", start + 500), 200);
        assert_eq!(sent("one", start + 60_000), 200);
    }
}
