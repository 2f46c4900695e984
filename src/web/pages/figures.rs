//! A JSON reply as a page: every value of it, with the descriptions of its schema.

use super::markdown::inline;
use super::schema::{description, resolve};
use super::{Layout, Link};
use crate::web::html;
use askama::Template;
use serde_json::{Map, Value};

/// Longer lists are folded.
const SHOWN: usize = 24;

/// Content of the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FiguresView<'a> {
    pub(crate) title: &'a str,
    /// One sentence about it.
    pub(crate) lead: &'a str,
    /// Path of this reply.
    pub(crate) path: &'a str,
    /// The reply, an object.
    pub(crate) reply: &'a Value,
    /// JSON Schema of the reply.
    pub(crate) schema: &'a Value,
    /// The menu.
    pub(crate) links: &'a [Link],
}

/// A part of the reply under its own heading.
struct Section<'a> {
    /// Path of the value, such as `agents-words`.
    id: String,
    heading: String,
    /// Whether it is part of the section above.
    is_nested: bool,
    /// As HTML.
    description: String,
    content: Content<'a>,
}

enum Content<'a> {
    /// The values are in the sections below.
    Nothing,
    Text(String),
    /// Name, value and description as HTML.
    Facts(Vec<(&'a str, String, String)>),
    Table {
        heads: Vec<String>,
        rows: Vec<Vec<String>>,
        /// Heading and description of each column that has one, as HTML.
        legend: Vec<(String, String)>,
    },
    List(Vec<String>),
}

impl Content<'_> {
    fn is_long(&self) -> bool {
        matches!(self, Content::List(items) if items.len() > SHOWN)
    }
}

#[derive(Template)]
#[template(path = "figures.html", config = "src/web/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    view: FiguresView<'a>,
    sections: Vec<Section<'a>>,
}

/// Renders the page.
pub(crate) fn figures(view: &FiguresView<'_>) -> String {
    let mut sections = Vec::new();
    for (name, value) in view.reply.as_object().into_iter().flatten() {
        let property = &view.schema["properties"][name];
        section(view.schema, (name, false), (value, property), &mut sections);
    }
    html(&Page { layout: Layout::new(view.title, view.links, view.path), view: *view, sections })
}

/// Adds the section of a value, and those of its parts that do not fit into a cell.
fn section<'a>(
    root: &Value,
    (id, is_nested): (&str, bool),
    (value, property): (&'a Value, &Value),
    sections: &mut Vec<Section<'a>>,
) {
    let schema = resolve(root, property);
    let (content, rest): (Content<'a>, Vec<(&'a String, &'a Value)>) = match value {
        Value::Object(fields) => {
            let (small, large): (Vec<_>, Vec<_>) = fields.iter().partition(|(_, one)| is_cell(one));
            let fact = |(name, one): (&'a String, &'a Value)| {
                let own = description(root, &schema["properties"][name]);
                (name.as_str(), cell(one), inline(own))
            };
            let facts: Vec<_> = small.into_iter().map(fact).collect();
            (if facts.is_empty() { Content::Nothing } else { Content::Facts(facts) }, large)
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            (table(root, items, resolve(root, &schema["items"])), Vec::new())
        }
        Value::Array(items) => (Content::List(items.iter().map(cell).collect()), Vec::new()),
        other => (Content::Text(cell(other)), Vec::new()),
    };
    sections.push(Section {
        id: id.replace('_', "-"),
        heading: heading(id.rsplit('.').next().unwrap_or(id)),
        is_nested,
        description: inline(description(root, property)),
        content,
    });
    for (name, part) in rest {
        let own = &schema["properties"][name];
        section(root, (&format!("{id}.{name}"), true), (part, own), sections);
    }
}

fn table<'a>(root: &Value, items: &[Value], schema: &Value) -> Content<'a> {
    let mut names: Vec<&String> = Vec::new();
    for name in items.iter().filter_map(Value::as_object).flat_map(Map::keys) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let described = names.iter().map(|name| {
        let own = description(root, &schema["properties"][name.as_str()]);
        (heading(name), inline(own))
    });
    let row = |item: &Value| {
        names.iter().map(|name| item.get(name.as_str()).map_or_else(String::new, cell)).collect()
    };
    Content::Table {
        heads: names.iter().map(|name| heading(name)).collect(),
        rows: items.iter().map(row).collect(),
        legend: described.filter(|(_, own)| !own.is_empty()).collect(),
    }
}

/// `stated_prices` as `Stated prices`.
fn heading(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Whether a value is short enough for one cell: no list of more than a few entries, no object within another.
fn is_cell(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(|item| quota(item).is_some()),
        Value::Object(fields) => fields.values().all(|one| !one.is_object() && !one.is_array()),
        _ => true,
    }
}

fn cell(value: &Value) -> String {
    if let Some(text) = quota(value) {
        return text;
    }
    let listed = |parts: Vec<String>| match parts.is_empty() {
        true => "none".to_owned(),
        false => parts.join(", "),
    };
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        // Names in Markdown.
        Value::String(text) => text.replace('`', ""),
        Value::Number(number) => number.to_string(),
        Value::Array(items) => listed(items.iter().map(cell).collect()),
        Value::Object(fields) => {
            let pair = |(name, one): (&String, &Value)| {
                format!("{}: {}", name.replace('_', " "), cell(one))
            };
            listed(fields.iter().map(pair).collect())
        }
    }
}

/// A rate limit in words: `60 in 5 min`.
fn quota(value: &Value) -> Option<String> {
    let fields = value.as_object().filter(|fields| fields.len() == 2)?;
    let (count, seconds) = (fields.get("count")?, fields.get("seconds")?.as_u64()?);
    let units = [(86_400, "days"), (3_600, "h"), (60, "min"), (1, "s")];
    let (size, unit) = units.into_iter().find(|(size, _)| seconds % size == 0)?;
    let unit = if seconds == 86_400 { "day" } else { unit };
    Some(format!("{count} in {} {unit}", seconds / size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page(reply: &Value) -> String {
        let schema = json!({
            "properties": {
                "windows": { "$ref": "#/$defs/Windows" },
                "layers": { "description": "From narrow to wide.",
                    "items": { "properties": { "day": { "description": "In a day (UTC)." } } } },
            },
            "$defs": { "Windows": { "description": "When events count.",
                "properties": { "click_seconds": { "description": "Until a click." } } } },
        });
        let (title, lead, path) = ("Limits", "All of them.", "/v1/limits");
        figures(&FiguresView { title, lead, path, reply, schema: &schema, links: &[] })
    }

    #[test]
    fn values_have_the_descriptions_of_the_schema() {
        let page = page(&json!({
            "windows": { "click_seconds": 7_200 },
            "layers": [{ "layer": "visitor", "day": null, "clicks": [{ "count": 2, "seconds": 60 }] }],
        }));
        for part in [
            "When events count.",
            "<code>click_seconds</code>",
            "<td data-head=\"Value\">7200</td>",
            "Until a click.",
            "From narrow to wide.",
            "In a day (UTC).",
            "2 in 1 min",
            "none",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }

    #[test]
    fn lists_within_objects_get_sections_of_their_own_and_long_ones_are_folded() {
        let words: Vec<String> = (0..30).map(|number| format!("word{number}")).collect();
        let page = page(&json!({ "agents": { "words": words, "few": ["a", "b"] } }));
        assert!(
            page.contains("id=\"agents.words\"") && page.contains("<summary>30 entries</summary>")
        );
        assert!(words.iter().all(|word| page.contains(word.as_str())));
        assert_eq!(page.matches("<details>").count(), 1);
    }
}
