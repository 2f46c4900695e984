//! Gates in front of calls that read files or compute much: how many come per caller and altogether,
//! run at once, and wait. Decisions pass no gate, so that these calls never make one wait.

use crate::config::keys::{Identity, Role};
use crate::http::problem::ApiError;
use crate::traffic::keyed_rate::KeyedRate;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most callers whose rate is remembered, per gate; later ones share one.
const MAX_CALLERS: usize = 10_000;

/// A caller over its rate gets its answer after this time, so that repeating at once is no load.
const DELAY: Duration = Duration::from_secs(1);

/// Most delayed answers at a time; more are answered at once.
const MAX_DELAYED: usize = 256;

/// The gates of a server.
pub(crate) struct Gates {
    /// Readers without a key: "why this" pages.
    readers: Gate,
    /// Advertisers and publishers: explanations and events.
    parties: Gate,
    /// Publishers: events of decisions, which are looked for in the journal.
    events: Gate,
    /// Operators: the same, so that parties never keep them waiting.
    operators: Gate,
    /// Publishers pausing their pages: each pause is a version of the inventory, kept for ever.
    pauses: Gate,
}

impl Default for Gates {
    fn default() -> Gates {
        let every = |millis: u64, burst: u32| Some((Duration::from_millis(millis), burst));
        Gates {
            readers: Gate::new(2, 16, every(500, 20), every(50, 40)),
            parties: Gate::new(1, 8, every(1_000, 60), every(200, 120)),
            events: Gate::new(1, 4, every(6_000, 20), every(1_000, 40)),
            operators: Gate::new(2, 32, None, None),
            pauses: Gate::new(1, 8, every(60_000, 30), None),
        }
    }
}

impl Gates {
    /// A reader without a key, by address: two a second, 20 at once; of all readers 20 a second.
    pub(crate) async fn reader(&self, address: IpAddr, now_ms: i64) -> Result<Pass, ApiError> {
        let network = match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
            address => address,
        };
        self.readers.pass(&network, now_ms).await
    }

    /// A party by its key: one a second, 60 at once; of all parties five a second. An operator has no
    /// rate.
    pub(crate) async fn identified(
        &self,
        identity: &Identity,
        now_ms: i64,
    ) -> Result<Pass, ApiError> {
        let gate = if identity.role == Role::Operator { &self.operators } else { &self.parties };
        gate.pass(&(identity.role, &identity.owner), now_ms).await
    }

    /// Events by a publisher's key: one in six seconds, 20 at once; of all publishers one a second. An
    /// operator has no rate.
    pub(crate) async fn events(&self, identity: &Identity, now_ms: i64) -> Result<Pass, ApiError> {
        let gate = if identity.role == Role::Operator { &self.operators } else { &self.events };
        gate.pass(&identity.owner, now_ms).await
    }

    /// A publisher's pause: one a minute, 30 at once. An operator has no rate.
    pub(crate) async fn pause(&self, identity: &Identity, now_ms: i64) -> Result<Pass, ApiError> {
        let gate = if identity.role == Role::Operator { &self.operators } else { &self.pauses };
        gate.pass(&identity.owner, now_ms).await
    }
}

