//! JSON Schemas as table rows: name, type and description.

use super::markdown::inline;
use serde_json::Value;

/// A field of an object, or a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Field {
    /// Dotted path.
    pub(crate) name: String,
    /// Type.
    pub(crate) kind: String,
    pub(crate) required: bool,
    /// Description as HTML.
    pub(crate) description: String,
}

/// Maximum depth of expansion, since schemas can be recursive.
const DEPTH: usize = 5;
/// Maximum number of rows per body.
const ROWS: usize = 160;

/// Resolves a `$ref`; other values are returned unchanged. A dangling reference is `null`.
pub(super) fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let mut found = value;
    for _ in 0..DEPTH {
        let Some(path) = found["$ref"].as_str() else { return found };
        let path = path.strip_prefix('#').unwrap_or_default();
        found = document.pointer(path).unwrap_or(&Value::Null);
    }
    found
}

/// The description of a property: its own, else that of its type.
pub(super) fn description<'a>(document: &'a Value, property: &'a Value) -> &'a str {
    let own = property["description"].as_str();
    own.or_else(|| resolve(document, property)["description"].as_str()).unwrap_or_default()
}

fn choices(schema: &Value) -> Option<&Vec<Value>> {
    ["oneOf", "anyOf", "allOf"].iter().find_map(|key| schema[*key].as_array())
}

/// The type of a schema as text: `string`, `list of Topic`, `DE or FR`.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(path) = schema["$ref"].as_str() {
        return path.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if let Some(values) = schema["enum"].as_array() {
        let shown: Vec<String> = values.iter().map(plain).collect();
        return shown.join(" or ");
    }
    if let Some(value) = schema.get("const") {
        return plain(value);
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

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The fields of a body, nested fields after their parent.
pub(super) fn fields(document: &Value, schema: &Value) -> Vec<Field> {
    let mut rows = Vec::new();
    collect_fields(document, schema, "", 0, &mut rows);
    rows
}

fn collect_fields(
    document: &Value,
    schema: &Value,
    prefix: &str,
    depth: usize,
    rows: &mut Vec<Field>,
) {
    let schema = resolve(document, schema);
    if depth >= DEPTH || rows.len() >= ROWS {
        return;
    }
    for part in choices(schema).into_iter().flatten() {
        collect_fields(document, part, prefix, depth, rows);
    }
    if schema["items"].is_object() {
        collect_fields(document, &schema["items"], prefix, depth, rows);
    }
    let values = &schema["additionalProperties"];
    if values.is_object() {
        collect_fields(document, values, &format!("{prefix}*."), depth, rows);
    }
    let required = schema["required"].as_array();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let full = format!("{prefix}{name}");
        let is_required =
            required.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(name)));
        if rows.iter().any(|row| row.name == full) {
            continue; // listed by another variant of the same object
        }
        rows.push(Field {
            kind: kind(property),
            required: is_required,
            description: inline(description(document, property)),
            name: full.clone(),
        });
        collect_fields(document, property, &format!("{full}."), depth + 1, rows);
    }
}

/// Formats JSON with indentation.
pub(super) fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_type_is_described_in_a_few_words() {
        for (schema, expected) in [
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
            assert_eq!(kind(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn recursive_schemas_and_dangling_references_terminate() {
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
