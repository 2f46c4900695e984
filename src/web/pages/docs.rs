//! The API reference, rendered from the OpenAPI document that describes it.

use super::Frame;
use super::Link;
use super::schema::Field;
use super::schema::fields;
use super::schema::kind;
use super::schema::pretty;
use super::schema::resolve;
use crate::web::html;
use askama::Template;
use serde_json::Value;

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
    fields: Vec<Field>,
    example: Option<String>,
}

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
    description: &'a str,
    document: &'a str,
    calls: Vec<Call>,
}

const VERBS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn bodies(document: &Value, content: &Value) -> Vec<Body> {
    let Some(formats) = content.as_object() else { return Vec::new() };
    let body = |(format, media): (&String, &Value)| {
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
            fields: fields(document, &media["schema"]),
            example: example.filter(|example| !example.is_null()).map(pretty),
        }
    };
    formats.iter().map(body).collect()
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
        description: text(given, "description").to_owned(),
    }
}

fn call(document: &Value, path: &str, around: &Value, verb: &str, said: &Value) -> Call {
    let listed = [&around["parameters"], &said["parameters"]];
    let listed = listed.into_iter().filter_map(Value::as_array).flatten();
    let answers = said["responses"].as_object().into_iter().flatten().map(|(status, answer)| {
        let answer = resolve(document, answer);
        Answer {
            status: status.clone(),
            description: text(answer, "description").to_owned(),
            bodies: bodies(document, &answer["content"]),
        }
    });
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    Call {
        id: format!("{verb}{}", path.chars().map(plain).collect::<String>()),
        verb: verb.to_uppercase(),
        path: path.to_owned(),
        summary: text(said, "summary").to_owned(),
        description: text(said, "description").to_owned(),
        parameters: listed.map(|given| parameter(document, given)).collect(),
        bodies: bodies(document, &resolve(document, &said["requestBody"])["content"]),
        answers: answers.collect(),
    }
}

/// The reference of an OpenAPI 3.1 document. What the document leaves out is left out here; nothing
/// in it can break the page. `address` is where the document itself is served.
pub fn docs(document: &Value, address: &str, links: &[Link]) -> String {
    let mut calls = Vec::new();
    for (path, around) in document["paths"].as_object().into_iter().flatten() {
        for verb in VERBS {
            if let Some(said) = around.get(verb) {
                calls.push(call(document, path, around, verb, said));
            }
        }
    }
    let info = &document["info"];
    html(&Page {
        frame: Frame::new("API reference", links, "/docs"),
        title: text(info, "title"),
        version: text(info, "version"),
        description: text(info, "description"),
        document: address,
        calls,
    })
}
