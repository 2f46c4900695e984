//! HTML pages: start, demo, "why this", the reports of advertisers and publishers, the API reference, the guides
//! and the search over them, replies of the API for browsers, the operator console, and error pages.
//!
//! Each file has the view that the server fills and the function that renders it. Numbers are passed
//! as formatted text, and additionally raw where a bar is drawn from them.

pub(crate) mod advertiser;
pub(crate) mod chart;
pub(crate) mod console;
pub(crate) mod demo;
pub(crate) mod docs;
pub(crate) mod embed_tag;
pub(crate) mod failure;
pub(crate) mod figures;
pub(crate) mod guide;
pub(crate) mod index;
pub(crate) mod notice;
pub(crate) mod publisher;
pub(crate) mod replay;
pub(crate) mod report_parts;
pub(crate) mod search;
pub(crate) mod why;

mod markdown;
mod schema;

use crate::web::assets;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Link {
    pub(crate) text: String,
    /// Target URL.
    pub(crate) href: String,
    /// A short description for link lists; may be empty.
    pub(crate) note: String,
}

impl Link {
    /// A link without a description.
    pub(crate) fn new(text: impl Into<String>, href: impl Into<String>) -> Link {
        Link { text: text.into(), href: href.into(), note: String::new() }
    }

    /// Adds a description.
    pub(crate) fn with_note(self, note: impl Into<String>) -> Link {
        Link { note: note.into(), ..self }
    }
}

/// The common layout of every page.
struct Layout<'a> {
    stylesheet: String,
    icon: String,
    title: &'a str,
    /// Menu entries in order.
    links: &'a [Link],
    /// Path of this page, marked in the menu.
    current: &'a str,
}

impl<'a> Layout<'a> {
    fn new(title: &'a str, links: &'a [Link], current: &'a str) -> Layout<'a> {
        let [stylesheet, icon] = [assets::SITE_CSS, assets::ICON].map(assets::path);
        Layout { stylesheet, icon, title, links, current }
    }
}

#[cfg(test)]
mod tests;
