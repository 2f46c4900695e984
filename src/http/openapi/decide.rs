//! Decisions and events, for pages and browsers.

use crate::domain::party::Style;
use crate::domain::targeting::PageFacts;
use crate::http::openapi::operation::{Key, Operation, operation};
use crate::http::openapi::parameter::{name, query, repeated, text};
use crate::http::openapi::response::Response;
use crate::http::openapi::schemas::Schemas;
use crate::http::openapi::{example, parameter};
use crate::http::public::events::TOKEN_CHARS;
use crate::http::public::reply::DecisionReply;
use crate::http::public::request::{DecisionRequest, Render};
use crate::selection::page::Commercial;
use crate::web;
use serde_json::{Value, json};

const READER: [&str; 3] = ["Sec-GPC", "Adjacent-Reader-Address", "Adjacent-Reader-Agent"];

/// The operations, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let reply = schemas.output::<DecisionReply<'_>>();
    let request = schemas.input::<DecisionRequest>();
    let parameters = parameters(schemas);
    let mut rows = decisions(&request, &reply, &parameters);
    rows.extend(events());
    rows
}

fn decisions(request: &Value, reply: &Value, parameters: &[Value]) -> Vec<Operation> {
    let reader = || READER.map(parameter::named);
    let decided = || {
        Response::json(
            200,
            reply,
            "One answer per placement, by its key. A slot without a unit is a 200, too, with a \
             reason (`overloaded` if the server sheds load). Valid for one page view: never cached.",
        )
        .example("application/json", example::reply())
        .header("Adjacent-Ignored")
    };
    let unknown = || Response::problem(404, &["unknown_publisher"]);
    let invalid = || {
        let words = "`field` names the invalid field. With `strict`, also anything over a limit. A \
                     field that identifies a person is always rejected.";
        Response::problem(422, &["invalid_field", "personal_data"]).when(words)
    };
    let forbidden = "`explain` and `force_creative` require an operator key.";
    vec![
        operation("post", "/v1/decisions", "decide")
            .describe(
                "Request units for a page",
                "For pages and publishers' servers: one request per page view, for all placements. The \
                 body may be sent as `text/plain`, so that browsers need no preflight. Unknown topics \
                 and entities are recorded for the gap report and are no error; unknown fields are \
                 ignored with a warning; anything over a limit is truncated with a warning. The \
                 publisher's secret key is for its servers: with it, a declared region and declared \
                 reader address and agent are accepted.",
            )
            .tag("decide")
            .key(Key::Optional)
            .parameters(reader())
            .body(&["application/json", "text/plain"], request, &example::requests())
            .response(decided())
            .response(Response::problem(400, &["malformed_request"]))
            .response(Response::problem(403, &["forbidden"]).when(forbidden))
            .response(unknown())
            .response(invalid()),
        operation("get", "/v1/decisions", "decideByParameters")
            .describe(
                "Request units with query parameters",
                "For callers that cannot send a body. The same fields as repeatable parameters; a \
                 `style` applies to the placements before it.",
            )
            .tag("decide")
            .key(Key::Optional)
            .parameters(reader())
            .parameters(parameters.iter().cloned())
            .response(decided())
            .response(unknown())
            .response(invalid()),
        operation("get", "/v1/unit", "unit")
            .describe(
                "A page with only the unit",
                "For iframes, edge includes and browsers without script: HTML without scripts, empty if \
                 there is no unit. Only the first placement is used.",
            )
            .tag("decide")
            .key(Key::Optional)
            .parameters(reader())
            .parameters(parameters.iter().cloned())
            .response(Response::text(200, web::HTML, "The unit, or an empty page.").header("Adjacent-Ignored"))
            .response(unknown())
            .response(invalid()),
    ]
}

