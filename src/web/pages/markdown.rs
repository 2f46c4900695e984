//! Markdown to HTML: embedded HTML is escaped, links are restricted to http, https and this server,
//! and a code fence that names a file contains that file.

use pulldown_cmark::html::push_html;
use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// A document as HTML.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Rendered {
    /// The first heading, which is not in `html`.
    pub(crate) title: String,
    /// Second-level headings: element id and text.
    pub(crate) headings: Vec<(String, String)>,
    /// The rest of the document.
    pub(crate) html: String,
}

/// Renders a document. `file` returns the content of files that fences name, such as
/// ```` ```php wordpress/adjacent.php ````.
pub(super) fn render(text: &str, file: &dyn Fn(&str) -> Option<String>) -> Rendered {
    let mut rendered = Rendered::default();
    let mut events = Vec::new();
    let mut code: Option<String> = None;
    let mut parser = Parser::new_ext(text, Options::ENABLE_TABLES);
    while let Some(event) = parser.next() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                heading(level, &mut parser, &mut rendered, &mut events)
            }
            Event::Start(Tag::CodeBlock(kind)) => code = Some(fenced_file(&kind, file)),
            Event::End(TagEnd::CodeBlock) => {
                events.push(raw_html("<pre tabindex=\"0\"><code>"));
                events.push(Event::Text(code.take().unwrap_or_default().into()));
                events.push(raw_html("</code></pre>\n"));
            }
            Event::Text(part) if code.is_some() => {
                code.iter_mut().for_each(|text| text.push_str(&part));
            }
            Event::Start(Tag::Table(_)) => {
                events.push(raw_html("<div class=\"scroll\" tabindex=\"0\">"));
                events.push(event);
            }
            Event::End(TagEnd::Table) => {
                events.push(event);
                events.push(raw_html("</div>\n"));
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let dest_url =
                    if is_allowed_link(&dest_url) { dest_url } else { CowStr::Borrowed("") };
                events.push(Event::Start(Tag::Link { link_type, dest_url, title, id }));
            }
            Event::Html(part) | Event::InlineHtml(part) => events.push(Event::Text(part)),
            Event::Start(Tag::HtmlBlock | Tag::Image { .. })
            | Event::End(TagEnd::HtmlBlock | TagEnd::Image) => {}
            other => events.push(other),
        }
    }
    push_html(&mut rendered.html, events.into_iter());
    rendered
}

/// Renders a text of several paragraphs, such as a description in the OpenAPI document.
pub(super) fn paragraphs(text: &str) -> String {
    render(text, &|_| None).html
}

/// Renders a text for use inside another element: without `<p>` if it is a single paragraph.
pub(super) fn inline(text: &str) -> String {
    let html = paragraphs(text);
    let inner = html.strip_prefix("<p>").and_then(|rest| rest.strip_suffix("</p>\n"));
    inner.filter(|inner| !inner.contains("<p>")).map(str::to_owned).unwrap_or(html)
}

/// HTML that this module writes itself, unescaped.
fn raw_html(markup: &'static str) -> Event<'static> {
    Event::Html(CowStr::Borrowed(markup))
}

fn is_allowed_link(address: &str) -> bool {
    ["https://", "http://", "/", "#"].iter().any(|start| address.starts_with(start))
}

/// Content of the file that a fence names; empty if it names none.
fn fenced_file(kind: &CodeBlockKind<'_>, file: &dyn Fn(&str) -> Option<String>) -> String {
    let CodeBlockKind::Fenced(info) = kind else { return String::new() };
    info.split_whitespace().nth(1).and_then(file).unwrap_or_default()
}

fn heading<'t>(
    level: HeadingLevel,
    parser: &mut Parser<'t>,
    rendered: &mut Rendered,
    events: &mut Vec<Event<'t>>,
) {
    let inside: Vec<Event<'t>> = parser
        .by_ref()
        .take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))))
        .collect();
    let words: String = inside
        .iter()
        .filter_map(|event| match event {
            Event::Text(part) | Event::Code(part) => Some(&**part),
            _ => None,
        })
        .collect();
    if level == HeadingLevel::H1 {
        rendered.title = words;
        return;
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let id_text: String = words.chars().map(plain).collect();
    let id = Some(CowStr::from(id_text.clone()));
    events.push(Event::Start(Tag::Heading { level, id, classes: Vec::new(), attrs: Vec::new() }));
    events.extend(inside.into_iter().map(|event| match event {
        Event::InlineHtml(part) => Event::Text(part),
        other => other,
    }));
    events.push(Event::End(TagEnd::Heading(level)));
    if level == HeadingLevel::H2 {
        rendered.headings.push((id_text, words));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        render(text, &|name| (name == "x/y.php").then(|| "<?php echo '<b>';".to_owned())).html
    }

    #[test]
    fn html_in_a_document_is_escaped() {
        for text in [
            "<script>alert(1)</script>",
            "words <img src=x onerror=alert(1)> words",
            "## <script>alert(1)</script>",
            "![<script>](https://elsewhere.example/x.png)",
            "`<script>`",
            "```\n<script>\n```",
            "| <script> |\n|---|\n| <img src=x> |",
        ] {
            let rendered = html(text);
            assert!(
                !rendered.contains("<script") && !rendered.contains("<img"),
                "{text}: {rendered}"
            );
        }
    }

    #[test]
    fn only_http_https_and_local_links_are_kept() {
        assert!(html("[a](/docs)").contains("href=\"/docs\""));
        assert!(html("[a](https://units.example/x)").contains("href=\"https://units.example/x\""));
        for address in ["javascript:alert(1)", "data:text/html,x", "JAVASCRIPT:x", "../x"] {
            assert!(html(&format!("[a]({address})")).contains("href=\"\""), "{address}");
        }
    }

    #[test]
    fn a_fence_that_names_a_file_contains_it() {
        let rendered = html("```php x/y.php\n```");
        assert_eq!(rendered, "<pre tabindex=\"0\"><code>&lt;?php echo '&lt;b&gt;';</code></pre>\n");
        assert_eq!(html("```php\nown\n```"), "<pre tabindex=\"0\"><code>own\n</code></pre>\n");
    }

    #[test]
    fn headings_have_ids_and_the_first_is_the_title() {
        let rendered = render("# A `title`\n\n## Why this\n\n### Deeper\n\nWords.", &|_| None);
        assert_eq!(rendered.title, "A title");
        assert_eq!(rendered.headings, [("why-this".to_owned(), "Why this".to_owned())]);
        assert!(rendered.html.starts_with("<h2 id=\"why-this\">Why this</h2>\n<h3 id=\"deeper\">"));
    }
}
