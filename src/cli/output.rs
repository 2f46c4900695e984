//! Command output: text or JSON on standard output, errors and exit codes.

use crate::catalog::CatalogError;
use crate::catalog::check::Finding;
use crate::config::{ConfigError, Problem};
use crate::domain::hidden;
use serde::Serialize;
use std::fmt::Display;
use std::io;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// A check has a negative result, which is no error of the command.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct CheckFailed(pub(super) String);

/// Exit code of [`CheckFailed`].
const CHECK_FAILED: u8 = 1;
/// Invalid input or configuration (`EX_USAGE`).
pub(super) const USAGE: u8 = 64;
/// Internal error (`EX_SOFTWARE`).
const INTERNAL: u8 = 70;

/// The output format of a command: text or JSON, on standard output.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    pub(super) json: bool,
}

impl Output {
    /// Prints `text`, or the object in JSON mode.
    pub(super) fn result(self, text: impl Display, object: &impl Serialize) -> io::Result<()> {
        if self.json { self.json(object) } else { self.line(text) }
    }

    /// Prints text, without hidden characters but with line breaks; nothing in JSON mode.
    pub(super) fn line(self, text: impl Display) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        writeln!(io::stdout(), "{}", hidden::escape_lines(&text.to_string()))
    }

    /// Prints warnings to standard error; nothing in JSON mode.
    pub(super) fn warnings(self, warnings: &[Finding]) {
        for warning in warnings.iter().filter(|_| !self.json) {
            note(format_args!("warning: {warning}"));
        }
    }

    /// Prints an object in JSON mode; otherwise nothing.
    pub(super) fn json_only(self, object: &impl Serialize) -> io::Result<()> {
        if self.json { self.json(object) } else { Ok(()) }
    }

    /// Prints one of many: a line of text, or the object on a line of its own.
    pub(super) fn entry(self, text: impl Display, object: &impl Serialize) -> io::Result<()> {
        if !self.json {
            return self.line(text);
        }
        let line = serde_json::to_string(object)?;
        writeln!(io::stdout(), "{}", hidden::escape_json(&line))
    }

    /// Prints an object as JSON in either mode.
    pub(super) fn json(self, object: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(object)?;
        writeln!(io::stdout(), "{}", hidden::escape_json(&text))
    }

    /// Prints an error and returns the exit code. 64: invalid input or configuration. 70: internal
    /// error. 1: a check failed. A closed pipe is not an error.
    pub fn report(self, failure: &anyhow::Error) -> ExitCode {
        let is_broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
            let io = cause.downcast_ref::<io::Error>();
            io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        };
        if failure.chain().any(is_broken_pipe) {
            return ExitCode::SUCCESS;
        }
        let problems = match failure.downcast_ref::<ConfigError>() {
            Some(ConfigError::Invalid(problems)) => problems.as_slice(),
            _ => &[],
        };
        if self.json {
            let error = if problems.is_empty() {
                format!("{failure:#}")
            } else {
                counted(problems.len(), "problem")
            };
            self.json(&serde_json::json!({ "error": error, "problems": problems })).ok();
        } else if problems.is_empty() {
            note(format_args!("{failure:#}"));
        } else {
            problems.iter().for_each(show);
        }
        if failure.is::<CheckFailed>() {
            return ExitCode::from(CHECK_FAILED);
        }
        let is_internal = failure.downcast_ref::<ConfigError>().is_none()
            && failure.downcast_ref::<CatalogError>().is_none();
        ExitCode::from(if is_internal { INTERNAL } else { USAGE })
    }
}

/// With source and caret on a terminal; one line per problem otherwise.
fn show(problem: &Problem) {
    if io::stderr().is_terminal() {
        eprintln!("{:?}", problem.escaped().report());
    } else {
        eprintln!("{}", hidden::escape_line(&problem.to_string(), &[]));
    }
}

/// Prints a note or an error on standard error, without hidden characters.
pub(super) fn note(text: impl Display) {
    eprintln!("adjacent: {}", hidden::escape_lines(&text.to_string()));
}

/// A count with a noun in singular or plural: `1 flight`, `2 flights`.
pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
