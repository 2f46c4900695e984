//! Wrong API keys: counted, logged, and answered the later the more of them come from one address. A
//! right key is never delayed, so that guesses cannot lock out its owner.

use crate::traffic::visitor::network;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Set on a request whose API key is wrong.
pub(crate) struct WrongKey;

/// The delay of the first wrong key; it doubles with each further one.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// The number of wrong keys of an address halves in this time.
const HALF_LIFE_MS: i64 = 60_000;
/// The most addresses in memory; about 1 MiB.
const MAX_ADDRESSES: usize = 10_000;
/// The most delayed answers of one address and of all. Each holds a connection, so further ones are
/// sent at once and end theirs.
const MAX_WAITING: u32 = 8;
const MAX_WAITING_IN_ALL: u32 = 256;
/// The least time between two log lines.
const LOG_INTERVAL_MS: i64 = 10_000;

/// Recent wrong keys by address (by /64 for IPv6).
#[derive(Default)]
pub(crate) struct WrongKeys(Mutex<State>);

#[derive(Default)]
struct State {
    addresses: HashMap<[u8; 17], Recent>,
    waiting: u32,
    logged_ms: i64,
    unlogged: u64,
}

struct Recent {
    count: u32,
    at_ms: i64,
    waiting: u32,
}

/// How to answer a wrong key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// After this time; call [`WrongKeys::answered`] then.
    After(Duration),
    /// At once, and close the connection.
    Close,
}

impl WrongKeys {
    /// Notes a wrong key and says how to answer it. `longest` limits the delay; zero disables it.
    pub(crate) fn note(&self, address: IpAddr, now_ms: i64, longest: Duration) -> Answer {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.unlogged += 1;
        if now_ms - state.logged_ms >= LOG_INTERVAL_MS {
            tracing::warn!(
                requests = state.unlogged,
                "wrong API keys; answers are delayed by address: check the keys of your clients"
            );
            (state.logged_ms, state.unlogged) = (now_ms, 0);
        }
        if state.addresses.len() >= MAX_ADDRESSES {
            let now = |recent: &Recent| recent.waiting > 0 || recent.count_at(now_ms) > 0;
            state.addresses.retain(|_, recent| now(recent));
            // More attackers than memory: those forgotten start again with the shortest delay.
            if state.addresses.len() >= MAX_ADDRESSES {
                state.addresses.retain(|_, recent| recent.waiting > 0);
            }
        }
        let waiting_in_all = state.waiting;
        let recent = state.addresses.entry(key(address)).or_insert(Recent {
            count: 0,
            at_ms: now_ms,
            waiting: 0,
        });
        (recent.count, recent.at_ms) = (recent.count_at(now_ms).saturating_add(1), now_ms);
        if recent.waiting >= MAX_WAITING || waiting_in_all >= MAX_WAITING_IN_ALL {
            return Answer::Close;
        }
        recent.waiting += 1;
        let delay = FIRST_DELAY.saturating_mul(1 << (recent.count - 1).min(20));
        state.waiting += 1;
        Answer::After(delay.min(longest))
    }

    /// A delayed answer was sent, or its client is gone.
    pub(crate) fn answered(&self, address: IpAddr) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting = state.waiting.saturating_sub(1);
        if let Some(recent) = state.addresses.get_mut(&key(address)) {
            recent.waiting = recent.waiting.saturating_sub(1);
        }
    }
}

impl Recent {
    fn count_at(&self, now_ms: i64) -> u32 {
        let halvings = u32::try_from((now_ms - self.at_ms).max(0) / HALF_LIFE_MS);
        self.count.checked_shr(halvings.unwrap_or(u32::MAX)).unwrap_or(0)
    }
}

fn key(address: IpAddr) -> [u8; 17] {
    network(address.to_canonical(), 32, 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000_000;
    const LONGEST: Duration = Duration::from_secs(5);

    fn address(last: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(0xc000_0200 + last).into()
    }

    fn delay(keys: &WrongKeys, last: u32, now_ms: i64) -> u128 {
        match keys.note(address(last), now_ms, LONGEST) {
            Answer::After(delay) => {
                keys.answered(address(last));
                delay.as_millis()
            }
            Answer::Close => panic!("nothing else waits"),
        }
    }

    #[test]
    fn the_delay_doubles_by_address_up_to_the_longest_and_falls_with_time() {
        let keys = WrongKeys::default();
        let delays: Vec<u128> = (0..8).map(|_| delay(&keys, 1, NOW)).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(delay(&keys, 2, NOW), 100, "another address");
        assert_eq!(delay(&keys, 1, NOW + 180_000), 200, "8 became 1, and this is one more");
        assert_eq!(delay(&keys, 1, NOW + 10_000_000), 100);
    }

    #[test]
    fn few_answers_wait_and_ten_thousand_addresses_are_kept() {
        let keys = WrongKeys::default();
        let waiting = |last: u32| keys.note(address(last), NOW, LONGEST) != Answer::Close;
        assert_eq!((0..100).filter(|_| waiting(1)).count(), 8);
        assert_eq!((0..10_000).filter(|last| waiting(last + 10)).count(), 248);
        assert!(keys.0.lock().unwrap().addresses.len() <= MAX_ADDRESSES);
    }
}
