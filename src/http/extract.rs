//! What cannot be taken out of a path or a query is answered like every other mistake.

use crate::http::problem::ApiError;
use actix_web::error::PathError;
use actix_web::error::QueryPayloadError;
use actix_web::web::PathConfig;
use actix_web::web::QueryConfig;
use actix_web::web::ServiceConfig;

/// The framework's own extractors, answering in our format.
pub fn settings(config: &mut ServiceConfig) {
    config
        .app_data(PathConfig::default().error_handler(|error, _| path(&error).into()))
        .app_data(QueryConfig::default().error_handler(|error, _| query(&error).into()));
}

fn path(error: &PathError) -> ApiError {
    ApiError::unparsable(format!("the path cannot be read: {error}"))
}

fn query(error: &QueryPayloadError) -> ApiError {
    let said = match error {
        QueryPayloadError::Deserialize(said) => said.to_string(),
        other => return ApiError::unparsable(format!("the parameters cannot be read: {other}")),
    };
    // It names the parameter in the message alone: "missing field `link`", "duplicate field `by`".
    match said.split('`').nth(1) {
        Some(name) if said.contains("field `") => ApiError::refused(name, said.clone()),
        _ => ApiError::unparsable(format!("the parameters cannot be read: {said}")),
    }
}
