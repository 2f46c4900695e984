//! Every error of the HTTP API, as RFC 9457 problem details. Internal causes go to the log only.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// Every error code with its description. Clients compare codes, so the meaning of one never changes.
pub const CODES: &[(&str, &str)] = &[
    ("malformed_request", "the body, path or query is malformed"),
    (
        "unknown_parameter",
        "the route has no query parameter of this name: `detail` has the nearest one and all of them",
    ),
    ("host_mismatch", "the request line and the `Host` header name different hosts"),
    (
        "unknown_host",
        "the `Host` header names another server: use the public URL, or add the name to `server.hosts` in the settings",
    ),
    ("unauthorized", "an API key is required, or the given one is unknown, expired or revoked"),
    ("forbidden", "the API key does not give access to this resource"),
    ("not_found", "no such path, file, document or version"),
    (
        "adapter_disabled",
        "this protocol adapter is disabled: enable it under `[adapters]` in the settings",
    ),
    ("no_unit", "no unit was shown for this decision, so there is nothing to explain"),
    ("no_publisher", "the inventory has no publisher"),
    ("unknown_publisher", "the inventory has no such publisher"),
    ("unknown_party", "no version of the inventory has such an advertiser or publisher"),
    (
        "unknown_flight",
        "no version of the inventory has such a flight, or it is another advertiser's",
    ),
    ("decision_not_recorded", "no such decision, or its record was lost in a crash"),
    (
        "decision_unreadable",
        "the record of this decision cannot be read: the operator's answer says where, why and what to do",
    ),
    (
        "decision_elsewhere",
        "another instance has the record of this decision and does not respond: try again later",
    ),
    ("method_not_allowed", "the method is not allowed at this path: `Allow` lists those that are"),
    ("body_too_slow", "the body did not arrive before the deadline"),
    ("body_too_large", "the body exceeds the maximum length"),
    ("document_exists", "a document with this id already exists"),
    ("version_exists", "the name or the weights belong to another version: `detail` names it"),
    ("version_served", "a version that was served stays: only a draft can be dropped"),
    ("too_many_versions", "there are too many named versions of the weights: drop some"),
    ("replay_running", "a replay is running: wait until it is done, or cancel it"),
    ("no_report", "this replay has no report to show as a page"),
    (
        "confirmation_required",
        "the change removes documents, or moves a figure by more than the limits under `[guard]` in the settings: `problems` lists what; repeat the request with `confirm` to confirm it",
    ),
    ("cannot_roll_back", "nothing is rolled back: `detail` says why"),
    (
        "precondition_failed",
        "the version changed in the meantime: read it again and retry with the new `If-Match`",
    ),
    ("invalid_field", "the field at `field` has an invalid value"),
    ("personal_data", "the field at `field` identifies a person: omit it"),
    ("invalid_document", "the document is invalid: `problems` lists every error"),
    ("too_many_requests", "too many requests: retry after the seconds in `Retry-After`"),
    (
        "unavailable",
        "the service is temporarily unavailable: retry after the seconds in `Retry-After`",
    ),
    ("internal", "internal error: report the `request_id`"),
];

/// The description of an error code; empty for an unknown one.
pub(crate) fn meaning(code: &str) -> &'static str {
    CODES.iter().find(|(known, _)| *known == code).map_or("", |(_, meaning)| meaning)
}

/// The body of an error response: `application/problem+json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: `status` and `code` identify the kind of problem.
    #[schemars(extend("const" = "about:blank"))]
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// The reason phrase of the status.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What is wrong and what to do.
    pub(crate) detail: String,
    /// Stable error code for programs to compare. New codes may be added.
    #[schemars(example = &"invalid_field")]
    pub(crate) code: &'static str,
    /// Path of the invalid field, such as `page.topics[3]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// Identifies this response in the server's log.
    pub(crate) request_id: String,
    /// Every error of an invalid document, or everything of a change that needs confirmation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) problems: Vec<FieldProblem>,
}

/// One error of a document.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct FieldProblem {
    /// Path of the field.
    pub(crate) field: String,
    /// What is wrong.
    pub(crate) reason: String,
    /// How to correct it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) help: Option<String>,
}

/// An error response. `Display` is the detail for the caller; the cause is logged once, when the
/// response is built.
#[derive(Debug)]
pub struct ApiError(Box<Failure>);

#[derive(Debug)]
struct Failure {
    status: StatusCode,
    code: &'static str,
    detail: String,
    field: Option<String>,
    problems: Vec<FieldProblem>,
    retry_after_seconds: Option<u32>,
    allowed: Option<String>,
    closes: bool,
    cause: Option<String>,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> ApiError {
        ApiError(Box::new(Failure {
            status,
            code,
            detail: detail.into(),
            field: None,
            problems: Vec::new(),
            retry_after_seconds: None,
            allowed: None,
            closes: false,
            cause: None,
        }))
    }

    fn with(mut self, change: impl FnOnce(&mut Failure)) -> ApiError {
        change(&mut self.0);
        self
    }

    /// 400: the body, path or query cannot be parsed.
    pub(crate) fn malformed_request(detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
    }

