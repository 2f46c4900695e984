//! Middleware around every handler: a panic becomes a 500 and is counted, and the server goes on; an
//! ambiguous request head is rejected; while not ready, connections are closed after the response.

use crate::http::AppState;
use crate::http::problem::ApiError;
use crate::http::readiness::Readiness;
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, header};
use actix_web::middleware::Next;
use actix_web::web::Data;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

/// The middleware of a listener.
pub async fn guard<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    if !host_matches_request_line(&request) {
        return Err(ApiError::host_mismatch().into());
    }
    let app = request.app_data::<Data<AppState>>().cloned();
    let readiness = request.app_data::<Data<Readiness>>().cloned();
    let Ok(response) = AssertUnwindSafe(next.call(request)).catch_unwind().await else {
        if let Some(app) = app {
            app.metrics.panics.inc();
        }
        return Err(ApiError::internal("a handler panicked").into());
    };
    let mut response = response?;
    if readiness.is_some_and(|readiness| readiness.not_ready_reason().is_some()) {
        // The client's next request opens a new connection, which can reach another instance.
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// Whether an absolute-form request line names the same host as `Host`. A mismatch lets caches and
/// access checks be bypassed, because two servers may interpret the request differently.
fn host_matches_request_line(request: &ServiceRequest) -> bool {
    let Some(authority) = request.uri().authority() else { return true };
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    host.is_some_and(|host| host.eq_ignore_ascii_case(authority.as_str()))
}
