//! The demo: an article with a unit at its end, what steers it, and why it was chosen.

use super::Frame;
use super::Link;
use crate::web::assets;
use crate::web::html;
use askama::Template;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

/// What the switches say, as they stand in the address. Empty is the page's own or nothing.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct DemoQuery {
    /// The page's topic.
    pub topic: String,
    /// Whom it mentions, separated by commas.
    pub entities: String,
    /// Whom the story is about.
    pub subject: String,
    /// The reader's declared country; empty leaves it to the server.
    pub viewer: String,
    /// The one style to ask for; empty for the placement's own order.
    pub style: String,
    /// What may be shown: empty, `allow`, `house_only` or `none`.
    pub commercial: String,
}

impl Default for DemoQuery {
    fn default() -> Self {
        DemoQuery {
            topic: "ai-infrastructure".into(),
            entities: "@alibaba cloud,european-commission".into(),
            subject: String::new(),
            viewer: String::new(),
            style: String::new(),
            commercial: String::new(),
        }
    }
}

/// What the demo page is filled with. Pairs are an id and its name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DemoView<'a> {
    /// The server's public address without a slash at its end.
    pub base_url: &'a str,
    /// Whose page it is.
    pub publisher: &'a str,
    /// The slot at the end of the article.
    pub placement: &'a str,
    /// The page's region.
    pub region: &'a str,
    /// Topics to choose from.
    pub topics: Vec<(String, String)>,
    /// Entities to choose from, as subject or mention.
    pub entities: Vec<(String, String)>,
    /// Countries to choose from.
    pub countries: Vec<(String, String)>,
    /// What is chosen.
    pub query: DemoQuery,
    /// Where a decision's trace is, up to its id, such as `/demo/explain/`.
    pub explain: Option<&'a str>,
    /// The menu.
    pub links: &'a [Link],
}

/// One entry of a list to choose from.
struct Choice<'a> {
    value: &'a str,
    text: &'a str,
    chosen: bool,
}

fn choices<'a>(
    fixed: &[(&'a str, &'a str)],
    listed: &'a [(String, String)],
    chosen: &str,
) -> Vec<Choice<'a>> {
    let listed = listed.iter().map(|(id, name)| (id.as_str(), name.as_str()));
    let all = fixed.iter().copied().chain(listed);
    all.map(|(value, text)| Choice { value, text, chosen: value == chosen }).collect()
}

/// The one line that a publisher pastes.
#[derive(Template)]
#[template(path = "embed.html", config = "src/web/askama.toml")]
struct EmbedLine<'a> {
    base_url: &'a str,
    publisher: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
}

/// The line for a page, such as `<script async src="…" data-publisher="…" …></script>`.
///
/// Values are escaped; the result is HTML.
pub fn embed_line(view: &DemoView<'_>) -> String {
    let query = &view.query;
    let attributes = [
        ("placement", view.placement),
        ("topics", query.topic.as_str()),
        ("entities", query.entities.as_str()),
        ("subject", query.subject.as_str()),
        ("page-region", view.region),
        ("viewer-region", query.viewer.as_str()),
        ("styles", query.style.as_str()),
        ("commercial", query.commercial.as_str()),
    ];
    let attributes = attributes.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    html(&EmbedLine { base_url: view.base_url, publisher: view.publisher, attributes })
}

/// What a text with commas names.
fn listed(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
}

/// The call that the line makes, as a person would write it; a test, since a playground bills nobody.
fn request(view: &DemoView<'_>) -> String {
    let query = &view.query;
    let subjects = listed(&query.subject);
    let subjects = subjects.into_iter().map(|name| json!({ "name": name, "role": "subject" }));
    let mentions = listed(&query.entities).into_iter().map(Value::from);
    let mut request = json!({
        "publisher": view.publisher,
        "page": {
            "url": format!("{}/demo", view.base_url),
            "language": "en",
            "topics": listed(&query.topic),
            "entities": subjects.chain(mentions).collect::<Vec<_>>(),
            "region": view.region,
        },
        "placements": [{ "name": view.placement }],
        "test": true,
    });
    if !query.commercial.is_empty() {
        request["page"]["commercial"] = json!(query.commercial);
    }
    if !query.viewer.is_empty() {
        request["viewer"] = json!({ "region": query.viewer });
    }
    if !query.style.is_empty() {
        request["placements"][0]["styles"] = json!(listed(&query.style));
    }
    serde_json::to_string_pretty(&request).unwrap_or_default()
}

#[derive(Template)]
#[template(path = "demo.html", config = "src/web/askama.toml")]
struct Page<'a> {
    frame: Frame<'a>,
    view: &'a DemoView<'a>,
    script: String,
    line: String,
    request: String,
    topics: Vec<Choice<'a>>,
    subjects: Vec<Choice<'a>>,
    viewers: Vec<Choice<'a>>,
    styles: Vec<Choice<'a>>,
    commercial: Vec<Choice<'a>>,
}

/// The demo page.
pub fn demo(view: &DemoView<'_>) -> String {
    let query = &view.query;
    let styles = [
        ("", "the placement's order"),
        ("terminal", "terminal"),
        ("card", "card"),
        ("line", "line"),
    ];
    let commercial = [
        ("", "anything"),
        ("house_only", "the publisher's own only"),
        ("none", "nothing commercial"),
    ];
    html(&Page {
        frame: Frame::new("EU Tech News", view.links, "/demo"),
        view,
        script: assets::path(assets::DEMO_JS),
        line: embed_line(view),
        request: request(view),
        topics: choices(&[("", "none")], &view.topics, &query.topic),
        subjects: choices(&[("", "nobody we know")], &view.entities, &query.subject),
        viewers: choices(&[("", "as observed")], &view.countries, &query.viewer),
        styles: choices(&styles, &[], &query.style),
        commercial: choices(&commercial, &[], &query.commercial),
    })
}
