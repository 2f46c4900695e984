//! The API reference, rendered from the OpenAPI document that describes it.

use super::Frame;
use super::Link;
use super::guide;
use super::markdown::paragraphs;
use super::markdown::phrase;
use super::schema::Field;
use super::schema::fields;
use super::schema::kind;
use super::schema::pretty;
use super::schema::resolve;
use crate::web::html;
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
    answers: Vec<Answer>,
}

/// A body in one format.
struct Body {
    format: String,
    kind: String,
    /// What leads to its fields.
    id: String,
    fields: Fields,
    example: Option<String>,
}

/// What a body holds: said once on a page, because most answers hold what another one does.
enum Fields {
    None,
    Told(Vec<Field>),
    /// As where they were told: its address on the page, and its name.
    As {
        id: String,
        place: String,
    },
}

/// Which fields were told where: its id and its name.
type Told = HashMap<Vec<Field>, (String, String)>;

/// What may come back.
struct Answer {
    status: String,
    description: String,
    bodies: Vec<Body>,
}

#[derive(Template)]
#[template(path = "docs.html", config = "src/web/askama.toml")]
struct Page<'a> {
    frame: Frame<'a>,
    title: &'a str,
    version: &'a str,
    description: String,
    document: &'a str,
    guides: Vec<Link>,
    calls: Vec<Call>,
}

const VERBS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The bodies of a place, such as `GET /livez 200`, that is called `id` on the page.
fn bodies(
    document: &Value,
    content: &Value,
    (id, place): (&str, &str),
    told: &mut Told,
) -> Vec<Body> {
    let Some(formats) = content.as_object() else { return Vec::new() };
    let body = |(at, (format, media)): (usize, (&String, &Value))| {
        let id = format!("{id}-{at}");
        let rows = fields(document, &media["schema"]);
        let fields = if rows.is_empty() {
            Fields::None
        } else if let Some((id, place)) = told.get(&rows) {
            Fields::As { id: id.clone(), place: place.clone() }
        } else {
            told.insert(rows.clone(), (id.clone(), place.to_owned()));
            Fields::Told(rows)
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

fn parameter(document: &Value, given: &Value) -> Field {
    let given = resolve(document, given);
    let place = text(given, "in");
    Field {
        name: text(given, "name").to_owned(),
        kind: if place == "query" {
            kind(&given["schema"])
        } else {
            format!("{}, in {place}", kind(&given["schema"]))
        },
        required: given["required"].as_bool().unwrap_or(false),
        description: phrase(text(given, "description")),
    }
}

fn call(
    document: &Value,
    path: &str,
    around: &Value,
    (verb, said): (&str, &Value),
    told: &mut Told,
) -> Call {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let id = format!("{verb}{}", path.chars().map(plain).collect::<String>());
    let name = format!("{} {path}", verb.to_uppercase());
    let listed = [&around["parameters"], &said["parameters"]];
    let listed = listed.into_iter().filter_map(Value::as_array).flatten();
    let asked = &resolve(document, &said["requestBody"])["content"];
    let asked = bodies(document, asked, (&format!("{id}-body"), &name), told);
    let answers = said["responses"].as_object().into_iter().flatten().map(|(status, answer)| {
        let answer = resolve(document, answer);
        Answer {
            status: status.clone(),
            description: phrase(text(answer, "description")),
            bodies: bodies(
                document,
                &answer["content"],
                (&format!("{id}-{status}"), &format!("{name}, {status}")),
                told,
            ),
        }
    });
    let answers = answers.collect();
    Call {
        id,
        verb: verb.to_uppercase(),
        path: path.to_owned(),
        summary: text(said, "summary").to_owned(),
        description: paragraphs(text(said, "description")),
        parameters: listed.map(|given| parameter(document, given)).collect(),
        bodies: asked,
        answers,
    }
}

/// The reference of an OpenAPI 3.1 document. What the document leaves out is left out here; nothing
/// in it can break the page. `address` is where the document itself is served.
pub fn docs(document: &Value, address: &str, links: &[Link]) -> String {
    let mut calls = Vec::new();
    let mut told = Told::new();
    for (path, around) in document["paths"].as_object().into_iter().flatten() {
        for verb in VERBS {
            if let Some(said) = around.get(verb) {
                calls.push(call(document, path, around, (verb, said), &mut told));
            }
        }
    }
    let info = &document["info"];
    html(&Page {
        frame: Frame::new("API reference", links, "/docs"),
        title: text(info, "title"),
        version: text(info, "version"),
        description: paragraphs(text(info, "description")),
        document: address,
        guides: guide::links().collect(),
        calls,
    })
}
