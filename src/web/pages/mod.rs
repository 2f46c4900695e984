//! HTML pages: start, demo, "why this", the advertiser's report, the API reference and guides, the
//! operator console, and error pages.
//!
//! Each file has the view that the server fills and the function that renders it. Numbers are passed
//! as formatted text, and additionally raw where a bar is drawn from them.

pub mod advertiser;
pub mod chart;
pub mod console;
pub mod demo;
pub mod docs;
pub mod failure;
pub mod guide;
pub mod index;
pub mod why;

mod markdown;
mod schema;

use crate::web::assets;

/// A link.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    /// Link text.
    pub text: String,
    /// Target URL.
    pub href: String,
    /// A short description for link lists; may be empty.
    pub note: String,
}

impl Link {
    /// A link without a description.
    pub fn new(text: impl Into<String>, href: impl Into<String>) -> Link {
        Link { text: text.into(), href: href.into(), note: String::new() }
    }

    /// Adds a description.
    pub fn with_note(self, note: impl Into<String>) -> Link {
        Link { note: note.into(), ..self }
    }
}

/// The common layout of every page.
struct Layout<'a> {
    stylesheet: String,
    title: &'a str,
    /// Menu entries in order.
    links: &'a [Link],
    /// Path of this page, marked in the menu.
    current: &'a str,
}

impl<'a> Layout<'a> {
    fn new(title: &'a str, links: &'a [Link], current: &'a str) -> Layout<'a> {
        Layout { stylesheet: assets::path(assets::SITE_CSS), title, links, current }
    }
}

#[cfg(test)]
mod tests;
