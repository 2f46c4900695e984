//! JSON Schemas of the wire types, each under its name.

use schemars::JsonSchema;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::Map;
use serde_json::Value;
use std::collections::BTreeSet;

/// Where all of them stand in the end.
const PLACE: &str = "/components/schemas";

/// Where those that are read stand until it is known which of them need a name of their own.
const READ: &str = "/components/read";

/// Collects the types that the operations name. A type that is read and written may differ in what
/// is required; then what is read is called `…Input`.
pub(super) struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

impl Default for Schemas {
    fn default() -> Self {
        let settings = |place: &'static str| {
            SchemaSettings::draft2020_12().with(|own| {
                own.definitions_path = place.into();
                own.meta_schema = None;
            })
        };
        Schemas {
            read: settings(READ).for_deserialize().into_generator(),
            written: settings(PLACE).for_serialize().into_generator(),
        }
    }
}

impl Schemas {
    /// A reference to what a caller sends.
    pub fn read<T: JsonSchema>(&mut self) -> Value {
        self.read.subschema_for::<T>().to_value()
    }

    /// A reference to what the server answers.
    pub fn written<T: JsonSchema>(&mut self) -> Value {
        self.written.subschema_for::<T>().to_value()
    }

    /// Every schema that was named, in the order of their names; references in `paths` are led
    /// there.
    pub fn into_all(mut self, paths: &mut Value) -> Map<String, Value> {
        let read = self.read.take_definitions(true);
        let mut all = self.written.take_definitions(true);
        // Fields may be added to an answer: a caller that refuses unknown ones would break.
        all.values_mut().for_each(open);
        let own = of_their_own(&read, &all);
        let name = |name: &str| {
            if own.contains(name) { format!("{name}Input") } else { name.to_owned() }
        };
        for (known_as, mut schema) in read {
            lead(&mut schema, &name);
            all.insert(name(&known_as), schema);
        }
        lead(paths, &name);
        all.sort_keys();
        all
    }
}

/// Those that are read in another shape than they are written, or name one that is.
fn of_their_own(read: &Map<String, Value>, written: &Map<String, Value>) -> BTreeSet<String> {
    let same = |name: &str| name.to_owned();
    let differs = |(name, schema): (&String, &Value)| {
        let mut schema = schema.clone();
        lead(&mut schema, &same);
        written.get(name).is_some_and(|other| *other != schema).then(|| name.clone())
    };
    let mut own: BTreeSet<String> = read.iter().filter_map(differs).collect();
    loop {
        let names_one = |schema: &Value| {
            let text = schema.to_string();
            own.iter().any(|name| text.contains(&format!("\"#{READ}/{name}\"")))
        };
        let more: Vec<String> = read
            .iter()
            .filter(|(name, _)| written.contains_key(*name) && !own.contains(*name))
            .filter(|(_, schema)| names_one(schema))
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            return own;
        }
        own.extend(more);
    }
}

/// Leads references to what is read to where it stands.
fn lead(value: &mut Value, name: &impl Fn(&str) -> String) {
    match value {
        Value::Object(fields) => {
            for (key, held) in fields {
                let read = held.as_str().and_then(|text| text.strip_prefix('#'));
                match read.and_then(|text| text.strip_prefix(READ)?.strip_prefix('/')) {
                    Some(known_as) if key == "$ref" => {
                        *held = Value::String(format!("#{PLACE}/{}", name(known_as)));
                    }
                    _ => lead(held, name),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| lead(item, name)),
        _ => {}
    }
}

fn open(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, held| key != "additionalProperties" || *held != Value::Bool(false));
            fields.values_mut().for_each(open);
        }
        Value::Array(items) => items.iter_mut().for_each(open),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Read with a default, written whole.
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
    fn what_is_read_in_another_shape_than_written_has_a_name_of_its_own() {
        let mut schemas = Schemas::default();
        let mut paths = json!([schemas.read::<Outer>(), schemas.written::<Outer>()]);
        let all = schemas.into_all(&mut paths);

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
