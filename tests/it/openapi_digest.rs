//! The OpenAPI document as a digest under review: a line per operation, parameter and schema field.
//! Descriptions and examples are left out.

use crate::selection::assert_matches_file;
use adjacent::http::openapi;
use adjacent::http::problem::CODES;
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Keys that do not change what is sent or accepted.
const DOCUMENTATION: [&str; 5] = ["description", "example", "examples", "summary", "title"];

/// The last part of a reference; the key itself for anything else.
fn referenced_name(value: &Value) -> Option<&str> {
    value.get("$ref")?.as_str()?.rsplit('/').next()
}

/// What a reference points to; the value itself for anything else.
pub fn resolved(value: &'static Value) -> &'static Value {
    let pointer = value.get("$ref").and_then(Value::as_str).and_then(|all| all.strip_prefix('#'));
    pointer.map_or(value, |pointer| openapi::document().pointer(pointer).unwrap())
}

/// The keys of an object that are neither documentation nor `shown`, in brackets. Nothing that has a
/// meaning is missing in the digest only because this test does not know it.
fn others(fields: &Map<String, Value>, shown: &[&str]) -> String {
    let others: Vec<String> = fields
        .iter()
        .filter(|(key, _)| !DOCUMENTATION.contains(&&***key) && !shown.contains(&&***key))
        .map(|(key, value)| format!("{key} {value}"))
        .collect();
    if others.is_empty() { String::new() } else { format!(" ({})", others.join(", ")) }
}

/// A list of values or schemas, as alternatives.
fn alternatives(list: &Value, text: impl Fn(&Value) -> String) -> String {
    list.as_array().unwrap().iter().map(text).collect::<Vec<_>>().join(" | ")
}

/// The type that a schema describes, with its constraints.
fn kind(schema: &Value) -> String {
    let Some(fields) = schema.as_object() else { return schema.to_string() };
    if let Some(name) = referenced_name(schema) {
        return name.to_owned() + &others(fields, &["$ref"]);
    }
    if let Some(value) = fields.get("const") {
        return value.to_string() + &others(fields, &["const", "type"]);
    }
    if let Some(values) = fields.get("enum") {
        return alternatives(values, Value::to_string) + &others(fields, &["enum", "type"]);
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(schemas) = fields.get(key) {
            return alternatives(schemas, kind) + &others(fields, &[key, "type"]);
        }
    }
    let one = |name: &Value| match name.as_str().unwrap() {
        "array" => {
            fields.get("items").map_or("[]".to_owned(), |items| format!("[{}]", kind(items)))
        }
        "object" => object(fields),
        name => name.to_owned(),
    };
    let name = match fields.get("type") {
        None => "any".to_owned(),
        Some(names @ Value::Array(_)) => alternatives(names, one),
        Some(name) => one(name),
    };
    let shown = ["type", "items", "properties", "required"];
    match fields.get("additionalProperties") {
        Some(Value::Object(_)) => {
            name + &others(fields, &[&shown[..], &["additionalProperties"]].concat())
        }
        _ => name + &others(fields, &shown),
    }
}

fn object(fields: &Map<String, Value>) -> String {
    if let Some(values @ Value::Object(_)) = fields.get("additionalProperties") {
        return format!("map of {}", kind(values));
    }
    match properties(fields).collect::<Vec<_>>() {
        none if none.is_empty() => "object".to_owned(),
        some => format!("{{ {} }}", some.join("; ")),
    }
}

/// The properties of an object schema, as `name: type`, or `name?: type` if it is optional.
fn properties(fields: &Map<String, Value>) -> impl Iterator<Item = String> {
    let required = fields.get("required").and_then(Value::as_array);
    let properties = fields.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(move |(name, schema)| {
        let is_required = required.is_some_and(|all| all.iter().any(|one| one == name));
        format!("{name}{}: {}", if is_required { "" } else { "?" }, kind(schema))
    })
}

/// `GET /path: id, listener, key, tags; request body; responses`, and a line per parameter.
fn operation(method: &str, path: &str, operation: &'static Value) -> (String, Vec<String>) {
    let fields = operation.as_object().unwrap();
    let text = |key: &str| fields[key].as_str().unwrap().to_owned();
    let key = match fields.get("security").and_then(Value::as_array).map(Vec::as_slice) {
        None => "no key",
        Some([optional, _]) if *optional == serde_json::json!({}) => "optional key",
        Some([_]) => "key",
        Some(other) => panic!("{method} {path}: {other:?}"),
    };
    let mut parts = vec![text("operationId"), text("x-listener"), key.to_owned()];
    parts.extend(
        fields["tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| format!("tag {}", tag.as_str().unwrap())),
    );
    if let Some(body) = fields.get("requestBody") {
        let required = if body["required"] == true { "body" } else { "optional body" };
        parts.push(format!("{required}{}", content(body)));
    }
    for (status, definition) in fields["responses"].as_object().unwrap() {
        let shared = referenced_name(definition).map(|name| format!(" {name}"));
        parts.push(format!("{status}{}", shared.unwrap_or_else(|| response(definition))));
    }
    // The servers follow from the listener.
    let shown = [
        "operationId",
        "x-listener",
        "security",
        "tags",
        "parameters",
        "requestBody",
        "responses",
        "servers",
    ];
    let line =
        format!("{} {path}: {}{}", method.to_uppercase(), parts.join("; "), others(fields, &shown));
    let parameters = fields.get("parameters").and_then(Value::as_array).into_iter().flatten();
    (line, parameters.map(parameter).collect())
}

/// The error codes, body and headers of a response.
fn response(response: &Value) -> String {
    let codes = response["x-codes"].as_array().into_iter().flatten();
    let codes: String = codes.map(|code| format!(" {}", code.as_str().unwrap())).collect();
    let headers = response["headers"].as_object().into_iter().flatten();
    let headers: String = headers.map(|(name, _)| format!(" +{name}")).collect();
    let rest = others(response.as_object().unwrap(), &["content", "headers", "x-codes"]);
    format!("{codes}{}{headers}{rest}", content(response))
}

/// The schema of a body, with the formats that are not the usual one.
fn content(body: &Value) -> String {
    let formats = body["content"].as_object().into_iter().flatten();
    let format = |(format, media): (&String, &Value)| {
        let kind = kind(&media["schema"]);
        match &**format {
            "application/json" => format!(" {kind}"),
            "application/problem+json" if kind == "Problem" => String::new(),
            _ => format!(" {kind} as `{format}`"),
        }
    };
    formats.map(format).collect()
}

fn parameter(parameter: &'static Value) -> String {
    let fields = resolved(parameter).as_object().unwrap();
    let is_required = fields.get("required") == Some(&Value::Bool(true));
    format!(
        "  {} {}{}: {}{}",
        fields["in"].as_str().unwrap(),
        fields["name"].as_str().unwrap(),
        if is_required { "" } else { "?" },
        kind(&fields["schema"]),
        others(fields, &["in", "name", "required", "schema"])
    )
}

/// A line for a type without properties; otherwise a line per property. Of a type for requests, only
/// what differs from the type for responses.
fn schema(name: &str, schema: &Value, all: &Map<String, Value>) -> Vec<String> {
    let fields = schema.as_object().unwrap();
    let mut lines: Vec<String> = properties(fields).collect();
    let output = name.strip_suffix("Input").and_then(|output| all.get_key_value(output));
    let mut first = others(fields, &["type", "properties", "required"]);
    if lines.is_empty() {
        return vec![format!("{name}: {}", kind(schema))];
    }
    if let Some((output, definition)) = output {
        let known: Vec<String> = properties(definition.as_object().unwrap()).collect();
        assert_eq!(lines.len(), known.len(), "{name} has other fields than {output}");
        let input = Regex::new(r"\b(\w+)Input\b").unwrap();
        lines.retain(|line| !known.contains(&input.replace_all(line, "$1").into_owned()));
        first = format!(" as {output}{first}");
    }
    let first = (!first.is_empty()).then(|| format!("{name}:{first}"));
    first.into_iter().chain(lines.iter().map(|line| format!("{name}.{line}"))).collect()
}

fn digest() -> Vec<String> {
    let document = openapi::document();
    let entries = |pointer: &str| document.pointer(pointer).unwrap().as_object().unwrap().iter();
    let mut lines = vec![
        "# The OpenAPI document without descriptions and examples. ADJACENT_BLESS=1 rewrites this file.".to_owned(),
        "# `?`: optional; `+Name`: a response header.".to_owned(),
    ];
    lines
        .push("# `TInput: as T`: the fields of T, with the input types of their types.".to_owned());
    lines.push(String::new());
    let mut listed: HashMap<Vec<String>, String> = HashMap::new();
    for (path, item) in entries("/paths") {
        for (method, definition) in item.as_object().unwrap() {
            let (line, parameters) = operation(method, path, definition);
            lines.push(line);
            match listed.get(&parameters) {
                Some(first) if parameters.len() > 1 => {
                    lines.push(format!("  parameters of {first}"));
                }
                _ => lines.extend(parameters.iter().cloned()),
            }
            listed.entry(parameters).or_insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    lines.push(String::new());
    let codes: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
    lines.push(format!("codes: {}", codes.join(" ")));
    lines.extend(
        entries("/components/responses")
            .map(|(name, definition)| format!("response {name}:{}", response(definition))),
    );
    lines.extend(entries("/components/headers").map(|(name, header)| {
        format!(
            "header {name}: {}{}",
            kind(&header["schema"]),
            others(header.as_object().unwrap(), &["schema"])
        )
    }));
    lines.extend(entries("/components/securitySchemes").map(|(name, scheme)| {
        format!("security {name}:{}", others(scheme.as_object().unwrap(), &[]))
    }));
    lines.push(String::new());
    let schemas = document["components"]["schemas"].as_object().unwrap();
    lines.extend(schemas.iter().flat_map(|(name, definition)| schema(name, definition, schemas)));
    lines
}

#[test]
fn the_document_matches_the_reviewed_digest() {
    assert_matches_file(&digest(), "tests/it/openapi.digest.txt");
}
