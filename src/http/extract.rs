//! Path and query extractor errors, answered as problem details like all other errors.

use crate::config::suggestion;
use crate::http::problem::ApiError;
use actix_web::error::{PathError, QueryPayloadError};
use actix_web::web::{PathConfig, QueryConfig, ServiceConfig};

/// Configures actix-web's path and query extractors to answer with problem details.
pub(crate) fn settings(config: &mut ServiceConfig) {
    config
        .app_data(PathConfig::default().error_handler(|error, _| path(&error).into()))
        .app_data(QueryConfig::default().error_handler(|error, _| query(&error).into()));
}

fn path(error: &PathError) -> ApiError {
    ApiError::malformed_request(format!("malformed path: {error}"))
}

/// The problem of query parameters that could not be read.
pub(crate) fn query(error: &QueryPayloadError) -> ApiError {
    let message = match error {
        QueryPayloadError::Deserialize(error) => error.to_string(),
        other => return ApiError::malformed_request(format!("malformed query: {other}")),
    };
    // Only the message names the parameter: "missing field `link`", "duplicate field `by`".
    match message.split('`').nth(1) {
        // A misspelt filter would be a report of everything.
        Some(name) if message.starts_with("unknown field") => {
            let known: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
            let help = suggestion::did_you_mean(&message)
                .map_or_else(String::new, |help| format!(" {help}"));
            let known = known.join("`, `");
            let detail = format!("unknown query parameter `{name}`:{help} known are `{known}`");
            ApiError::unknown_parameter(name, detail)
        }
        Some(name) if message.contains("field `") => ApiError::invalid_field(name, message.clone()),
        _ => ApiError::malformed_request(format!("malformed query: {message}")),
    }
}
