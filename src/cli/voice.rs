//! What the command line says: to a person at a terminal, to a pipe, or as JSON.

use crate::catalog::CatalogError;
use crate::cli::health::NotReady;
use crate::config::ConfigError;
use crate::config::Problem;
use serde::Serialize;
use std::fmt::Display;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::process::ExitCode;

/// The answer is no.
const NO: u8 = 1;
/// The operator can mend it (`EX_USAGE`).
pub(super) const USAGE: u8 = 64;
/// We must (`EX_SOFTWARE`).
const SOFTWARE: u8 = 70;

/// How a command answers: words or JSON, on standard output.
#[derive(Clone, Copy, Debug)]
pub struct Voice {
    pub(super) json: bool,
}

impl Voice {
    /// Says `words`, or the object when JSON is asked for.
    pub(super) fn answer(self, words: impl Display, object: &impl Serialize) -> io::Result<()> {
        if self.json { self.object(object) } else { self.say(words) }
    }

    /// Says a line for people; nothing when JSON is asked for.
    pub(super) fn say(self, words: impl Display) -> io::Result<()> {
        if self.json { Ok(()) } else { writeln!(io::stdout(), "{words}") }
    }

    /// Writes an object when JSON is asked for.
    pub(super) fn object_if_json(self, object: &impl Serialize) -> io::Result<()> {
        if self.json { self.object(object) } else { Ok(()) }
    }

    /// Writes an object as JSON, whatever is asked for.
    pub(super) fn object(self, object: &impl Serialize) -> io::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        serde_json::to_writer_pretty(&mut out, object)?;
        writeln!(out)?;
        out.flush()
    }

    /// Says what failed and how to leave: with 64 when the operator can mend it, with 70 when we
    /// must, with 1 when the answer to a question is no. A reader that had enough and went is no
    /// failure.
    pub fn report(self, failure: &anyhow::Error) -> ExitCode {
        let closed = |cause: &(dyn std::error::Error + 'static)| {
            let io = cause.downcast_ref::<io::Error>();
            io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        };
        if failure.chain().any(closed) {
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
            self.object(&serde_json::json!({ "error": error, "problems": problems })).ok();
        } else if problems.is_empty() {
            eprintln!("adjacent: {failure:#}");
        } else {
            problems.iter().for_each(show);
        }
        if failure.is::<NotReady>() {
            return ExitCode::from(NO);
        }
        let ours = failure.downcast_ref::<ConfigError>().is_none()
            && failure.downcast_ref::<CatalogError>().is_none();
        ExitCode::from(if ours { SOFTWARE } else { USAGE })
    }
}

/// A caret under the source for a person; one line for a pipe.
fn show(problem: &Problem) {
    if io::stderr().is_terminal() {
        eprintln!("{:?}", problem.report());
    } else {
        eprintln!("{problem}");
    }
}

/// `1 flight`, `2 flights`.
pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
