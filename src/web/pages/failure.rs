//! What a person reads in place of a page that cannot be shown.

use super::Frame;
use super::Link;
use crate::web::html;
use askama::Template;

/// Why there is no page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FailureView<'a> {
    /// The status in words.
    pub title: &'a str,
    /// What was wrong.
    pub detail: &'a str,
    /// What to do.
    pub help: &'a str,
    /// The menu.
    pub links: &'a [Link],
}

#[derive(Template)]
#[template(path = "failure.html", config = "src/web/askama.toml")]
struct Page<'a> {
    frame: Frame<'a>,
    view: &'a FailureView<'a>,
}

/// The page.
pub fn failure(view: &FailureView<'_>) -> String {
    html(&Page { frame: Frame::new(view.title, view.links, ""), view })
}
