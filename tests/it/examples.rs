//! Examples of the document are what a server answers: each is asked for again, and has the same shape.

use crate::openapi_server::Answer;
use crate::openapi_server::TestServer;
use crate::openapi_server::ask;
use crate::selection::kept_as;
use adjacent::http::openapi;
use regex::Regex;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeSet;

const KEPT: &str = "src/http/openapi/answered.json";
const JSON: &str = "application/json";

/// An operation of the document: its path, its method, itself.
fn operation(id: &str) -> (&'static str, String, &'static Value) {
    let paths = openapi::document()["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, said)| (path, method, said))
    });
    let found = all.into_iter().find(|(_, _, said)| said["operationId"] == id);
    let (path, method, said) = found.unwrap_or_else(|| panic!("no operation {id}"));
    (path, method.to_uppercase(), said)
}

/// The first body that the document shows for an operation.
fn body(said: &Value) -> String {
    let shown = said["requestBody"]["content"][JSON]["examples"].as_object();
    shown.and_then(|all| all.values().next()).map_or(String::new(), |one| one["value"].to_string())
}

/// A server as developers try it: a page was decided, seen and explained.
struct Trial {
    server: TestServer,
    decision: String,
}

impl Trial {
    fn start() -> Trial {
        let server = TestServer::with([
            ("ADJACENT__ADAPTERS__ETHICALADS", "true"),
            ("ADJACENT__ADAPTERS__KEVEL", "true"),
            ("ADJACENT__ADAPTERS__OPENRTB", "true"),
            ("ADJACENT__ADAPTERS__PUBLISHERS", "{ \"site-4242\" = \"eu-tech-news\" }"),
        ]);
        let asked = json!({
            "publisher": "eu-tech-news",
            "page": { "topics": ["ai-infrastructure"], "entities": ["european-commission"] },
            "viewer": { "region": "DE" },
            "placements": [{ "name": "article-end" }],
        });
        let agent =
            "user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        let headers = [agent, "accept: */*", "content-type: application/json"];
        let reply = server.ask("POST", "/v1/decisions", &headers, &asked.to_string()).json();
        let unit = &reply["decisions"]["article-end"];
        let decision = unit["decision_id"].as_str().unwrap().to_owned();
        let seen = url::Url::parse(unit["event_urls"]["impression"].as_str().unwrap()).unwrap();
        let told = server.ask("GET", seen.path(), &headers[..2], "");
        assert_eq!(told.header("adjacent-recorded"), "1");
        let trial = Trial { server, decision };
        // On disk within a second.
        while trial.call("explain", "operator", &[]).status == 404 {
            std::thread::yield_now();
        }
        trial
    }

    /// Asks as the document says, with the trial's own decision in the place of the example's.
    fn call(&self, id: &str, key: &str, more: &[&str]) -> Answer {
        let (path, method, said) = operation(id);
        let mut filled = path.to_owned();
        let mut query = Vec::new();
        for given in said["parameters"].as_array().into_iter().flatten() {
            let name = given["name"].as_str().unwrap_or_default();
            let example = given["example"].as_str().unwrap_or_default();
            if given["in"] == "path" {
                let decision = path.starts_with("/v1/decisions/").then_some(&*self.decision);
                filled = filled.replace(&format!("{{{name}}}"), decision.unwrap_or(example));
            } else if given["in"] == "query" && ["publisher", "div_ids", "ad_types"].contains(&name)
            {
                query.push(format!("{name}={example}"));
            }
        }
        query.extend(more.iter().filter(|word| word.contains('=')).map(|word| (*word).to_owned()));
        if !query.is_empty() {
            filled = format!("{filled}?{}", query.join("&"));
        }
        let mut headers = vec!["content-type: application/json".to_owned()];
        headers
            .extend(more.iter().filter(|word| word.contains(": ")).map(|word| (*word).to_owned()));
        if !key.is_empty() {
            headers.push(format!("authorization: Bearer {}", self.server.key(key)));
        }
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let at =
            if said["x-listener"] == "operations" { self.server.ops } else { self.server.public };
        let answer = ask(at, &method, &filled, &headers, &body(said));
        assert!([200, 404].contains(&answer.status), "{method} {filled}: {answer:?}");
        answer
    }

    /// What every operation answers that a developer or an operator's program calls, by its format.
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
            ("publisherStop", "publisher.eu-tech-news", &[]),
            ("head", "operator", &[]),
            ("history", "operator", &[]),
            ("audit", "operator", &[]),
            ("review", "operator", &[]),
            ("weights", "operator", &[]),
            ("stop", "operator", &[]),
            ("read", "operator", &[]),
        ];
        let mut all = Map::new();
        for (id, key, more) in calls {
            let answer = self.call(id, key, more);
            assert_eq!(answer.status, 200, "{id}: {answer:?}");
            let format = answer.header("content-type").split(';').next().unwrap().to_owned();
            let (_, _, said) = operation(id);
            let shown = said["responses"]["200"]["content"].as_object().unwrap();
            let format = shown.keys().find(|known| known.starts_with(&*format)).unwrap().clone();
            let value = if format == JSON { answer.json() } else { Value::String(answer.body) };
            all.entry(id.to_owned()).or_insert_with(|| json!({}))[format] = value;
        }
        Value::Object(all)
    }
}

/// The same without what is new with every run.
fn settled(said: &Value) -> Value {
    let mut text = serde_json::to_string_pretty(said).unwrap();
    for (pattern, put) in [
        (r"http://127\.0\.0\.1:\d+", "https://units.example"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:8080"),
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}",
            "0198c0de-1f2e-7a3b-8c4d-5e6f70819201",
        ),
        (r"/([ec])/[\w-]{40,}", "/$1/AQEAexample"),
        (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z", "2026-11-25T12:00:00Z"),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, put).into_owned();
    }
    serde_json::from_str(&text).unwrap()
}

/// Every place in a value with the kind of what is there; a list is what its entries are together.
fn shape(value: &Value, place: &str, found: &mut BTreeSet<String>) {
    let kind = match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, held)| shape(held, &format!("{place}.{key}"), found));
            "object"
        }
        Value::Array(items) => {
            items.iter().for_each(|held| shape(held, &format!("{place}[]"), found));
            "list"
        }
        Value::String(_) => "text",
        Value::Number(_) => "number",
        Value::Bool(_) => "switch",
        Value::Null => "nothing",
    };
    found.insert(format!("{place}: {kind}"));
}

fn shaped(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    shape(value, "", &mut found);
    found
}

#[test]
fn every_example_of_an_answer_is_what_a_server_answers() {
    let answers = Trial::start().answers();
    let mut wrong = Vec::new();
    for (id, formats) in answers.as_object().unwrap() {
        for (format, answered) in formats.as_object().unwrap() {
            let (_, _, said) = operation(id);
            let shown = &said["responses"]["200"]["content"][format]["example"];
            let (shown, answered) = (shaped(shown), shaped(answered));
            let differs = shown.symmetric_difference(&answered);
            wrong.extend(differs.map(|place| format!("{id}, {format}: {place}")));
        }
    }
    // What has the right shape stays as it is kept: it would be another text with every run.
    if !wrong.is_empty() && std::env::var_os("ADJACENT_BLESS").is_some() {
        kept_as(&[serde_json::to_string_pretty(&settled(&answers)).unwrap()], KEPT);
    }
    assert!(wrong.is_empty(), "{wrong:#?}; ADJACENT_BLESS=1 writes {KEPT}, for the next build");
}

#[test]
fn the_example_of_a_decision_has_the_shape_of_a_real_one() {
    let trial = Trial::start();
    let (_, _, said) = operation("decide");
    let shown = &said["responses"]["200"]["content"][JSON]["example"];
    // The draw may give the slot to another sponsor, whose unit has other parts.
    let theirs = loop {
        let reply = trial.call("decide", "publisher.eu-tech-news", &[]).json();
        if reply["decisions"]["article-end"]["advertiser"]["id"] == "zahid-host" {
            break reply;
        }
    };
    let (shown, theirs) = (shaped(shown), shaped(&theirs));
    let differs: Vec<_> = shown.symmetric_difference(&theirs).collect();
    assert!(differs.is_empty(), "{differs:#?}");
}

#[test]
fn every_call_of_a_developer_has_an_example_of_what_is_sent_and_answered() {
    // Pages are for people, and files for browsers.
    let read_by_people = ["advertiserPage", "why", "start", "demo", "docs", "guide", "console"];
    let whole = [
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
        for (method, said) in item.as_object().unwrap() {
            let id = said["operationId"].as_str().unwrap();
            let body = &said["requestBody"]["content"];
            let mut contents: Vec<(&str, &Value)> = vec![("request", body)];
            // A change answers what `stop` answers.
            let change = path.starts_with("/v1/admin/") && method != "get";
            if !read_by_people.contains(&id) && !whole.contains(&id) && !change {
                let answers = said["responses"].as_object().unwrap();
                contents.extend(answers.iter().map(|(status, told)| (&**status, &told["content"])));
            }
            for (what, content) in contents {
                for (format, media) in content.as_object().into_iter().flatten() {
                    let jsonp = id == "ethicalAdsByParameters" && format == "text/javascript";
                    if media.get("example").or(media.get("examples")).is_none() && !jsonp {
                        missing.push(format!("{id}: {what}, {format}"));
                    }
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
