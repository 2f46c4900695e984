//! The OpenAPI document is complete, and consistent with the server.

use crate::harness::TestServer;
use crate::harness::raw_http::send_request;
use crate::openapi_digest::resolved;
use crate::structure::rust_files;
use adjacent::adapters;
use adjacent::http::problem::CODES;
use adjacent::http::routes::Route;
use adjacent::http::{openapi, ops, public};
use serde_json::Value;
use std::collections::BTreeSet;

/// Every operation with its path and method.
fn operations() -> Vec<(&'static str, &'static str, &'static Value)> {
    let paths = openapi::document()["paths"].as_object().unwrap();
    let of = |(path, item): (&'static String, &'static Value)| {
        let methods = item.as_object().unwrap();
        methods.iter().map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    };
    paths.iter().flat_map(of).collect()
}

/// Calls `visit` for every value in the document with its JSON pointer.
fn walk(value: &Value, pointer: &str, visit: &mut impl FnMut(&str, &Value)) {
    visit(pointer, value);
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, child)| walk(child, &format!("{pointer}/{key}"), visit));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(at, child)| walk(child, &format!("{pointer}/{at}"), visit));
        }
        _ => {}
    }
}

#[test]
fn every_reference_resolves_and_every_component_is_used() {
    let document = openapi::document();
    let mut referenced = BTreeSet::new();
    walk(document, "", &mut |location, value| {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return };
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{location}: {reference}");
        referenced.insert(pointer.to_owned());
    });
    for kind in ["schemas", "responses", "headers", "parameters"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let pointer = format!("/components/{kind}/{name}");
            assert!(referenced.contains(&pointer), "{pointer} is not used");
        }
    }
}

#[test]
fn every_schema_is_valid_and_every_example_conforms_to_it() {
    let document = openapi::document();
    let mut examples = 0;
    walk(document, "", &mut |location, value| {
        let Some(schema) = value.get("schema") else { return };
        let mut with_components = schema.clone();
        with_components["components"] = document["components"].clone();
        let schema = jsonschema::draft202012::new(&with_components)
            .unwrap_or_else(|error| panic!("{location}: {error}"));
        let listed = value.get("examples").and_then(Value::as_object).into_iter().flatten();
        let listed_and_single =
            listed.map(|(_, example)| &example["value"]).chain(value.get("example"));
        for example in listed_and_single {
            examples += 1;
            let errors: Vec<String> =
                schema.iter_errors(example).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{location}: {errors:?}");
        }
    });
    assert!(examples > 50, "{examples}");
}

#[test]
fn every_operation_is_described_and_has_a_unique_id() {
    let mut names = BTreeSet::new();
    let tags = openapi::document()["tags"].as_array().unwrap();
    for (path, method, operation) in operations() {
        let text = |key: &str| operation[key].as_str().unwrap_or_default().to_owned();
        assert!(!text("summary").is_empty() && !text("description").is_empty(), "{method} {path}");
        assert!(names.insert(text("operationId")), "{method} {path}");
        assert!(tags.iter().any(|tag| tag["name"] == operation["tags"][0]), "{method} {path}");
        let in_path = path.matches('{').count();
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let declared = parameters.iter().filter(|parameter| parameter["in"] == "path").count();
        assert_eq!(in_path, declared, "{method} {path}");
    }
}

#[test]
fn every_error_code_in_the_sources_and_responses_is_explained() {
    let known = |code: &str| CODES.iter().any(|(code_in_table, _)| *code_in_table == code);
    for (path, method, operation) in operations() {
        for response in operation["responses"].as_object().unwrap().values().map(resolved) {
            for code in response["x-codes"].as_array().into_iter().flatten() {
                assert!(known(code.as_str().unwrap()), "{method} {path}: {code}");
            }
        }
    }
    let mut found = 0;
    for (path, text) in rust_files("src/http") {
        for constructor in ["::not_found(", "::conflict(", "ApiError::new("] {
            for after in text.split(constructor).skip(1) {
                let before_end = after.split(')').next().unwrap();
                let Some(code) = before_end.split('"').nth(1) else { continue };
                assert!(known(code), "{path}: {code}");
                found += 1;
            }
        }
    }
    assert!(found > 15, "{found}");
}

/// The operations of a route table, such as `get /e/{token}`. HEAD is left out: it accompanies GET.
fn routed(table: &[Route]) -> BTreeSet<String> {
    let operations = |row: &Route| {
        let path = row.path().replace(":.*}", "}");
        let methods: Vec<String> =
            row.methods().iter().map(|m| m.as_str().to_lowercase()).collect();
        methods.into_iter().filter(|m| m != "head").map(move |m| format!("{m} {path}"))
    };
    table.iter().flat_map(|row| operations(row).collect::<Vec<_>>()).collect()
}

fn documented(listener: &str) -> BTreeSet<String> {
    operations()
        .into_iter()
        .filter(|(_, _, operation)| {
            operation["x-listener"] == listener || operation["x-listener"] == "both"
        })
        .map(|(path, method, _)| format!("{method} {path}"))
        .collect()
}

#[test]
fn every_route_is_documented_and_nothing_else_is() {
    let tables = [public::table(), openapi::reference::table(), adapters::table()];
    let public: Vec<Route> = tables.into_iter().flatten().collect();
    assert_eq!(documented("public"), routed(&public));
    let all: Vec<Route> = ops::table().into_iter().chain(ops::admin::table()).collect();
    assert_eq!(documented("operations"), routed(&all));
}

#[test]
fn every_documented_path_exists_on_a_running_server() {
    let server = TestServer::start_blocking();
    for (path, method, operation) in operations() {
        let mut filled = path.to_owned();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] == "path" {
                let name = format!("{{{}}}", parameter["name"].as_str().unwrap());
                filled = filled.replace(&name, parameter["example"].as_str().unwrap());
            }
        }
        let listeners = match operation["x-listener"].as_str().unwrap() {
            "public" => vec![server.address()],
            "operations" => vec![server.ops_address()],
            _ => vec![server.address(), server.ops_address()],
        };
        for at in listeners {
            let response = send_request(at, &method.to_uppercase(), &filled, &[], "");
            assert!(
                response.status != 0 && response.status < 500,
                "{method} {filled}: {response:?}"
            );
            assert!(
                response.code() != "method_not_allowed"
                    && !response.body.contains("no resource at this path"),
                "{method} {filled}: {response:?}"
            );
        }
    }
}

#[test]
fn the_server_serves_the_document() {
    let server = TestServer::start_blocking();
    assert_eq!(server.get("/openapi.json").json(), *openapi::document());
}
