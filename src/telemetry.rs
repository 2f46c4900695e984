//! Logging setup. Messages are readable alone and values go into fields; IP addresses, tokens and
//! bodies are never logged.

use std::io::IsTerminal;
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
        registry.with(lines.with_writer(std::io::stderr)).try_init()
    } else {
        registry
            .with(
                fmt::layer()
                    .log_internal_errors(false)
                    .with_target(false)
                    .with_ansi(std::io::stderr().is_terminal())
                    .with_writer(std::io::stderr),
            )
            .try_init()
    };
    Ok(())
}
