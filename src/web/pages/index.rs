//! The start page: the version and links to everything else.

use super::Layout;
use super::Link;
use crate::web::html;
use askama::Template;

/// Content of the start page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct IndexView<'a> {
    /// The running version.
    pub(crate) version: &'a str,
    /// Headings, each with a list of described links.
    pub(crate) groups: Vec<(String, Vec<Link>)>,
    /// The menu.
    pub(crate) links: &'a [Link],
}

#[derive(Template)]
#[template(path = "index.html", config = "src/web/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    view: &'a IndexView<'a>,
}

/// Renders the start page.
pub(crate) fn index(view: &IndexView<'_>) -> String {
    html(&Page { layout: Layout::new("adjacent", view.links, "/"), view })
}
