//! Shared command line arguments: input paths and the store URL.

use crate::catalog::config_files::ConfigFiles;
use crate::catalog::files::STANDARD_INPUT;
use crate::config::load::MAX_FILE_BYTES;
use crate::config::{ConfigError, Problem};
use crate::store::Address;
use crate::store::address::RedisConfig;
use std::io;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Parses `--store` and `--ca`; `None` for an embedded store (the data directory).
pub(super) fn redis_config(
    address: &str,
    ca: Option<&Path>,
) -> Result<Option<RedisConfig>, ConfigError> {
    let usage = |reason: String| ConfigError::Usage(reason);
    let address = address.parse().map_err(|error| usage(format!("--store: {error}")))?;
    let Address::Redis(config) = address else { return Ok(None) };
    let Some(file) = ca else { return Ok(Some(config)) };
    config.with_ca_file(file).map(Some).map_err(|reason| usage(format!("--ca: {reason}")))
}

/// A time such as `90s`, `5m` or `1h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let invalid = || "expected a time such as 30s, 5m or 1h".to_owned();
    let time: jiff::SignedDuration = text.parse().map_err(|_| invalid())?;
    let time = Duration::try_from(time).map_err(|_| invalid())?;
    if time.is_zero() { Err(invalid()) } else { Ok(time) }
}

/// The input folder when no path is given.
const DEFAULT_FOLDER: &str = "config";

/// Reads the files at `paths`; `-` is standard input. Without a path it reads `config/`, or the built-in
/// example if that does not exist.
pub(super) fn layout(paths: &[PathBuf]) -> Result<ConfigFiles, ConfigError> {
    let default = Path::new(DEFAULT_FOLDER);
    let mut layout = ConfigFiles::default();
    if paths.is_empty() {
        if !default.is_dir() {
            return Ok(ConfigFiles::example());
        }
        layout.add(default)?;
    }
    for path in paths {
        if path == Path::new("-") {
            layout.add_text(STANDARD_INPUT.into(), standard_input()?)?;
        } else {
            layout.add(path)?;
        }
    }
    Ok(layout)
}

fn standard_input() -> Result<String, ConfigError> {
    let problem = |reason: String| vec![Problem::of_file(STANDARD_INPUT, reason)];
    let mut text = String::new();
    let read = io::stdin().lock().take(MAX_FILE_BYTES + 1).read_to_string(&mut text);
    let bytes = read.map_err(|error| problem(format!("cannot be read: {error}")))?;
    if u64::try_from(bytes).is_ok_and(|bytes| bytes > MAX_FILE_BYTES) {
        return Err(problem(format!("is too large: the limit is {MAX_FILE_BYTES} bytes")).into());
    }
    Ok(text)
}
