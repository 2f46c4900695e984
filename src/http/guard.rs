//! Around every handler: a panic is one 500 and a count, never the end of the server.

use crate::http::Face;
use crate::http::problem::ApiError;
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::header;
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

/// A request whose line names a host, as to a proxy, must mean the one in `Host`: two readings of
/// one request are how caches and guards are fooled.
pub async fn addressed<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    if let Some(named) = request.uri().authority() {
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        if !host.is_some_and(|host| host.eq_ignore_ascii_case(named.as_str())) {
            return Err(ApiError::wrong_host().into());
        }
    }
    next.call(request).await
}
