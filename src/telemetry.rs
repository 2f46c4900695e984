//! Logging setup. Messages are readable alone and values go into fields; IP addresses, tokens and
//! bodies are never logged.

use crate::domain::hidden;
use std::borrow::Cow;
use std::io;
use std::io::{IsTerminal, Write};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

/// The configured log filter is invalid.
#[derive(Debug, thiserror::Error)]
#[error("invalid log level or filter `{level}`: {reason}")]
pub(crate) struct InvalidFilter {
    level: String,
    reason: String,
}

/// Starts logging to standard error for the whole process; later calls have no effect.
/// `json` writes one JSON object per line.
pub(crate) fn start(level: &str, json: bool) -> Result<(), InvalidFilter> {
    // Worker starts are noise, and malformed request heads must not let clients write to the log.
    let filter = EnvFilter::try_new(format!("actix_server=warn,actix_http=off,{level}"))
        .map_err(|error| InvalidFilter { level: level.to_owned(), reason: error.to_string() })?;
    // A log that cannot be written, because its disk is full or its reader gone, must not panic in the
    // thread that logs: reporting that on standard error would.
    let registry = tracing_subscriber::registry().with(filter);
    // Only tests start a second subscriber in one process; the first one stays in effect.
    let _ = if json {
        let lines = fmt::layer().json().log_internal_errors(false);
        registry.with(lines.with_writer(|| Visible(hidden::escape_json))).try_init()
    } else {
        registry
            .with(
                fmt::layer()
                    .log_internal_errors(false)
                    .with_target(false)
                    .with_ansi(io::stderr().is_terminal())
                    .with_writer(|| Visible(one_line)),
            )
            .try_init()
    };
    Ok(())
}

/// Writes log lines to standard error with hidden characters escaped: values in them may be a caller's or
/// come from Redis. Each write is one complete line.
struct Visible(fn(&str) -> Cow<'_, str>);

impl Write for Visible {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(self.0(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
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
