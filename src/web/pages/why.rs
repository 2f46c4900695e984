//! The reader's transparency page behind "why this".

use super::Layout;
use super::Link;
use super::notice::{EMAIL_CHARS, EXPLANATION_CHARS, NAME_CHARS, NoticeForm};
use crate::domain::label::PageWords;
use crate::web::html;
use askama::Template;

/// The facts of one decision, in the reader's language.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WhyView<'a> {
    /// The page's language.
    pub(crate) language: &'a str,
    /// `ltr` or `rtl`.
    pub(crate) direction: &'a str,
    /// Fixed texts of the page.
    pub(crate) words: &'a PageWords,
    /// The reason sentence that the unit showed.
    pub(crate) because: &'a str,
    /// What was not used to choose it, as a sentence.
    pub(crate) never: &'a str,
    /// The label that the unit showed.
    pub(crate) label: &'a str,
    /// The advertiser.
    pub(crate) shown_by: &'a str,
    /// The party on whose behalf it was shown.
    pub(crate) on_behalf_of: &'a str,
    /// The party that paid.
    pub(crate) paid_by: &'a str,
    /// The name of the matched topic or entity, if any.
    pub(crate) matched: Option<&'a str>,
    /// The reader's country or region; `None` if unknown.
    pub(crate) country: Option<&'a str>,
    /// The publisher's site.
    pub(crate) site: Option<&'a str>,
    /// The decision id, to quote in inquiries.
    pub(crate) decision: &'a str,
    /// URL of the data map.
    pub(crate) privacy_url: &'a str,
    /// URL at which a reader reports the unit, if the operator has one.
    pub(crate) report_url: Option<String>,
    /// The form with which a reader reports it otherwise.
    pub(crate) notice: Option<NoticeForm>,
}

#[derive(Template)]
#[template(path = "why.html", config = "src/web/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    view: &'a WhyView<'a>,
    words: &'a PageWords,
    explanation_chars: usize,
    name_chars: usize,
    email_chars: usize,
}

/// Renders the reader's page.
pub(crate) fn why(view: &WhyView<'_>) -> String {
    const NO_LINKS: &[Link] = &[];
    html(&Page {
        layout: Layout::new(&view.words.heading, NO_LINKS, ""),
        view,
        words: view.words,
        explanation_chars: EXPLANATION_CHARS,
        name_chars: NAME_CHARS,
        email_chars: EMAIL_CHARS,
    })
}
