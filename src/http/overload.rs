//! What a worker does first when requests come faster than it answers them: it refuses reads (reports,
//! explanations, pages), then answers part of the decisions with the no-fill `overloaded`. Events and
//! clicks are always served; what no worker gets to waits in the kernel.

use crate::http::problem::ApiError;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::web::Data;
use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How often the delay is measured, and how long it must last: the smallest of this time counts, so that
/// neither a burst nor a pause of the process sheds anything.
const INTERVAL: Duration = Duration::from_millis(25);
const WINDOW: Duration = Duration::from_millis(500);
/// The lasting delay above which reads are refused.
const READS: Duration = Duration::from_millis(100);
/// The lasting delay above which decisions are shed. Pages wait 800 ms for their units.
const DECISIONS: Duration = Duration::from_millis(250);
/// The largest share of decisions that is shed, in percent. A request that is shed costs about half of
/// one that is decided, since it is received, parsed and answered: shedding a fifth costs a tenth of the
/// work, and shedding all leaves none for units.
const MAX_SHARE: u32 = 20;

/// Paths of reads: work for people at a screen, who can repeat it.
const READ_PATHS: [&str; 6] =
    ["/v1/reports/", "/reports/", "/v1/decisions/", "/demo/explain/", "/w/", "/docs"];

/// How far one worker thread is behind.
#[derive(Default)]
pub(crate) struct Overload {
    delay: Cell<Duration>,
    /// Share of decisions to shed, in percent.
    share: Cell<u32>,
    /// Decisions since one was shed, in percent of a decision.
    due: Cell<u32>,
}

impl Overload {
    /// Measures the current worker thread while it serves.
    pub(crate) fn of_worker() -> Data<Rc<Overload>> {
        let overload = Rc::new(Overload::default());
        let weak = Rc::downgrade(&overload);
        tokio::task::spawn_local(async move {
            let mut recent = Recent::default();
            loop {
                // The task is woken after all requests that were ready before it.
                let due = Instant::now() + INTERVAL;
                sleep_until(due).await;
                let Some(overload) = weak.upgrade() else { return };
                let now = Instant::now();
                overload.set_delay(recent.lasting(now, now - due));
            }
        });
        Data::new(overload)
    }

    fn set_delay(&self, lasting: Duration) {
        self.delay.set(lasting);
        let share = self.share.get();
        self.share.set(if lasting > DECISIONS {
            (share + 1).min(MAX_SHARE)
        } else {
            share.saturating_sub(1)
        });
    }

    /// Whether to answer this decision `overloaded`.
    pub(crate) fn sheds_decision(&self) -> bool {
        let due = self.due.get() + self.share.get();
        self.due.set(due % 100);
        due >= 100
    }

    fn refuses_reads(&self) -> bool {
        self.delay.get() > READS
    }
}

/// Delays of the last [`WINDOW`], two at least: a long delay is also the time between two of them.
#[derive(Default)]
struct Recent(VecDeque<(Instant, Duration)>);

impl Recent {
    /// Adds a measurement. The smallest one.
    fn lasting(&mut self, now: Instant, delay: Duration) -> Duration {
        self.0.push_back((now, delay));
        while self.0.len() > 2 && now - self.0[0].0 > WINDOW {
            self.0.pop_front();
        }
        let least = self.0.iter().map(|(_, delay)| *delay).min();
        least.filter(|_| self.0.len() > 1).unwrap_or_default()
    }
}

/// Whether a GET of this path is a read, which an overloaded worker refuses.
pub(crate) fn is_read(path: &str) -> bool {
    READ_PATHS.iter().any(|read| path.starts_with(read))
}

/// # Errors
/// 503 for a read of an overloaded worker. A form that is sent is no read, and a wrong method is refused for what
/// it is: both cost little.
pub(crate) fn check(request: &ServiceRequest) -> Result<(), ApiError> {
    let overload = request.app_data::<Data<Rc<Overload>>>();
    if matches!(*request.method(), Method::GET | Method::HEAD)
        && overload.is_some_and(|overload| overload.refuses_reads())
        && is_read(request.path())
    {
        return Err(ApiError::dependency_unavailable(
            "the server is overloaded and serves decisions and events first: retry later",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::ResponseError;

    #[test]
    fn an_overloaded_worker_refuses_reads_and_no_decision_event_click_or_probe() {
        let overload = Data::new(Rc::new(Overload::default()));
        overload.set_delay(Duration::from_secs(9));
        let status = |method: Method, path: &str| {
            let request = actix_web::test::TestRequest::with_uri(path).method(method);
            let request = request.app_data(overload.clone());
            let checked = check(&request.to_srv_request());
            checked.map_or_else(|error| error.status_code().as_u16(), |()| 200)
        };
        for path in [
            "/v1/reports/advertisers/a",
            "/reports/a",
            "/v1/decisions/0198/explain",
            "/v1/decisions/0198/events",
            "/w/0198",
            "/docs/api",
        ] {
            assert_eq!(status(Method::GET, path), 503, "{path}");
            assert_eq!(status(Method::HEAD, path), 503, "{path}");
            for method in [Method::POST, Method::TRACE] {
                assert_eq!(status(method, path), 200, "{path}: a form, or a wrong method");
            }
        }
        for path in
            ["/v1/decisions", "/v1/unit?a=b", "/e/token", "/c/token", "/livez", "/embed/v1/a.js"]
        {
            assert_eq!(status(Method::GET, path), 200, "{path}");
        }
    }

    #[test]
    fn a_long_delay_counts_at_once_and_a_pause_never() {
        let (mut recent, start, long) = (Recent::default(), Instant::now(), INTERVAL * 16);
        let mut lasting = |ms, delay| recent.lasting(start + Duration::from_millis(ms), delay);
        assert_eq!(lasting(25, Duration::ZERO), Duration::ZERO);
        assert_eq!(lasting(450, long), Duration::ZERO, "a pause");
        assert_eq!(lasting(875, long), long);
        assert_eq!(lasting(900, INTERVAL), INTERVAL, "the queue is short again");
    }

    #[test]
    fn reads_are_refused_before_decisions_are_shed_and_most_decisions_are_served() {
        let overload = Overload::default();
        let shed = || (0..1_000).filter(|_| overload.sheds_decision()).count();
        overload.set_delay(READS);
        assert!(!overload.refuses_reads() && shed() == 0);

        overload.set_delay(DECISIONS);
        assert!(overload.refuses_reads() && shed() == 0);

        (0..1_000).for_each(|_| overload.set_delay(DECISIONS * 10));
        assert_eq!(shed(), 200, "a fifth");

        (0..MAX_SHARE).for_each(|_| overload.set_delay(Duration::ZERO));
        assert!(!overload.refuses_reads() && shed() == 0);
    }
}
