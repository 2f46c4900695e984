//! HTML pages and browser files.

use crate::domain::image::Format;
use crate::explain::Explanation;
use crate::http::openapi::explain::not_recorded;
use crate::http::openapi::operation::{Listener, Operation, operation};
use crate::http::openapi::parameter;
use crate::http::openapi::parameter::{query, text};
use crate::http::openapi::report::page as in_page;
use crate::http::openapi::response::Response;
use crate::http::openapi::schemas::Schemas;
use crate::http::public::notices::NoticeDocument;
use crate::web;
use crate::web::pages::guide::GUIDES;
use serde_json::json;

/// The operations, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let explanation = schemas.output::<Explanation>();
    let page = |words| Response::text(200, web::HTML, words);
    let trial = |codes: &[&str]| Response::problem(404, codes).when("Not a local trial.");
    let names = GUIDES.iter().map(|guide| guide.name).collect::<Vec<_>>();
    let guides = json!({ "type": "string", "enum": names });
    let rows = vec![
        image(),
        operation("get", "/embed/{file}", "embed")
            .describe(
                "A browser file",
                "For publishers' pages and our own: by name, cached for five minutes (`v1/adjacent.js`, \
                 `v1/unit.css`), or by content hash, cached permanently (`{hash}.js`, for subresource \
                 integrity).",
            )
            .on(Listener::Both)
            .parameters([parameter::path("file", "Name of the file.", text(), "v1/adjacent.js")])
            .response(
                Response::text(200, "text/javascript", "The file.")
                    .in_format("text/css", text())
                    .header("ETag"),
            )
            .response(Response::bare(304, "Not modified: `If-None-Match` matches.").header("ETag"))
            .response(Response::problem(404, &["not_found"]).when("No such file.")),
        operation("get", "/w/{id}", "why")
            .describe(
                "Why this unit",
                "For readers: on whose behalf, who paid, which data was used (at most a country) and \
                 which never is, in the unit's language.",
            )
            .parameters([parameter::decision()])
            .response(page("The page."))
            .response(Response::problem(
                404,
                &["decision_not_recorded", "decision_unreadable", "no_unit"],
            ))
            .response(Response::problem(429, &["too_many_requests"]))
            .response(Response::problem(503, &["unavailable"])),
        notice(schemas),
        operation("get", "/", "start")
            .describe("Start page", "Links to all pages of this server.")
            .response(page("The page.")),
        operation("get", "/demo", "demo")
            .describe("Demo page", "An article with a unit. Only in a local trial; otherwise 404.")
            .parameters([
                query("topic", "The article's topic.", text(), "ai-infrastructure"),
                query("entities", "Entities it mentions, separated by commas.", text(), "@alibaba cloud"),
                query("subject", "Entity it is about.", text(), "european-commission"),
                query("viewer", "The reader's country, as declared by the page.", text(), "DE"),
                query("style", "The style to request.", text(), "terminal"),
                query("commercial", "Which commercial content the article allows.", text(), "allow"),
            ])
            .response(page("The article."))
            .response(Response::problem(400, &["unknown_parameter"]))
            .response(trial(&["not_found", "no_publisher"]))
            .response(Response::problem(422, &["invalid_field"]).when("A parameter is repeated.")),
        operation("get", "/demo/explain/{id}", "demoExplain")
            .describe("Explain a decision without a key", "Only in a local trial.")
            .parameters([parameter::decision()])
            .response(Response::json(200, &explanation, "The trace."))
            .response(Response { object: not_recorded().object, status: 404 })
            .response(Response::problem(429, &["too_many_requests"]))
            .response(Response::problem(503, &["unavailable"])),
        operation("get", "/docs", "docs")
            .describe("API reference", "This document as a page, available offline.")
            .response(page("The page.")),
        operation("get", "/docs/search", "searchGuides")
            .describe(
                "Search the guides",
                "The sections that have all words; without a word or a result, all of them.",
            )
            .parameters([query("q", "Words to search for.", text(), "label")])
            .response(page("The page."))
            .response(Response::problem(400, &["unknown_parameter"]))
            .response(Response::problem(422, &["invalid_field"]).when("A parameter is repeated.")),
        operation("get", "/docs/{guide}", "guide")
            .describe("Guide", "For publishers, advertisers, operators and developers; available offline.")
            .parameters([parameter::path("guide", "Name of the guide.", guides, "publisher")])
            .response(page("The page."))
            .response(Response::problem(404, &["not_found"]).when("No such guide.")),
        operation("get", "/openapi.json", "openapi")
            .describe("OpenAPI document", "This document as JSON.")
            .response(Response::json(200, &json!({ "type": "object" }), "OpenAPI 3.1.")),
    ];
    rows.into_iter().map(|row| row.tag("pages")).collect()
}

fn notice(schemas: &mut Schemas) -> Operation {
    let form = schemas.input::<NoticeDocument>();
    let example = json!({ "label": { "value": {
        "reason": "not_labelled", "explanation": "The label cannot be read.", "good_faith": "yes",
    } } });
    operation("post", "/w/{id}", "notice")
        .describe(
            "Report a unit",
            "For readers, with the form of the page behind \"why this\": a notice to the operator (article \
             16 of the Digital Services Act). Not with `server.report_url`, which replaces the form. Errors \
             are HTML pages if `Accept` contains `text/html`.",
        )
        .parameters([parameter::decision()])
        .body(&["application/x-www-form-urlencoded"], &form, &example)
        .response(Response::text(200, web::HTML, "The notice is stored; the page has its reference."))
        .response(in_page(Response::problem(403, &["forbidden"]).when("Sent from a page of another site.")))
        .response(in_page(Response::problem(
            404,
            &["decision_not_recorded", "decision_unreadable", "no_unit", "not_found"],
        )))
        .response(in_page(Response::problem(408, &["body_too_slow"])))
        .response(in_page(Response::problem(413, &["body_too_large"])))
        .response(Response::text(422, web::HTML, "The form, with the fields to correct."))
        .response(in_page(Response::problem(429, &["too_many_requests"]).header("Retry-After")))
        .response(in_page(
            Response::problem(503, &["unavailable"])
                .when("Too many at once, or the operator has as many notices as are stored."),
        ))
}

fn image() -> Operation {
    let formats = Format::ALL.iter().map(|format| format.content_type());
    let bytes = || json!({ "type": "string", "format": "binary" });
    let found = Response::bare(200, "The image.").header("ETag");
    let file = "3f0c1b6f0b8b4a7c9d2e5f60718293a4.webp";
    operation("get", "/embed/pictures/{file}", "picture")
        .describe(
            "A logo or a creative's image",
            "For readers' browsers, with the URLs of the decision reply. Content-addressed, cached \
             permanently. Serves images that the inventory refers to, or did until recently.",
        )
        .parameters([parameter::path("file", "Name of the file.", text(), file)])
        .response(formats.fold(found, |found, format| found.in_format(format, bytes())))
        .response(Response::bare(304, "Not modified: `If-None-Match` matches.").header("ETag"))
        .response(Response::problem(404, &["not_found"]).when("No such image."))
}
