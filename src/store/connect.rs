//! Opens connections to a single server, to the primary that sentinels report, or to a cluster, with or
//! without TLS.

use crate::store::address::{RedisConfig, Topology};
use redis::aio::{MultiplexedConnection, PubSub};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo,
    RedisResult,
};
use std::io;
use std::io::ErrorKind::TimedOut;
use std::time::Duration;

/// Timeout for establishing one connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Timeout for connecting, including discovery and the `INFO` check.
pub(crate) const TOTAL_TIMEOUT: Duration = Duration::from_secs(4);

/// A multiplexed connection.
#[derive(Clone)]
pub(crate) enum Connection {
    /// To one server.
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// Connects. Also returns the host that the sentinels reported.
pub(crate) async fn connect(target: &RedisConfig) -> RedisResult<(Connection, Option<String>)> {
    #[cfg(feature = "tls")]
    if target.tls {
        // Process-wide; fails if already installed, which is always the same provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    match &target.topology {
        Topology::Single => {
            let client = single(target, infos(target)?.remove(0))?;
            let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
            Ok((Connection::One(connection), None))
        }
        Topology::Sentinel(name) => {
            let client = sentinels(target, name)?.async_get_client().await?;
            let host = match client.get_connection_info().addr() {
                ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
                _ => String::new(),
            };
            let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
            Ok((Connection::One(connection), Some(host)))
        }
        Topology::Cluster => {
            // After these retries, redirections and busy errors are returned; callers retry by their
            // own rules.
            let builder = ClusterClientBuilder::new(infos(target)?)
                .connection_timeout(CONNECT_TIMEOUT)
                .response_timeout(RESPONSE_TIMEOUT)
                .overall_response_timeout(Some(RESPONSE_TIMEOUT * 2))
                .retries(3);
            #[cfg(feature = "tls")]
            let builder = match ca_certificates(target) {
                Some(ca_certificates) => builder.certs(ca_certificates),
                None => builder,
            };
            Ok((Connection::Cluster(builder.build()?.get_async_connection().await?), None))
        }
    }
}

/// Connects to the server, the primary or any node of the cluster, and subscribes to a channel.
pub(crate) async fn subscribe(target: &RedisConfig, channel: &str) -> RedisResult<PubSub> {
    let mut clients = match &target.topology {
        Topology::Sentinel(name) => vec![sentinels(target, name)?.async_get_client().await?],
        Topology::Single | Topology::Cluster => {
            let infos = infos(target)?.into_iter().map(|info| single(target, info));
            infos.collect::<RedisResult<_>>()?
        }
    };
    // Not all instances at the same node of a cluster.
    let first = rand::random_range(0..clients.len().max(1));
    clients.rotate_left(first);
    let mut last_error = None;
    for client in clients {
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, client.get_async_pubsub());
        match connecting.await.unwrap_or_else(|_| Err(io::Error::from(TimedOut).into())) {
            Ok(mut connection) => return connection.subscribe(channel).await.map(|()| connection),
            Err(error) => last_error = Some(error),
        }
    }
    Err(last_error.unwrap_or_else(|| io::Error::from(io::ErrorKind::NotFound).into()))
}

#[cfg(feature = "tls")]
fn ca_certificates(target: &RedisConfig) -> Option<redis::TlsCertificates> {
    let root_cert = Some(target.ca.clone()?);
    Some(redis::TlsCertificates { client_tls: None, root_cert })
}

fn single(target: &RedisConfig, info: ConnectionInfo) -> RedisResult<redis::Client> {
    #[cfg(feature = "tls")]
    if let Some(ca_certificates) = ca_certificates(target).filter(|_| target.tls) {
        return redis::Client::build_with_tls(info, ca_certificates);
    }
    let _ = target;
    redis::Client::open(info)
}

fn sentinels(target: &RedisConfig, name: &str) -> RedisResult<SentinelClient> {
    let hosts = target.hosts.iter().map(|host| address(target, host));
    let mut builder = SentinelClientBuilder::new(hosts, name, SentinelServerType::Master)?
        .set_client_to_redis_db(target.database);
    if let Some(user) = &target.user {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = target.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    #[cfg(feature = "tls")]
    if target.tls {
        builder = builder.set_client_to_redis_tls_mode(redis::TlsMode::Secure);
        if let Some(ca_certificates) = ca_certificates(target) {
            builder = builder
                .set_client_to_sentinel_certificates(ca_certificates.clone())
                .set_client_to_redis_certificates(ca_certificates);
        }
    }
    builder.build()
}

fn address(target: &RedisConfig, (host, port): &(String, u16)) -> ConnectionAddr {
    let (host, port) = (host.clone(), *port);
    match target.tls {
        true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host, port),
    }
}

fn infos(target: &RedisConfig) -> RedisResult<Vec<ConnectionInfo>> {
    // CLIENT SETINFO would need another ACL right.
    let mut login = RedisConnectionInfo::default().set_db(target.database).set_skip_set_lib_name();
    if let Some(user) = &target.user {
        login = login.set_username(user);
    }
    if let Some(password) = target.password() {
        login = login.set_password(password);
    }
    let info = |host: &(String, u16)| {
        let info = address(target, host).into_connection_info()?;
        Ok(info.set_redis_settings(login.clone()))
    };
    target.hosts.iter().map(info).collect()
}
