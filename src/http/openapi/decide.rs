//! Decisions and events: what pages and their browsers use.

use crate::domain::party::Style;
use crate::http::openapi::answer::Answer;
use crate::http::openapi::example;
use crate::http::openapi::operation::Key;
use crate::http::openapi::operation::Operation;
use crate::http::openapi::operation::operation;
use crate::http::openapi::parameter;
use crate::http::openapi::parameter::name;
use crate::http::openapi::parameter::query;
use crate::http::openapi::parameter::repeated;
use crate::http::openapi::parameter::text;
use crate::http::openapi::schemas::Schemas;
use crate::http::public::events::TOKEN_CHARS;
use crate::http::public::render;
use crate::http::public::reply::DecisionReply;
use crate::http::public::request::DecisionRequest;
use crate::http::public::request::Render;
use crate::selection::page::Commercial;
use serde_json::Value;
use serde_json::json;

const READER: [&str; 3] = ["Sec-GPC", "Adjacent-Reader-Address", "Adjacent-Reader-Agent"];

/// The rows, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let reply = schemas.written::<DecisionReply<'_>>();
    let request = schemas.read::<DecisionRequest>();
    let parameters = parameters(schemas);
    let mut rows = decisions(&request, &reply, &parameters);
    rows.extend(events());
    rows
}

fn decisions(request: &Value, reply: &Value, parameters: &[Value]) -> Vec<Operation> {
    let reader = || READER.map(parameter::named);
    let decided = || {
        Answer::json(
            200,
            reply,
            "One answer a placement, under its key. No unit is a 200, too, with its reason; a box \
             that sheds load answers `overloaded`. Belongs to one page view: never cached.",
        )
        .example("application/json", example::reply())
    };
    let unknown = || {
        let words = "There is no such publisher.";
        Answer::problem(404, &["unknown_publisher"], words)
    };
    let refused = || {
        let words = "It parses and is refused; `field` says what. Under `strict` also what is over \
                     a limit. Any field that names a person is refused always.";
        Answer::problem(422, &["field_refused", "personal_data"], words)
    };
    let forbidden = "`explain` and `force_creative` need an operator's key.";
    vec![
        operation("post", "/v1/decisions", "decide")
            .says(
                "Decide for every placement of a page",
                "For pages and publishers' servers: one call per page view. The body may be sent as \
                 `text/plain`, so that a browser needs no preflight. Unknown names of topics and \
                 entities are kept for the gap report, never an error; unknown fields are ignored \
                 with a warning; what is over a limit is cut with a warning. A publisher's key is \
                 for its servers: with it a declared region and what is said of the reader are \
                 believed.",
            )
            .tag("decide")
            .key(Key::Optional)
            .takes(reader())
            .body(&["application/json", "text/plain"], request, &example::requests())
            .answers(decided())
            .answers(Answer::problem(400, &["unparsable"], "Not JSON, or nested too deep."))
            .answers(Answer::problem(403, &["not_yours"], forbidden))
            .answers(unknown())
            .answers(refused()),
        operation("get", "/v1/decisions", "decideByParameters")
            .says(
                "Decide, asked by parameters",
                "For callers that cannot send a body. Takes the same as repeatable parameters; a \
                 `style` holds for the placements before it.",
            )
            .tag("decide")
            .key(Key::Optional)
            .takes(reader())
            .takes(parameters.iter().cloned())
            .answers(decided())
            .answers(unknown())
            .answers(refused()),
        operation("get", "/v1/unit", "unit")
            .says(
                "A page of just the unit",
                "For frames, edge includes and readers without script: HTML without any script, \
                 empty where there is no unit. The first placement counts.",
            )
            .tag("decide")
            .key(Key::Optional)
            .takes(reader())
            .takes(parameters.iter().cloned())
            .answers(Answer::text(200, render::HTML, "The unit, escaped; or an empty page."))
            .answers(unknown())
            .answers(refused()),
    ]
}

fn parameters(schemas: &mut Schemas) -> Vec<Value> {
    let switch = || json!({ "type": "boolean", "default": false });
    let mut placement = repeated("placement", "A slot to fill.", name(), &["article-end"]);
    placement["schema"]["minItems"] = json!(1);
    placement["schema"]["uniqueItems"] = json!(true);
    vec![
        parameter::required(query("publisher", "Whose page it is.", name(), "eu-tech-news")),
        parameter::required(placement),
        repeated(
            "style",
            "A style it takes, best first.",
            schemas.read::<Style>(),
            &["terminal", "card"],
        ),
        repeated("topic", "A topic of the page.", text(), &["ai-infrastructure"]),
        repeated("entity", "An entity that the page mentions.", text(), &["european-commission"]),
        repeated("subject", "An entity that the page is about.", text(), &["@alibaba cloud"]),
        repeated("keyword", "A word of the page.", text(), &["data centre"]),
        query("region", "Where the page is about: a country or a group.", text(), "eu"),
        query("language", "A BCP 47 tag; the publisher's when absent.", text(), "en"),
        query("url", "The page's address.", text(), "https://news.example/ai-infrastructure/x"),
        query("commercial", "What the page allows.", schemas.read::<Commercial>(), "allow"),
        repeated("sensitive", "Why the page is sensitive; anything here makes it so.", text(), &[]),
        repeated("shown", "A creative that this page view shows already.", text(), &[]),
        query("viewer_region", "The reader's country, declared.", text(), "DE"),
        query("render", "As data, or also as HTML.", schemas.read::<Render>(), "json"),
        query("test", "Works fully, never counts.", switch(), false),
        query("strict", "Refuse what is over a limit instead of cutting it.", switch(), false),
    ]
}

fn events() -> Vec<Operation> {
    let token = || {
        let schema = json!({ "type": "string", "maxLength": TOKEN_CHARS });
        let words = "As it stands in the answer to a decision: opaque.";
        parameter::path("token", words, schema, "AQEAexampleexampleexample")
    };
    let record = |method, id, summary| {
        operation(method, "/e/{token}", id)
            .says(
                summary,
                "For readers' browsers, by the addresses in the answer to a decision; a body is not \
                 read. The same answer in the same time for a good token, a bad one and a repeated \
                 one; how the event was judged is for `/v1/decisions/{id}/events`.",
            )
            .tag("events")
            .takes([token(), parameter::named("Sec-GPC")])
            .answers(Answer::bare(204, "Taken.").header("Adjacent-Recorded"))
            .answers(
                Answer::problem(503, &["unavailable"], "Nothing can be taken now.")
                    .header("Retry-After"),
            )
    };
    let click = |method, id, summary| {
        operation(method, "/c/{token}", id)
            .says(
                summary,
                "For readers who follow a call to action. Leads to the stored landing page, also \
                 when the click cannot be billed. It waits 20 ms for the disk and then redirects \
                 without `Adjacent-Recorded`; HEAD redirects and counts nothing.",
            )
            .tag("events")
            .takes([token(), parameter::named("Sec-GPC")])
            .answers(
                Answer::bare(302, "To the landing page.")
                    .header("Location")
                    .header("Adjacent-Recorded"),
            )
            .answers(Answer::problem(404, &["no_such_link"], "Forged: never a redirect."))
    };
    vec![
        record("get", "recordByGet", "Report an impression, a view or a copy by an image"),
        record("post", "record", "Report an impression, a view or a copy"),
        click("get", "follow", "Follow a call to action"),
    ]
}
