//! The OpenAPI document: kept under test, true of the server, complete.

use crate::openapi_server::TestServer;
use crate::openapi_server::ask;
use crate::selection::kept_as;
use adjacent::adapters;
use adjacent::http::openapi;
use adjacent::http::ops;
use adjacent::http::problem::CODES;
use adjacent::http::public;
use adjacent::http::routes::At;
use serde_json::Value;
use std::collections::BTreeSet;

/// Every operation: its path, its method, itself.
fn operations() -> Vec<(&'static str, &'static str, &'static Value)> {
    let paths = openapi::document()["paths"].as_object().unwrap();
    let of = |(path, item): (&'static String, &'static Value)| {
        let methods = item.as_object().unwrap();
        methods.iter().map(move |(method, said)| (path.as_str(), method.as_str(), said))
    };
    paths.iter().flat_map(of).collect()
}

/// Every value in the document with its place.
fn walk(value: &Value, place: &str, see: &mut impl FnMut(&str, &Value)) {
    see(place, value);
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, held)| walk(held, &format!("{place}/{key}"), see));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(at, held)| walk(held, &format!("{place}/{at}"), see));
        }
        _ => {}
    }
}

#[test]
fn the_document_is_what_was_agreed() {
    kept_as(&[openapi::text().to_owned()], "tests/it/openapi.json");
}

#[test]
fn every_reference_leads_somewhere_and_everything_named_is_used() {
    let document = openapi::document();
    let mut named = BTreeSet::new();
    walk(document, "", &mut |place, value| {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return };
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{place}: {reference}");
        named.insert(pointer.to_owned());
    });
    for kind in ["schemas", "headers", "parameters"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let pointer = format!("/components/{kind}/{name}");
            assert!(named.contains(&pointer), "nothing uses {pointer}");
        }
    }
}

#[test]
fn every_schema_is_a_schema_and_every_example_is_one_of_it() {
    let document = openapi::document();
    let mut examples = 0;
    walk(document, "", &mut |place, value| {
        let Some(schema) = value.get("schema") else { return };
        let mut whole = schema.clone();
        whole["components"] = document["components"].clone();
        let schema =
            jsonschema::draft202012::new(&whole).unwrap_or_else(|error| panic!("{place}: {error}"));
        let listed = value.get("examples").and_then(Value::as_object).into_iter().flatten();
        let given = listed.map(|(_, example)| &example["value"]).chain(value.get("example"));
        for example in given {
            examples += 1;
            let wrong: Vec<String> =
                schema.iter_errors(example).map(|error| error.to_string()).collect();
            assert!(wrong.is_empty(), "{place}: {wrong:?}");
        }
    });
    assert!(examples > 50, "{examples}");
}

#[test]
fn every_operation_says_what_it_is_and_has_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    let tags = openapi::document()["tags"].as_array().unwrap();
    for (path, method, said) in operations() {
        let text = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
        assert!(!text("summary").is_empty() && !text("description").is_empty(), "{method} {path}");
        assert!(names.insert(text("operationId")), "{method} {path}");
        assert!(tags.iter().any(|tag| tag["name"] == said["tags"][0]), "{method} {path}");
        let wanted = path.matches('{').count();
        let list = said["parameters"].as_array().cloned().unwrap_or_default();
        let found = list.iter().filter(|given| given["in"] == "path").count();
        assert_eq!(wanted, found, "{method} {path}");
    }
}

#[test]
fn every_code_of_the_sources_and_of_the_answers_is_explained() {
    let known = |code: &str| CODES.iter().any(|(own, _)| *own == code);
    for (path, method, said) in operations() {
        for answer in said["responses"].as_object().unwrap().values() {
            for code in answer["x-codes"].as_array().into_iter().flatten() {
                assert!(known(code.as_str().unwrap()), "{method} {path}: {code}");
            }
        }
    }
    let mut found = 0;
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for made in ["::missing(", "::conflict(", "ApiError::new("] {
                for after in text.split(made).skip(1) {
                    let before_end = after.split(')').next().unwrap();
                    let Some(code) = before_end.split('"').nth(1) else { continue };
                    assert!(known(code), "{}: {code}", path.display());
                    found += 1;
                }
            }
        }
    }
    assert!(found > 15, "{found}");
}

/// `get /e/{token}` for every row of a table. HEAD goes with GET and is said once for all.
fn routed(table: &[At]) -> BTreeSet<String> {
    let one = |row: &At| {
        let path = row.path().replace(":.*}", "}");
        let methods: Vec<String> =
            row.methods().iter().map(|m| m.as_str().to_lowercase()).collect();
        methods.into_iter().filter(|m| m != "head").map(move |m| format!("{m} {path}"))
    };
    table.iter().flat_map(|row| one(row).collect::<Vec<_>>()).collect()
}

fn documented(listener: &str) -> BTreeSet<String> {
    operations()
        .into_iter()
        .filter(|(_, _, said)| said["x-listener"] == listener || said["x-listener"] == "both")
        .map(|(path, method, _)| format!("{method} {path}"))
        .collect()
}

#[test]
fn every_route_is_documented_and_nothing_else_is() {
    let public: Vec<At> = public::table().into_iter().chain(adapters::table()).collect();
    assert_eq!(documented("public"), routed(&public));
    let all: Vec<At> = ops::table().into_iter().chain(ops::admin::table()).collect();
    assert_eq!(documented("operations"), routed(&all));
}

#[test]
fn every_documented_path_is_there_on_a_real_server() {
    let server = TestServer::start();
    for (path, method, said) in operations() {
        let mut filled = path.to_owned();
        for given in said["parameters"].as_array().into_iter().flatten() {
            if given["in"] == "path" {
                let name = format!("{{{}}}", given["name"].as_str().unwrap());
                filled = filled.replace(&name, given["example"].as_str().unwrap());
            }
        }
        let listeners = match said["x-listener"].as_str().unwrap() {
            "public" => vec![server.public],
            "operations" => vec![server.ops],
            _ => vec![server.public, server.ops],
        };
        for at in listeners {
            let answer = ask(at, &method.to_uppercase(), &filled, &[], "");
            assert!(answer.status != 0 && answer.status < 500, "{method} {filled}: {answer:?}");
            assert!(
                !["no_such_path", "method_not_allowed"].contains(&answer.code().as_str()),
                "{method} {filled}: {answer:?}"
            );
        }
    }
}

#[test]
fn the_server_serves_this_very_document() {
    let server = TestServer::start();
    assert_eq!(server.get("/openapi.json").json(), *openapi::document());
}
