//! The start page: what runs here, and where everything is.

use super::Frame;
use super::Link;
use crate::web::html;
use askama::Template;

/// What the start page says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IndexView<'a> {
    /// The version that runs.
    pub version: &'a str,
    /// Lists of links under a heading each, with a sentence about every link.
    pub groups: Vec<(String, Vec<Link>)>,
    /// The menu.
    pub links: &'a [Link],
}

#[derive(Template)]
#[template(path = "index.html", config = "src/web/askama.toml")]
struct Page<'a> {
    frame: Frame<'a>,
    view: &'a IndexView<'a>,
}

/// The start page.
pub fn index(view: &IndexView<'_>) -> String {
    html(&Page { frame: Frame::new("adjacent", view.links, "/"), view })
}
