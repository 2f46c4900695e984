//! Markdown to HTML: embedded HTML is escaped, links are restricted to http, https and this server,
//! and a code fence that names a file contains that file.

use pulldown_cmark::html::push_html;
use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// A document as HTML.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Rendered {
    /// The first heading, which is not in `html`.
    pub(crate) title: String,
    /// The text in parts: what is above the first heading, then one part per heading.
    pub(crate) sections: Vec<Section>,
    /// The rest of the document.
    pub(crate) html: String,
}

/// A heading with the text below it, up to the next heading.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Section {
    /// Element id of the heading, unique in its document; empty above the first one.
    pub(crate) id: String,
    pub(crate) heading: String,
    /// 2 or more; 0 above the first heading.
    pub(crate) level: u8,
    /// Without markup.
    pub(crate) text: String,
}

impl Rendered {
    /// Second-level headings.
    pub(crate) fn headings(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(|section| section.level == 2)
    }

    /// Adds to the text of the last section.
    fn add_text(&mut self, part: &str) {
        if self.sections.is_empty() {
            self.sections.push(Section::default());
        }
        self.sections.iter_mut().next_back().into_iter().for_each(|last| last.text.push_str(part));
    }

    /// The id of a heading: its words in lower case, with a number if another heading has them, too.
    fn id_of(&self, words: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let id: String = words.chars().map(plain).collect();
        let is_taken = |id: &str| self.sections.iter().any(|section| section.id == id);
        let numbered = (2..).map(|number| format!("{id}-{number}"));
        let free = std::iter::once(id.clone()).chain(numbered).find(|id| !is_taken(id));
        free.unwrap_or(id)
    }
}

/// Renders a document. `file` returns the content of files that fences name, such as
/// ```` ```php wordpress/adjacent.php ````.
pub(super) fn render(text: &str, file: &dyn Fn(&str) -> Option<String>) -> Rendered {
    let mut rendered = Rendered::default();
    let mut events = Vec::new();
    let mut code: Option<(String, &str)> = None;
    let mut parser = Parser::new_ext(text, Options::ENABLE_TABLES);
    while let Some(event) = parser.next() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                heading(level, &mut parser, &mut rendered, &mut events)
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                code = Some((fenced_file(&kind, file), language(&kind)));
            }
            Event::End(TagEnd::CodeBlock) => {
                let (text, language) = code.take().unwrap_or_default();
                rendered.add_text(&text);
                let class = format!("<div class=\"code\"><pre tabindex=\"0\"><code{language}>");
                events.push(Event::Html(class.into()));
                events.push(Event::Text(text.into()));
                events.push(raw_html("</code></pre></div>\n"));
            }
            Event::Text(part) if code.is_some() => {
                code.iter_mut().for_each(|(text, _)| text.push_str(&part));
            }
            Event::Text(part) => {
                rendered.add_text(&part);
                events.push(Event::Text(part));
            }
            Event::Code(part) => {
                rendered.add_text(&part);
                events.push(Event::Code(part));
            }
            Event::SoftBreak => {
                rendered.add_text(" ");
                events.push(Event::SoftBreak);
            }
            Event::End(end @ (TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell)) => {
                rendered.add_text("\n");
                events.push(Event::End(end));
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

/// The class of a code block: the language of its file or, without one, the one that the fence names.
fn language(kind: &CodeBlockKind<'_>) -> &'static str {
    let CodeBlockKind::Fenced(info) = kind else { return "" };
    let mut words = info.split_whitespace();
    let named = words.next().unwrap_or_default();
    let ending = words.next().and_then(|file| file.rsplit('.').next());
    match ending.unwrap_or(named) {
        "bash" | "sh" => " class=\"language-bash\"",
        "css" => " class=\"language-css\"",
        "html" | "njk" => " class=\"language-html\"",
        "js" | "jsx" | "mjs" | "ts" => " class=\"language-js\"",
        "json" => " class=\"language-json\"",
        "py" | "python" => " class=\"language-py\"",
        "rust" => " class=\"language-rs\"",
        "toml" => " class=\"language-toml\"",
        _ => "",
    }
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
    let id_text = rendered.id_of(&words);
    let id = Some(CowStr::from(id_text.clone()));
    events.push(Event::Start(Tag::Heading { level, id, classes: Vec::new(), attrs: Vec::new() }));
    // The id has letters, digits and hyphens only.
    events.push(Event::Html(format!("<a class=\"anchor\" href=\"#{id_text}\">").into()));
    events.extend(inside.into_iter().filter_map(|event| match event {
        Event::InlineHtml(part) => Some(Event::Text(part)),
        // No link inside the heading's own.
        Event::Start(Tag::Link { .. }) | Event::End(TagEnd::Link) => None,
        other => Some(other),
    }));
    events.push(raw_html("</a>"));
    events.push(Event::End(TagEnd::Heading(level)));
    rendered.sections.push(Section {
        id: id_text,
        heading: words,
        level: level as u8,
        text: String::new(),
    });
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
        let block = |class: &str, text: &str| {
            format!(
                "<div class=\"code\"><pre tabindex=\"0\"><code{class}>{text}</code></pre></div>\n"
            )
        };
        assert_eq!(rendered, block("", "&lt;?php echo '&lt;b&gt;';"));
        assert_eq!(html("```php\nown\n```"), block("", "own\n"));
        assert_eq!(html("```sh\nown\n```"), block(" class=\"language-bash\"", "own\n"));
    }

    #[test]
    fn headings_have_ids_and_the_first_is_the_title() {
        let rendered = render("# A `title`\n\n## Why this\n\n### Deeper\n\nWords.", &|_| None);
        assert_eq!(rendered.title, "A title");
        let expected = "<h2 id=\"why-this\"><a class=\"anchor\" href=\"#why-this\">Why this</a></h2>\n\
                        <h3 id=\"deeper\">";
        assert!(rendered.html.starts_with(expected), "{}", rendered.html);
        let found: Vec<_> = rendered.headings().map(|one| (&*one.id, &*one.heading)).collect();
        assert_eq!(found, [("why-this", "Why this")]);
    }

    #[test]
    fn every_section_has_its_text_and_an_id_of_its_own() {
        let text = "# T\n\nAbove.\n\n## Same\n\nOne `code`\nline.\n\n## Same\n\n| a | b |\n|---|---|\n\n```sh\nx\n```";
        let rendered = render(text, &|_| None);
        let found: Vec<_> =
            rendered.sections.iter().map(|one| (&*one.id, &*one.text, one.level)).collect();
        let expected =
            [("", "Above.\n", 0), ("same", "One code line.\n", 2), ("same-2", "a\nb\nx\n", 2)];
        assert_eq!(found, expected);
    }
}
