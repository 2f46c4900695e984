//! The files that a command line names.

use crate::catalog::files::STANDARD_INPUT;
use crate::catalog::layout::Layout;
use crate::config::ConfigError;
use crate::config::Problem;
use crate::config::load::MAX_FILE_BYTES;
use crate::store::Address;
use crate::store::address::Place;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

/// The store that an address names, trusting the authority of a file where one is named; `None` is
/// the data directory.
pub(super) fn place(address: &str, ca: Option<&Path>) -> Result<Option<Place>, ConfigError> {
    let usage = |reason: String| ConfigError::Usage(reason);
    let address = address.parse().map_err(|error| usage(format!("--store: {error}")))?;
    let Address::Redis(place) = address else { return Ok(None) };
    let Some(file) = ca else { return Ok(Some(place)) };
    place.trusting(file).map(Some).map_err(|reason| usage(format!("--ca: {reason}")))
}

/// Where a checkout has its files.
const USUAL: &str = "config";

/// The texts at `paths`; `-` is standard input. No path: the usual place, or what is compiled in
/// where there is none.
pub(super) fn layout(paths: &[PathBuf]) -> Result<Layout, ConfigError> {
    let usual = Path::new(USUAL);
    let mut layout = Layout::default();
    if paths.is_empty() {
        if !usual.is_dir() {
            return Ok(Layout::example());
        }
        layout.add(usual)?;
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
    let refused = |reason: String| vec![Problem::of_file(STANDARD_INPUT, reason)];
    let mut text = String::new();
    let read = io::stdin().lock().take(MAX_FILE_BYTES + 1).read_to_string(&mut text);
    let bytes = read.map_err(|error| refused(format!("cannot be read: {error}")))?;
    if u64::try_from(bytes).is_ok_and(|bytes| bytes > MAX_FILE_BYTES) {
        return Err(refused(format!("is too long: {MAX_FILE_BYTES} bytes at most")).into());
    }
    Ok(text)
}
