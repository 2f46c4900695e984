//! The two listeners: bound first, so that a used port fails before data is opened; served last.

use crate::adapters;
use crate::app::connections::{Connection, Connections, HEAD_TIMEOUT, KEEP_ALIVE};
use crate::app::services::Services;
use crate::app::{connections, file_limits};
use crate::config::{ConfigError, Settings};
use crate::http;
use crate::http::overload::Overload;
use crate::http::{AppState, openapi};
use crate::local_wait;
use actix_http::body::MessageBody;
use actix_http::error::DispatchError;
use actix_http::{Extensions, HttpService, Request};
use actix_server::{Server, ServerBuilder};
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App as Actix, Error};
use std::future::ready;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io, thread};
use tokio::net::TcpStream;

/// Listen backlog; the kernel's `somaxconn` may cap it lower.
const BACKLOG: i32 = 4_096;

/// How long an idle connection to the operations listener is kept: it has few.
const OPS_KEEP_ALIVE: Duration = Duration::from_secs(5);

/// How long a client may take to close a connection that ended with an error.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Both listeners, bound.
pub(crate) struct Listeners {
    public: TcpListener,
    ops: TcpListener,
    /// Address of the public listener.
    pub(crate) address: SocketAddr,
    /// Address of the operations listener.
    pub(crate) ops_address: SocketAddr,
}

impl Listeners {
    /// Binds the addresses of the settings. Port 0 picks a free port.
    pub(crate) fn bind(settings: &Settings) -> anyhow::Result<Listeners> {
        let public = bind(settings.server.listen, "server.listen")?;
        let ops = bind(settings.server.ops_listen, "server.ops_listen")?;
        let (address, ops_address) = (public.local_addr()?, ops.local_addr()?);
        Ok(Listeners { public, ops, address, ops_address })
    }

    /// Serves the public and the operations listener. A stop waits `drain_seconds` for requests in
    /// flight.
    pub(crate) fn serve(
        self,
        app: &Data<AppState>,
        services: &Arc<Services>,
        drain_seconds: u64,
    ) -> io::Result<(Server, Server)> {
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let (shared, registered) = (app.clone(), services.clone());
        let public = move || {
            let more = openapi::reference::table().into_iter().chain(adapters::table());
            Actix::new()
                .wrap(from_fn(http::public::around))
                .app_data(Overload::of_worker())
                .configure(|config| registered.configure(&shared, config))
                .configure(http::public::routes(shared.clone(), more.collect()))
        };
        let server = Server::build()
            .workers(workers)
            .max_concurrent_connections(file_limits::connections_per_worker(workers))
            .shutdown_timeout(drain_seconds);
        let connections = Connections::new(app.settings.clone(), app.metrics.clone());
        let public =
            listen(server, "public", self.public, (Some(connections), KEEP_ALIVE), public)?;
        let (shared, registered) = (app.clone(), services.clone());
        let ops = move || {
            Actix::new()
                .configure(|config| registered.configure(&shared, config))
                .configure(http::ops::routes(shared.clone()))
        };
        let server = Server::build()
            .workers(1)
            .max_concurrent_connections(file_limits::OPS_CONNECTIONS)
            .shutdown_timeout(drain_seconds);
        Ok((public, listen(server, "operations", self.ops, (None, OPS_KEEP_ALIVE), ops)?))
    }
}

/// Serves an application like `HttpServer`, which does not let its streams be replaced.
fn listen<A, S, B>(
    server: ServerBuilder,
    name: &str,
    listener: TcpListener,
    (connections, keep_alive): (Option<Arc<Connections>>, Duration),
    application: impl Fn() -> A + Clone + Send + 'static,
) -> io::Result<Server>
where
    A: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<B>, Error = Error>
        + 'static,
    S::InitError: fmt::Debug,
    B: MessageBody + 'static,
{
    let draining = server.graceful_shutdown_signal();
    let service = move || {
        local_wait::start();
        let (connections, draining) = (connections.clone(), draining.clone());
        let handlers = application().into_factory().map_err(|error| error.error_response());
        let http = HttpService::build()
            .keep_alive(keep_alive)
            .client_request_timeout(HEAD_TIMEOUT)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            .graceful_shutdown_signal(move || {
                let draining = draining.clone();
                async move { draining.notified().await }
            })
            .on_connect_ext(|connection: &Connection<TcpStream>, data: &mut Extensions| {
                data.insert(connection.activity());
            })
            .h1(map_config(handlers, |()| AppConfig::default()));
        fn_service(move |stream: TcpStream| {
            ready(connections::accept(stream, connections.as_ref()).map_err(DispatchError::Io))
        })
        .and_then(http)
    };
    Ok(server.disable_signals().listen(name, listener, service)?.run())
}

fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener, ConfigError> {
    let listener = TcpListener::bind(address).and_then(|listener| {
        // The standard library's backlog of 128 overflows in traffic peaks, so clients resend their SYN.
        rustix::net::listen(&listener, BACKLOG)?;
        Ok(listener)
    });
    listener
        .map_err(|error| ConfigError::Usage(format!("{setting} = {address}: cannot bind: {error}")))
}
