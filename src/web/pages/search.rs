//! Search over all guides: the sections that have every word of a query, by the server and without a script.

use super::guide::{self, EXAMPLE, GUIDES};
use super::{Layout, Link};
use crate::web::html;
use askama::Template;
use std::ops::Range;
use std::sync::LazyLock;

/// The most sections of an answer.
const HITS: usize = 30;
/// The most characters of a query that are used.
const QUERY: usize = 100;
/// About how much of a section is shown, in bytes: before the first word found, and from there.
const BEFORE: usize = 60;
const AFTER: usize = 180;

/// A section of a guide.
struct Entry {
    guide: String,
    heading: String,
    href: String,
    text: String,
    /// In ASCII lower case, so that places in it are places in `text`.
    heading_lower: String,
    text_lower: String,
    is_listed: bool,
}

/// All sections in reading order, and where each guide's begin.
static INDEX: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let entries = GUIDES.iter().flat_map(|guide| {
        let rendered = guide::rendered(guide, EXAMPLE);
        let title = rendered.title;
        rendered.sections.into_iter().map(move |section| {
            let place =
                if section.id.is_empty() { String::new() } else { format!("#{}", section.id) };
            let heading = if section.heading.is_empty() { title.clone() } else { section.heading };
            let text = section.text.split_whitespace().collect::<Vec<_>>().join(" ");
            Entry {
                guide: title.clone(),
                href: format!("/docs/{}{place}", guide.name),
                heading_lower: heading.to_ascii_lowercase(),
                text_lower: text.to_ascii_lowercase(),
                is_listed: section.level == 2,
                heading,
                text,
            }
        })
    });
    entries.collect()
});

/// A section that was found.
struct Hit {
    guide: &'static str,
    heading: &'static str,
    href: &'static str,
    /// Parts of its text, and whether each is a word of the query.
    excerpt: Vec<(String, bool)>,
}

#[derive(Template)]
#[template(path = "search.html", config = "src/web/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    query: &'a str,
    /// How many sections have all words.
    found: usize,
    hits: Vec<Hit>,
    /// Every guide with its sections.
    contents: Vec<(Link, Vec<Link>)>,
}

