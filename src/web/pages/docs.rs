//! The API reference, rendered from the OpenAPI document.

use super::Layout;
use super::Link;
use super::guide;
use super::markdown::{inline, paragraphs};
use super::schema::{Field, fields, kind, pretty, resolve};
use crate::web::{assets, html};
use askama::Template;
use serde_json::Value;
use std::collections::HashMap;

/// One operation.
struct Call {
    id: String,
    verb: String,
    path: String,
    summary: String,
    description: String,
    parameters: Vec<Field>,
    bodies: Vec<Body>,
    responses: Vec<Response>,
}

/// A body in one format.
struct Body {
    format: String,
    kind: String,
    /// Element id of its field table.
    id: String,
    fields: Fields,
    example: Option<String>,
}

/// The fields of a body. Identical field tables are rendered once per page.
enum Fields {
    None,
    Listed(Vec<Field>),
    /// Same as an earlier body: its element id and name.
    SameAs {
        id: String,
        place: String,
    },
}

/// Element id and name of the body where fields were rendered first.
type FieldIndex = HashMap<Vec<Field>, (String, String)>;

struct Response {
    status: String,
    description: String,
    bodies: Vec<Body>,
}

#[derive(Template)]
#[template(path = "docs.html", config = "src/web/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    title: &'a str,
    version: &'a str,
    description: String,
    document: &'a str,
    guides: Vec<Link>,
    script: String,
    /// For the search form.
    query: &'a str,
    calls: Vec<Call>,
}

const VERBS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The bodies of a request or response `place`, such as `GET /livez 200`, with element id `id`.
fn bodies(
    document: &Value,
    content: &Value,
    (id, place): (&str, &str),
    index: &mut FieldIndex,
) -> Vec<Body> {
    let Some(formats) = content.as_object() else { return Vec::new() };
    let body = |(at, (format, media)): (usize, (&String, &Value))| {
        let id = format!("{id}-{at}");
        let rows = fields(document, &media["schema"]);
        let fields = if rows.is_empty() {
            Fields::None
        } else if let Some((id, place)) = index.get(&rows) {
            Fields::SameAs { id: id.clone(), place: place.clone() }
        } else {
            index.insert(rows.clone(), (id.clone(), place.to_owned()));
            Fields::Listed(rows)
        };
        let schema = resolve(document, &media["schema"]);
        let named = media["examples"].as_object().and_then(|all| all.values().next());
        let example = named
            .map(|example| &resolve(document, example)["value"])
            .or_else(|| media.get("example"))
            .or_else(|| schema.get("example"))
            .or_else(|| schema["examples"].get(0));
        Body {
            format: format.clone(),
            kind: kind(&media["schema"]),
            id,
            fields,
            example: example.filter(|example| !example.is_null()).map(pretty),
        }
    };
    formats.iter().enumerate().map(body).collect()
}

fn parameter(document: &Value, value: &Value) -> Field {
    let parameter = resolve(document, value);
    let place = text(parameter, "in");
    Field {
        name: text(parameter, "name").to_owned(),
        kind: if place == "query" {
            kind(&parameter["schema"])
        } else {
            format!("{}, in {place}", kind(&parameter["schema"]))
        },
        required: parameter["required"].as_bool().unwrap_or(false),
        description: inline(text(parameter, "description")),
    }
}

fn call(
    document: &Value,
    path: &str,
    path_item: &Value,
    (verb, operation): (&str, &Value),
    index: &mut FieldIndex,
) -> Call {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let id = format!("{verb}{}", path.chars().map(plain).collect::<String>());
    let name = format!("{} {path}", verb.to_uppercase());
    let listed = [&path_item["parameters"], &operation["parameters"]];
    let listed = listed.into_iter().filter_map(Value::as_array).flatten();
    let content = &resolve(document, &operation["requestBody"])["content"];
    let request_bodies = bodies(document, content, (&format!("{id}-body"), &name), index);
    let responses =
        operation["responses"].as_object().into_iter().flatten().map(|(status, response)| {
            // The description beside a reference overrides that of the component.
            let own = response["description"].as_str();
            let response = resolve(document, response);
            Response {
                status: status.clone(),
                description: inline(own.unwrap_or_else(|| text(response, "description"))),
                bodies: bodies(
                    document,
                    &response["content"],
                    (&format!("{id}-{status}"), &format!("{name}, {status}")),
                    index,
                ),
            }
        });
    let responses = responses.collect();
    Call {
        id,
        verb: verb.to_uppercase(),
        path: path.to_owned(),
        summary: text(operation, "summary").to_owned(),
        description: paragraphs(text(operation, "description")),
        parameters: listed.map(|value| parameter(document, value)).collect(),
        bodies: request_bodies,
        responses,
    }
}

/// Renders the reference of an OpenAPI 3.1 document. Absent parts are omitted; no content of the
/// document can break the page. `address` is the URL of the document.
pub(crate) fn docs(document: &Value, address: &str, links: &[Link]) -> String {
    let mut calls = Vec::new();
    let mut index = FieldIndex::new();
    for (path, path_item) in document["paths"].as_object().into_iter().flatten() {
        for verb in VERBS {
            if let Some(operation) = path_item.get(verb) {
                calls.push(call(document, path, path_item, (verb, operation), &mut index));
            }
        }
    }
    let info = &document["info"];
    html(&Page {
        layout: Layout::new("API reference", links, "/docs"),
        title: text(info, "title"),
        version: text(info, "version"),
        description: paragraphs(text(info, "description")),
        document: address,
        guides: guide::links().collect(),
        script: assets::path(assets::CODE_JS),
        query: "",
        calls,
    })
}
