//! A TOML document whose every mistake has a place: file, line, column, path, reason, remedy.

use garde::Validate;
use miette::LabeledSpan;
use miette::NamedSource;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::OnceCell;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use toml::de::DeTable;
use toml::de::DeValue;

/// One mistake in a file, and what to do about it.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// The file's path as given.
    pub file: String,
    /// First is 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// In characters, first is 1; 0 when the file as a whole is meant.
    pub column: usize,
    /// Which field, such as `flights[2].price_micros`; empty for the whole file.
    pub path: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
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
    /// A problem with a file as a whole: it cannot be read, it is too large.
    pub fn of_file(file: &str, reason: impl fmt::Display) -> Problem {
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

    /// The problem with its line of source and a caret under it, for a terminal.
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

/// A parsed file that remembers where everything stands.
pub struct Document<'text> {
    file: &'text str,
    text: Source<'text>,
    table: toml::Spanned<DeTable<'text>>,
}

/// The text of a file; problems share one copy of it, made for the first of them.
struct Source<'text> {
    text: &'text str,
    shared: OnceCell<Arc<str>>,
}

impl<'text> Document<'text> {
    /// Reads `text` as TOML; `file` is for messages.
    pub fn parse(file: &'text str, text: &'text str) -> Result<Document<'text>, Vec<Problem>> {
        let source = Source { text, shared: OnceCell::new() };
        match DeTable::parse(text) {
            Ok(table) => {
                let document = Document { file, text: source, table };
                let found: Vec<Problem> = infinite(document.table.get_ref())
                    .into_iter()
                    .map(|(path, span)| {
                        problem(file, &document.text, path, span, "is not a finite number")
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

    /// Reads `text` as TOML laid over `defaults`: what it leaves out, they say.
    pub fn over(
        defaults: &'text str,
        file: &'text str,
        text: &'text str,
    ) -> Result<Document<'text>, Vec<Problem>> {
        let mut base = Document::parse("the built-in defaults", defaults)?;
        let above = Document::parse(file, text)?;
        overlay(base.table.get_mut(), above.table.into_inner());
        Ok(Document { file, text: above.text, table: base.table })
    }

    /// The file's name, as it was given.
    pub fn file(&self) -> &str {
        self.file
    }

    /// The names at the top, each with its place.
    pub fn names(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.table.get_ref().keys().map(|key| (key.get_ref().as_ref(), key.span()))
    }

    /// How many entries the list `name` has; `None` when there is no such list.
    pub fn entries(&self, name: &str) -> Option<usize> {
        let value = self.table.get_ref().get(name)?;
        value.get_ref().as_array().map(|list| list.len())
    }

    /// One entry of a list as a `T`, its own limits checked.
    pub fn entry<T: DeserializeOwned>(&self, name: &str, index: usize) -> Result<T, Vec<Problem>> {
        let path = format!("{name}[{index}]");
        let value = self
            .table
            .get_ref()
            .get(name)
            .and_then(|list| list.get_ref().as_array())
            .and_then(|list| list.get(index))
            .expect("the caller counted with `entries`");
        T::deserialize(toml::de::ValueDeserializer::from(value.clone())).map_err(|error| {
            let span = error.span().unwrap_or_else(|| value.span());
            vec![problem(self.file, &self.text, path, span, error.message())]
        })
    }

    /// The whole document as a `T`.
    pub fn whole<T: DeserializeOwned>(&self) -> Result<T, Vec<Problem>> {
        T::deserialize(toml::de::Deserializer::from(self.table.clone())).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            vec![problem(self.file, &self.text, String::new(), span, error.message())]
        })
    }

    /// A problem at the field `path`, or at the nearest field above it that is written down.
    pub fn problem(&self, path: &str, reason: &str, help: Option<String>) -> Problem {
        let mut found = problem(self.file, &self.text, path.to_owned(), self.span(path), reason);
        found.help = help.or(found.help);
        found
    }

    /// Where the value at `path` (`a.b[2].c`) stands.
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

/// Numbers that are none, with their paths: a limit such as "1 to 100" lets NaN pass, and nothing
/// here needs one.
fn infinite(table: &DeTable<'_>) -> Vec<(String, Range<usize>)> {
    let mut found = Vec::new();
    for (key, value) in table {
        for (path, span) in infinite_in(value) {
            let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
            found.push((format!("{}{dot}{path}", key.get_ref()), span));
        }
    }
    found
}

fn infinite_in(value: &toml::Spanned<DeValue<'_>>) -> Vec<(String, Range<usize>)> {
    match value.get_ref() {
        DeValue::Float(float) => {
            let number = float.as_str().replace('_', "").parse::<f64>();
            let infinite = number.is_ok_and(|number| !number.is_finite());
            infinite.then(|| (String::new(), value.span())).into_iter().collect()
        }
        DeValue::Array(list) => {
            let mut found = Vec::new();
            for (at, item) in list.iter().enumerate() {
                for (path, span) in infinite_in(item) {
                    let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
                    found.push((format!("[{at}]{dot}{path}"), span));
                }
            }
            found
        }
        DeValue::Table(inner) => infinite(inner),
        _ => Vec::new(),
    }
}

fn overlay<'text>(base: &mut DeTable<'text>, over: DeTable<'text>) {
    for (key, value) in over {
        match base.get_mut(&key) {
            Some(below) if below.get_ref().is_table() && value.get_ref().is_table() => {
                let (DeValue::Table(below), DeValue::Table(above)) =
                    (below.get_mut(), value.into_inner())
                else {
                    continue;
                };
                overlay(below, above);
            }
            _ => {
                base.insert(key, value);
            }
        }
    }
}

/// A whole document as a `T`, its limits checked.
pub fn read<T>(document: &Document<'_>) -> Result<T, Vec<Problem>>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    let value: T = document.whole()?;
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
        reason: message.trim_end().to_owned(),
        help: did_you_mean(message),
        place: Some((
            source.shared.get_or_init(|| text.into()).clone(),
            start..span.end.min(text.len()).max(start),
        )),
    }
}

/// A remedy for a message of serde's. From "unknown field `x`, expected one of `a`, `b`":
/// the nearest of those expected.
pub fn did_you_mean(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown ")?;
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let given = quoted.next()?;
    nearest(given, quoted).map(|near| format!("did you mean `{near}`?"))
}

/// The one of `known` that is most like `given`, if any is much like it.
pub fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|word| (strsim::damerau_levenshtein(given, word), word))
        .filter(|(distance, word)| *distance <= (word.len().max(given.len()) / 3).max(1))
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_none_is_refused_wherever_it_stands() {
        let text = "a = 1.5\n[b]\nc = [1, { d = nan }, [2.0, -inf]]\ne = 1e999\n";
        let refused = Document::parse("x.toml", text).map(|_| ()).unwrap_err();
        let said: Vec<String> = refused.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "x.toml:3:15: b.c[1].d: is not a finite number",
                "x.toml:3:28: b.c[2][1]: is not a finite number",
                "x.toml:4:5: b.e: is not a finite number",
            ]
        );
    }
}
