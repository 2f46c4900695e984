//! The two listeners: bound first, so that a used port fails before data is opened; served last.

use crate::adapters;
use crate::app::file_limits;
use crate::app::services::Services;
use crate::config::{ConfigError, Settings};
use crate::http;
use crate::http::{AppState, openapi};
use actix_web::dev::Server;
use actix_web::web::Data;
use actix_web::{App as Actix, HttpServer};
use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

/// Listen backlog; the kernel's `somaxconn` may cap it lower.
const BACKLOG: i32 = 4_096;

/// Deadline for receiving the head of a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

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
        let public = HttpServer::new(move || {
            let more = openapi::reference::table().into_iter().chain(adapters::table());
            Actix::new()
                .configure(|config| registered.configure(&shared, config))
                .configure(http::public::routes(shared.clone(), more.collect()))
        })
        .disable_signals()
        .workers(workers)
        .max_connections(file_limits::connections_per_worker(workers))
        .keep_alive(Duration::from_secs(75))
        .client_request_timeout(REQUEST_TIMEOUT)
        .shutdown_timeout(drain_seconds)
        .listen(self.public)?
        .run();
        let (shared, registered) = (app.clone(), services.clone());
        let ops = HttpServer::new(move || {
            Actix::new()
                .configure(|config| registered.configure(&shared, config))
                .configure(http::ops::routes(shared.clone()))
        })
        .disable_signals()
        .workers(1)
        .max_connections(file_limits::OPS_CONNECTIONS)
        .client_request_timeout(REQUEST_TIMEOUT)
        .shutdown_timeout(drain_seconds)
        .listen(self.ops)?
        .run();
        Ok((public, ops))
    }
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