fn parameters(schemas: &mut Schemas) -> Vec<Value> {
    let switch = || json!({ "type": "boolean", "default": false });
    let mut placement = repeated("placement", "A slot to fill.", name(), &["article-end"]);
    placement["schema"]["minItems"] = json!(1);
    placement["schema"]["uniqueItems"] = json!(true);
    let mut parameters = vec![
        parameter::required(query("publisher", "The publisher's id.", name(), "eu-tech-news")),
        parameter::required(placement),
        repeated(
            "style",
            "An accepted style, preferred first.",
            schemas.input::<Style>(),
            &["terminal", "card"],
        ),
        repeated("topic", "A topic of the page.", text(), &["ai-infrastructure"]),
        repeated("entity", "An entity that the page mentions.", text(), &["european-commission"]),
        repeated("subject", "An entity that the page is about.", text(), &["@alibaba cloud"]),
        repeated("keyword", "A keyword of the page.", text(), &["data centre"]),
        query(
            "region",
            "The region that the page is about: a country or a region group.",
            text(),
            "eu",
        ),
        query(
            "language",
            "Language as a BCP 47 tag; the publisher's language if absent.",
            text(),
            "en",
        ),
        query("url", "The page's URL.", text(), "https://news.example/ai-infrastructure/x"),
        query(
            "commercial",
            "Which commercial content the page allows.",
            schemas.input::<Commercial>(),
            "allow",
        ),
        repeated(
            "sensitive",
            "A reason why the page is sensitive; it is sensitive if there is any.",
            text(),
            &[],
        ),
        repeated("shown", "Id of a creative that this page view already shows.", text(), &[]),
        query("viewer_region", "The reader's country, as declared by the page.", text(), "DE"),
        query(
            "render",
            "JSON fields only, or also an HTML fragment.",
            schemas.input::<Render>(),
            "json",
        ),
        query("test", "Test mode: works fully, is never counted or billed.", switch(), false),
        query(
            "strict",
            "Reject a request that exceeds a limit instead of truncating it.",
            switch(),
            false,
        ),
    ];
    parameters.extend(PageFacts::all().into_iter().map(|fact| {
        let example = fact.values[0].clone();
        query(fact.name, fact.about, json!({ "enum": fact.values }), example)
    }));
    parameters
}

fn events() -> Vec<Operation> {
    let token = || {
        let schema = json!({ "type": "string", "maxLength": TOKEN_CHARS });
        let words = "The opaque token from the decision reply.";
        parameter::path("token", words, schema, "AQEAexampleexampleexample")
    };
    let record = |method, id, summary| {
        operation(method, "/e/{token}", id)
            .describe(
                summary,
                "For readers' browsers, with the URLs of the decision reply, and for publishers' servers \
                 that report for their readers, with the secret key; a body is ignored. \
                 Response and timing are the same for valid, invalid and repeated tokens; \
                 `/v1/decisions/{id}/events` has the verdict.",
            )
            .tag("events")
            .key(Key::OptionalOrIgnored)
            .parameters([token()])
            .parameters(READER.map(parameter::named))
            .response(
                Response::bare(204, "Accepted.")
                    .header("Adjacent-Recorded")
                    .header("Adjacent-Ignored"),
            )
            .response(Response::problem(503, &["unavailable"]))
    };
    let click = |method, id, summary, answer: Response| {
        operation(method, "/c/{token}", id)
            .describe(
                summary,
                "For readers who follow a call to action. GET redirects to the stored landing page, even \
                 if the click cannot be billed. Waits up to 20 ms for the record to reach the disk, \
                 then redirects without `Adjacent-Recorded`. HEAD redirects without counting. POST, and GET \
                 with `noredirect`, count the click and answer 204: for servers that redirect their readers.",
            )
            .tag("events")
            .key(Key::OptionalOrIgnored)
            .parameters([token()])
            .parameters(READER.map(parameter::named))
            .response(answer.header("Adjacent-Recorded").header("Adjacent-Ignored"))
            .response(Response::problem(404, &["not_found"]).when("Invalid token: never a redirect."))
    };
    let redirect = Response::bare(302, "Redirect to the landing page.").header("Location");
    let accepted = Response::bare(204, "Accepted, without a redirect.");
    vec![
        record("get", "recordByGet", "Report an impression, viewable impression or copy (pixel)"),
        record("post", "record", "Report an impression, viewable impression or copy"),
        click("get", "follow", "Follow a call to action", redirect),
        click("post", "recordClick", "Report a click without following it", accepted),
    ]
}
