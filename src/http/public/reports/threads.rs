//! The threads that make reports: few and of low priority, so that a report slows no decision. Reports wait
//! for them in a short queue; what does not fit is refused before it costs anything.

use crate::blocking::lower_priority;
use crate::http::gate::CallLimit;
use crate::http::problem::ApiError;
use std::collections::HashMap;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, thread};
use tokio::sync::oneshot;

/// Reports in progress or waiting.
const MAX_REPORTS: usize = 16;

/// The same of one caller: a key, or the holders of links to one party's page.
const MAX_REPORTS_PER_CALLER: usize = 4;

/// Cores for each thread.
const CORES: usize = 4;

/// The same as `GET /v1/limits` publishes it.
pub(crate) fn limit() -> CallLimit {
    CallLimit {
        calls: "reports and pages of advertisers and publishers",
        caller: "key, or the links to one party's page",
        each: None,
        all: None,
        at_once_each: Some(MAX_REPORTS_PER_CALLER),
        at_once: MAX_REPORTS,
        running: number_of_threads(),
    }
}

/// Threads that make reports, by the number of cores.
fn number_of_threads() -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    (cores / CORES).max(1)
}

type Job = Box<dyn FnOnce() + Send>;

/// The threads that make reports.
pub(crate) struct ReportThreads {
    jobs: Sender<Job>,
    /// Reports in progress or waiting, by caller.
    callers: Mutex<HashMap<Box<str>, usize>>,
}

/// A place among the reports in progress or waiting, until it is dropped.
pub(crate) struct Slot {
    threads: Arc<ReportThreads>,
    caller: Box<str>,
}

impl ReportThreads {
    /// Starts the threads. They end when the last owner drops this.
    pub(crate) fn start() -> io::Result<Arc<ReportThreads>> {
        let (jobs, received) = channel();
        let received = Arc::new(Mutex::new(received));
        for _ in 0..number_of_threads() {
            let received = received.clone();
            thread::Builder::new().name("report".into()).spawn(move || work(&received))?;
        }
        Ok(Arc::new(ReportThreads { jobs, callers: Mutex::default() }))
    }

    /// A place for a report of this caller.
    ///
    /// # Errors
    /// 429 while the caller has too many reports in progress, 503 while all callers together have.
    pub(crate) fn slot(self: &Arc<ReportThreads>, caller: String) -> Result<Slot, ApiError> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let caller = caller.into_boxed_str();
        if callers.get(&caller).is_some_and(|own| *own >= MAX_REPORTS_PER_CALLER) {
            return Err(ApiError::too_many_requests(format!(
                "{MAX_REPORTS_PER_CALLER} reports of this caller are in progress; request the next one \
                 when one of them is complete"
            )));
        }
        if callers.values().sum::<usize>() >= MAX_REPORTS {
            return Err(ApiError::busy("too many reports are in progress; retry in a second"));
        }
        *callers.entry(caller.clone()).or_default() += 1;
        Ok(Slot { threads: self.clone(), caller })
    }
}

impl Slot {
    /// Runs work on a thread for reports, unless the caller stops waiting before it begins. A panic in it is
    /// resumed here.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let (done, result) = oneshot::channel();
        let job = move || {
            if !done.is_closed() {
                // Otherwise the caller has gone.
                let _ = done.send(catch_unwind(AssertUnwindSafe(work)));
            }
        };
        let ended = || ApiError::internal("the threads for reports have ended");
        self.threads.jobs.send(Box::new(job)).map_err(|_| ended())?;
        result.await.map_err(|_| ended())?.or_else(|panic| resume_unwind(panic))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut callers = self.threads.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = callers.get_mut(&self.caller) {
            *own -= 1;
            if *own == 0 {
                callers.remove(&self.caller);
            }
        }
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    lower_priority();
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(job) = next() {
        job();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::ResponseError;
    use actix_web::http::header;

    fn refusal(threads: &Arc<ReportThreads>, caller: &str) -> (u16, bool) {
        let refused = threads.slot(caller.to_owned()).map(drop).unwrap_err();
        let waits = refused.error_response().headers().contains_key(header::RETRY_AFTER);
        (refused.status_code().as_u16(), waits)
    }

    #[tokio::test]
    async fn of_sixty_reports_at_once_a_caller_has_four_and_all_together_sixteen() {
        let threads = ReportThreads::start().unwrap();
        let of_one: Vec<Slot> =
            (0..60).filter_map(|_| threads.slot("one".to_owned()).ok()).collect();
        assert_eq!(of_one.len(), 4);
        assert_eq!(refusal(&threads, "one"), (429, true));

        let of_others: Vec<Slot> =
            (0..60).filter_map(|at| threads.slot(at.to_string()).ok()).collect();
        assert_eq!(of_others.len(), 12);
        assert_eq!(refusal(&threads, "another"), (503, true));

        drop(of_one);
        assert_eq!(threads.slot("one".to_owned()).unwrap().run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_panic_in_a_report_ends_neither_its_thread_nor_the_next_report() {
        let threads = ReportThreads::start().unwrap();
        let slot = threads.slot("one".to_owned()).unwrap();
        let broken = tokio::spawn(async move { slot.run(|| panic!("expected")).await });
        assert!(broken.await.unwrap_err().is_panic());
        assert_eq!(threads.slot("one".to_owned()).unwrap().run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_report_whose_caller_has_gone_is_not_made() {
        let threads = ReportThreads::start().unwrap();
        let (entered, begun) = std::sync::mpsc::channel();
        let (go_on, gate) = std::sync::mpsc::channel::<()>();
        let first = threads.slot("one".to_owned()).unwrap();
        let running = tokio::spawn(async move {
            let work = move || {
                let _ = entered.send(());
                let _ = gate.recv();
            };
            first.run(work).await
        });
        tokio::task::spawn_blocking(move || begun.recv().unwrap()).await.unwrap();
        let second = threads.slot("two".to_owned()).unwrap();
        let (made, is_made) = std::sync::mpsc::channel();
        let waiting = second.run(move || made.send(()).unwrap());
        assert!(futures_util::FutureExt::now_or_never(waiting).is_none());
        go_on.send(()).unwrap();
        running.await.unwrap().unwrap();
        threads.slot("three".to_owned()).unwrap().run(|| ()).await.unwrap();
        assert!(is_made.try_recv().is_err());
    }
}
