//! The examples of the OpenAPI document match a server's responses: each request is sent again, and
//! the response has the same shape.

use crate::raw_http::{Response, TestServer, send_request};
use crate::selection::assert_matches_file;
use adjacent::http::openapi;
use regex::Regex;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const EXAMPLES: &str = "src/http/openapi/answered.json";
const JSON: &str = "application/json";

/// Path, method and definition of an operation.
fn operation(id: &str) -> (&'static str, String, &'static Value) {
    let paths = openapi::document()["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, definition)| (path, method, definition))
    });
    let found = all.into_iter().find(|(_, _, definition)| definition["operationId"] == id);
    let (path, method, definition) = found.unwrap_or_else(|| panic!("no operation {id}"));
    (path, method.to_uppercase(), definition)
}

/// The first example of a request body; empty if there is none.
fn body(definition: &Value) -> String {
    let examples = definition["requestBody"]["content"][JSON]["examples"].as_object();
    let first = examples.and_then(|all| all.values().next());
    first.map_or(String::new(), |example| example["value"].to_string())
}

/// A server with one decision whose impression was reported and whose record is on disk.
struct Fixture {
    server: TestServer,
    decision: String,
}

impl Fixture {
    fn start() -> Fixture {
        let server = TestServer::with([
            ("ADJACENT__ADAPTERS__ETHICALADS", "true"),
            ("ADJACENT__ADAPTERS__KEVEL", "true"),
            ("ADJACENT__ADAPTERS__OPENRTB", "true"),
            ("ADJACENT__ADAPTERS__PUBLISHERS", "{ \"site-4242\" = \"eu-tech-news\" }"),
        ]);
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
        let decision = unit["decision_id"].as_str().unwrap().to_owned();
        let impression =
            url::Url::parse(unit["event_urls"]["impression"].as_str().unwrap()).unwrap();
        let response = server.send_request("GET", impression.path(), &headers[..2], "");
        assert_eq!(response.header("adjacent-recorded"), "1");
        let fixture = Fixture { server, decision };
        // The decision is on disk within a second.
        while fixture.call("explain", "operator", &[]).status == 404 {
            std::thread::yield_now();
        }
        fixture
    }

    /// Sends the documented request of an operation, with this fixture's decision instead of the
    /// example's. `more` contains further headers (`name: value`) and query parameters (`name=value`).
    fn call(&self, id: &str, key: &str, more: &[&str]) -> Response {
        let (path, method, definition) = operation(id);
        let mut url = path.to_owned();
        let mut query = Vec::new();
        for parameter in definition["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default();
            let example = parameter["example"].as_str().unwrap_or_default();
            if parameter["in"] == "path" {
                let decision = path.starts_with("/v1/decisions/").then_some(&*self.decision);
                url = url.replace(&format!("{{{name}}}"), decision.unwrap_or(example));
            } else if parameter["in"] == "query"
                && ["publisher", "div_ids", "ad_types"].contains(&name)
            {
                query.push(format!("{name}={example}"));
            }
        }
        query.extend(
            more.iter().filter(|entry| entry.contains('=')).map(|entry| (*entry).to_owned()),
        );
        if !query.is_empty() {
            url = format!("{url}?{}", query.join("&"));
        }
        let mut headers = vec!["content-type: application/json".to_owned()];
        headers.extend(
            more.iter().filter(|entry| entry.contains(": ")).map(|entry| (*entry).to_owned()),
        );
        if !key.is_empty() {
            headers.push(format!("authorization: Bearer {}", self.server.key(key)));
        }
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let is_operations = definition["x-listener"] == "operations";
        let address = if is_operations { self.server.ops } else { self.server.public };
        let answer = send_request(address, &method, &url, &headers, &body(definition));
        assert!([200, 404].contains(&answer.status), "{method} {url}: {answer:?}");
        answer
    }

