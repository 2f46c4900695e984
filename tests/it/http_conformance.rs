//! HTTP conformance: CORS, caching, compression, methods, and malformed or oversized requests.

use crate::harness::raw_http::{Response, read, send_request};
use crate::harness::{Setup, TestServer};
use std::io::Write;
use std::net::TcpStream;

const MINIMAL_REQUEST: &str =
    r#"{"publisher": "eu-tech-news", "placements": [{"name": "article-end"}]}"#;

fn reference() -> String {
    let path = "/paths/~1v1~1decisions/post/requestBody/content/application~1json/examples";
    let examples = adjacent::http::openapi::document().pointer(path).unwrap();
    examples["article"]["value"].to_string()
}

/// A filled unit of the reference page.
fn unit(server: &TestServer) -> serde_json::Value {
    let answer = server.post("/v1/decisions", &reference());
    assert_eq!(answer.status, 200, "{answer:?}");
    let unit = answer.json()["decisions"]["article-end"].clone();
    assert_eq!(unit["fill"], true, "{unit}");
    unit
}

fn path_of(url: &serde_json::Value) -> String {
    let url = url.as_str().unwrap();
    let at = url.find("/e/").or_else(|| url.find("/c/")).unwrap();
    url[at..].to_owned()
}

/// Number of recorded events of a decision.
fn event_count(server: &TestServer, unit: &serde_json::Value) -> usize {
    let path = format!("/v1/decisions/{}/events", unit["decision_id"].as_str().unwrap());
    let key = format!("authorization: Bearer {}", server.key("operator"));
    let answer = server.send_request("GET", &path, &[&key], "");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["events"].as_array().unwrap().len()
}

