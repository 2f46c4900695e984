//! What a connection is doing: whether its client or this server is to act next.

use std::cell::Cell;
use std::rc::Rc;
use tokio::time::Instant;

/// Requests of one connection. The stream reads it for its deadlines; the guard around every handler
/// updates it. A connection stays on one thread.
pub(crate) struct Activity {
    started: Cell<u64>,
    running: Cell<u32>,
    /// When the last handler ended, or the connection began.
    idle_since: Cell<Instant>,
}

impl Activity {
    pub(crate) fn new() -> Rc<Activity> {
        Rc::new(Activity {
            started: Cell::new(0),
            running: Cell::new(0),
            idle_since: Cell::new(Instant::now()),
        })
    }

    /// A handler runs until the returned value is dropped.
    pub(crate) fn begin(self: &Rc<Activity>) -> Running {
        self.started.set(self.started.get() + 1);
        self.running.set(self.running.get() + 1);
        Running(self.clone())
    }

    /// Requests whose head was received so far.
    pub(crate) fn started(&self) -> u64 {
        self.started.get()
    }

    /// Since when no handler runs; `None` while one does.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        (self.running.get() == 0).then(|| self.idle_since.get())
    }
}

/// A running handler.
pub(crate) struct Running(Rc<Activity>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.set(self.0.running.get() - 1);
        self.0.idle_since.set(Instant::now());
    }
}