    /// Responses of the operations that developers or operators' programs call, by media type.
    fn answers(&self) -> Value {
        let calls: [(&str, &str, &[&str]); 22] = [
            (
                "unit",
                "",
                &["publisher=eu-tech-news", "placement=article-end", "topic=ai-infrastructure"],
            ),
            ("explain", "operator", &[]),
            ("eventsOfDecision", "publisher.eu-tech-news", &[]),
            ("limits", "", &[]),
            ("privacy", "", &[]),
            ("report", "advertiser.zahid-host", &["by=topic"]),
            ("report", "advertiser.zahid-host", &["by=topic", "format=csv"]),
            ("livez", "", &[]),
            ("readyz", "", &[]),
            ("version", "", &[]),
            ("ethicalAdsByParameters", "", &[]),
            ("ethicalAds", "", &[]),
            ("kevel", "", &[]),
            ("openRtb", "", &[]),
            ("publisherPause", "publisher.eu-tech-news", &[]),
            ("head", "operator", &[]),
            ("history", "operator", &[]),
            ("audit", "operator", &[]),
            ("review", "operator", &[]),
            ("weights", "operator", &[]),
            ("pause", "operator", &[]),
            ("read", "operator", &[]),
        ];
        let mut all = Map::new();
        for (id, key, more) in calls {
            let answer = self.call(id, key, more);
            assert_eq!(answer.status, 200, "{id}: {answer:?}");
            let format = answer.header("content-type").split(';').next().unwrap().to_owned();
            let (_, _, definition) = operation(id);
            let content = definition["responses"]["200"]["content"].as_object().unwrap();
            let format = content.keys().find(|known| known.starts_with(&*format)).unwrap().clone();
            let value = if format == JSON { answer.json() } else { Value::String(answer.body) };
            all.entry(id.to_owned()).or_insert_with(|| json!({}))[format] = value;
        }
        Value::Object(all)
    }
}

/// Replaces everything that differs between runs: addresses, ids, tokens and times.
fn normalized(responses: &Value) -> Value {
    let mut text = serde_json::to_string_pretty(responses).unwrap();
    for (pattern, replacement) in [
        (r"http://127\.0\.0\.1:\d+", "https://units.example"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:8080"),
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}",
            "0198c0de-1f2e-7a3b-8c4d-5e6f70819201",
        ),
        (r"/([ec])/[\w-]{40,}", "/$1/AQEAexample"),
        (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z", "2026-11-25T12:00:00Z"),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, replacement).into_owned();
    }
    serde_json::from_str(&text).unwrap()
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
fn every_response_example_matches_a_server_response() {
    let answers = Fixture::start().answers();
    let mut wrong = Vec::new();
    for (id, formats) in answers.as_object().unwrap() {
        for (format, answered) in formats.as_object().unwrap() {
            let (_, _, definition) = operation(id);
            let example = &definition["responses"]["200"]["content"][format]["example"];
            let (example, answered) = (shape(example), shape(answered));
            let differences = example.symmetric_difference(&answered);
            wrong.extend(differences.map(|path| format!("{id}, {format}: {path}")));
        }
    }
    // Examples with the right shape are not rewritten: their values differ with every run.
    if !wrong.is_empty() && std::env::var_os("ADJACENT_BLESS").is_some() {
        assert_matches_file(
            &[serde_json::to_string_pretty(&normalized(&answers)).unwrap()],
            EXAMPLES,
        );
    }
    assert!(
        wrong.is_empty(),
        "{wrong:#?}; ADJACENT_BLESS=1 rewrites {EXAMPLES} for the next build"
    );
}

#[test]
fn the_example_of_a_decision_has_the_shape_of_a_real_decision() {
    let fixture = Fixture::start();
    let (_, _, definition) = operation("decide");
    let example = &definition["responses"]["200"]["content"][JSON]["example"];
    // The draw may pick another advertiser, whose unit has other fields.
    let actual = loop {
        let reply = fixture.call("decide", "publisher.eu-tech-news", &[]).json();
        if reply["decisions"]["article-end"]["advertiser"]["id"] == "zahid-host" {
            break reply;
        }
    };
    let (example, actual) = (shape(example), shape(&actual));
    let differences: Vec<_> = example.symmetric_difference(&actual).collect();
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn every_developer_operation_has_examples_of_request_and_response() {
    // Pages are for readers and operators, and files for browsers.
    let pages = ["advertiserPage", "why", "start", "demo", "docs", "guide", "console"];
    let without_example = [
        "embed",
        "picture",
        "openapi",
        "metrics",
        "readyz",
        "inventory",
        "overview",
        "list",
        "images",
        "demoExplain",
    ];
    let mut missing = Vec::new();
    for (path, item) in openapi::document()["paths"].as_object().unwrap() {
        for (method, definition) in item.as_object().unwrap() {
            let id = definition["operationId"].as_str().unwrap();
            let body = &definition["requestBody"]["content"];
            let mut contents: Vec<(&str, &Value)> = vec![("request", body)];
            // Changes have the same response as `stop`.
            let is_change = path.starts_with("/v1/admin/") && method != "get";
            if !pages.contains(&id) && !without_example.contains(&id) && !is_change {
                let responses = definition["responses"].as_object().unwrap();
                for (status, response) in responses {
                    contents.push((status, &response["content"]));
                }
            }
            for (part, content) in contents {
                for (format, media) in content.as_object().into_iter().flatten() {
                    let jsonp = id == "ethicalAdsByParameters" && format == "text/javascript";
                    if media.get("example").or(media.get("examples")).is_none() && !jsonp {
                        missing.push(format!("{id}: {part}, {format}"));
                    }
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
