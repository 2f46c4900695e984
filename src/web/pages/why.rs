//! The reader's page behind "why this".

use super::Frame;
use super::Link;
use super::why_words::WhyWords;
use crate::web::html;
use askama::Template;

/// What the page says of one decision, in the reader's language.
#[derive(Clone, Debug, PartialEq)]
pub struct WhyView<'a> {
    /// The page's language.
    pub language: &'a str,
    /// `ltr` or `rtl`.
    pub direction: &'a str,
    /// The words around the facts; see [`WhyWords::of`].
    pub words: &'a WhyWords,
    /// The sentence that the unit carried.
    pub because: &'a str,
    /// What was not used to choose it, in a sentence.
    pub never: &'a str,
    /// The label the unit carried.
    pub label: &'a str,
    /// Who is shown.
    pub shown_by: &'a str,
    /// On whose behalf, and who paid.
    pub on_behalf_of: &'a str,
    /// Who paid.
    pub paid_by: &'a str,
    /// The name of the topic or entity that matched, where one did.
    pub matched: Option<&'a str>,
    /// The reader's country or region as it was known; `None` when it was not.
    pub country: Option<&'a str>,
    /// The site.
    pub site: Option<&'a str>,
    /// The decision's id, to quote in a question about it.
    pub decision: &'a str,
    /// Where the data map is.
    pub privacy_url: &'a str,
}

#[derive(Template)]
#[template(path = "why.html", config = "src/web/askama.toml")]
struct Page<'a> {
    frame: Frame<'a>,
    view: &'a WhyView<'a>,
    words: &'a WhyWords,
}

/// The reader's page.
pub fn why(view: &WhyView<'_>) -> String {
    const NO_LINKS: &[Link] = &[];
    html(&Page { frame: Frame::new(view.words.heading, NO_LINKS, ""), view, words: view.words })
}
