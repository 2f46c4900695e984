//! The operator's console: a frame with a form for every weight. What is served, sold and counted
//! its script asks for, with the operator's key; nothing of it is in the page.

use super::Frame;
use super::Link;
use super::schema::resolve;
use crate::web::assets;
use crate::web::html;
use askama::Template;
use serde_json::Value;

/// What the console is filled with.
#[derive(Clone, Debug)]
pub struct ConsoleView<'a> {
    /// The version that runs.
    pub version: &'a str,
    /// The JSON Schema of the weights: their names, ranges and explanations.
    pub weights: &'a Value,
    /// Pages elsewhere.
    pub links: &'a [Link],
}

/// Weights that are one thing.
struct Group {
    /// What they are about; empty for those that stand alone.
    about: String,
    weights: Vec<Weight>,
}

/// A weight to fill in.
struct Weight {
    /// Its path, such as `topic_boost.exact`.
    path: String,
    /// Its path as the id of its explanation.
    id: String,
    /// What it means.
    about: String,
    /// From where to where; empty without limits.
    range: String,
}

fn said(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().to_owned()
}

fn weight(path: String, schema: &Value) -> Weight {
    let range = match (&schema["minimum"], &schema["maximum"]) {
        (Value::Number(least), Value::Number(most)) => {
            // A schema writes every limit of a float with a point.
            let bare =
                |number: &serde_json::Number| number.to_string().trim_end_matches(".0").to_owned();
            format!("{} to {}", bare(least), bare(most))
        }
        _ => String::new(),
    };
    let id = format!("about-{}", path.replace(['.', '_'], "-"));
    Weight { path, id, about: said(schema), range }
}

/// The weights of a schema, those that stand alone first. One level of grouping is all there is.
fn groups(schema: &Value) -> Vec<Group> {
    let mut alone = Group { about: String::new(), weights: Vec::new() };
    let mut grouped = Vec::new();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        match resolve(schema, field)["properties"].as_object() {
            None => alone.weights.push(weight(name.clone(), field)),
            Some(inner) => grouped.push(Group {
                about: said(field),
                weights: inner
                    .iter()
                    .map(|(own, schema)| weight(format!("{name}.{own}"), schema))
                    .collect(),
            }),
        }
    }
    std::iter::once(alone).chain(grouped).collect()
}

#[derive(Template)]
#[template(path = "console.html", config = "src/web/askama.toml")]
struct Page<'a> {
    frame: Frame<'a>,
    version: &'a str,
    script: String,
    groups: Vec<Group>,
}

/// The console.
pub fn console(view: &ConsoleView<'_>) -> String {
    html(&Page {
        frame: Frame::new("adjacent console", view.links, "/console"),
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

    fn paths(value: &Value, around: &str, found: &mut Vec<String>) {
        for (name, held) in value.as_object().into_iter().flatten() {
            let path = format!("{around}{name}");
            if held.is_object() {
                paths(held, &format!("{path}."), found);
            } else {
                found.push(path);
            }
        }
    }

    #[test]
    fn every_weight_has_a_field_with_its_explanation_and_range() {
        let mut wanted = Vec::new();
        paths(&serde_json::to_value(Weights::default()).unwrap(), "", &mut wanted);
        let groups = groups(&schema::of(Kind::Weights));
        let found: Vec<&Weight> = groups.iter().flat_map(|group| &group.weights).collect();
        assert_eq!(found.len(), wanted.len());
        for path in wanted {
            let weight = found.iter().find(|weight| weight.path == path).unwrap();
            assert!(!weight.about.is_empty() && weight.range.contains(" to "), "{path}");
        }
        let boost = found.iter().find(|weight| weight.path == "entity_boost").unwrap();
        assert_eq!(boost.range, "1 to 100");
    }

    #[test]
    fn the_key_has_no_name_that_a_form_would_send() {
        let schema = schema::of(Kind::Weights);
        let page = console(&ConsoleView { version: "1", weights: &schema, links: &[] });
        assert!(page.contains("<input id=\"key\" type=\"password\""));
        let fields = page.split("<input ").skip(1).map(|after| after.split('>').next().unwrap());
        assert!(fields.clone().count() > 15 && !page.contains("<form"));
        assert!(fields.into_iter().all(|field| !field.contains("name=")));
    }
}
