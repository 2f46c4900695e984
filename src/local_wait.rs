//! Waits of request threads for other threads, without delay by the requests that are ready.
//!
//! A request thread takes what it wakes itself from one queue, and what other threads wake from another one:
//! a task of the second for every 31 of the first. With more requests than it can answer, the first queue is
//! never empty, and the second gives some hundred tasks a second: far fewer than there are events that the
//! journal acknowledges. So one task per request thread waits for all of them. It is woken once for many,
//! and wakes the others by the first queue.

use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::cell::RefCell;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// Ends when it has passed on a result.
type Wait = LocalBoxFuture<'static, ()>;

thread_local! {
    static WAITS: RefCell<Option<UnboundedSender<Wait>>> = const { RefCell::new(None) };
}

/// Makes results of [`local`] independent of the requests that are ready on this thread, which runs a
/// `LocalSet`.
pub(crate) fn start() {
    let (waits, added) = unbounded_channel();
    // With a budget, a turn would end after some of many results.
    tokio::task::spawn_local(tokio::task::unconstrained(run(added)));
    WAITS.set(Some(waits));
}

async fn run(mut added: UnboundedReceiver<Wait>) {
    let mut waits = FuturesUnordered::new();
    loop {
        tokio::select! {
            wait = added.recv() => match wait {
                Some(wait) => waits.push(wait),
                None => break,
            },
            Some(()) = waits.next() => {}
        }
    }
    while waits.next().await.is_some() {}
}

/// The receiver to wait for on this thread, for a result that another thread sends. Without [`start`] on this
/// thread it is the given one.
pub(crate) fn local<T: 'static>(result: oneshot::Receiver<T>) -> oneshot::Receiver<T> {
    WAITS.with_borrow(|waits| {
        let Some(waits) = waits else { return result };
        let (done, passed_on) = oneshot::channel();
        let wait = async move {
            if let Ok(result) = result.await {
                // Otherwise the request has ended.
                let _ = done.send(result);
            }
        };
        // Otherwise the thread ends, and its requests with it.
        let _ = waits.send(Box::pin(wait));
        passed_on
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;
    use std::task::Poll;
    use tokio::task::{LocalSet, spawn_local};

    const WAITING: usize = 1_000;
    const BUSY: usize = 64;

    /// Waits for this many more turns of a task that is always ready.
    async fn turns(count: usize) {
        let mut left = count;
        let always_ready = |cx: &mut std::task::Context<'_>| {
            cx.waker().wake_by_ref();
            left = left.saturating_sub(1);
            if left == 0 { Poll::Ready(()) } else { Poll::Pending }
        };
        std::future::poll_fn(always_ready).await;
    }

    #[tokio::test]
    async fn results_of_another_thread_reach_a_thousand_requests_while_others_are_always_ready() {
        let busy = async {
            start();
            let passed = Rc::new(Cell::new(0));
            for _ in 0..BUSY {
                let passed = passed.clone();
                spawn_local(async move {
                    loop {
                        turns(1).await;
                        turns(2).await;
                        passed.set(passed.get() + 1);
                    }
                });
            }
            let (senders, receivers): (Vec<_>, Vec<_>) =
                (0..WAITING).map(|_| oneshot::channel()).unzip();
            let waiting: Vec<_> =
                receivers.into_iter().map(|result| spawn_local(local(result))).collect();
            turns(20).await;
            let send = || senders.into_iter().for_each(|sender| sender.send(7).unwrap());
            std::thread::spawn(send).join().unwrap();

            let before = passed.get();
            for one in waiting {
                assert_eq!(one.await.unwrap().unwrap(), 7);
            }

            let meanwhile = passed.get() - before;
            assert!(meanwhile < 20 * BUSY, "{meanwhile} requests went first");
        };
        LocalSet::new().run_until(busy).await;
    }

    #[tokio::test]
    async fn a_thread_without_requests_waits_for_the_result_itself() {
        let (sender, receiver) = oneshot::channel();
        sender.send(7).unwrap();
        assert_eq!(local(receiver).await.unwrap(), 7);
    }
}
