//! The operator console: a static page with a form field per weight. Its script requests all other
//! data with the operator's key; none of it is in the page.

use super::Layout;
use super::Link;
use super::schema::resolve;
use crate::web::{assets, html};
use askama::Template;
use serde_json::Value;

/// Content of the console page.
#[derive(Clone, Debug)]
pub(crate) struct ConsoleView<'a> {
    /// The running version.
    pub(crate) version: &'a str,
    /// The JSON Schema of the weights: their names, ranges and explanations.
    pub(crate) weights: &'a Value,
    /// Links to other pages.
    pub(crate) links: &'a [Link],
}

/// A group of related weights.
struct Group {
    /// Description; empty for ungrouped weights.
    description: String,
    weights: Vec<Weight>,
}

/// A form field for one weight.
struct Weight {
    /// Its path, such as `topic_boost.exact`.
    path: String,
    /// Element id of its description.
    id: String,
    description: String,
    /// Allowed range; empty if unlimited.
    range: String,
}

fn description(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().to_owned()
}

fn weight(path: String, schema: &Value) -> Weight {
    let range = match (&schema["minimum"], &schema["maximum"]) {
        (Value::Number(min), Value::Number(max)) => {
            // JSON Schema writes float limits with a decimal point.
            let bare =
                |number: &serde_json::Number| number.to_string().trim_end_matches(".0").to_owned();
            format!("{} to {}", bare(min), bare(max))
        }
        _ => String::new(),
    };
    let id = format!("about-{}", path.replace(['.', '_'], "-"));
    Weight { path, id, description: description(schema), range }
}

/// The weights of a schema, ungrouped ones first. Groups have one level.
fn groups(schema: &Value) -> Vec<Group> {
    let mut ungrouped = Group { description: String::new(), weights: Vec::new() };
    let mut grouped = Vec::new();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        match resolve(schema, field)["properties"].as_object() {
            None if field["minimum"].is_number() => {
                ungrouped.weights.push(weight(name.clone(), field));
            }
            // Not a number, such as exchange rates: changed in the file.
            None => {}
            Some(inner) => grouped.push(Group {
                description: description(field),
                weights: inner
                    .iter()
                    .map(|(own, schema)| weight(format!("{name}.{own}"), schema))
                    .collect(),
            }),
        }
    }
    std::iter::once(ungrouped).chain(grouped).collect()
}

#[derive(Template)]
#[template(path = "console.html", config = "src/web/askama.toml")]
struct Page<'a> {
    layout: Layout<'a>,
    version: &'a str,
    script: String,
    groups: Vec<Group>,
}

/// Renders the console page.
pub(crate) fn console(view: &ConsoleView<'_>) -> String {
    html(&Page {
        layout: Layout::new("adjacent console", view.links, "/console"),
        version: view.version,
        script: assets::path(assets::CONSOLE_JS),
        groups: groups(view.weights),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::schema;
    use crate::catalog::schema::Kind;
    use crate::domain::weights::Weights;

    fn paths(value: &Value, prefix: &str, found: &mut Vec<String>) {
        for (name, child) in value.as_object().into_iter().flatten() {
            let path = format!("{prefix}{name}");
            if child.is_object() {
                paths(child, &format!("{path}."), found);
            } else {
                found.push(path);
            }
        }
    }

    #[test]
    fn every_weight_has_a_field_with_description_and_range() {
        let mut wanted = Vec::new();
        paths(&Weights::default().complete(), "", &mut wanted);
        // Not numbers: they are changed in the file.
        wanted.retain(|path| !path.starts_with("exchange_rates"));
        let groups = groups(&schema::of(Kind::Weights));
        let found: Vec<&Weight> = groups.iter().flat_map(|group| &group.weights).collect();
        assert_eq!(found.len(), wanted.len());
        for path in wanted {
            let weight = found.iter().find(|weight| weight.path == path).unwrap();
            assert!(!weight.description.is_empty() && weight.range.contains(" to "), "{path}");
        }
        let boost = found.iter().find(|weight| weight.path == "entity_boost").unwrap();
        assert_eq!(boost.range, "1 to 100");
    }

    #[test]
    fn the_key_field_cannot_be_submitted_by_a_form() {
        let schema = schema::of(Kind::Weights);
        let page = console(&ConsoleView { version: "1", weights: &schema, links: &[] });
        assert!(page.contains("<input id=\"key\" type=\"password\""));
        let fields = page.split("<input ").skip(1).map(|after| after.split('>').next().unwrap());
        assert!(fields.clone().count() > 15 && !page.contains("<form"));
        assert!(fields.into_iter().all(|field| !field.contains("name=")));
    }
}
