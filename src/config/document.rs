//! TOML documents whose problems have a file, line, column, field path, reason and suggestion.

use crate::config::{suggestion, wording};
use crate::domain::hidden;
use garde::Validate;
use miette::{LabeledSpan, NamedSource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::OnceCell;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// A problem in a file, and what to do about it.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// The file's path as given.
    pub file: String,
    /// The line, starting at 1; 0 if the problem is about the whole file.
    pub line: usize,
    /// The column in characters, starting at 1; 0 if the problem is about the whole file.
    pub column: usize,
    /// The path of the field, such as `flights[2].price_micros`; empty for the whole file.
    pub(crate) path: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) help: Option<String>,
    #[serde(skip)]
    place: Option<(Arc<str>, Range<usize>)>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.reason)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

impl Problem {
    /// A problem with a whole file, such as one that cannot be read or is too large.
    pub(crate) fn of_file(file: &str, reason: impl fmt::Display) -> Problem {
        Problem {
            file: file.to_owned(),
            line: 0,
            column: 0,
            path: String::new(),
            reason: reason.to_string(),
            help: None,
            place: None,
        }
    }

    /// The problem without hidden characters; a question mark per byte keeps the underline right.
    pub(crate) fn escaped(&self) -> Problem {
        let line = |text: &str| hidden::escape_line(text, &[]).into_owned();
        let marks = |c: char| "?".repeat(c.len_utf8());
        Problem {
            file: line(&self.file),
            path: line(&self.path),
            reason: hidden::escape_lines(&self.reason).into_owned(),
            help: self.help.as_deref().map(line),
            place: self.place.as_ref().map(|(text, span)| {
                (hidden::replace(text, &['\n', '\t'], marks).into(), span.clone())
            }),
            ..*self
        }
    }

    /// The problem with its source line and an underline, for a terminal.
    pub fn report(&self) -> miette::Report {
        let code = if self.path.is_empty() { self.file.clone() } else { self.path.clone() };
        let mut diagnostic = miette::MietteDiagnostic::new(self.reason.clone()).with_code(code);
        if let Some(help) = &self.help {
            diagnostic = diagnostic.with_help(help.clone());
        }
        match &self.place {
            None => miette::Report::new(diagnostic),
            Some((text, span)) => {
                let label = LabeledSpan::underline(span.clone());
                miette::Report::new(diagnostic.with_label(label))
                    .with_source_code(NamedSource::new(&self.file, text.clone()))
            }
        }
    }
}

/// A parsed file with the location of every value.
pub(crate) struct Document<'text> {
    file: &'text str,
    text: Source<'text>,
    table: toml::Spanned<DeTable<'text>>,
}

/// The text of a file; all problems share one copy of it, made for the first of them.
struct Source<'text> {
    text: &'text str,
    shared: OnceCell<Arc<str>>,
}

impl<'text> Document<'text> {
    /// Parses `text` as TOML; `file` is its name in problems. Numbers must be finite.
    pub(crate) fn parse(
        file: &'text str,
        text: &'text str,
    ) -> Result<Document<'text>, Vec<Problem>> {
        let source = Source { text, shared: OnceCell::new() };
        match DeTable::parse(text) {
            Ok(table) => {
                let document = Document { file, text: source, table };
                let found: Vec<Problem> = non_finite(document.table.get_ref())
                    .into_iter()
                    .map(|(path, span)| {
                        problem(file, &document.text, path, span, "must be a finite number")
                    })
                    .collect();
                if found.is_empty() { Ok(document) } else { Err(found) }
            }
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                Err(vec![problem(file, &source, String::new(), span, error.message())])
            }
        }
    }

    /// Parses `text` as TOML; values that it omits come from `defaults`.
    pub(crate) fn with_defaults(
        defaults: &'text str,
        file: &'text str,
        text: &'text str,
    ) -> Result<Document<'text>, Vec<Problem>> {
        let mut base = Document::parse("the built-in defaults", defaults)?;
        let document = Document::parse(file, text)?;
        merge(base.table.get_mut(), document.table.into_inner());
        Ok(Document { file, text: document.text, table: base.table })
    }

    /// The file's name, as given.
    pub(crate) fn file(&self) -> &str {
        self.file
    }

    /// The top-level keys, each with its span.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.table.get_ref().keys().map(|key| (key.get_ref().as_ref(), key.span()))
    }

    /// The number of entries in the list `name`; `None` if there is no such list.
    pub(crate) fn entries(&self, name: &str) -> Option<usize> {
        let value = self.table.get_ref().get(name)?;
        value.get_ref().as_array().map(|list| list.len())
    }

    /// Deserializes one entry of a list. `index` must be below [`Self::entries`].
    pub(crate) fn entry<T: DeserializeOwned>(
        &self,
        name: &str,
        index: usize,
    ) -> Result<T, Vec<Problem>> {
        let path = format!("{name}[{index}]");
        let value = self
            .table
            .get_ref()
            .get(name)
            .and_then(|list| list.get_ref().as_array())
            .and_then(|list| list.get(index))
            .expect("the index is below `entries`");
        T::deserialize(toml::de::ValueDeserializer::from(value.clone())).map_err(|error| {
            let span = error.span().unwrap_or_else(|| value.span());
            vec![problem(self.file, &self.text, path, span, error.message())]
        })
    }

    /// Deserializes the whole document.
    pub(crate) fn deserialize<T: DeserializeOwned>(&self) -> Result<T, Vec<Problem>> {
        T::deserialize(toml::de::Deserializer::from(self.table.clone())).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            vec![problem(self.file, &self.text, String::new(), span, error.message())]
        })
    }

    /// The whole document without its locations; `None` if it is no `T`.
    pub(crate) fn into_value<T: DeserializeOwned>(self) -> Option<T> {
        T::deserialize(toml::de::Deserializer::from(self.table)).ok()
    }

    /// A problem at the field `path`, located at the nearest ancestor that the file contains.
    pub(crate) fn problem(&self, path: &str, reason: &str, help: Option<String>) -> Problem {
        let mut found = problem(self.file, &self.text, path.to_owned(), self.span(path), reason);
        found.help = help.or(found.help);
        found
    }

    /// The span of the value at `path` (`a.b[2].c`).
    fn span(&self, path: &str) -> Range<usize> {
        let mut table = Some(self.table.get_ref());
        let mut array = None;
        let mut span = 0..0;
        for part in path.split(['.', '[']).filter(|part| !part.is_empty()) {
            let value = match part.strip_suffix(']') {
                Some(index) => array.and_then(|list: &toml::de::DeArray<'_>| {
                    list.get(index.parse::<usize>().ok()?)
                }),
                None => table.and_then(|fields| fields.get(part)),
            };
            let Some(value) = value else { break };
            span = value.span();
            table = value.get_ref().as_table();
            array = value.get_ref().as_array();
        }
        span
    }
}

