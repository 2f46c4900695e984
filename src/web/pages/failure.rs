//! The HTML error page.

use super::Layout;
use super::Link;
use crate::web::html;
use askama::Template;

/// An error to show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FailureView<'a> {
    /// The HTTP reason phrase.
    pub title: &'a str,
    /// What went wrong.
    pub detail: &'a str,
    /// What to do.
    pub help: &'a str,
    /// The menu.
    pub links: &'a [Link],
}

#[derive(Template)]
#[template(path = "failure.html", config = "src/web/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    view: &'a FailureView<'a>,
}

/// Renders the error page.
pub fn failure(view: &FailureView<'_>) -> String {
    html(&Page { layout: Layout::new(view.title, view.links, ""), view })
}
