//! The request examples of the OpenAPI document are sent to a server, and each response conforms to the
//! document.

use crate::harness::raw_http::{Response, send, send_request};
use crate::harness::{Setup, TestServer};
use crate::openapi_digest::resolved;
use adjacent::http::openapi;
use regex::Regex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use url::form_urlencoded::Serializer;

const JSON: &str = "application/json";
const IMAGE: &[u8] = include_bytes!("../../config/inventory/pictures/pfanne.png");
const DECISION_ID: &str = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}";

/// Successful responses that no example leads to.
const NOT_REQUESTED: [&str; 11] = [
    "embed 200 text/css",
    "embed 304",
    "picture 200 image/gif",
    "picture 200 image/jpeg",
    "picture 200 image/webp",
    "picture 304",
    "openRtb 204",
    // By `Accept`: `browser_pages`.
    "limits 200 text/html",
    "privacy 200 text/html",
    // Nothing was billed on the day of the example: 202.
    "refund 200 application/json",
    // No file waits: `guard`.
    "acceptPending 200 application/json",
];

/// An operation of the document.
struct Operation {
    id: &'static str,
    method: String,
    path: &'static str,
    definition: &'static Value,
}

/// Every operation, in the document's order.
fn operations() -> impl Iterator<Item = Operation> {
    let paths = openapi::document()["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, definition)| Operation {
            id: definition["operationId"].as_str().unwrap(),
            method: method.to_uppercase(),
            path,
            definition,
        })
    })
}

fn operation(id: &str) -> Operation {
    operations().find(|operation| operation.id == id).unwrap()
}

impl Operation {
    fn parameters(&self) -> impl Iterator<Item = &'static Value> {
        self.definition["parameters"].as_array().into_iter().flatten().map(resolved)
    }

    /// The responses with their statuses.
    fn responses(&self) -> impl Iterator<Item = (&'static str, &'static Value)> {
        let all = self.definition["responses"].as_object().unwrap();
        all.iter().map(|(status, response)| (status.as_str(), resolved(response)))
    }

    /// The examples of the request body with their formats; without a body, an empty one.
    fn bodies(&self) -> Vec<(&'static str, Vec<u8>)> {
        let Some(formats) = self.definition["requestBody"]["content"].as_object() else {
            return vec![(JSON, Vec::new())];
        };
        let of_format = |(format, media): (&'static String, &'static Value)| {
            let examples = media["examples"].as_object().unwrap().values();
            let is_form = format.ends_with("form-urlencoded");
            let bodies = examples.map(move |example| match &example["value"] {
                Value::Object(fields) if is_form => {
                    let fields = fields.iter().map(|(name, value)| (name, value.as_str().unwrap()));
                    Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
                }
                value => value.to_string().into_bytes(),
            });
            let image = (media["schema"]["format"] == "binary").then(|| IMAGE.to_vec());
            bodies.chain(image).map(move |body| (format.as_str(), body)).collect::<Vec<_>>()
        };
        formats.iter().flat_map(of_format).collect()
    }

    /// The documented content type of a response, or what is wrong with its status, content type, error
    /// code, headers or body.
    fn check(&self, response: &Response) -> Result<String, String> {
        let status = response.status.to_string();
        let (_, documented) = self
            .responses()
            .find(|(documented, _)| *documented == status)
            .ok_or("the status is not documented")?;
        for name in ["ETag", "Location", "Retry-After"] {
            if !documented["headers"][name].is_null() && response.header(name).is_empty() {
                return Err(format!("no {name}"));
            }
        }
        let Some(formats) = documented["content"].as_object() else {
            let is_empty = response.body.is_empty();
            return if is_empty {
                Ok(String::new())
            } else {
                Err("a body is not documented".to_owned())
            };
        };
        let media_type = |format: &str| format.split(';').next().unwrap().to_owned();
        let found = media_type(response.header("content-type"));
        let Some((format, media)) = formats.iter().find(|(format, _)| media_type(format) == found)
        else {
            return Err(format!("content type `{found}` is not documented"));
        };
        if let Some(codes) = documented["x-codes"].as_array()
            && format.contains("problem")
            && !codes.contains(&json!(response.code()))
        {
            return Err("the code is not documented".to_owned());
        }
        if format.ends_with("json") {
            let errors = conformance_errors(&media["schema"], &response.json());
            if !errors.is_empty() {
                return Err(errors.join("; "));
            }
        }
        Ok(found)
    }
}

