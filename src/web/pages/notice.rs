//! The form with which a reader reports a unit, on the page behind "why this", and its confirmation.

use super::{Layout, Link};
use crate::domain::language::Language;
use crate::notices::NoticeReason;
use crate::web::html;
use askama::Template;
use serde::Deserialize;
use std::sync::LazyLock;

/// Most characters of the fields.
pub(crate) const EXPLANATION_CHARS: usize = 2_000;
pub(crate) const NAME_CHARS: usize = 100;
pub(crate) const EMAIL_CHARS: usize = 254;

/// Texts of the form in one language.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoticeWords {
    pub(crate) language: Language,
    pub(super) heading: String,
    pub(super) about: String,
    pub(super) reason: String,
    pub(super) choose: String,
    pub(super) illegal_content: String,
    pub(super) child_abuse: String,
    pub(super) misleading: String,
    pub(super) not_labelled: String,
    pub(super) other: String,
    pub(super) explanation: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) needed: String,
    pub(super) good_faith: String,
    pub(super) send: String,
    pub(super) incomplete: String,
    pub(super) thanks: String,
    pub(super) reference: String,
    pub(super) next: String,
}

#[derive(Deserialize)]
struct Table {
    words: Vec<NoticeWords>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(include_str!("notices.toml")).expect("tests read this table"));

impl NoticeWords {
    /// The texts in a language, or in English, which come first.
    pub(crate) fn of(language: &Language) -> &'static NoticeWords {
        let all = &TABLE.words;
        all.iter().find(|words| words.language.covers(language)).unwrap_or(&all[0])
    }

    fn reason(&self, reason: NoticeReason) -> &str {
        match reason {
            NoticeReason::IllegalContent => &self.illegal_content,
            NoticeReason::ChildAbuse => &self.child_abuse,
            NoticeReason::Misleading => &self.misleading,
            NoticeReason::NotLabelled => &self.not_labelled,
            NoticeReason::Other => &self.other,
        }
    }
}

string_enum! {
    /// A field of the form.
    NoticeField {
        /// What is wrong.
        Reason = "reason",
        /// Why.
        Explanation = "explanation",
        /// The reader's name.
        Name = "name",
        /// The reader's email address.
        Email = "email",
        /// The statement of good faith: `yes`.
        GoodFaith = "good_faith",
    }
}

/// What a reader entered, as it was sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NoticeInput {
    pub(crate) reason: String,
    pub(crate) explanation: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) good_faith: bool,
}

/// The form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NoticeForm {
    pub(crate) words: &'static NoticeWords,
    /// What is in its fields.
    pub(crate) input: NoticeInput,
    /// Fields that are missing or invalid; not empty only after it was sent.
    pub(crate) problems: Vec<NoticeField>,
}

impl NoticeForm {
    pub(super) fn reasons(&self) -> impl Iterator<Item = (&'static str, &str, bool)> {
        NoticeReason::ALL.iter().map(|reason| {
            let name = reason.as_str();
            (name, self.words.reason(*reason), self.input.reason == name)
        })
    }

    pub(super) fn has_problem(&self, field: &str) -> bool {
        self.problems.iter().any(|problem| problem.as_str() == field)
    }

    pub(super) fn problem_names(&self) -> impl Iterator<Item = &str> {
        self.problems.iter().map(|problem| match problem {
            NoticeField::Reason => &*self.words.reason,
            NoticeField::Explanation => &self.words.explanation,
            NoticeField::Name => &self.words.name,
            NoticeField::Email => &self.words.email,
            NoticeField::GoodFaith => &self.words.good_faith,
        })
    }
}

#[derive(Template)]
#[template(path = "notice.html", config = "src/web/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    words: &'a NoticeWords,
    reference: &'a str,
}

/// Renders the confirmation.
pub(crate) fn received(words: &NoticeWords, reference: &str) -> String {
    const NO_LINKS: &[Link] = &[];
    html(&Page { layout: Layout::new(&words.thanks, NO_LINKS, ""), words, reference })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_the_form_in_the_language_of_the_page_or_in_english() {
        for (page, form) in [("de-AT", "de"), ("fr", "fr"), ("ja", "en"), ("en-GB", "en")] {
            let words = NoticeWords::of(&page.parse().unwrap());
            assert_eq!(words.language.as_str(), form);
        }
    }
}
