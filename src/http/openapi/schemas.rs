//! JSON Schemas of the wire types, by name.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Final location of all schemas.
const SCHEMAS_PATH: &str = "/components/schemas";

/// Temporary location of input schemas, until it is known which of them need a separate name.
const INPUT_PATH: &str = "/components/read";

/// Collects the schemas of the types used by the operations. A type used in requests and responses may
/// have different required fields; its request schema is then named `…Input`.
pub(super) struct Schemas {
    input: SchemaGenerator,
    output: SchemaGenerator,
}

impl Default for Schemas {
    fn default() -> Self {
        let settings = |path: &'static str| {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = path.into();
                settings.meta_schema = None;
            })
        };
        Schemas {
            input: settings(INPUT_PATH).for_deserialize().into_generator(),
            output: settings(SCHEMAS_PATH).for_serialize().into_generator(),
        }
    }
}

impl Schemas {
    /// A reference to the schema of a request type.
    pub(crate) fn input<T: JsonSchema>(&mut self) -> Value {
        self.input.subschema_for::<T>().to_value()
    }

    /// A reference to the schema of a response type.
    pub(crate) fn output<T: JsonSchema>(&mut self) -> Value {
        self.output.subschema_for::<T>().to_value()
    }

    /// All collected schemas, sorted by name. Rewrites the references in `paths` to their final location.
    pub(crate) fn into_definitions(mut self, paths: &mut Value) -> Map<String, Value> {
        let inputs = self.input.take_definitions(true);
        let mut all = self.output.take_definitions(true);
        // Responses may gain fields, so their schemas must not forbid unknown ones.
        all.values_mut().for_each(allow_additional);
        let separate = separate_inputs(&inputs, &all);
        let name = |name: &str| {
            if separate.contains(name) { format!("{name}Input") } else { name.to_owned() }
        };
        for (key, mut schema) in inputs {
            rewrite_references(&mut schema, &name);
            all.insert(name(&key), schema);
        }
        rewrite_references(paths, &name);
        all.sort_keys();
        all
    }
}

/// Names of types whose request schema differs from the response schema, directly or through a type
/// that they refer to.
fn separate_inputs(inputs: &Map<String, Value>, outputs: &Map<String, Value>) -> BTreeSet<String> {
    let same = |name: &str| name.to_owned();
    let differs = |(name, schema): (&String, &Value)| {
        let mut schema = schema.clone();
        rewrite_references(&mut schema, &same);
        outputs.get(name).is_some_and(|other| *other != schema).then(|| name.clone())
    };
    let mut separate: BTreeSet<String> = inputs.iter().filter_map(differs).collect();
    loop {
        let refers_to_separate = |schema: &Value| {
            let text = schema.to_string();
            separate.iter().any(|name| text.contains(&format!("\"#{INPUT_PATH}/{name}\"")))
        };
        let more: Vec<String> = inputs
            .iter()
            .filter(|(name, _)| outputs.contains_key(*name) && !separate.contains(*name))
            .filter(|(_, schema)| refers_to_separate(schema))
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            return separate;
        }
        separate.extend(more);
    }
}

/// Rewrites references to input schemas to their final location.
fn rewrite_references(value: &mut Value, name: &impl Fn(&str) -> String) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                let path = field.as_str().and_then(|text| text.strip_prefix('#'));
                match path.and_then(|path| path.strip_prefix(INPUT_PATH)?.strip_prefix('/')) {
                    Some(input) if key == "$ref" => {
                        *field = Value::String(format!("#{SCHEMAS_PATH}/{}", name(input)));
                    }
                    _ => rewrite_references(field, name),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite_references(item, name)),
        _ => {}
    }
}

fn allow_additional(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields
                .retain(|key, field| key != "additionalProperties" || *field != Value::Bool(false));
            fields.values_mut().for_each(allow_additional);
        }
        Value::Array(items) => items.iter_mut().for_each(allow_additional),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// `count` is optional in a request and always present in a response.
    #[derive(serde::Deserialize, serde::Serialize, JsonSchema)]
    struct Inner {
        #[serde(default)]
        count: u8,
    }

    #[derive(serde::Deserialize, serde::Serialize, JsonSchema)]
    struct Outer {
        inner: Inner,
        style: crate::domain::party::Style,
    }

    #[test]
    fn a_type_whose_request_and_response_schemas_differ_gets_two_names() {
        let mut schemas = Schemas::default();
        let mut paths = json!([schemas.input::<Outer>(), schemas.output::<Outer>()]);
        let all = schemas.into_definitions(&mut paths);

        let names: Vec<&str> = all.keys().map(String::as_str).collect();
        assert_eq!(names, ["Inner", "InnerInput", "Outer", "OuterInput", "Style"]);
        assert_eq!(paths[0]["$ref"], "#/components/schemas/OuterInput");
        assert_eq!(paths[1]["$ref"], "#/components/schemas/Outer");
        let inner = &all["OuterInput"]["properties"]["inner"]["$ref"];
        assert_eq!(inner, "#/components/schemas/InnerInput");
        assert_eq!(all["Inner"]["required"], json!(["count"]));
        assert_eq!(all["InnerInput"]["required"], Value::Null);
    }
}
