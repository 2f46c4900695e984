//! Guides: Markdown files that a code host shows as they are and `/docs` serves offline. Their
//! snippets are files of their own, which tests run.

use super::Layout;
use super::Link;
use super::markdown::{Rendered, render};
use crate::web::{assets, html};
use askama::Template;
use rust_embed::Embed;

/// The snippets that guides link to.
#[derive(Embed)]
#[folder = "src/web/snippets/"]
struct Snippets;

/// The base address in guides and snippets; replaced by the server's own.
pub(super) const EXAMPLE: &str = "https://units.example";

/// How a guide links to a snippet: alone on a line, and shown in its place when served.
const SNIPPET: &str = "](../snippets/";

#[derive(Debug)]
pub(crate) struct Guide {
    /// The last segment of its path below `/docs`.
    pub(crate) name: &'static str,
    pub(crate) menu: &'static str,
    /// One sentence about it.
    pub(crate) note: &'static str,
    /// Its file, as other guides link to it.
    file: &'static str,
    /// Whether it is in the menu of every page; the others are listed at `/docs`.
    is_in_menu: bool,
    text: &'static str,
}

impl Guide {
    const fn new(
        name: &'static str,
        menu: &'static str,
        note: &'static str,
        file: &'static str,
        text: &'static str,
    ) -> Guide {
        Guide { name, menu, note, file, is_in_menu: false, text }
    }

    const fn in_menu(self) -> Guide {
        Guide { is_in_menu: true, ..self }
    }
}

/// All guides, in reading order.
pub(crate) const GUIDES: [Guide; 9] = [
    Guide::new(
        "publisher",
        "publishers",
        "the first unit, snippets, servers, pauses",
        "publisher.md",
        include_str!("../guides/publisher.md"),
    )
    .in_menu(),
    Guide::new(
        "advertiser",
        "advertisers",
        "pricing, targeting, reports, invalid events",
        "advertiser.md",
        include_str!("../guides/advertiser.md"),
    )
    .in_menu(),
    Guide::new(
        "operator",
        "operators",
        "run, configure, change, explain, monitor",
        "operator.md",
        include_str!("../guides/operator.md"),
    )
    .in_menu(),
    Guide::new(
        "cluster",
        "cluster",
        "several instances on one Redis",
        "cluster.md",
        include_str!("../guides/cluster.md"),
    ),
    Guide::new(
        "sizing",
        "sizing",
        "throughput, memory, disk, delays",
        "sizing.md",
        include_str!("../guides/sizing.md"),
    ),
    Guide::new(
        "guarantees",
        "guarantees",
        "guarantees with their tests, privacy, limits",
        "guarantees.md",
        include_str!("../guides/guarantees.md"),
    ),
    Guide::new(
        "api",
        "API conventions",
        "keys, decisions, events, reports, errors",
        "api.md",
        include_str!("../guides/api.md"),
    ),
    Guide::new(
        "adapters",
        "adapters",
        "clients of other ad servers and exchanges",
        "adapters.md",
        include_str!("../guides/adapters.md"),
    ),
    Guide::new(
        "package",
        "npm package",
        "for TypeScript, Node and React",
        "../package/README.md",
        include_str!("../package/README.md"),
    ),
];

/// Links to all guides, each with its sentence.
pub(crate) fn links() -> impl Iterator<Item = Link> {
    GUIDES.iter().map(link)
}

/// Links to the guides in the menu of every page.
pub(crate) fn menu() -> impl Iterator<Item = Link> {
    GUIDES.iter().filter(|guide| guide.is_in_menu).map(link)
}

fn link(guide: &Guide) -> Link {
    Link::new(guide.menu, format!("/docs/{}", guide.name)).with_note(guide.note)
}

pub(crate) fn named(name: &str) -> Option<&'static Guide> {
    GUIDES.iter().find(|guide| guide.name == name)
}

#[derive(Template)]
#[template(path = "guide.html", config = "src/web/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    guide: &'a Rendered,
    script: String,
    /// For the search form.
    query: &'a str,
}

/// The guide as HTML and as text.
pub(super) fn rendered(guide: &Guide, base_url: &str) -> Rendered {
    let here = |text: &str| text.replace(EXAMPLE, base_url);
    let file = |name: &str| {
        let found = Snippets::get(name)?;
        Some(here(&String::from_utf8_lossy(&found.data)))
    };
    render(&here(&served(guide.text)), &file)
}

/// A guide's text with links between files as links between pages, and snippets as code blocks.
fn served(text: &str) -> String {
    let linked = GUIDES.iter().fold(text.to_owned(), |text, guide| {
        text.replace(&format!("]({}", guide.file), &format!("](/docs/{}", guide.name))
    });
    let lines = linked.lines().map(|line| match snippet(line) {
        Some(name) => format!("```text {name}\n```\n"),
        None => format!("{line}\n"),
    });
    lines.collect()
}

/// The snippet that a line consists of a link to.
fn snippet(line: &str) -> Option<&str> {
    let (_, name) = line.strip_prefix('[')?.split_once(SNIPPET)?;
    name.strip_suffix(')')
}

/// The page of a guide; `base_url` is the address of this server in its examples.
pub(crate) fn guide(guide: &Guide, base_url: &str, links: &[Link]) -> String {
    let here = format!("/docs/{}", guide.name);
    let guide = &rendered(guide, base_url);
    let script = assets::path(assets::CODE_JS);
    html(&Page { layout: Layout::new(&guide.title, links, &here), guide, script, query: "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_snippet_is_in_a_guide() {
        let shown: String =
            GUIDES.iter().map(|guide| rendered(guide, EXAMPLE).html).collect::<Vec<_>>().concat();
        let mut snippets = 0;
        for name in Snippets::iter() {
            snippets += 1;
            let text = Snippets::get(&name).unwrap().data;
            let text = String::from_utf8_lossy(&text).into_owned();
            let line = text.lines().max_by_key(|line| line.len()).unwrap();
            let escaped = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            assert!(shown.contains(&escaped), "{name}: {escaped}");
        }
        assert!(snippets > 8, "{snippets}");
    }

    #[test]
    fn a_guide_names_this_server_and_no_fence_is_empty() {
        for guide in &GUIDES {
            let made = rendered(guide, "https://own.example/x");
            assert!(!made.html.contains("units.example"), "{}", guide.name);
            assert!(!made.html.contains("\"></code>"), "{}", guide.name);
            assert!(!made.html.contains("<code></code>"), "{}", guide.name);
            assert!(!made.html.contains("href=\"\""), "{}: a link leads nowhere", guide.name);
            assert!(made.headings().count() > 3, "{}", guide.name);
            assert!(!made.title.is_empty(), "{}", guide.name);
        }
        assert!(
            rendered(&GUIDES[0], "https://own.example/x").html.contains("own.example/x/embed/v1")
        );
    }
}