/// NaN and infinite numbers, with their paths. No field needs them, and range checks let NaN pass.
fn non_finite(table: &DeTable<'_>) -> Vec<(String, Range<usize>)> {
    let mut found = Vec::new();
    for (key, value) in table {
        for (path, span) in non_finite_in(value) {
            let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
            found.push((format!("{}{dot}{path}", key.get_ref()), span));
        }
    }
    found
}

fn non_finite_in(value: &toml::Spanned<DeValue<'_>>) -> Vec<(String, Range<usize>)> {
    match value.get_ref() {
        DeValue::Float(float) => {
            let number = float.as_str().replace('_', "").parse::<f64>();
            let found = number.is_ok_and(|number| !number.is_finite());
            found.then(|| (String::new(), value.span())).into_iter().collect()
        }
        DeValue::Array(list) => {
            let mut found = Vec::new();
            for (at, item) in list.iter().enumerate() {
                for (path, span) in non_finite_in(item) {
                    let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
                    found.push((format!("[{at}]{dot}{path}"), span));
                }
            }
            found
        }
        DeValue::Table(inner) => non_finite(inner),
        _ => Vec::new(),
    }
}

/// Merges `overrides` into `base`, tables recursively.
fn merge<'text>(base: &mut DeTable<'text>, overrides: DeTable<'text>) {
    for (key, value) in overrides {
        match base.get_mut(&key) {
            Some(old) if old.get_ref().is_table() && value.get_ref().is_table() => {
                let (DeValue::Table(old), DeValue::Table(new)) =
                    (old.get_mut(), value.into_inner())
                else {
                    continue;
                };
                merge(old, new);
            }
            _ => {
                base.insert(key, value);
            }
        }
    }
}

/// Deserializes a whole document and checks the limits that the fields of `T` declare.
pub(crate) fn read<T>(document: &Document<'_>) -> Result<T, Vec<Problem>>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    let value: T = document.deserialize()?;
    match value.validate() {
        Ok(()) => Ok(value),
        Err(report) => Err(report
            .iter()
            .map(|(path, error)| document.problem(&path.to_string(), error.message(), None))
            .collect()),
    }
}

fn problem(
    file: &str,
    source: &Source<'_>,
    path: String,
    span: Range<usize>,
    message: &str,
) -> Problem {
    let text = source.text;
    let start = span.start.min(text.len());
    let before = text.get(..start).unwrap_or("");
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Problem {
        file: file.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        path,
        reason: wording::plain(message, text.get(span.clone()).unwrap_or_default()),
        help: suggestion::did_you_mean(message),
        place: Some((
            source.shared.get_or_init(|| text.into()).clone(),
            start..span.end.min(text.len()).max(start),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn non_finite_numbers_are_rejected_at_any_depth() {
        let text = "a = 1.5\n[b]\nc = [1, { d = nan }, [2.0, -inf]]\ne = 1e999\n";
        let problems = Document::parse("x.toml", text).map(|_| ()).unwrap_err();
        let messages: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            messages,
            [
                "x.toml:3:15: b.c[1].d: must be a finite number",
                "x.toml:3:28: b.c[2][1]: must be a finite number",
                "x.toml:4:5: b.e: must be a finite number",
            ]
        );
    }
}
