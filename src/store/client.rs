//! A Redis client over one shared connection, for all three topologies. The connection is opened on
//! first use, dropped when it fails and reopened on the next call. Commands are never retried
//! implicitly, since only the caller knows what is safe to repeat; only missing functions are loaded
//! and the call repeated once.

use crate::store::address::RedisConfig;
use crate::store::connect::Connection;
pub(crate) use crate::store::error::StoreError;
use crate::store::error::{Remedy, StoreErrorKind};
use crate::store::keys::Keys;
use crate::store::server_info::ServerInfo;
use crate::store::{connect, server_info};
use redis::cluster_routing::{MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo};
use redis::{Cmd, FromRedisValue, RedisError, Value};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;

/// The Lua function library, as loaded into Redis.
const LIBRARY: &str = include_str!("library.lua");

/// A client of a Redis store that may be unavailable.
pub struct Client {
    config: RedisConfig,
    shared: Mutex<SharedConnection>,
    load_lock: Mutex<()>,
    error_counts: [AtomicU64; StoreErrorKind::ALL.len()],
}

/// The shared connection and its generation: a caller that finds it broken drops that generation only,
/// never a newer one.
#[derive(Default)]
struct SharedConnection {
    generation: u64,
    connection: Option<Connection>,
}

impl Client {
    /// A client that connects on first use.
    pub fn new(config: RedisConfig) -> Client {
        Client {
            config,
            shared: Mutex::default(),
            load_lock: Mutex::default(),
            error_counts: [const { AtomicU64::new(0) }; StoreErrorKind::ALL.len()],
        }
    }

    /// The address and credentials.
    pub(crate) fn config(&self) -> &RedisConfig {
        &self.config
    }

    /// Errors since the start, by kind.
    pub(crate) fn error_counts(&self) -> impl Iterator<Item = (StoreErrorKind, u64)> {
        let counts = self.error_counts.iter().map(|count| count.load(Ordering::Relaxed));
        StoreErrorKind::ALL.iter().copied().zip(counts)
    }

    /// Runs one command. An error that makes the connection unusable drops it; the next command
    /// resolves the primary again.
    pub(crate) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let (generation, mut connection) = self.connection().await?;
        let answer = match &mut connection {
            Connection::One(connection) => command.query_async(connection).await,
            Connection::Cluster(connection) => command.query_async(connection).await,
        };
        match answer {
            Ok(value) => Ok(value),
            Err(error) => Err(self.record_error(generation, error.into()).await),
        }
    }

    /// Calls a library function. Loads the library and retries once if the server lacks it.
    pub(crate) async fn call_function<T: FromRedisValue>(
        &self,
        function: &str,
        keys: &Keys,
        arguments: &[&[u8]],
    ) -> Result<T, StoreError> {
        let mut command = redis::cmd(if keys.read_only { "FCALL_RO" } else { "FCALL" });
        command.arg(function).arg(keys.keys.len()).arg(&keys.keys[..]);
        for argument in arguments {
            command.arg(*argument);
        }
        match self.query(&command).await {
            Err(error) if error.kind().remedy() == Remedy::LoadFunctions => {
                // Concurrent callers may find it missing; only one of them loads the library.
                let _guard = self.load_lock.lock().await;
                match self.query(&command).await {
                    Err(error) if error.kind().remedy() == Remedy::LoadFunctions => {
                        // Loading may fail on another primary; this call only needs its own.
                        let loaded = self.load_functions().await;
                        self.query(&command).await.map_err(|error| match loaded {
                            Err(why) if error.kind().remedy() == Remedy::LoadFunctions => why,
                            _ => error,
                        })
                    }
                    answer => answer,
                }
            }
            answer => answer,
        }
    }

    /// Loads the library on every primary. Libraries of other versions stay loaded.
    pub async fn load_functions(&self) -> Result<(), StoreError> {
        let mut command = redis::cmd("FUNCTION");
        command.arg("LOAD").arg("REPLACE").arg(LIBRARY);
        self.on_primaries(command, Some(ResponsePolicy::AllSucceeded)).await.map(drop)
    }

    /// `INFO` of every primary.
    pub(crate) async fn servers(&self) -> Result<Vec<ServerInfo>, StoreError> {
        let answer = self.on_primaries(redis::cmd("INFO"), None).await?;
        Ok(server_info::servers(&answer)?)
    }

    /// Runs a command on every primary; returns a single reply where there is only one server.
    async fn on_primaries(
        &self,
        command: Cmd,
        policy: Option<ResponsePolicy>,
    ) -> Result<Value, StoreError> {
        let (generation, mut connection) = self.connection().await?;
        match on_primaries(&mut connection, command, policy).await {
            Ok(value) => Ok(value),
            Err(error) => Err(self.record_error(generation, error.into()).await),
        }
    }

    /// Counts an error and drops the connection where the error requires it.
    async fn record_error(&self, generation: u64, error: StoreError) -> StoreError {
        let kind = error.kind();
        self.error_counts[kind as usize].fetch_add(1, Ordering::Relaxed);
        let drops_connection = matches!(kind.remedy(), Remedy::Reconnect | Remedy::Operator);
        if drops_connection && kind != StoreErrorKind::UnexpectedData {
            let mut shared = self.shared.lock().await;
            if shared.generation == generation {
                shared.connection = None;
            }
        }
        error
    }

    async fn connection(&self) -> Result<(u64, Connection), StoreError> {
        let mut shared = self.shared.lock().await;
        if let Some(connection) = &shared.connection {
            return Ok((shared.generation, connection.clone()));
        }
        let connected = tokio::time::timeout(connect::TOTAL_TIMEOUT, self.connect()).await;
        match connected.unwrap_or_else(|_| Err(StoreError::timed_out())) {
            Ok(connection) => {
                shared.generation += 1;
                shared.connection = Some(connection.clone());
                Ok((shared.generation, connection))
            }
            Err(error) => {
                self.error_counts[error.kind() as usize].fetch_add(1, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// Connects and checks that the servers are supported.
    async fn connect(&self) -> Result<Connection, StoreError> {
        let (mut connection, hosts) = connect::connect(&self.config).await?;
        let reply = on_primaries(&mut connection, redis::cmd("INFO"), None).await?;
        let servers = server_info::servers(&reply)?;
        let resolved = hosts.iter().map(String::as_str);
        let hosts = resolved.chain(servers.iter().filter_map(|server| server.host.as_deref()));
        server_info::check(&self.config, &servers, hosts).map_err(StoreError::Unsupported)?;
        Ok(connection)
    }
}

async fn on_primaries(
    connection: &mut Connection,
    command: Cmd,
    policy: Option<ResponsePolicy>,
) -> Result<Value, RedisError> {
    match connection {
        Connection::One(connection) => command.query_async(connection).await,
        Connection::Cluster(connection) => {
            let all = MultipleNodeRoutingInfo::AllMasters;
            connection.route_command(command, RoutingInfo::MultiNode((all, policy))).await
        }
    }
    .and_then(Value::extract_error)
}