/// Asserts a problem response with this status, code and field.
#[track_caller]
fn assert_problem(answer: &Response, status: u16, code: &str, field: Option<&str>) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
    assert_eq!(answer.json()["field"].as_str(), field, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

#[test]
fn json_and_plain_text_bodies_are_parsed_identically() {
    let server = TestServer::start_blocking();
    for format in ["application/json", "text/plain", "text/plain;charset=UTF-8"] {
        let line = format!("content-type: {format}");
        let answer = server.send_request("POST", "/v1/decisions", &[&line], MINIMAL_REQUEST);
        assert_eq!(answer.status, 200, "{format}: {answer:?}");
        assert_eq!(answer.json()["warnings"].as_array().unwrap().len(), 0, "{answer:?}");
    }
}

#[test]
fn a_cors_preflight_is_valid_for_a_day_and_credentials_are_never_allowed() {
    let server = TestServer::start_blocking();
    let headers = [
        "origin: https://news.example",
        "access-control-request-method: POST",
        "access-control-request-headers: content-type",
    ];
    let preflight = server.send_request("OPTIONS", "/v1/decisions", &headers, "");
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-max-age"), "86400");
    assert!(preflight.header("access-control-allow-methods").contains("POST"));
    assert!(preflight.header("access-control-allow-headers").contains("content-type"));
    // Tracing libraries add headers to every request of a page.
    for added in ["sentry-trace, baggage", "traceparent,tracestate,x-datadog-origin", "x-own"] {
        let asked = format!("access-control-request-headers: {added}");
        let headers = [headers[0], headers[1], &*asked];
        for path in ["/v1/decisions", "/e/x"] {
            let preflight = server.send_request("OPTIONS", path, &headers, "");
            assert_eq!(preflight.header("access-control-allow-headers"), added);
        }
    }

    let unit = unit(&server);
    let (event, click) =
        (path_of(&unit["event_urls"]["impression"]), path_of(&unit["creative"]["click_url"]));
    let answers = [
        preflight,
        server.send_request("POST", "/v1/decisions", &headers[..1], MINIMAL_REQUEST),
        server.send_request("GET", &event, &headers[..1], ""),
        server.send_request("GET", &click, &headers[..1], ""),
        server.send_request("POST", "/v1/decisions", &headers[..1], "{"),
        server.send_request("GET", "/nowhere", &headers[..1], ""),
    ];
    for answer in answers {
        assert_eq!(answer.all("access-control-allow-origin"), ["*"], "{answer:?}");
        assert!(answer.header("access-control-expose-headers").contains("Adjacent-Recorded"));
        assert!(answer.all("access-control-allow-credentials").is_empty(), "{answer:?}");
        assert!(!answer.header("vary").contains("Origin"), "{answer:?}");
    }
    let ops = send_request(server.ops_address(), "GET", "/livez", &headers[..1], "");
    assert!(ops.all("access-control-allow-origin").is_empty(), "{ops:?}");
}

#[test]
fn decisions_events_and_redirects_are_never_cached_and_may_be_embedded_anywhere() {
    let server = TestServer::start_blocking();
    let unit = unit(&server);
    for (path, status) in [
        ("/v1/decisions?publisher=eu-tech-news&placement=article-end".to_owned(), 200),
        ("/v1/unit?publisher=eu-tech-news&placement=article-end".to_owned(), 200),
        (path_of(&unit["event_urls"]["impression"]), 204),
        (path_of(&unit["creative"]["click_url"]), 302),
    ] {
        let answer = server.get(&path);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert_eq!(answer.all("cache-control"), ["no-store"], "{path}");
        assert_eq!(answer.all("x-content-type-options"), ["nosniff"], "{path}");
        assert_eq!(answer.all("cross-origin-resource-policy"), ["cross-origin"], "{path}");
    }
    let embed = server.get("/embed/v1/adjacent.js");
    assert!(embed.header("cache-control").starts_with("public, max-age="), "{embed:?}");
    assert_eq!(
        embed.all("vary"),
        ["Accept-Encoding"],
        "one cached copy serves all sites: {embed:?}"
    );
    let ops = send_request(server.ops_address(), "GET", "/version", &[], "");
    assert_eq!(ops.all("cross-origin-resource-policy"), ["same-origin"]);
}

#[test]
fn an_embed_file_is_compressed_on_request_and_each_encoding_has_its_own_etag() {
    let server = TestServer::start_blocking();
    let get = |headers: &[&str]| server.send_request("GET", "/embed/v1/adjacent.js", headers, "");
    let identity = get(&[]);
    for header in ["accept-encoding: br", "accept-encoding: gzip;q=0", "accept-encoding: identity"]
    {
        let answer = get(&[header]);
        assert!(answer.all("content-encoding").is_empty(), "{header}: {answer:?}");
        assert_eq!(answer.body, identity.body, "{header}");
    }

    let compressed = get(&["accept-encoding: br;q=1.0, GZIP;q=0.8"]);
    assert_eq!(compressed.header("content-encoding"), "gzip", "{compressed:?}");
    assert!(
        compressed.header("content-length").parse::<usize>().unwrap() <= 3_584,
        "{compressed:?}"
    );
    assert_ne!(compressed.header("etag"), identity.header("etag"));
    let known = format!("if-none-match: {}", compressed.header("etag"));
    assert_eq!(get(&["accept-encoding: gzip", &known]).status, 304);
    assert_eq!(get(&[&known]).status, 200, "the ETag is of the compressed bytes");
}

#[test]
fn a_report_in_two_formats_has_a_vary_header() {
    let server = TestServer::start_blocking();
    let key = format!("authorization: Bearer {}", server.key("advertiser:zahid-host"));
    for (accept, format) in [("text/csv", "text/csv"), ("application/json", "application/json")] {
        let accept = format!("accept: {accept}");
        let answer =
            server.send_request("GET", "/v1/reports/advertisers/zahid-host", &[&key, &accept], "");
        assert!(answer.header("content-type").starts_with(format), "{answer:?}");
        assert_eq!(answer.all("vary"), ["Accept"]);
    }
}

#[test]
fn a_wrong_method_returns_the_allowed_ones_and_an_unknown_path_a_problem() {
    let server = TestServer::start_blocking();
    for (method, path, allowed) in [
        ("PUT", "/v1/decisions", "GET, POST, OPTIONS"),
        ("HEAD", "/v1/decisions", "GET, POST, OPTIONS"),
        ("DELETE", "/e/token", "GET, POST, OPTIONS"),
        ("PUT", "/c/token", "GET, HEAD, POST, OPTIONS"),
        ("POST", "/v1/limits", "GET, HEAD, OPTIONS"),
        ("TRACE", "/", "GET, HEAD, OPTIONS"),
    ] {
        let answer = server.send_request(method, path, &[], "");
        assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
        assert_eq!(answer.header("allow"), allowed, "{method} {path}");
        if method != "HEAD" {
            assert_problem(&answer, 405, "method_not_allowed", None);
        }
        let options = server.send_request("OPTIONS", path, &[], "");
        assert_eq!((options.status, options.header("allow")), (204, allowed));
    }
    for path in ["/nowhere", "/v1", "/v1/decisions/", "/metrics", "/readyz", "/version"] {
        assert_problem(&server.get(path), 404, "not_found", None);
    }
    let head = server.send_request("HEAD", "/v1/limits", &[], "");
    assert_eq!((head.status, head.body.as_str()), (200, ""), "{head:?}");
    let ops = send_request(server.ops_address(), "POST", "/metrics", &[], "");
    assert_problem(&ops, 405, "method_not_allowed", None);
    assert_problem(
        &send_request(server.ops_address(), "GET", "/v1/unit", &[], ""),
        404,
        "not_found",
        None,
    );
}

#[test]
fn neither_head_nor_options_counts_an_event() {
    let server = TestServer::start_blocking();
    let unit = unit(&server);
    let click = path_of(&unit["creative"]["click_url"]);
    let mut addresses: Vec<String> =
        unit["event_urls"].as_object().unwrap().values().map(path_of).collect();
    addresses.push(path_of(&unit["creative"]["command"]["copy_url"]));
    addresses.push(click.clone());
    for address in &addresses {
        for method in ["HEAD", "OPTIONS"] {
            let answer = server.send_request(method, address, &[], "");
            assert!(answer.all("adjacent-recorded").is_empty(), "{method}: {answer:?}");
        }
    }
    let head = server.send_request("HEAD", &click, &[], "");
    assert_eq!(head.status, 302, "a link checker gets the redirect");
    assert!(head.header("location").starts_with("https://"), "{head:?}");
    assert_eq!(event_count(&server, &unit), 0);

    let counted = server.get(&addresses[0]);
    assert_eq!((counted.status, counted.header("adjacent-recorded")), (204, "1"));
    assert_eq!(event_count(&server, &unit), 1);
}

#[test]
fn invalid_path_and_query_parameters_return_a_problem() {
    let server = TestServer::start_blocking();
    let key = format!("authorization: Bearer {}", server.key("operator"));
    let get = |path: &str| server.send_request("GET", path, &[&key], "");
    assert_problem(&get("/v1/decisions/%ff%fe/explain"), 404, "decision_not_recorded", None);
    let id = "0198c0de-1f2e-7a3b-8c4d-5e6f70819201";
    let twice = format!("/v1/decisions/{id}/explain?want=a&want=b");
    assert_problem(&get(&twice), 422, "invalid_field", Some("want"));
    let day = "/v1/reports/advertisers/zahid-host?from=yesterday";
    assert_problem(&get(day), 422, "invalid_field", Some("from"));
    assert_problem(&get("/v1/reports/readers/zahid-host"), 404, "not_found", None);
    assert_problem(&server.get("/reports/zahid-host"), 401, "unauthorized", None);
    let page = "/v1/decisions?publisher=eu-tech-news&placement=article-end";
    assert_problem(&server.get(&format!("{page}&test=yes")), 422, "invalid_field", Some("test"));
    assert_problem(&server.get(&format!("{page}&style=huge")), 422, "invalid_field", Some("style"));
    assert_problem(&server.get(&format!("{page}&email=a")), 422, "personal_data", Some("email"));
    assert_problem(
        &server.get("/v1/decisions?placement=a"),
        422,
        "invalid_field",
        Some("publisher"),
    );
    assert_problem(
        &server.get("/v1/decisions?publisher=a"),
        422,
        "invalid_field",
        Some("placements"),
    );
    let unknown = server.get("/v1/decisions?publisher=unknown&placement=a");
    assert_problem(&unknown, 404, "unknown_publisher", None);
}

#[test]
fn a_malformed_body_is_a_400_and_an_invalid_one_a_422() {
    let server = TestServer::start_blocking();
    let with = |more: &str| MINIMAL_REQUEST.replacen('{', &format!("{{{more}, "), 1);
    let nested =
        |levels: usize| with(&format!("\"x\": {}{}", "[".repeat(levels), "]".repeat(levels)));
    for body in [
        "",
        "{",
        "publisher=eu-tech-news",
        &with(r#""test": NaN"#),
        &with(r#""test": Infinity"#),
        &with(r#""test": 1e999"#),
        &format!("{MINIMAL_REQUEST} {MINIMAL_REQUEST}"),
        &nested(16),
        &"[".repeat(10_000),
        "\u{feff}{}",
        "\"\\ud800\"",
    ] {
        assert_problem(&server.post("/v1/decisions", body), 400, "malformed_request", None);
    }
    assert_eq!(server.post("/v1/decisions", &nested(15)).status, 200);
    for (body, code, field) in [
        ("{}".to_owned(), "invalid_field", "publisher"),
        (with(r#""test": "yes""#), "invalid_field", "test"),
        (with(r#""publisher": "other""#), "invalid_field", "publisher"),
        (with(r#""page": {"topics": ["a", 7]}"#), "invalid_field", "page.topics[1]"),
        (with(r#""page": {"url": "a", "url": "b"}"#), "invalid_field", "page.url"),
        (
            with(r#""strict": true, "page": {"entities": [{"role": "subject"}]}"#),
            "invalid_field",
            "page.entities[0]",
        ),
        (with(r#""viewer": {"ip": "192.0.2.1"}"#), "personal_data", "viewer.ip"),
        (
            with(r#""page": {"entities": [{"name": "a", "email": "b"}]}"#),
            "personal_data",
            "page.entities[0].email",
        ),
        (with(r#""ext": {"deep": [{"User_ID": 1}]}"#), "personal_data", "ext.deep[0].User_ID"),
    ] {
        let answer = server.post("/v1/decisions", &body);
        assert_eq!(answer.status, 422, "{body}: {answer:?}");
        assert_problem(&answer, 422, code, Some(field));
    }
    assert_problem(&server.post("/v1/decisions", "\"all of it\""), 422, "invalid_field", None);
    let unknown =
        server.post("/v1/decisions", &with(r#""page": {"entities": [{"name": "a", "x": 1}]}"#));
    assert_eq!(unknown.json()["warnings"][0], "page.entities[0].x: unknown field, ignored");
}

#[test]
fn lists_over_a_limit_are_truncated_with_a_warning_and_rejected_in_strict_mode() {
    let server = TestServer::start_blocking();
    let list = |count: usize, item: &dyn Fn(usize) -> String| {
        format!("[{}]", (0..count).map(item).collect::<Vec<_>>().join(","))
    };
    let entities = list(200, &|at| format!("\"entity-{at}\""));
    let placements = list(30, &|at| format!("{{\"name\": \"slot-{at}\"}}"));
    let body = |strict: bool, placements: &str| {
        format!(
            r#"{{"publisher": "eu-tech-news", "page": {{"entities": {entities}}},
                 "placements": {placements}, "strict": {strict}}}"#
        )
    };
    let answer = server.post("/v1/decisions", &body(false, &placements));
    assert_eq!(answer.status, 200);
    let reply = answer.json();
    assert_eq!(reply["decisions"].as_object().unwrap().len(), 8);
    assert_eq!(
        reply["warnings"],
        serde_json::json!([
            "page.entities: 200 items exceed the limit of 32: only the first 32 are used",
            "placements: 30 items exceed the limit of 8: only the first 8 are used",
        ])
    );
    let strict = server.post("/v1/decisions", &body(true, &placements));
    assert_problem(&strict, 422, "invalid_field", Some("page.entities"));
    assert!(strict.json()["detail"].as_str().unwrap().contains("limit of 32"), "{strict:?}");
    let twice = r#"[{"name": "article-end"}, {"name": "article-end"}]"#;
    let once = MINIMAL_REQUEST.replace(r#"[{"name": "article-end"}]"#, twice);
    let reply = server.post("/v1/decisions", &once).json();
    assert_eq!(reply["decisions"].as_object().unwrap().len(), 1);
    assert!(reply["warnings"][0].as_str().unwrap().contains("duplicate key"), "{reply}");
}

#[test]
fn a_body_that_is_too_long_is_a_413_with_or_without_chunks() {
    let server = TestServer::start_blocking();
    let long = " ".repeat(131_073);
    let whole = server.post("/v1/decisions", &long);
    assert_problem(&whole, 413, "body_too_large", None);
    let parts = format!(
        "POST /v1/decisions HTTP/1.1\r\nhost: {}\r\ntransfer-encoding: chunked\r\n\r\n20001\r\n{long}\r\n0\r\n\r\n",
        server.address()
    );
    assert_problem(&server.raw(&parts), 413, "body_too_large", None);
    let fits = format!("{MINIMAL_REQUEST}{}", " ".repeat(131_072 - MINIMAL_REQUEST.len()));
    assert_eq!(server.post("/v1/decisions", &fits).status, 200);
}

#[test]
fn a_body_that_arrives_too_slowly_is_a_408() {
    let server = Setup::default()
        .settings(|settings| settings.server.body_timeout_ms = 150)
        .start_blocking();
    let mut slow = TcpStream::connect(server.address()).unwrap();
    let head = "POST /v1/decisions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9000\r\n\r\n{\"publisher\"";
    slow.write_all(head.as_bytes()).unwrap();

    // No more bytes are sent; the server answers and closes the connection.
    let answer = read(&mut slow);

    assert_problem(&answer, 408, "body_too_slow", None);
    assert_eq!(answer.header("connection"), "close");
}

#[test]
fn an_ambiguous_request_head_is_a_400_and_closes_the_connection() {
    let server = TestServer::start_blocking();
    let host = format!("host: {}\r\n", server.address());
    let post = format!("POST /v1/decisions HTTP/1.1\r\n{host}");
    for (what, text) in [
        (
            "a length and chunks",
            format!("{post}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        ),
        (
            "chunks and a length",
            format!("{post}transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n"),
        ),
        ("two lengths", format!("{post}content-length: 3\r\ncontent-length: 3\r\n\r\nabc")),
        ("a length with a sign", format!("{post}content-length: +3\r\n\r\nabc")),
        ("a negative length", format!("{post}content-length: -3\r\n\r\nabc")),
        ("a list of lengths", format!("{post}content-length: 3, 3\r\n\r\nabc")),
        ("a space before a colon", format!("{post}content-length : 3\r\n\r\nabc")),
        ("a folded line", format!("{post}x-a: b\r\n c\r\ncontent-length: 0\r\n\r\n")),
        ("no host", "GET /livez HTTP/1.1\r\n\r\n".to_owned()),
        ("two hosts", format!("GET /livez HTTP/1.1\r\n{host}{host}\r\n")),
        ("an unknown encoding", format!("{post}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n")),
        ("two encodings", format!("{post}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n")),
        (
            "chunks in HTTP/1.0",
            "POST /e/a HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        ),
        ("a bare return", format!("GET /livez HTTP/1.1\r\n{host}x: a\rb\r\n\r\n")),
        ("a zero byte", format!("GET /livez HTTP/1.1\r\n{host}x: a\0b\r\n\r\n")),
        (
            "a chunk without a length",
            format!("{post}transfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n"),
        ),
        (
            "a chunk ended by a bare feed",
            format!("{post}transfer-encoding: chunked\r\n\r\n3\nabc\n0\n\n"),
        ),
        (
            "another host in the line",
            format!("GET http://other.example/livez HTTP/1.1\r\n{host}\r\n"),
        ),
        ("a tunnel", format!("CONNECT other.example:443 HTTP/1.1\r\n{host}\r\n")),
        ("a space in the path", format!("GET /li vez HTTP/1.1\r\n{host}\r\n")),
        ("another protocol", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}".to_owned()),
    ] {
        // `raw` reads until the server closes the connection.
        let answer = server.raw(&text);
        assert_eq!(answer.status, 400, "{what}: {answer:?}");
        assert!(!answer.body.contains("other.example"), "{what}: {answer:?}");
    }
    let absolute = format!(
        "GET http://{}/livez HTTP/1.1\r\n{host}connection: close\r\n\r\n",
        server.address()
    );
    assert_eq!(server.raw(&absolute).status, 200, "the absolute form that proxies send");
}

#[test]
fn a_request_head_that_is_too_large_is_a_431() {
    let server = TestServer::start_blocking();
    let many: String = (0..200).map(|at| format!("x-{at}: 1\r\n")).collect();
    for more in [many, format!("x: {}\r\n", "a".repeat(140_000))] {
        let text = format!("GET /livez HTTP/1.1\r\nhost: localhost\r\n{more}\r\n");
        assert_eq!(server.raw(&text).status, 431);
    }
}
