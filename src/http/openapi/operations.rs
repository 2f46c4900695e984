//! Probes, metrics and console: the operations listener without the admin API.

use crate::http::openapi::operation::{Listener, Operation, operation};
use crate::http::openapi::response::Response;
use crate::http::openapi::schemas::Schemas;
use crate::http::ops::probes::{METRICS_CONTENT_TYPE, Version};
use crate::web;

const PLAIN: &str = "text/plain";

/// The operations, in the order of the route table.
pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let version = schemas.output::<Version<'_>>();
    let rows = vec![
        operation("get", "/livez", "livez")
            .describe("Liveness", "For the process manager: whether the process responds, nothing else.")
            .on(Listener::Both)
            .response(Response::text(200, PLAIN, "The process responds.")),
        operation("get", "/favicon.ico", "icon")
            .describe("Icon", "The icon of all pages.")
            .response(Response::text(200, "image/svg+xml", "The file.")),
        operation("get", "/robots.txt", "crawlers")
            .describe("Crawlers", "Which addresses crawlers leave alone.")
            .response(Response::text(200, PLAIN, "The file.")),
        operation("get", "/.well-known/security.txt", "security")
            .describe("Security contact", "Where to report a vulnerability (RFC 9116).")
            .response(Response::text(200, PLAIN, "The file."))
            .response(Response::problem(404, &["not_found"])),
        operation("get", "/readyz", "readyz")
            .describe(
                "Readiness",
                "For load balancers. Only on the operations listener, so that it is not public.",
            )
            .on(Listener::Operations)
            .response(Response::text(200, PLAIN, "Ready."))
            .response(Response::text(
                503,
                PLAIN,
                "Shutting down, the journal cannot record events, or the clock differs too much from the \
                 shared store's: send requests to other instances.",
            )),
        operation("get", "/version", "version")
            .describe("Version", "For operators' tools: the program and the versions it serves.")
            .on(Listener::Operations)
            .response(Response::json(200, &version, "Program version, public URL and content hashes.")),
        operation("get", "/metrics", "metrics")
            .describe(
                "Metrics",
                "For Prometheus. All series start with `adjacent_` and exist at zero from the start.",
            )
            .on(Listener::Operations)
            .response(Response::text(200, METRICS_CONTENT_TYPE, "Prometheus text format.")),
        operation("get", "/console", "console")
            .describe(
                "Operator console",
                "Inventory, campaigns, weights, counts and explanations. The page itself contains no \
                 protected data: the operator enters a key, which stays in the page's memory and is \
                 sent only in `Authorization`.",
            )
            .on(Listener::Operations)
            .response(Response::text(200, web::HTML, "The page.")),
    ];
    rows.into_iter().map(|row| row.tag("operations")).collect()
}
