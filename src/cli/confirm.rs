//! Asks before a command changes something.

use crate::config::ConfigError;
use std::io;
use std::io::{BufRead, IsTerminal, Write};

/// Asks at a terminal; without one, the answer is a line of standard input. `y` and `yes` mean yes, any other text
/// means no. No answer at all is an error that names `--yes`.
pub(super) fn confirmed(question: &str) -> anyhow::Result<bool> {
    let mut input = io::stdin().lock();
    if io::stdin().is_terminal() {
        write!(io::stderr(), "{question} [y/N] ")?;
    }
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        let reason = "not confirmed, nothing was changed: standard input has no answer; use --yes to \
                      confirm without one";
        return Err(ConfigError::Usage(reason.to_owned()).into());
    }
    Ok(["y", "yes"].contains(&line.trim().to_ascii_lowercase().as_str()))
}
