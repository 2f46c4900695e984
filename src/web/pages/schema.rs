//! JSON Schemas as rows to read: names, kinds, and what they mean.

use super::markdown::phrase;
use serde_json::Value;

/// A field of an object, or a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Field {
    /// What it is called, with those it stands in.
    pub name: String,
    /// What it holds.
    pub kind: String,
    /// Whether it must be there.
    pub required: bool,
    /// What it means.
    pub description: String,
}

/// How deep a body is unfolded. A schema may hold itself, so there must be an end.
const DEPTH: usize = 5;
/// How many rows one body may have.
const ROWS: usize = 160;

/// What a `$ref` points at, or the value itself. A reference to nothing is `null`.
pub(super) fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let mut found = value;
    for _ in 0..DEPTH {
        let Some(path) = found["$ref"].as_str() else { return found };
        let path = path.strip_prefix('#').unwrap_or_default();
        found = document.pointer(path).unwrap_or(&Value::Null);
    }
    found
}

fn choices(schema: &Value) -> Option<&Vec<Value>> {
    ["oneOf", "anyOf", "allOf"].iter().find_map(|key| schema[*key].as_array())
}

/// What a schema holds, in a few words: `string`, `list of Topic`, `DE or FR`.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(path) = schema["$ref"].as_str() {
        return path.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if let Some(values) = schema["enum"].as_array() {
        let shown: Vec<String> = values.iter().map(bare).collect();
        return shown.join(" or ");
    }
    if let Some(value) = schema.get("const") {
        return bare(value);
    }
    if let Some(parts) = choices(schema) {
        let mut shown: Vec<String> = parts.iter().map(kind).filter(|kind| kind != "null").collect();
        shown.dedup();
        return shown.join(" or ");
    }
    let name = match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            let names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            names.collect::<Vec<_>>().join(" or ")
        }
        _ if schema["properties"].is_object() => "object".to_owned(),
        _ => "anything".to_owned(),
    };
    match name.as_str() {
        "array" => format!("list of {}", kind(&schema["items"])),
        "string" => match schema["format"].as_str() {
            Some(format) => format!("string, {format}"),
            None => name,
        },
        _ => name,
    }
}

fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The fields of a body, those within others below them.
pub(super) fn fields(document: &Value, schema: &Value) -> Vec<Field> {
    let mut rows = Vec::new();
    unfold(document, schema, "", 0, &mut rows);
    rows
}

fn unfold(document: &Value, schema: &Value, around: &str, depth: usize, rows: &mut Vec<Field>) {
    let schema = resolve(document, schema);
    if depth >= DEPTH || rows.len() >= ROWS {
        return;
    }
    for part in choices(schema).into_iter().flatten() {
        unfold(document, part, around, depth, rows);
    }
    if schema["items"].is_object() {
        unfold(document, &schema["items"], around, depth, rows);
    }
    let values = &schema["additionalProperties"];
    if values.is_object() {
        unfold(document, values, &format!("{around}*."), depth, rows);
    }
    let required = schema["required"].as_array();
    for (name, held) in schema["properties"].as_object().into_iter().flatten() {
        let full = format!("{around}{name}");
        let said = held["description"].as_str();
        let said = said.or_else(|| resolve(document, held)["description"].as_str());
        let must = required.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(name)));
        if rows.iter().any(|row| row.name == full) {
            continue; // another form of the same object said it
        }
        rows.push(Field {
            kind: kind(held),
            required: must,
            description: phrase(said.unwrap_or_default()),
            name: full.clone(),
        });
        unfold(document, held, &format!("{full}."), depth + 1, rows);
    }
}

/// JSON to read.
pub(super) fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_kind_is_said_in_a_few_words() {
        for (schema, said) in [
            (json!({"type": "string"}), "string"),
            (json!({"type": ["string", "null"], "format": "date"}), "string, date"),
            (
                json!({"type": "array", "items": {"$ref": "#/components/schemas/Topic"}}),
                "list of Topic",
            ),
            (json!({"enum": ["a", "b"]}), "a or b"),
            (json!({"oneOf": [{"type": "null"}, {"$ref": "#/x/Price"}]}), "Price"),
            (json!({}), "anything"),
            (json!(null), "anything"),
        ] {
            assert_eq!(kind(&schema), said, "{schema}");
        }
    }

    #[test]
    fn a_schema_that_holds_itself_and_a_reference_to_nothing_come_to_an_end() {
        let document = json!({"components": {"schemas": {
            "Tree": {"properties": {"child": {"$ref": "#/components/schemas/Tree"}}},
            "Loop": {"$ref": "#/components/schemas/Loop"},
        }}});
        let tree = fields(&document, &json!({"$ref": "#/components/schemas/Tree"}));
        assert_eq!(tree.len(), DEPTH);
        assert_eq!(tree[1].name, "child.child");
        for wrong in ["#/components/schemas/Loop", "#/nowhere", "elsewhere"] {
            assert!(fields(&document, &json!({"$ref": wrong})).is_empty());
        }
    }
}
