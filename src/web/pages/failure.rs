//! The HTML error page.

use super::Layout;
use super::Link;
use crate::web::html;
use askama::Template;

/// An error to show.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FailureView<'a> {
    /// The HTTP reason phrase.
    pub(crate) title: &'a str,
    /// What went wrong.
    pub(crate) detail: &'a str,
    /// What to do.
    pub(crate) help: &'a str,
    /// Whether nothing is at this address: the page then has links to what is.
    pub(crate) is_missing: bool,
    /// The menu.
    pub(crate) links: &'a [Link],
}

#[derive(Template)]
#[template(path = "failure.html", config = "src/web/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    view: &'a FailureView<'a>,
    /// For the search form.
    query: &'a str,
}

/// Renders the error page.
pub(crate) fn failure(view: &FailureView<'_>) -> String {
    html(&Page { layout: Layout::new(view.title, view.links, ""), view, query: "" })
}
