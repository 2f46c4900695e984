//! Gates in front of calls that read files or compute much: how many come per caller and altogether,
//! run at once, and wait. Decisions pass no gate, so that these calls never make one wait.

use crate::config::keys::{Identity, Role};
use crate::http::problem::ApiError;
use crate::traffic::keyed_rate::KeyedRate;
use schemars::JsonSchema;
use serde::Serialize;
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

/// Limits of calls that cost much, as `GET /v1/limits` publishes them.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub(crate) struct CallLimit {
    /// Which calls.
    pub(crate) calls: &'static str,
    /// Who has limits of its own.
    pub(crate) caller: &'static str,
    /// The rate of one caller; null without a limit.
    pub(crate) each: Option<CallRate>,
    /// The rate of all callers together.
    pub(crate) all: Option<CallRate>,
    /// How many of one caller may run or wait.
    pub(crate) at_once_each: Option<usize>,
    /// How many run or wait at once; more are answered 503.
    pub(crate) at_once: usize,
    /// How many of these run.
    pub(crate) running: usize,
}

/// A rate: one call in each period in the long run, and a number of calls at once. More are answered 429.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub(crate) struct CallRate {
    /// The period, in milliseconds.
    pub(crate) period_ms: u64,
    /// Calls at once.
    pub(crate) burst: u32,
}

const fn rate(period_ms: u64, burst: u32) -> Option<CallRate> {
    Some(CallRate { period_ms, burst })
}

const fn limit(
    (calls, caller): (&'static str, &'static str),
    (running, waiting): (usize, usize),
    each: Option<CallRate>,
    all: Option<CallRate>,
) -> CallLimit {
    let at_once = running + waiting;
    CallLimit { calls, caller, each, all, at_once_each: None, at_once, running }
}

const ADDRESS: &str = "address (/64 for IPv6)";
const READERS: CallLimit =
    limit(("`/w/{decision}`", ADDRESS), (1, 16), rate(500, 20), rate(50, 40));
const PARTIES: CallLimit =
    limit(("explanations by a party's key", "key"), (1, 8), rate(1_000, 60), rate(200, 120));
const EVENTS: CallLimit = limit(
    ("`/v1/decisions/{id}/events` by a publisher's key", "key"),
    (1, 4),
    rate(6_000, 20),
    rate(1_000, 40),
);
const OPERATORS: CallLimit = limit(("both by an operator's key", "key"), (2, 32), None, None);
const CHANGES: CallLimit =
    limit(("pauses and blocks by a publisher's key", "key"), (1, 8), rate(60_000, 30), None);

const NOTICES: CallLimit =
    limit(("notices about a unit", ADDRESS), (2, 16), rate(60_000, 5), rate(5_000, 60));

/// They read days of the decision log: one at a time, so that reading takes one core of low priority.
const FUNNELS: CallLimit = limit(
    ("funnels of flights by an advertiser's key", "key"),
    (1, 4),
    rate(15_000, 10),
    rate(3_000, 20),
);
const PASSES: CallLimit =
    limit(("funnels of flights and gaps by an operator's key", "key"), (1, 8), None, None);

const FORECASTS: CallLimit =
    limit(("forecasts by an operator's key", "key"), (1, 4), rate(2_000, 30), None);

/// All limits of calls that pass a gate.
pub(crate) const CALL_LIMITS: [CallLimit; 9] =
    [READERS, PARTIES, EVENTS, OPERATORS, CHANGES, NOTICES, FUNNELS, PASSES, FORECASTS];

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
    /// Publishers pausing pages and blocking sponsors: each change is a version of the inventory, kept for
    /// ever.
    changes: Gate,
    /// Readers reporting units: each notice is stored.
    notices: Gate,
    /// Advertisers: funnels, which read days of the decision log.
    funnels: Gate,
    /// Operators: the same, and gaps.
    passes: Gate,
    /// Operators: forecasts, which take seconds of a core.
    forecasts: Gate,
}

impl Default for Gates {
    fn default() -> Gates {
        Gates {
            readers: Gate::new(&READERS),
            parties: Gate::new(&PARTIES),
            events: Gate::new(&EVENTS),
            operators: Gate::new(&OPERATORS),
            changes: Gate::new(&CHANGES),
            notices: Gate::new(&NOTICES),
            funnels: Gate::new(&FUNNELS),
            passes: Gate::new(&PASSES),
            forecasts: Gate::new(&FORECASTS),
        }
    }
}

impl Gates {
    /// A reader without a key, by address.
    pub(crate) async fn reader(&self, address: IpAddr, now_ms: i64) -> Result<Pass, ApiError> {
        self.readers.pass(&network(address), now_ms).await
    }

    /// A reader's notice about a unit, by address.
    pub(crate) async fn notice(&self, address: IpAddr, now_ms: i64) -> Result<Pass, ApiError> {
        self.notices.pass(&network(address), now_ms).await
    }

    /// A party by its key. An operator has no rate.
    pub(crate) async fn identified(
        &self,
        identity: &Identity,
        now_ms: i64,
    ) -> Result<Pass, ApiError> {
        let gate = if identity.role == Role::Operator { &self.operators } else { &self.parties };
        gate.pass(&(identity.role, &identity.owner), now_ms).await
    }

    /// Events by a publisher's key. An operator has no rate.
    pub(crate) async fn events(&self, identity: &Identity, now_ms: i64) -> Result<Pass, ApiError> {
        let gate = if identity.role == Role::Operator { &self.operators } else { &self.events };
        gate.pass(&identity.owner, now_ms).await
    }

    /// A pass over the decision log. An operator has no rate.
    pub(crate) async fn pass_over_log(
        &self,
        identity: &Identity,
        now_ms: i64,
    ) -> Result<Pass, ApiError> {
        let gate = if identity.role == Role::Operator { &self.passes } else { &self.funnels };
        gate.pass(&identity.owner, now_ms).await
    }

    /// A forecast, by an operator's key.
    pub(crate) async fn forecast(
        &self,
        identity: &Identity,
        now_ms: i64,
    ) -> Result<Pass, ApiError> {
        self.forecasts.pass(&identity.id, now_ms).await
    }

    /// A publisher's pause or block. An operator has no rate.
    pub(crate) async fn publisher_change(
        &self,
        identity: &Identity,
        now_ms: i64,
    ) -> Result<Pass, ApiError> {
        let gate = if identity.role == Role::Operator { &self.operators } else { &self.changes };
        gate.pass(&identity.owner, now_ms).await
    }
}

/// An IPv4 address, or the /64 network of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address => address,
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

impl Gate {
    fn new(limit: &CallLimit) -> Gate {
        let keyed = |rate: CallRate, callers| {
            KeyedRate::new(Duration::from_millis(rate.period_ms), rate.burst, callers)
        };
        Gate {
            places: Arc::new(Semaphore::new(limit.at_once)),
            running: Arc::new(Semaphore::new(limit.running)),
            each: limit.each.map(|rate| keyed(rate, MAX_CALLERS)),
            all: limit.all.map(|rate| keyed(rate, 1)),
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
        Gate::new(&limit(("tests", "number"), (2, 1), rate(500, 20), rate(50, 40)))
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
        let gate = Gate::new(&limit(("tests", "number"), (1, 1), rate(500, 20), None));
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
        let gate = Gate::new(&limit(("tests", "number"), (2, 1), rate(60_000, 1), None));
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