/// The page with what `query` finds; without a query or a result, the headings of all guides.
pub(crate) fn search(query: &str, base_url: &str, links: &[Link]) -> String {
    let end = query.char_indices().nth(QUERY).map_or(query.len(), |(at, _)| at);
    let query = query[..end].trim();
    let words: Vec<String> =
        query.to_ascii_lowercase().split_whitespace().map(str::to_owned).collect();
    let mut ranked: Vec<(usize, &'static Entry)> =
        INDEX.iter().filter_map(|entry| Some((score(entry, &words)?, entry))).collect();
    // Stable: equal ones stay in reading order.
    ranked.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    let hits = ranked.iter().take(HITS).map(|(_, entry)| Hit {
        guide: &entry.guide,
        heading: &entry.heading,
        href: &entry.href,
        excerpt: excerpt(entry, &words, base_url),
    });
    html(&Page {
        layout: Layout::new("Search", links, ""),
        query,
        found: ranked.len(),
        hits: hits.collect(),
        contents: if ranked.is_empty() { contents() } else { Vec::new() },
    })
}

fn contents() -> Vec<(Link, Vec<Link>)> {
    let sections = |guide: &Link| {
        let of_guide = format!("{}#", guide.href);
        let own = INDEX.iter().filter(|entry| entry.is_listed && entry.href.starts_with(&of_guide));
        own.map(|entry| Link::new(&entry.heading, &entry.href)).collect()
    };
    guide::links().map(|guide| (guide.clone(), sections(&guide))).collect()
}

/// How well a section fits; `None` unless it has all words. A word of the heading counts most.
fn score(entry: &Entry, words: &[String]) -> Option<usize> {
    if words.is_empty() {
        return None;
    }
    let of = |word: &String| {
        let in_heading = usize::from(entry.heading_lower.contains(word.as_str()));
        let in_text = entry.text_lower.matches(word.as_str()).take(5).count();
        let in_guide = usize::from(entry.guide.to_ascii_lowercase().contains(word.as_str()));
        let score = 10 * in_heading + in_text;
        (score + in_guide > 0).then_some(score)
    };
    let sum = words.iter().map(of).sum::<Option<usize>>()?;
    (sum > 0).then_some(sum)
}

/// The part of a section around the first word found.
fn excerpt(entry: &Entry, words: &[String], base_url: &str) -> Vec<(String, bool)> {
    let (text, lower) = (&entry.text, &entry.text_lower);
    let first = words.iter().filter_map(|word| lower.find(word.as_str())).min().unwrap_or(0);
    let start = text.floor_char_boundary(first.saturating_sub(BEFORE));
    let start = if start == 0 {
        0
    } else {
        text[start..first].find(' ').map_or(first, |at| start + at + 1)
    };
    let end = text.floor_char_boundary(first.saturating_add(AFTER).min(text.len()));
    let is_whole = end == text.len();
    let end = if is_whole { end } else { text[first..end].rfind(' ').map_or(end, |at| first + at) };
    // A mark may divide the address.
    let [example, host] =
        [EXAMPLE, base_url].map(|url| url.split_once("://").map_or(url, |(_, host)| host));
    let shown = |part: &str| part.replace(EXAMPLE, base_url).replace(example, host);
    let mut parts = vec![(if start == 0 { "" } else { "… " }.to_owned(), false)];
    let mut at = start;
    while let Some(place) = next(&lower[..end], at, words) {
        parts.push((shown(&text[at..place.start]), false));
        parts.push((shown(&text[place.clone()]), true));
        at = place.end;
    }
    parts.push((shown(&text[at..end]), false));
    parts.push((if is_whole { "" } else { " …" }.to_owned(), false));
    parts.retain(|(part, _)| !part.is_empty());
    parts
}

/// The first place of any of the words from `at` on; of words at one place the longest.
fn next(lower: &str, at: usize, words: &[String]) -> Option<Range<usize>> {
    let places = words.iter().filter_map(|word| {
        let start = at + lower[at..].find(word.as_str())?;
        Some(start..start + word.len())
    });
    places.min_by_key(|place| (place.start, std::cmp::Reverse(place.end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(query: &str) -> String {
        search(query, "https://own.example", &[])
    }

    #[test]
    fn a_heading_that_has_the_words_comes_first() {
        let page = found("Several PLACEMENTS");
        let first = page.split("<ol class=\"hits plain\">").nth(1).unwrap();
        assert!(
            first.trim_start().starts_with("<li><a href=\"/docs/publisher#several-placements"),
            "{first}"
        );
        assert!(first.contains("<mark>placements</mark>"), "{first}");
    }

    #[test]
    fn every_hit_has_all_words_and_leads_to_a_heading_that_exists() {
        let words = ["redis".to_owned(), "lease".to_owned()];
        let hits: Vec<&Entry> = INDEX.iter().filter(|one| score(one, &words).is_some()).collect();
        assert!(hits.len() > 1, "{}", hits.len());
        for hit in hits {
            for word in &words {
                let whole = format!("{} {} {}", hit.guide, hit.heading, hit.text);
                assert!(whole.to_ascii_lowercase().contains(word), "{}", hit.href);
            }
            let address = hit.href.trim_start_matches("/docs/");
            // What is above the first heading has no place of its own.
            let (name, id) = address.split_once('#').unwrap_or((address, ""));
            let guide = guide::rendered(guide::named(name).unwrap(), EXAMPLE).html;
            assert!(id.is_empty() || guide.contains(&format!("id=\"{id}\"")), "{}", hit.href);
        }
    }

    #[test]
    fn without_a_result_or_a_query_all_guides_are_listed() {
        for query in ["", "   ", "nosuchwordanywhere", "publisher nosuchwordanywhere"] {
            let page = found(query);
            assert!(!page.contains("<mark>"), "{query}");
            for guide in &GUIDES {
                assert!(page.contains(&format!("href=\"/docs/{}#", guide.name)), "{query}");
            }
        }
    }

    #[test]
    fn any_query_is_text_on_the_page_and_names_this_server() {
        for query in ["<script>", "\"><b>", "é", "ß 広告", "a", "e", "—", "·", &"x".repeat(500)]
        {
            let page = found(query);
            assert!(!page.contains("<script>") && !page.contains("\"><b>"), "{query}");
        }
        let page = found("https://");
        assert!(page.contains("own.example") && !page.contains("units.example"));
    }
}
