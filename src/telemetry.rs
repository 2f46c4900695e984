//! Logging setup. Messages are readable alone and values go into fields; IP addresses, tokens and
//! bodies are never logged. A thread of its own writes the lines, so that a log without a reader
//! delays nothing; lines that it cannot take are dropped and counted.

use crate::domain::hidden;
use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::{io, panic};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

/// The most lines that wait to be written; about 2 MiB.
const WAITING_LINES: usize = 4_096;

static WRITER: Mutex<Option<WorkerGuard>> = Mutex::new(None);
static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// The configured log filter is invalid.
#[derive(Debug, thiserror::Error)]
#[error("invalid log level or filter `{level}`: {reason}")]
pub(crate) struct InvalidFilter {
    level: String,
    reason: String,
}

/// Writes the waiting lines when it is dropped.
pub(crate) struct Logging;

impl Drop for Logging {
    fn drop(&mut self) {
        end();
    }
}

/// Checks a log level, or a filter such as `adjacent=debug`.
pub(crate) fn check_filter(level: &str) -> Result<(), InvalidFilter> {
    filter(level).map(drop)
}

fn filter(level: &str) -> Result<EnvFilter, InvalidFilter> {
    // Worker starts are noise, and malformed request heads must not let clients write to the log.
    EnvFilter::try_new(format!("actix_server=warn,actix_http=off,{level}"))
        .map_err(|error| InvalidFilter { level: level.to_owned(), reason: error.to_string() })
}

/// Starts logging to standard error for the whole process, panics included; later calls have no
/// effect. `json` writes one JSON object per line.
pub(crate) fn start(level: &str, json: bool) -> Result<Logging, InvalidFilter> {
    let filter = filter(level)?;
    let writer = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(WAITING_LINES)
        .thread_name("log")
        .finish(io::stderr());
    let (lines, guard) = writer;
    let dropped = lines.error_counter();
    // A log that cannot be written, because its disk is full or its reader gone, must not panic in the
    // thread that logs: reporting that on standard error would.
    let registry = tracing_subscriber::registry().with(filter);
    let started = if json {
        let layer = fmt::layer().json().log_internal_errors(false);
        let writer = move || Visible(hidden::escape_json, lines.clone());
        registry.with(layer.with_writer(writer)).try_init()
    } else {
        registry
            .with(
                fmt::layer()
                    .log_internal_errors(false)
                    .with_target(false)
                    .with_ansi(io::stderr().is_terminal())
                    .with_writer(move || Visible(one_line, lines.clone())),
            )
            .try_init()
    };
    // Only tests start a second subscriber in one process; the first one stays in effect.
    if started.is_ok() {
        *WRITER.lock().unwrap_or_else(PoisonError::into_inner) = Some(guard);
        let _ = DROPPED.set(dropped);
        // By default, a panic writes to standard error itself and waits for its reader.
        panic::set_hook(Box::new(|panic| {
            let location = panic.location().map(ToString::to_string).unwrap_or_default();
            let message = panic.payload_as_str().unwrap_or("no message");
            tracing::error!(location, "panic: {message}");
        }));
    }
    Ok(Logging)
}

/// Writes the waiting lines, for about a second at most. Later ones are dropped.
pub(crate) fn end() {
    drop(WRITER.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// Lines dropped since the start because the log was not read fast enough.
pub(crate) fn dropped_lines() -> u64 {
    DROPPED.get().map_or(0, |dropped| dropped.dropped_lines() as u64)
}

/// Writes log lines with hidden characters escaped: values in them may be a caller's or
/// come from Redis. Each write is one complete line.
struct Visible(fn(&str) -> Cow<'_, str>, NonBlocking);

impl Write for Visible {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.1.write_all(self.0(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.1.flush()
    }
}

/// A log line whose values cannot start another one. The escape characters in it are the colours: those of
/// values are escaped before.
fn one_line(line: &str) -> Cow<'_, str> {
    match line.strip_suffix('\n') {
        Some(line) => (hidden::escape_line(line, &['\u{1b}']).into_owned() + "\n").into(),
        None => hidden::escape_line(line, &['\u{1b}']),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_a_log_line_starts_no_other_line_and_changes_no_direction() {
        let written = one_line("WARN slot=a\nERROR forged \u{202e}x\u{200b}\n");
        assert_eq!(written, "WARN slot=a\\nERROR forged \\u{202e}x\\u{200b}\n");
    }
}
