//! The reader's transparency page behind "why this".

use super::Layout;
use super::Link;
use crate::domain::label::PageWords;
use crate::web::html;
use askama::Template;

/// The facts of one decision, in the reader's language.
#[derive(Clone, Debug, PartialEq)]
pub struct WhyView<'a> {
    /// The page's language.
    pub language: &'a str,
    /// `ltr` or `rtl`.
    pub direction: &'a str,
    /// Fixed texts of the page.
    pub words: &'a PageWords,
    /// The reason sentence that the unit showed.
    pub because: &'a str,
    /// What was not used to choose it, as a sentence.
    pub never: &'a str,
    /// The label that the unit showed.
    pub label: &'a str,
    /// The advertiser.
    pub shown_by: &'a str,
    /// The party on whose behalf it was shown.
    pub on_behalf_of: &'a str,
    /// The party that paid.
    pub paid_by: &'a str,
    /// The name of the matched topic or entity, if any.
    pub matched: Option<&'a str>,
    /// The reader's country or region; `None` if unknown.
    pub country: Option<&'a str>,
    /// The publisher's site.
    pub site: Option<&'a str>,
    /// The decision id, to quote in inquiries.
    pub decision: &'a str,
    /// URL of the data map.
    pub privacy_url: &'a str,
}

#[derive(Template)]
#[template(path = "why.html", config = "src/web/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    view: &'a WhyView<'a>,
    words: &'a PageWords,
}

/// Renders the reader's page.
pub fn why(view: &WhyView<'_>) -> String {
    const NO_LINKS: &[Link] = &[];
    html(&Page { layout: Layout::new(&view.words.heading, NO_LINKS, ""), view, words: view.words })
}
