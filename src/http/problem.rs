//! Every way a request can fail, as RFC 9457 problem details; nothing about how we work inside.

use actix_web::HttpResponse;
use actix_web::ResponseError;
use actix_web::http::StatusCode;
use actix_web::http::header;
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// Every code with what it means. Codes are compared by programs: none changes its meaning.
pub const CODES: &[(&str, &str)] = &[
    ("unparsable", "the body, the path or the query cannot be read"),
    ("host_mismatch", "the request line names another host than `Host`"),
    ("key_required", "a key is needed, or this one is not known, has expired or was revoked"),
    ("not_yours", "the key opens something else"),
    ("no_such_path", "there is nothing at this path"),
    ("adapter_off", "this dialect is not spoken here: `[adapters]` of the settings turns it on"),
    ("no_such_file", "there is no such file"),
    ("no_such_link", "the token is no click of ours: it leads nowhere"),
    ("no_unit", "nothing was shown there, so there is nothing to explain"),
    ("no_publisher", "the inventory has no publisher to show"),
    ("unknown_publisher", "the inventory has no such publisher"),
    ("unknown_party", "the inventory has no such advertiser or publisher"),
    ("decision_not_recorded", "there is no such decision, or a crash took its record"),
    ("decision_elsewhere", "another machine decided this, has its record, and does not answer"),
    ("no_such_document", "the catalog has no such document"),
    ("no_such_version", "the catalog has no such version"),
    ("method_not_allowed", "the path takes other methods: `Allow` names them"),
    ("body_too_slow", "the body did not arrive in time"),
    ("body_too_large", "the body is longer than allowed"),
    ("document_exists", "there is a document with this id"),
    ("needs_force", "a change so large that it must be insisted on"),
    ("version_changed", "somebody else was first: `If-Match` does not hold"),
    ("field_refused", "the field at `field` is refused"),
    ("personal_data", "the field at `field` names a person"),
    ("document_refused", "the document has the problems in `problems`"),
    ("too_many_requests", "wait as long as `Retry-After` says"),
    ("unavailable", "nothing can be taken now: wait as long as `Retry-After` says"),
    ("internal", "ours to mend: tell us the `request_id`"),
];

/// The body of an error: `application/problem+json`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Problem {
    /// `about:blank`: the status and the code say what kind of problem it is.
    #[schemars(extend("const" = "about:blank"))]
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong and what to do.
    pub detail: String,
    /// Stable: to be compared by programs. New ones may come.
    #[schemars(example = &"field_refused")]
    pub code: &'static str,
    /// Path of the field that was refused, such as `page.topics[3]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Names this answer in our logs.
    pub request_id: String,
    /// All problems of a document, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FieldProblem>,
}

/// One of several problems.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FieldProblem {
    /// Where.
    pub field: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// A request that failed. `Display` is what the caller reads; the cause is for the log, once.
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

    /// The body or the query cannot be parsed.
    pub fn unparsable(detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "unparsable", detail)
    }

    /// It parses, and the field at `path` is refused; an empty path is the whole of it.
    pub fn refused(path: impl Into<String>, detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "field_refused", detail)
            .with(|failure| failure.field = Some(path.into()).filter(|path| !path.is_empty()))
    }

    /// A document with problems, all of them listed.
    pub fn invalid(problems: Vec<FieldProblem>) -> ApiError {
        let detail = format!("{} problems in the document", problems.len());
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "document_refused", detail)
            .with(|failure| failure.problems = problems)
    }

    /// A field that names a person.
    pub fn personal(path: String) -> ApiError {
        let detail = format!(
            "`{path}` names a person: this server takes no identifier of a reader; leave it out"
        );
        ApiError::refused(path, detail).with(|failure| failure.code = "personal_data")
    }

    /// There is no such thing.
    pub fn missing(code: &'static str, detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// No key, or one that does not open this.
    pub fn unauthorized(detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, "key_required", detail)
    }

    /// A key that opens something else.
    pub fn forbidden(detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::FORBIDDEN, "not_yours", detail)
    }

    /// Somebody else was first.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::CONFLICT, code, detail)
    }

    /// A condition of the request does not hold.
    pub fn precondition(detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::PRECONDITION_FAILED, "version_changed", detail)
    }

    /// The body is too long.
    pub fn too_large(limit: usize) -> ApiError {
        let detail = format!("the body is longer than {limit} bytes");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail).closing()
    }

    /// The body came too slowly.
    pub fn too_slow() -> ApiError {
        let detail = "the body did not arrive in time";
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail).closing()
    }

    /// Too many requests of one kind: never for decisions or events.
    pub fn too_many() -> ApiError {
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "try again shortly")
            .with(|failure| failure.retry_after_seconds = Some(1))
    }

    /// Nothing can be taken now.
    pub fn unavailable(cause: impl fmt::Display) -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "try again shortly").with(
            |failure| {
                failure.retry_after_seconds = Some(1);
                failure.cause = Some(cause.to_string());
            },
        )
    }

    /// Something that this needs is away; what to do is said.
    pub fn away(detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            .with(|failure| failure.retry_after_seconds = Some(5))
    }

    /// Ours to mend.
    pub fn internal(cause: impl fmt::Display) -> ApiError {
        let detail = "something went wrong on our side";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
            .with(|failure| failure.cause = Some(cause.to_string()))
    }

    /// Which field was refused, if it was one.
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// There is nothing at this path.
    pub fn no_route() -> ApiError {
        ApiError::missing("no_such_path", "there is nothing at this path")
    }

    /// The path is known, and takes these methods alone.
    pub fn wrong_method(allowed: String) -> ApiError {
        let detail = format!("this path takes {allowed}");
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
            .with(|failure| failure.allowed = Some(allowed))
    }

    /// What the request line and `Host` say of the host is not the same.
    pub fn wrong_host() -> ApiError {
        let detail = "the request line names another host than `Host`";
        ApiError::new(StatusCode::BAD_REQUEST, "host_mismatch", detail).closing()
    }

    /// Ends the connection after the answer, because nobody knows where the next request begins.
    pub fn closing(self) -> ApiError {
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
            tracing::error!(%request_id, %cause, code = self.0.code, "a request failed");
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
        let mut answer = HttpResponse::build(self.0.status);
        answer
            .insert_header((header::CONTENT_TYPE, "application/problem+json"))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
        if self.0.closes {
            answer.force_close();
        }
        if let Some(allowed) = &self.0.allowed {
            answer.insert_header((header::ALLOW, allowed.as_str()));
        }
        if let Some(seconds) = self.0.retry_after_seconds {
            answer.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if self.0.status == StatusCode::UNAUTHORIZED {
            answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        answer.body(serde_json::to_string(&problem).unwrap_or_default())
    }
}
