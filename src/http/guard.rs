//! Middleware around every handler: a request for another server or with an ambiguous head is rejected;
//! a panic becomes a 500 and is counted, and the server goes on; a wrong API key is answered late; while
//! not ready, connections are closed after the response.

use crate::http::activity::Activity;
use crate::http::caller::Caller;
use crate::http::problem::ApiError;
use crate::http::readiness::Readiness;
use crate::http::wrong_keys::{Answer, WrongKey};
use crate::http::{AppState, overload};
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, Version, header};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};
use futures_util::FutureExt;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

/// The guard as a middleware.
pub async fn guard<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    guarded(request, |request| next.call(request)).await
}

/// Guards whatever handles the request.
pub(crate) async fn guarded<B, F>(
    request: ServiceRequest,
    handle: impl FnOnce(ServiceRequest) -> F,
) -> Result<ServiceResponse<B>, Error>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    // The connection's deadlines for its client do not run while a handler does.
    let _running = request.conn_data::<Rc<Activity>>().map(Activity::begin);
    let app = request.app_data::<Data<AppState>>().cloned();
    check_host(app.as_ref(), &request)?;
    overload::check(&request)?;
    let readiness = request.app_data::<Data<Readiness>>().cloned();
    let handled = AssertUnwindSafe(async { handle(request).await }).catch_unwind();
    let Ok(response) = handled.await else {
        if let Some(app) = app {
            app.metrics.panics.inc();
        }
        return Err(ApiError::internal("a handler panicked").into());
    };
    let mut response = response?;
    let is_wrong = response.request().extensions().contains::<WrongKey>();
    let close = match app.filter(|_| is_wrong) {
        Some(app) => wait_after_wrong_key(&app, &response).await,
        None => false,
    };
    if close || readiness.is_some_and(|readiness| readiness.not_ready_reason().is_some()) {
        // The client's next request opens a new connection, which can reach another instance.
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// Rejects a `Host` that is not a name of this server. An absolute-form request line must name the same
/// host: a mismatch lets caches and access checks be bypassed, because two servers may interpret the
/// request differently.
fn check_host(app: Option<&Data<AppState>>, request: &ServiceRequest) -> Result<(), ApiError> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if let Some(authority) = request.uri().authority()
        && !host.is_some_and(|host| host.eq_ignore_ascii_case(authority.as_str()))
    {
        return Err(ApiError::host_mismatch());
    }
    let accepted = match host {
        Some(host) => app.is_none_or(|app| app.accepts_host(host)),
        // Probes of load balancers send HTTP/1.0 without `Host`; browsers never do.
        None => {
            request.version() < Version::HTTP_11 && !request.headers().contains_key(header::HOST)
        }
    };
    if accepted { Ok(()) } else { Err(ApiError::unknown_host()) }
}

/// Waits for the delay of a wrong key. Whether to close the connection.
async fn wait_after_wrong_key<B>(app: &AppState, response: &ServiceResponse<B>) -> bool {
    let address = Caller::read(app, response.request(), false).own_address();
    let longest = Duration::from_millis(app.settings.get().limits.wrong_key_delay_ms);
    app.metrics.wrong_keys.inc();
    match app.wrong_keys.note(address, app.clock.now_ms(), longest) {
        Answer::Close => true,
        Answer::After(delay) => {
            let _waiting = Waiting { app, address };
            tokio::time::sleep(delay).await;
            false
        }
    }
}

/// Ends also when the client closes the connection meanwhile.
struct Waiting<'a> {
    app: &'a AppState,
    address: IpAddr,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.app.wrong_keys.answered(self.address);
    }
}
