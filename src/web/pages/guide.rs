//! Guides, one for each kind of reader: written once as Markdown, with snippets that tests run.

use super::Frame;
use super::Link;
use super::markdown::Rendered;
use super::markdown::render;
use crate::web::html;
use askama::Template;
use rust_embed::Embed;

/// What guides show and tests run.
#[derive(Embed)]
#[folder = "src/web/snippets/"]
struct Snippets;

/// The address that guides and snippets are written with.
const EXAMPLE: &str = "https://units.example";

/// A guide.
#[derive(Debug)]
pub struct Guide {
    /// The last part of its address.
    pub name: &'static str,
    /// What the menu calls it.
    pub menu: &'static str,
    /// A sentence about it.
    pub note: &'static str,
    text: &'static str,
}

/// Every guide, in the order of the menu.
pub const GUIDES: [Guide; 4] = [
    Guide {
        name: "publisher",
        menu: "publishers",
        note: "the first unit, snippets, servers, stops",
        text: include_str!("../guides/publisher.md"),
    },
    Guide {
        name: "advertiser",
        menu: "advertisers",
        note: "your page, your numbers, what is refused and why",
        text: include_str!("../guides/advertiser.md"),
    },
    Guide {
        name: "operator",
        menu: "operators",
        note: "start, change, stop, explain, watch",
        text: include_str!("../guides/operator.md"),
    },
    Guide {
        name: "package",
        menu: "package",
        note: "for TypeScript, Node and React",
        text: include_str!("../package/README.md"),
    },
];

/// Links to all of them, with a sentence each.
pub fn links() -> impl Iterator<Item = Link> {
    GUIDES
        .iter()
        .map(|guide| Link::new(guide.menu, format!("/docs/{}", guide.name)).noted(guide.note))
}

/// A guide by the last part of its address.
pub fn named(name: &str) -> Option<&'static Guide> {
    GUIDES.iter().find(|guide| guide.name == name)
}

#[derive(Template)]
#[template(path = "guide.html", config = "src/web/askama.toml")]
struct Page<'a> {
    frame: Frame<'a>,
    guide: &'a Rendered,
}

fn rendered(guide: &Guide, base_url: &str) -> Rendered {
    let here = |text: &str| text.replace(EXAMPLE, base_url);
    let file = |name: &str| {
        let found = Snippets::get(name)?;
        Some(here(&String::from_utf8_lossy(&found.data)))
    };
    render(&here(guide.text), &file)
}

/// The page of a guide. Its examples have the address of this server, `base_url`, in them.
pub fn guide(guide: &Guide, base_url: &str, links: &[Link]) -> String {
    let here = format!("/docs/{}", guide.name);
    let guide = &rendered(guide, base_url);
    html(&Page { frame: Frame::new(&guide.title, links, &here), guide })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_snippet_stands_in_a_guide() {
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
            assert!(!made.html.contains("<code></code>"), "{}", guide.name);
            assert!(made.headings.len() > 3, "{}", guide.name);
            assert!(!made.title.is_empty(), "{}", guide.name);
        }
        assert!(
            rendered(&GUIDES[0], "https://own.example/x").html.contains("own.example/x/embed/v1")
        );
    }
}
