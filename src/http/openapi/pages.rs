//! Pages that people read, and the files of their browsers.

use crate::domain::picture::Format;
use crate::http::openapi::answer::Answer;
use crate::http::openapi::ask::not_recorded;
use crate::http::openapi::operation::Listener;
use crate::http::openapi::operation::Operation;
use crate::http::openapi::operation::operation;
use crate::http::openapi::parameter;
use crate::http::openapi::parameter::query;
use crate::http::openapi::parameter::text;
use crate::http::openapi::schemas::Schemas;
use crate::http::public::render;
use crate::server::explain::Explanation;
use crate::web::pages::guide::GUIDES;
use serde_json::json;

/// The rows, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let explanation = schemas.written::<Explanation>();
    let page = |words| Answer::text(200, render::HTML, words);
    let trial = |codes: &[&str]| Answer::problem(404, codes, "Not a local trial.");
    let names = GUIDES.iter().map(|guide| guide.name).collect::<Vec<_>>();
    let guides = json!({ "type": "string", "enum": names });
    let rows = vec![
        picture(),
        operation("get", "/embed/{file}", "embed")
            .says(
                "A file of a browser",
                "For publishers' pages, and for our own: by name for five minutes (`v1/adjacent.js`, \
                 `v1/unit.css`), by content for ever (`{hash}.js`, for subresource integrity).",
            )
            .on(Listener::Both)
            .takes([parameter::path("file", "The file.", text(), "v1/adjacent.js")])
            .answers(
                Answer::text(200, "text/javascript", "The file.")
                    .in_format("text/css", text())
                    .header("ETag"),
            )
            .answers(Answer::bare(304, "It is the one in `If-None-Match`.").header("ETag"))
            .answers(Answer::problem(404, &["no_such_file"], "There is no such file.")),
        operation("get", "/w/{id}", "why")
            .says(
                "Why a reader sees a unit",
                "For readers: on whose behalf, who paid, what was used (a country at the most) and \
                 what never is, in the unit's language.",
            )
            .takes([parameter::decision()])
            .answers(page("The page."))
            .answers(Answer::problem(
                404,
                &["decision_not_recorded", "no_unit"],
                "There is no such decision, a crash took its record, or nothing was shown.",
            )),
        operation("get", "/", "start")
            .says("Where everything is", "For whoever came here first.")
            .answers(page("The page.")),
        operation("get", "/demo", "demo")
            .says("An article with a unit", "For a local trial alone; elsewhere there is no such path.")
            .takes([
                query("topic", "The article's topic.", text(), "ai-infrastructure"),
                query("entities", "Whom it mentions, with commas between.", text(), "@alibaba cloud"),
                query("subject", "Whom it is about.", text(), "european-commission"),
                query("viewer", "The reader's country, declared.", text(), "DE"),
                query("style", "The one style to ask for.", text(), "terminal"),
                query("commercial", "What the article allows.", text(), "allow"),
            ])
            .answers(page("The article."))
            .answers(trial(&["no_such_path", "no_publisher"]))
            .answers(Answer::problem(422, &["field_refused"], "A parameter is given twice.")),
        operation("get", "/demo/explain/{id}", "demoExplain")
            .says("The whole trace of a decision, without a key", "For a local trial alone.")
            .takes([parameter::decision()])
            .answers(Answer::json(200, &explanation, "The trace."))
            .answers(Answer { said: not_recorded().said, status: 404 }),
        operation("get", "/docs", "docs")
            .says("This document to read", "For integrators, offline.")
            .answers(page("The page.")),
        operation("get", "/docs/{guide}", "guide")
            .says("A guide", "For publishers, advertisers, operators and developers, offline.")
            .takes([parameter::path("guide", "Which one.", guides, "publisher")])
            .answers(page("The page."))
            .answers(Answer::problem(404, &["no_such_path"], "There is no such guide.")),
        operation("get", "/openapi.json", "openapi")
            .says("This document", "For programs.")
            .answers(Answer::json(200, &json!({ "type": "object" }), "OpenAPI 3.1.")),
    ];
    rows.into_iter().map(|row| row.tag("pages")).collect()
}

fn picture() -> Operation {
    let formats = Format::ALL.iter().map(|format| format.content_type());
    let bytes = || json!({ "type": "string", "format": "binary" });
    let found = Answer::bare(200, "The picture.").header("ETag");
    let file = "3f0c1b6f0b8b4a7c9d2e5f60718293a4.webp";
    operation("get", "/embed/pictures/{file}", "picture")
        .says(
            "A logo or an image",
            "For readers' browsers, by the addresses in the answer to a decision: by content, for \
             ever. There are those that the inventory names, or named a moment ago.",
        )
        .takes([parameter::path("file", "The picture.", text(), file)])
        .answers(formats.fold(found, |found, format| found.in_format(format, bytes())))
        .answers(Answer::bare(304, "It is the one in `If-None-Match`.").header("ETag"))
        .answers(Answer::problem(404, &["no_such_file"], "There is no such picture."))
}