    /// 400: the route has no query parameter `name`.
    pub(crate) fn unknown_parameter(name: &str, detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "unknown_parameter", detail)
            .with(|failure| failure.field = Some(name.to_owned()))
    }

    /// 422: the field at `path` is invalid; an empty path means the whole request.
    pub(crate) fn invalid_field(path: impl Into<String>, detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", detail)
            .with(|failure| failure.field = Some(path.into()).filter(|path| !path.is_empty()))
    }

    /// 422: an invalid document, with all of its errors.
    pub(crate) fn invalid_document(problems: Vec<FieldProblem>) -> ApiError {
        let detail = format!("the document has {} errors; see `problems`", problems.len());
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_document", detail)
            .with(|failure| failure.problems = problems)
    }

    /// 422: the field at `path` identifies a person.
    pub(crate) fn personal_data(path: String) -> ApiError {
        let detail = format!(
            "`{path}` identifies a person: this server accepts no identifiers of readers; omit it"
        );
        ApiError::invalid_field(path, detail).with(|failure| failure.code = "personal_data")
    }

    /// 404: the resource does not exist.
    pub(crate) fn not_found(code: &'static str, detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// 401: no API key or link, or an invalid one.
    pub(crate) fn unauthorized(detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// 403: the API key is valid and does not give access to this.
    pub(crate) fn forbidden(detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 409: the request conflicts with the current state.
    pub(crate) fn conflict(code: &'static str, detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::CONFLICT, code, detail)
    }

    /// 409: the guard stops a change until it is confirmed; `problems` are its reasons.
    pub(crate) fn confirmation_required(detail: String, problems: Vec<FieldProblem>) -> ApiError {
        ApiError::conflict("confirmation_required", detail)
            .with(|failure| failure.problems = problems)
    }

    /// 412: `If-Match` does not match.
    pub(crate) fn precondition_failed(detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", detail)
    }

    /// 413: the body exceeds `limit` bytes. Closes the connection.
    pub(crate) fn body_too_large(limit: usize) -> ApiError {
        let detail = format!("the body exceeds the limit of {limit} bytes");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
            .with_connection_close()
    }

    /// 408: the body did not arrive before the deadline. Closes the connection.
    pub(crate) fn body_too_slow() -> ApiError {
        let detail = "the body did not arrive before the deadline";
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail).with_connection_close()
    }

    /// 429: this caller has too many requests in progress; retry after one second.
    pub(crate) fn too_many_requests(detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
            .with(|failure| failure.retry_after_seconds = Some(1))
    }

    /// 503: too much of this kind is in progress; retry after one second.
    pub(crate) fn busy(detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            .with(|failure| failure.retry_after_seconds = Some(1))
    }

    /// 503: the request cannot be processed now; `cause` is logged. Retry after one second.
    pub(crate) fn unavailable(cause: impl fmt::Display) -> ApiError {
        let detail = "temporarily unavailable; retry in a second";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).with(|failure| {
            failure.retry_after_seconds = Some(1);
            failure.cause = Some(cause.to_string());
        })
    }

    /// 503: a dependency is unavailable; `detail` says which and what to do. Retry after 5 seconds.
    pub(crate) fn dependency_unavailable(detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            .with(|failure| failure.retry_after_seconds = Some(5))
    }

    /// 500: internal error; `cause` is logged with the request id.
    pub(crate) fn internal(cause: impl fmt::Display) -> ApiError {
        let detail = "internal error; report the `request_id`";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
            .with(|failure| failure.cause = Some(cause.to_string()))
    }

    /// The path of the invalid field, if the error is about one.
    pub(crate) fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// 404: no route matches the path.
    pub(crate) fn no_route() -> ApiError {
        ApiError::not_found("not_found", "no resource at this path")
    }

    /// 405: the path exists and accepts only the methods in `allowed`.
    pub(crate) fn method_not_allowed(allowed: String) -> ApiError {
        let detail = format!("allowed methods: {allowed}");
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
            .with(|failure| failure.allowed = Some(allowed))
    }

    /// 400: the request line and `Host` name different hosts. Closes the connection.
    pub(crate) fn host_mismatch() -> ApiError {
        let detail = "the request line and the `Host` header name different hosts";
        ApiError::new(StatusCode::BAD_REQUEST, "host_mismatch", detail).with_connection_close()
    }

    /// 421: `Host` is not a name of this server. The name is not repeated.
    pub(crate) fn unknown_host() -> ApiError {
        let detail = "the `Host` header is not a name of this server: use the host of \
                      `server.public_url`, or add the name to `server.hosts` in the settings";
        ApiError::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", detail)
    }

    /// The same as a 400, for protocols that have no 422.
    pub(crate) fn into_malformed(self) -> ApiError {
        self.with(|failure| {
            failure.status = StatusCode::BAD_REQUEST;
            failure.code = "malformed_request";
        })
    }

    /// Closes the connection after the response, because the start of the next request is unknown.
    pub(crate) fn with_connection_close(self) -> ApiError {
        self.with(|failure| failure.closes = true)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse {
        let request_id = uuid::Uuid::from_u128(rand::random()).to_string();
        if let Some(cause) = &self.0.cause {
            tracing::error!(%request_id, %cause, code = self.0.code, "request failed");
        }
        let problem = Problem {
            kind: "about:blank",
            title: self.0.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.0.status.as_u16(),
            detail: self.0.detail.clone(),
            code: self.0.code,
            field: self.0.field.clone(),
            request_id,
            problems: self.0.problems.clone(),
        };
        let mut response = HttpResponse::build(self.0.status);
        response
            .insert_header((header::CONTENT_TYPE, "application/problem+json"))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
        if self.0.closes {
            response.force_close();
        }
        if let Some(allowed) = &self.0.allowed {
            response.insert_header((header::ALLOW, allowed.as_str()));
        }
        if let Some(seconds) = self.0.retry_after_seconds {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if self.0.status == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        response.body(serde_json::to_string(&problem).unwrap_or_default())
    }
}
