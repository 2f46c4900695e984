//! Connections whose clients neither read nor write: each has deadlines, and an address has few of them.
//!
//! actix-web limits the time for the head of the first request and for an idle connection. Once a later
//! head has begun, or while a response waits for its reader, it waits forever.

use crate::config::CurrentSettings;
use crate::http::activity::Activity;
use crate::metrics::Metrics;
use crate::traffic::visitor::network;
use std::collections::HashMap;
use std::io;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long an idle connection is kept. Longer than the idle time of common proxies, so that they do not
/// reuse a connection that is about to be closed.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Deadline for receiving the head of a request.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// A response whose client takes less than [`WRITE_BYTES`] of it in this time is given up.
const WRITE_WINDOW: Duration = Duration::from_secs(10);
const WRITE_BYTES: u64 = 5_000;

/// The answer to a connection over the limit.
const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n\
    content-type: text/plain\r\n\r\n\
    too many connections from this address: see limits.connections_per_address in the server's settings\n";

/// Open connections to the public listener, by address (by /64 for IPv6).
pub(crate) struct Connections {
    open: Mutex<HashMap<[u8; 17], u32>>,
    settings: Arc<CurrentSettings>,
    metrics: Arc<Metrics>,
}

impl Connections {
    pub(crate) fn new(settings: Arc<CurrentSettings>, metrics: Arc<Metrics>) -> Arc<Connections> {
        Arc::new(Connections { open: Mutex::default(), settings, metrics })
    }

    /// Counts a connection until the returned value is dropped; `None` if its address has as many as
    /// allowed. Trusted proxies may have any number.
    fn admit(self: &Arc<Connections>, peer: IpAddr) -> Option<Permit> {
        let address = peer.to_canonical();
        let settings = self.settings.get();
        let limit = settings.limits.connections_per_address;
        let is_trusted = |network: &ipnet::IpNet| network.contains(&address);
        let unlimited = limit == 0 || settings.server.trusted_proxies.iter().any(is_trusted);
        let key = network(address, 32, 64);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(key).or_insert(0);
        if *count >= limit && !unlimited {
            self.metrics.connections_refused.inc();
            return None;
        }
        *count += 1;
        Some(Permit { connections: self.clone(), key })
    }
}

/// A counted connection.
pub(crate) struct Permit {
    connections: Arc<Connections>,
    key: [u8; 17],
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

/// Applies deadlines to an accepted connection; with `connections`, also their limit.
///
/// # Errors
/// [`io::ErrorKind::ConnectionRefused`] above the limit, after an answer that says so.
pub(crate) fn accept(
    stream: TcpStream,
    connections: Option<&Arc<Connections>>,
) -> io::Result<(Connection<TcpStream>, Option<SocketAddr>)> {
    let peer = stream.peer_addr().ok();
    let permit = match (connections, peer) {
        (Some(connections), Some(peer)) => match connections.admit(peer.ip()) {
            Some(permit) => Some(permit),
            None => {
                // The buffer of a new connection has room: this does not wait. Tokio's own writes would
                // wait for the first readiness event.
                let _ = stream.into_std().and_then(|mut stream| stream.write(REFUSAL));
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
        },
        _ => None,
    };
    Ok((Connection::new(stream, permit), peer))
}

/// A stream that fails when its client stalls.
pub(crate) struct Connection<S> {
    stream: S,
    activity: Rc<Activity>,
    /// [`Activity::started`] when last read.
    seen: u64,
    /// When the first byte of the head that is being received came.
    head_since: Option<Instant>,
    /// When the client last took bytes.
    wrote_at: Instant,
    /// Bytes taken so far.
    written: u64,
    /// Since when the client is slow in taking bytes, and how many it had taken by then.
    stalled: Option<(Instant, u64)>,
    timer: Option<Pin<Box<Sleep>>>,
    _permit: Option<Permit>,
}

impl<S> Connection<S> {
    fn new(stream: S, permit: Option<Permit>) -> Connection<S> {
        Connection {
            stream,
            activity: Activity::new(),
            seen: 0,
            head_since: None,
            wrote_at: Instant::now(),
            written: 0,
            stalled: None,
            timer: None,
            _permit: permit,
        }
    }

    /// For the guard around the handlers of this connection.
    pub(crate) fn activity(&self) -> Rc<Activity> {
        self.activity.clone()
    }

    /// When to give up if the client sends nothing more; `None` while a handler runs.
    fn read_deadline(&self) -> Option<Instant> {
        let since = self.activity.idle_since()?.max(self.wrote_at);
        Some(match self.head_since {
            Some(head) => since.max(head) + HEAD_TIMEOUT,
            // Later than the timer of actix-web, which closes properly, and does not always run.
            None => since + KEEP_ALIVE + HEAD_TIMEOUT,
        })
    }

    /// An error once `deadline` has passed; until then, wakes the task at it.
    fn poll_deadline(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<io::Error> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        // Moving a timer costs more than a needless wake-up, and most deadlines move back.
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.seen != this.activity.started() {
            (this.seen, this.head_since) = (this.activity.started(), None);
        }
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(cx, buffer) {
            if buffer.filled().len() > before && this.activity.idle_since().is_some() {
                this.head_since.get_or_insert_with(Instant::now);
            }
            return Poll::Ready(read);
        }
        match this.read_deadline() {
            Some(deadline) => this.poll_deadline(deadline, cx).map(Err),
            None => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if let Poll::Ready(result) = Pin::new(&mut this.stream).poll_write(cx, bytes) {
            let count = *result.as_ref().unwrap_or(&0);
            this.wrote_at = Instant::now();
            this.written += count as u64;
            return Poll::Ready(result);
        }
        let (mut since, taken) = *this.stalled.get_or_insert((Instant::now(), this.written));
        if since.elapsed() >= WRITE_WINDOW && this.written - taken >= WRITE_BYTES {
            since = Instant::now();
            this.stalled = Some((since, this.written));
        }
        ready!(this.poll_deadline(since + WRITE_WINDOW, cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Called when everything is written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stalled = None;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