/// Differences between a value and its schema. Unlike for clients, fields that are not documented are
/// errors: the components describe all fields of a response.
fn conformance_errors(schema: &Value, value: &Value) -> Vec<String> {
    let mut components = openapi::document()["components"].clone();
    forbid_additional(&mut components["schemas"]);
    let mut schema = schema.clone();
    schema["components"] = components;
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn forbid_additional(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(forbid_additional);
            let is_object =
                fields.get("type").is_some_and(|name| name.to_string().contains("object"));
            if is_object && fields.contains_key("properties") {
                fields.entry("additionalProperties").or_insert(Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(forbid_additional),
        _ => {}
    }
}

/// A server with one decision whose impression was reported and whose record is on disk.
struct Fixture {
    server: TestServer,
    decision: String,
    /// Path of an event URL and of a click URL of the decision.
    impression: String,
    click: String,
}

impl Fixture {
    fn start() -> Fixture {
        let server = Setup::default()
            .settings(|settings| {
                let site = ("site-4242".to_owned(), "eu-tech-news".to_owned());
                settings.adapters.publishers = [site].into();
                let on = &mut settings.adapters;
                (on.ethicalads, on.kevel, on.openrtb) = (true, true, true);
            })
            .start_blocking();
        let request = json!({
            "publisher": "eu-tech-news",
            "page": { "topics": ["ai-infrastructure"], "entities": ["european-commission"] },
            "viewer": { "region": "DE" },
            "placements": [{ "name": "article-end" }],
        });
        let agent =
            "user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        let headers = [agent, "accept: */*", "content-type: application/json"];
        let reply =
            server.send_request("POST", "/v1/decisions", &headers, &request.to_string()).json();
        let unit = &reply["decisions"]["article-end"];
        let path = |url: &Value| url::Url::parse(url.as_str().unwrap()).unwrap().path().to_owned();
        let impression = path(&unit["event_urls"]["impression"]);
        let response = server.send_request("GET", &impression, &headers[..2], "");
        assert_eq!(response.header("adjacent-recorded"), "1");
        let fixture = Fixture {
            server,
            decision: unit["decision_id"].as_str().unwrap().to_owned(),
            impression,
            click: path(&unit["creative"]["click_url"]),
        };
        // The decision is on disk within a second.
        while fixture.call(&operation("explain"), "")[0].status == 404 {
            std::thread::yield_now();
        }
        fixture
    }

    /// The path and query of an operation's example, with this fixture's decision, tokens and image.
    fn url(&self, operation: &Operation, more: &str) -> String {
        let mut path = operation.path.replace("/e/{token}", &self.impression);
        path = path.replace("/c/{token}", &self.click);
        if operation.id == "picture" {
            let images = self.call(&self::operation("images"), "").remove(0).json();
            let address = images[0]["address"].as_str().unwrap();
            // The size is only in the stored address.
            let file = Regex::new(r"-\d+x\d+").unwrap().replace(address, "").into_owned();
            path = path.replace("{file}", &file);
        }
        if operation.id == "removeNotice" {
            self.call(&self::operation("notice"), "");
            let listed = self.call(&self::operation("notices"), "").remove(0).json();
            path = path.replace("{id}", listed["notices"][0]["reference"].as_str().unwrap());
        }
        if operation.id == "explain" {
            // Weights to decide again with.
            self.call(&self::operation("draftWeights"), "");
        }
        if operation.id == "rollback" {
            // Something to undo.
            self.call(&self::operation("create"), "");
        }
        let mut query = Serializer::new(String::new());
        for parameter in operation.parameters() {
            let name = parameter["name"].as_str().unwrap();
            let example = &parameter["example"];
            let values = example.as_array().map_or(std::slice::from_ref(example), Vec::as_slice);
            for value in values.iter().filter(|value| !value.is_null()) {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                if parameter["in"] == "path" {
                    path = path.replace(&format!("{{{name}}}"), &value);
                // A link stands in for a key, `callback` selects another format, and a cursor comes from a
                // page before. `more` replaces
                // the example of the parameter that it names.
                } else if parameter["in"] == "query"
                    && !["link", "callback", "cursor"].contains(&name)
                    && !more.starts_with(&format!("{name}="))
                {
                    query.append_pair(name, &value);
                }
            }
        }
        let query = [query.finish(), more.to_owned()].join("&");
        self.with_decision(&format!("{path}?{}", query.trim_matches('&')))
    }

    fn with_decision(&self, text: &str) -> String {
        Regex::new(DECISION_ID).unwrap().replace_all(text, &*self.decision).into_owned()
    }

    fn listeners(&self, operation: &Operation) -> Vec<SocketAddr> {
        match operation.definition["x-listener"].as_str().unwrap() {
            "public" => vec![self.server.address()],
            "operations" => vec![self.server.ops_address()],
            _ => vec![self.server.address(), self.server.ops_address()],
        }
    }

    /// Sends an operation with each example of its body to each of its listeners, with an operator key if
    /// it accepts a key. `more` is a query parameter, `name=value`, or empty.
    fn call(&self, operation: &Operation, more: &str) -> Vec<Response> {
        let mut headers = String::new();
        for parameter in operation.parameters().filter(|one| one["in"] == "header") {
            if let (Some(name), Some(value)) =
                (parameter["name"].as_str(), parameter["example"].as_str())
            {
                headers += &format!("{name}: {value}\r\n");
            }
        }
        if operation.definition.get("security").is_some() {
            headers += &format!("authorization: Bearer {}\r\n", self.server.key("operator"));
        }
        let url = self.url(operation, more);
        let mut responses = Vec::new();
        for at in self.listeners(operation) {
            for (format, body) in operation.bodies() {
                let body = match String::from_utf8(body) {
                    Ok(text) => self.with_decision(&text).into_bytes(),
                    Err(binary) => binary.into_bytes(),
                };
                let head = format!(
                    "{} {url} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\ncontent-type: {format}\r\n\
                     content-length: {}\r\n{headers}\r\n",
                    operation.method,
                    body.len()
                );
                let request = [head.as_bytes(), &body].concat();
                let mut response = send(at, &request);
                // One replay at a time: that of another example may still run.
                while response.status == 409 && response.body.contains("replay_running") {
                    response = send(at, &request);
                }
                responses.push(response);
            }
        }
        responses
    }
}

/// Every successful response in the document, as `id status format`.
fn documented_successes() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for operation in operations() {
        for (status, response) in operation.responses() {
            let formats = response["content"].as_object();
            let formats = formats.map_or(vec![""], |all| all.keys().map(String::as_str).collect());
            for format in formats.into_iter().filter(|_| status < "400") {
                let format = format.split(';').next().unwrap();
                all.insert(format!("{} {status} {format}", operation.id).trim_end().to_owned());
            }
        }
    }
    all
}

#[test]
fn every_request_example_gets_a_response_that_conforms_to_the_document() {
    let fixture = Fixture::start();
    let mut wrong = Vec::new();
    let mut seen: BTreeSet<String> = NOT_REQUESTED.map(str::to_owned).into();
    for operation in operations().filter(|operation| operation.id != "acceptPending") {
        let more: &[&str] = match operation.id {
            "report" | "gaps" => &["", "format=csv"],
            "ethicalAdsByParameters" => &["", "callback=ad_1"],
            _ => &[""],
        };
        for response in more.iter().flat_map(|more| fixture.call(&operation, more)) {
            let status = response.status;
            let problem = match operation.check(&response) {
                Ok(format) if status < 400 => {
                    let entry = format!("{} {status} {format}", operation.id);
                    seen.insert(entry.trim_end().to_owned());
                    continue;
                }
                Ok(_) => "the example is rejected".to_owned(),
                Err(problem) => problem,
            };
            wrong.push(format!("{} {status}: {problem}: {:.400}", operation.id, response.body));
        }
    }
    let documented = documented_successes();
    wrong
        .extend(documented.difference(&seen).map(|missing| format!("{missing}: no such response")));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Collects every path in a value with its type; the elements of an array are merged.
fn collect_shape(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    let kind = match value {
        Value::Object(fields) => {
            let fields = fields.iter();
            fields.for_each(|(key, field)| collect_shape(field, &format!("{path}.{key}"), found));
            "object"
        }
        Value::Array(items) => {
            items.iter().for_each(|item| collect_shape(item, &format!("{path}[]"), found));
            "array"
        }
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        Value::Null => "null",
    };
    found.insert(format!("{path}: {kind}"));
}

fn shape(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect_shape(value, "", &mut found);
    found
}

#[test]
fn the_example_of_a_decision_has_the_shape_of_a_real_decision() {
    let fixture = Fixture::start();
    let decide = operation("decide");
    let example = &decide.definition["responses"]["200"]["content"][JSON]["example"];
    let (_, body) = decide.bodies().remove(0);
    let body = String::from_utf8(body).unwrap();
    let key = format!("authorization: Bearer {}", fixture.server.key("publisher:eu-tech-news"));
    let headers = ["content-type: application/json", &key];
    // The draw may pick another advertiser, whose unit has other fields.
    let actual = loop {
        let reply =
            send_request(fixture.server.address(), "POST", decide.path, &headers, &body).json();
        if reply["decisions"]["article-end"]["advertiser"]["id"] == "zahid-host" {
            break reply;
        }
    };
    let (example, actual) = (shape(example), shape(&actual));
    let differences: Vec<_> = example.symmetric_difference(&actual).collect();
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn every_request_body_every_required_parameter_and_every_error_has_an_example() {
    let mut missing = Vec::new();
    for operation in operations() {
        let id = operation.id;
        for (format, media) in
            operation.definition["requestBody"]["content"].as_object().into_iter().flatten()
        {
            let is_binary = media["schema"]["format"] == "binary";
            if !is_binary && media["examples"].as_object().is_none_or(serde_json::Map::is_empty) {
                missing.push(format!("{id}: request, {format}"));
            }
        }
        for parameter in operation.parameters().filter(|parameter| parameter["required"] == true) {
            if parameter["example"].is_null() {
                missing.push(format!("{id}: {}", parameter["name"]));
            }
        }
        for (status, response) in operation.responses() {
            let media = &response["content"]["application/problem+json"];
            if !media.is_null() && media["example"].is_null() {
                missing.push(format!("{id}: {status}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
