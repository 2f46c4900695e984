//! Request rates agreed with exchanges and publishers' servers, in place of the limit per address: one
//! server sends the requests of many readers.

use hashbrown::HashMap;
use std::sync::{Mutex, PoisonError};

/// When each key's allowance of the last second is unused again, by key id, in microseconds of Unix time.
///
/// Only authenticated keys are stored, so there are at most as many entries as keys.
#[derive(Debug, Default)]
pub(crate) struct AgreedRates(Mutex<HashMap<String, i64>>);

impl AgreedRates {
    /// Whether a key with an agreed rate may send another request at `now_ms`, in Unix milliseconds:
    /// `per_second` on average, and as many at once.
    pub(crate) fn admits(&self, key: &str, per_second: u32, now_ms: i64) -> bool {
        let (now, each) = (now_ms * 1_000, 1_000_000 / i64::from(per_second.max(1)));
        let mut unused_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unused_at = unused_at.entry_ref(key).or_insert(now);
        let next = (*unused_at).max(now) + each;
        let admits = next - now <= 1_000_000;
        if admits {
            *unused_at = next;
        }
        admits
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
