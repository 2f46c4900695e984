//! Probes and metrics: the operations listener but for the admin API.

use crate::http::openapi::answer::Answer;
use crate::http::openapi::operation::Listener;
use crate::http::openapi::operation::Operation;
use crate::http::openapi::operation::operation;
use crate::http::openapi::schemas::Schemas;
use crate::http::ops::probes::METRICS;
use crate::http::ops::probes::Version;
use crate::http::public::render;

const PLAIN: &str = "text/plain";

/// The rows, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let version = schemas.written::<Version<'_>>();
    let rows = vec![
        operation("get", "/livez", "livez")
            .says("Is the process alive", "For the process manager. Says nothing of the rest.")
            .on(Listener::Both)
            .answers(Answer::text(200, PLAIN, "It answers.")),
        operation("get", "/readyz", "readyz")
            .says(
                "Does it take requests",
                "For the balancer. On the operations listener, so that nobody else learns of it.",
            )
            .on(Listener::Operations)
            .answers(Answer::text(200, PLAIN, "It does."))
            .answers(Answer::text(
                503,
                PLAIN,
                "It is draining, nothing can be recorded, or its clock is not the shared store's: send requests elsewhere.",
            )),
        operation("get", "/version", "version")
            .says("What runs here", "For the operator's tools: the program and what it serves.")
            .on(Listener::Operations)
            .answers(Answer::json(200, &version, "The program, its addresses, its content hashes.")),
        operation("get", "/metrics", "metrics")
            .says(
                "Every series",
                "For Prometheus. Series begin with `adjacent_` and are there at zero from the start.",
            )
            .on(Listener::Operations)
            .answers(Answer::text(200, METRICS, "Prometheus text format.")),
        operation("get", "/console", "console")
            .says(
                "The operator's page",
                "What is served, sold, weighed and counted, and why. Holds nothing that a key \
                 protects: the key is typed into the page, kept in its memory and sent in \
                 `Authorization` alone.",
            )
            .on(Listener::Operations)
            .answers(Answer::text(200, render::HTML, "The page.")),
    ];
    rows.into_iter().map(|row| row.tag("operations")).collect()
}
