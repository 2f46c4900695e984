//! JSON Schemas of the configuration files, generated from the types that parse them.

use crate::config::Settings;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::weights::Weights;
use serde_json::Value;

string_enum! {
    /// A kind of configuration file.
    Kind {
        /// A file of the inventory's folder, or the whole inventory in one file.
        Inventory = "inventory",
        /// `weights.toml`.
        Weights = "weights",
        /// `labels.toml`.
        Labels = "labels",
        /// `adjacent.toml`.
        Config = "config",
    }
}

/// The JSON Schema (2020-12) of a kind of file. It is weaker than the checks: it cannot express
/// references between documents, the order of dates and the like.
pub(crate) fn of(kind: Kind) -> Value {
    let schema = match kind {
        Kind::Inventory => schemars::schema_for!(Inventory),
        Kind::Weights => schemars::schema_for!(Weights),
        Kind::Labels => schemars::schema_for!(LabelTable),
        Kind::Config => schemars::schema_for!(Settings),
    };
    let mut schema = schema.to_value();
    if kind == Kind::Config {
        optional(&mut schema);
    }
    schema
}

/// Makes every section and every key of a section optional: the defaults apply to missing ones.
fn optional(schema: &mut Value) {
    let reference = |field: &Value| Some(field.get("$ref")?.as_str()?.to_owned());
    let sections: Vec<String> = schema["properties"]
        .as_object()
        .map(|fields| fields.values().filter_map(reference).collect())
        .unwrap_or_default();
    let pointers = sections.iter().filter_map(|section| section.strip_prefix('#'));
    for pointer in std::iter::once("").chain(pointers) {
        if let Some(Value::Object(section)) = schema.pointer_mut(pointer) {
            section.remove("required");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::files;
    use crate::config::load;

    fn faults(kind: Kind, text: &str) -> Vec<String> {
        let document = serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();
        let schema = jsonschema::validator_for(&of(kind)).unwrap();
        schema.iter_errors(&document).map(|error| error.instance_path().to_string()).collect()
    }

    #[test]
    fn the_default_files_match_their_schemas() {
        assert_eq!(faults(Kind::Config, load::DEFAULTS), [""; 0]);
        assert_eq!(faults(Kind::Weights, files::WEIGHTS.1), [""; 0]);
        assert_eq!(faults(Kind::Labels, files::LABELS.1), [""; 0]);
        for (name, text) in files::EXAMPLE {
            assert_eq!(faults(Kind::Inventory, text), [""; 0], "{name}");
        }
    }

    #[test]
    fn an_invalid_file_does_not_match_its_schema() {
        let broken = files::WEIGHTS.1.replace("entity_boost = 2.0", "entity_boost = -2.0");
        assert_eq!(faults(Kind::Weights, &broken), ["/entity_boost"]);
        let broken = files::LABELS.1.replacen("text = ", "texxt = ", 1);
        assert!(faults(Kind::Labels, &broken).contains(&"/label/0".to_owned()));
        let broken = load::DEFAULTS.replace("format = \"text\"", "format = \"prose\"");
        assert_eq!(faults(Kind::Config, &broken), ["/logs/format"]);
        for (from, to, path) in [
            ("price_micros = 8_000_000", "price_micros = -8", "/flights/0/price_micros"),
            ("tier = \"standard\"", "tier = \"best\"", "/flights/0/tier"),
            ("political = false", "", "/campaigns/0"),
        ] {
            let file = files::EXAMPLE.iter().find(|(name, _)| name.contains("zahid")).unwrap();
            assert_eq!(faults(Kind::Inventory, &file.1.replace(from, to)), [path]);
        }
    }

    #[test]
    fn a_settings_file_may_omit_keys_and_sections() {
        assert_eq!(faults(Kind::Config, "[windows]\nclick_seconds = 60\n"), [""; 0]);
        let incomplete = "[limits]\nclicks = [{ count = 2 }]\n";
        assert_eq!(faults(Kind::Config, incomplete), ["/limits/clicks/0"]);
    }
}
