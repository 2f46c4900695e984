//! Around every handler: a panic is one 500 and a count, never the end of the server.

use crate::http::Face;
use crate::http::problem::ApiError;
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::middleware::Next;
use actix_web::web::Data;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

/// Turns a panic of a handler into a 500.
pub async fn panics<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let face = request.app_data::<Data<Face>>().cloned();
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(answer) => answer,
        Err(_) => {
            if let Some(face) = face {
                face.server.metrics.panics.inc();
            }
            Err(ApiError::internal("a handler panicked").into())
        }
    }
}

/// While draining, connections are closed after their answer, so that the next request goes elsewhere.
pub async fn closes<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let draining = request.app_data::<Data<Face>>().is_some_and(|face| !face.is_ready());
    let mut answer = next.call(request).await?;
    if draining {
        answer
            .response_mut()
            .head_mut()
            .set_connection_type(actix_web::http::ConnectionType::Close);
    }
    Ok(answer)
}