/// A call that passed a gate; dropping it lets the next one pass.
#[derive(Debug)]
pub(crate) struct Pass {
    _running: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

/// One gate.
struct Gate {
    /// Calls that run or wait.
    places: Arc<Semaphore>,
    /// Calls that run.
    running: Arc<Semaphore>,
    each: Option<KeyedRate>,
    all: Option<KeyedRate>,
    /// Refusals that wait.
    delayed: Semaphore,
}

/// A call per period, and a number at once.
type Rate = (Duration, u32);

impl Gate {
    fn new(running: usize, waiting: usize, each: Option<Rate>, all: Option<Rate>) -> Gate {
        Gate {
            places: Arc::new(Semaphore::new(running + waiting)),
            running: Arc::new(Semaphore::new(running)),
            each: each.map(|(period, burst)| KeyedRate::new(period, burst, MAX_CALLERS)),
            all: all.map(|(period, burst)| KeyedRate::new(period, burst, 1)),
            delayed: Semaphore::new(MAX_DELAYED),
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// 429 for a caller over its rate, after a second; 503 when too many callers wait.
    async fn pass(&self, caller: &impl Hash, now_ms: i64) -> Result<Pass, ApiError> {
        if let Err(wait) = self.admit(caller, now_ms) {
            return Err(self.delayed(wait).await);
        }
        let busy = || ApiError::busy("too many of these requests are in progress: retry shortly");
        let place = self.places.clone().try_acquire_owned().map_err(|_| busy())?;
        let running = self.running.clone().acquire_owned().await.map_err(|_| busy())?;
        Ok(Pass { _running: running, _place: place })
    }

    /// Takes one call of the caller's rate and of that of all; otherwise returns the time until there is
    /// one.
    fn admit(&self, caller: &impl Hash, now_ms: i64) -> Result<(), Duration> {
        self.each.as_ref().map_or(Ok(()), |rate| rate.take(caller, now_ms))?;
        self.all.as_ref().map_or(Ok(()), |rate| rate.take(&(), now_ms))
    }

    async fn delayed(&self, wait: Duration) -> ApiError {
        if let Ok(_place) = self.delayed.try_acquire() {
            tokio::time::sleep(DELAY).await;
        }
        let seconds = wait.as_millis().max(1).div_ceil(1_000);
        ApiError::too_many_requests(format!(
            "too many of these requests: retry in {seconds} s, and send fewer at a time"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::ResponseError;
    use futures_util::FutureExt;

    const START: i64 = 1_790_000_000_000;

    fn gate() -> Gate {
        Gate::new(
            2,
            1,
            Some((Duration::from_millis(500), 20)),
            Some((Duration::from_millis(50), 40)),
        )
    }

    fn admitted(gate: &Gate, caller: u32, times: usize, now_ms: i64) -> usize {
        (0..times).filter(|_| gate.admit(&caller, now_ms).is_ok()).count()
    }

    #[test]
    fn one_caller_has_its_rate_and_all_callers_have_one_together() {
        let gate = gate();
        assert_eq!(admitted(&gate, 1, 1_000, START), 20);
        assert_eq!(admitted(&gate, 1, 1_000, START + 2_000), 4);
        let later = START + 60_000;
        let flood: usize = (0..1_000).map(|caller| admitted(&gate, caller, 1, later)).sum();
        assert_eq!(flood, 40, "a thousand addresses");
        let flood: usize = (0..1_000).map(|caller| admitted(&gate, caller, 1, later + 1_000)).sum();
        assert_eq!(flood, 20, "a second later");
    }

    #[test]
    fn the_number_of_callers_in_memory_is_bounded() {
        let gate = Gate::new(1, 1, Some((Duration::from_millis(500), 20)), None);
        let admitted: usize = (0..30_000).map(|caller| admitted(&gate, caller, 1, START)).sum();
        assert_eq!(admitted, MAX_CALLERS + 20, "those that do not fit share a rate");
        assert_eq!(gate.each.as_ref().unwrap().callers(), MAX_CALLERS);
        assert_eq!(admitted_later(&gate), 1);
    }

    fn admitted_later(gate: &Gate) -> usize {
        admitted(gate, 40_000, 1, START + 60_000)
    }

    #[tokio::test]
    async fn more_than_a_few_calls_at_once_are_answered_that_the_server_is_busy() {
        let gate = gate();
        let first = gate.pass(&1, START).await.unwrap();
        let second = gate.pass(&1, START).await.unwrap();
        let mut third = std::pin::pin!(gate.pass(&1, START));
        assert!((&mut third).now_or_never().is_none(), "two run");
        let refused = gate.pass(&1, START).await.unwrap_err();
        assert_eq!(refused.status_code(), 503);
        drop(first);
        let third = third.await.unwrap();
        drop((second, third));
    }

    #[tokio::test]
    async fn a_caller_over_its_rate_waits_for_the_refusal_unless_too_many_wait() {
        let gate = Gate::new(2, 1, Some((Duration::from_secs(60), 1)), None);
        gate.pass(&1, START).await.unwrap();
        let mut waiting: Vec<_> =
            (0..MAX_DELAYED).map(|_| Box::pin(gate.pass(&1, START))).collect();
        for refused in &mut waiting {
            assert!(refused.now_or_never().is_none());
        }
        let refused = gate.pass(&1, START).await.unwrap_err();
        assert_eq!(refused.status_code(), 429);
        drop(waiting);
        assert!(gate.pass(&1, START).now_or_never().is_none());
    }
}
