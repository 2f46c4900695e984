//! Logs: the message reads alone, the fields can be searched; no address, no token, no body.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What cannot be followed in the settings of the log.
#[derive(Debug, thiserror::Error)]
#[error("`{level}` is not a log level or filter: {reason}")]
pub struct InvalidFilter {
    level: String,
    reason: String,
}

/// Starts logging to standard error, for the whole process, once; later calls change nothing.
/// `json` writes one object a line.
pub fn start(level: &str, json: bool) -> Result<(), InvalidFilter> {
    // A worker that starts is no news, and whoever sends a malformed head must not write our log.
    let filter = EnvFilter::try_new(format!("actix_server=warn,actix_http=off,{level}"))
        .map_err(|error| InvalidFilter { level: level.to_owned(), reason: error.to_string() })?;
    let registry = tracing_subscriber::registry().with(filter);
    // A second subscriber in one process is a test's: the first one stays.
    let _ = if json {
        registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init()
    } else {
        registry
            .with(
                fmt::layer()
                    .with_target(false)
                    .with_ansi(std::io::stderr().is_terminal())
                    .with_writer(std::io::stderr),
            )
            .try_init()
    };
    Ok(())
}
