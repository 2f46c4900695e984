//! What a browser gets as a page and a program as JSON, the icon, and the search over the guides.

use crate::harness::TestServer;
use serde_json::Value;

const BROWSER: &str = "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Every text and number of a JSON document, but for the counts and times of rate limits, which a page has as
/// words (`60 in 5 min`).
fn leaves(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) if fields.contains_key("seconds") && fields.len() == 2 => {}
        Value::Object(fields) => fields.values().for_each(|one| leaves(one, found)),
        Value::Array(items) => items.iter().for_each(|one| leaves(one, found)),
        Value::String(text) => found.push(text.replace('`', "")),
        Value::Number(number) => found.push(number.to_string()),
        Value::Bool(_) | Value::Null => {}
    }
}

fn unescaped(html: &str) -> String {
    let named = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    named.iter().fold(html.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[test]
fn limits_and_the_data_map_are_pages_for_browsers_with_the_figures_of_the_json() {
    let server = TestServer::start_blocking();
    for path in ["/v1/limits", "/v1/privacy"] {
        let json = server.get(path);
        assert_eq!((json.status, json.header("content-type")), (200, "application/json"));
        let page = server.send_request("GET", path, &[BROWSER], "");
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
        assert_eq!(page.header("content-security-policy"), adjacent::web::PAGE_POLICY);
        for answer in [&json, &page] {
            assert_eq!(answer.all("vary"), ["Accept"], "{path}");
        }
        let mut values = Vec::new();
        leaves(&json.json(), &mut values);
        assert!(values.len() > 10, "{values:?}");
        let text = unescaped(&page.body);
        for value in values {
            assert!(text.contains(&value), "{path}: {value}");
        }
        for name in json.json().as_object().unwrap().keys() {
            assert!(text.contains(&format!("id=\"{}\"", name.replace('_', "-"))), "{path}: {name}");
        }
    }
}

#[test]
fn json_is_the_answer_unless_html_weighs_more() {
    let server = TestServer::start_blocking();
    for accept in [
        "*/*",
        "application/json",
        "application/json, text/html",
        "text/html;q=0.1, application/json",
        "text/html;q=0",
        "text/plain",
        "nonsense",
        "",
    ] {
        let line = format!("accept: {accept}");
        let limits = server.send_request("GET", "/v1/limits", &[&line], "");
        assert_eq!(limits.header("content-type"), "application/json", "{accept}");
        let missing = server.send_request("GET", "/nowhere", &[&line], "");
        assert_eq!((missing.status, missing.code().as_str()), (404, "not_found"), "{accept}");
    }
}

#[test]
fn what_is_not_found_is_a_page_in_words_for_browsers_only() {
    let server = TestServer::start_blocking();
    for path in ["/nowhere", "/v1/nowhere", "/docs/nothing", "/c/forged"] {
        let page = server.send_request("GET", path, &[BROWSER, "sec-fetch-dest: document"], "");
        assert_eq!((page.status, page.header("content-type")), (404, "text/html; charset=utf-8"));
        assert_eq!(page.header("content-security-policy"), adjacent::web::PAGE_POLICY);
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.all("vary"), ["Accept"], "{path}");
        assert!(page.body.contains("<h1>Page not found</h1>"), "{path}");
        for link in
            ["href=\"/\"", "href=\"/docs\"", "href=\"/docs/publisher\"", "action=\"/docs/search\""]
        {
            assert!(page.body.contains(link), "{path}: {link}");
        }
        let program = server.get(path);
        assert_eq!((program.status, program.code().as_str()), (404, "not_found"), "{path}");
        assert_eq!(program.all("vary"), ["Accept"], "{path}");
        // A page's policy forbids frames: in one, the page would be an error of the browser.
        for other in [&["sec-fetch-dest: iframe"][..], &["sec-fetch-dest: empty"][..]] {
            let answer = server.send_request("GET", path, &[BROWSER, other[0]], "");
            assert_eq!(answer.code(), "not_found", "{path} {other:?}");
        }
    }
    let posted = server.send_request("POST", "/nowhere", &[BROWSER], "");
    assert_eq!(posted.code(), "not_found");
}

#[test]
fn the_icon_is_small_follows_dark_mode_and_is_linked_by_every_page() {
    let server = TestServer::start_blocking();
    let icon = server.get("/favicon.ico");
    assert_eq!((icon.status, icon.header("content-type")), (200, "image/svg+xml"));
    assert!(icon.body.len() < 500 && icon.body.contains("prefers-color-scheme:dark"));
    for path in ["/", "/docs", "/docs/publisher", "/demo"] {
        let page = server.get(path).body;
        let linked = page.split("<link rel=\"icon\" href=\"").nth(1).unwrap();
        let address = linked.split('"').next().unwrap();
        assert_eq!(server.get(address).body, icon.body, "{path}");
    }
}

#[test]
fn the_guides_are_searched_by_the_server() {
    let server = TestServer::start_blocking();
    let page = server.get("/docs/search?q=sensitive%20page");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.body.contains("<mark>") && page.body.contains("href=\"/docs/publisher"));
    assert!(page.body.contains("value=\"sensitive page\""));
    assert!(server.get("/docs/search").body.contains("href=\"/docs/operator#"));
    let misspelt = server.get("/docs/search?query=label");
    assert_eq!((misspelt.status, misspelt.code().as_str()), (400, "unknown_parameter"));
}
