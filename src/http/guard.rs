//! Around every handler: a panic is one 500 and a count, never the end of the server; a head that can
//! be read two ways is refused; while draining, connections are closed after their answer.

use crate::http::Face;
use crate::http::problem::ApiError;
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::ConnectionType;
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::web::Data;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

/// The guard of a listener.
pub async fn guard<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    if !is_addressed(&request) {
        return Err(ApiError::wrong_host().into());
    }
    let face = request.app_data::<Data<Face>>().cloned();
    let Ok(answer) = AssertUnwindSafe(next.call(request)).catch_unwind().await else {
        if let Some(face) = face {
            face.server.metrics.panics.inc();
        }
        return Err(ApiError::internal("a handler panicked").into());
    };
    let mut answer = answer?;
    if face.is_some_and(|face| face.hindrance().is_some()) {
        // The next request goes elsewhere.
        answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(answer)
}

/// A request whose line names a host, as to a proxy, must mean the one in `Host`: two readings of
/// one request are how caches and guards are fooled.
fn is_addressed(request: &ServiceRequest) -> bool {
    let Some(named) = request.uri().authority() else { return true };
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    host.is_some_and(|host| host.eq_ignore_ascii_case(named.as_str()))
}
