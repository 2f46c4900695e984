//! The pages that people read: start, demo, "why this", an advertiser's numbers, the reference and
//! the guides, the operator's console, and what is read where there is no page.
//!
//! Each file holds the view that the server fills and the function that renders it. Numbers come
//! as text, written the reader's way, and once more raw where a bar is drawn from them.

pub mod advertiser;
pub mod chart;
pub mod console;
pub mod demo;
pub mod docs;
pub mod failure;
pub mod guide;
pub mod index;
pub mod why;
pub mod why_words;

mod markdown;
mod schema;

use crate::web::assets;

/// A link with its words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    /// What is read.
    pub text: String,
    /// Where it leads.
    pub href: String,
    /// A sentence about it, for lists that have room; may be empty.
    pub note: String,
}

impl Link {
    /// A link without a sentence.
    pub fn new(text: impl Into<String>, href: impl Into<String>) -> Link {
        Link { text: text.into(), href: href.into(), note: String::new() }
    }

    /// The link with a sentence about it.
    pub fn noted(self, note: impl Into<String>) -> Link {
        Link { note: note.into(), ..self }
    }
}

/// What every page has around it.
struct Frame<'a> {
    stylesheet: String,
    title: &'a str,
    /// The other pages, in the order of the menu.
    links: &'a [Link],
    /// The address of this page, to mark it in the menu.
    here: &'a str,
}

impl<'a> Frame<'a> {
    fn new(title: &'a str, links: &'a [Link], here: &'a str) -> Frame<'a> {
        Frame { stylesheet: assets::path(assets::SITE_CSS), title, links, here }
    }
}

#[cfg(test)]
mod tests;
