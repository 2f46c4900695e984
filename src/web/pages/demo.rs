//! The demo page: an article with a unit at its end, controls for the request, and the explanation.

use super::Layout;
use super::Link;
use super::embed_tag::embed_tag;
use crate::web::{assets, html};
use askama::Template;
use serde::Deserialize;
use serde_json::json;

/// State of the controls, as query parameters. Empty means the default or none.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DemoQuery {
    /// The page's topic.
    pub(crate) topic: String,
    /// Mentioned entities, separated by commas.
    pub(crate) entities: String,
    /// The entity that is the subject of the article.
    pub(crate) subject: String,
    /// The reader's declared country; empty for the observed one.
    pub(crate) viewer: String,
    /// The only style requested; empty for the placement's order.
    pub(crate) style: String,
    /// `page.commercial`: empty, `allow`, `house_only` or `none`.
    pub(crate) commercial: String,
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

/// What the article's header states about the article.
const FACTS: [(&str, &str); 2] = [("sentiment", "neutral"), ("verified", "true")];

/// Content of the demo page. Pairs are an id and a name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DemoView<'a> {
    /// The server's public URL without a trailing slash.
    pub(crate) base_url: &'a str,
    pub(crate) publisher: &'a str,
    /// The placement at the end of the article.
    pub(crate) placement: &'a str,
    /// The page's region.
    pub(crate) region: &'a str,
    /// Selectable topics.
    pub(crate) topics: Vec<(String, String)>,
    /// Selectable entities.
    pub(crate) entities: Vec<(String, String)>,
    /// Selectable countries.
    pub(crate) countries: Vec<(String, String)>,
    /// The current selection.
    pub(crate) query: DemoQuery,
    /// Path prefix of decision traces, such as `/demo/explain/`.
    pub(crate) explain: Option<&'a str>,
    /// The menu.
    pub(crate) links: &'a [Link],
}

/// One option of a select.
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

/// The embed snippet, such as `<script async src="…" data-publisher="…" …></script>`.
///
/// Values are escaped; the result is HTML.
pub(crate) fn embed_line(view: &DemoView<'_>) -> String {
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
    let attributes = attributes.into_iter().chain(FACTS);
    let attributes = attributes.filter(|(_, value)| !value.is_empty()).collect();
    embed_tag(view.base_url, view.publisher, attributes)
}

/// Splits a comma-separated list.
fn listed(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
}

/// The request that the snippet sends, formatted, with `test` set so that the playground never bills.
fn request(view: &DemoView<'_>) -> String {
    let query = &view.query;
    let mut request = json!({
        "publisher": view.publisher,
        "page": {
            "url": format!("{}/demo", view.base_url),
            "language": "en",
            "topics": listed(&query.topic),
            "subject": listed(&query.subject),
            "entities": listed(&query.entities),
            "region": view.region,
        },
        "placements": [{ "name": view.placement }],
        "test": true,
    });
    for (fact, value) in FACTS {
        request["page"][fact] = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
    }
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
    layout: Layout<'a>,
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

/// Renders the demo page.
pub(crate) fn demo(view: &DemoView<'_>) -> String {
    let query = &view.query;
    let styles =
        [("", "placement default"), ("terminal", "terminal"), ("card", "card"), ("line", "line")];
    let commercial = [("", "all units"), ("house_only", "house units only"), ("none", "no units")];
    html(&Page {
        layout: Layout::new("EU Tech News", view.links, "/demo"),
        view,
        script: assets::path(assets::DEMO_JS),
        line: embed_line(view),
        request: request(view),
        topics: choices(&[("", "none")], &view.topics, &query.topic),
        subjects: choices(&[("", "none")], &view.entities, &query.subject),
        viewers: choices(&[("", "as observed")], &view.countries, &query.viewer),
        styles: choices(&styles, &[], &query.style),
        commercial: choices(&commercial, &[], &query.commercial),
    })
}
