//! How a store is reached: one server, the primary that sentinels name, a cluster; over TLS or not.

use crate::store::address::Place;
use crate::store::address::Topology;
use redis::AsyncConnectionConfig;
use redis::ConnectionAddr;
use redis::ConnectionInfo;
use redis::IntoConnectionInfo;
use redis::RedisConnectionInfo;
use redis::RedisResult;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::SentinelClient;
use redis::sentinel::SentinelClientBuilder;
use redis::sentinel::SentinelServerType;
use std::time::Duration;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(2);

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(3);

/// How long everything may take until there is a connection that may be used.
pub const IN_ALL: Duration = Duration::from_secs(4);

/// A connection that many questions share.
#[derive(Clone)]
pub enum Connection {
    /// To one server.
    One(MultiplexedConnection),
    /// To a cluster.
    Cluster(ClusterConnection),
}

/// Connects. With it comes the host that sentinels led to.
pub async fn connect(place: &Place) -> RedisResult<(Connection, Option<String>)> {
    #[cfg(feature = "tls")]
    if place.tls {
        // One provider of cryptography, chosen once; whoever was first chose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(ANSWER));
    match &place.topology {
        Topology::Single => {
            let client = single(place, infos(place)?.remove(0))?;
            let made = client.get_multiplexed_async_connection_with_config(&config).await?;
            Ok((Connection::One(made), None))
        }
        Topology::Sentinel(name) => {
            let client = sentinels(place, name)?.async_get_client().await?;
            let host = match client.get_connection_info().addr() {
                ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
                _ => String::new(),
            };
            let made = client.get_multiplexed_async_connection_with_config(&config).await?;
            Ok((Connection::One(made), Some(host)))
        }
        Topology::Cluster => {
            // What moves or is busy is told to us in the end: whoever asked asks again by its own
            // rules.
            let builder = ClusterClientBuilder::new(infos(place)?)
                .connection_timeout(CONNECT)
                .response_timeout(ANSWER)
                .overall_response_timeout(Some(ANSWER * 2))
                .retries(3);
            #[cfg(feature = "tls")]
            let builder = match authority(place) {
                Some(authority) => builder.certs(authority),
                None => builder,
            };
            Ok((Connection::Cluster(builder.build()?.get_async_connection().await?), None))
        }
    }
}

/// The certificates of a private authority, where there is one.
#[cfg(feature = "tls")]
fn authority(place: &Place) -> Option<redis::TlsCertificates> {
    let root_cert = Some(place.ca.clone()?);
    Some(redis::TlsCertificates { client_tls: None, root_cert })
}

fn single(place: &Place, info: ConnectionInfo) -> RedisResult<redis::Client> {
    #[cfg(feature = "tls")]
    if let Some(authority) = authority(place).filter(|_| place.tls) {
        return redis::Client::build_with_tls(info, authority);
    }
    let _ = place;
    redis::Client::open(info)
}

fn sentinels(place: &Place, name: &str) -> RedisResult<SentinelClient> {
    let hosts = place.hosts.iter().map(|host| address(place, host));
    let mut builder = SentinelClientBuilder::new(hosts, name, SentinelServerType::Master)?
        .set_client_to_redis_db(place.database);
    if let Some(user) = &place.user {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = place.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    #[cfg(feature = "tls")]
    if place.tls {
        builder = builder.set_client_to_redis_tls_mode(redis::TlsMode::Secure);
        if let Some(authority) = authority(place) {
            builder = builder
                .set_client_to_sentinel_certificates(authority.clone())
                .set_client_to_redis_certificates(authority);
        }
    }
    builder.build()
}

fn address(place: &Place, (host, port): &(String, u16)) -> ConnectionAddr {
    let (host, port) = (host.clone(), *port);
    match place.tls {
        true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host, port),
    }
}

fn infos(place: &Place) -> RedisResult<Vec<ConnectionInfo>> {
    // What a client calls itself is a right more, which nothing needs.
    let mut login = RedisConnectionInfo::default().set_db(place.database).set_skip_set_lib_name();
    if let Some(user) = &place.user {
        login = login.set_username(user);
    }
    if let Some(password) = place.password() {
        login = login.set_password(password);
    }
    let info = |host: &(String, u16)| {
        let info = address(place, host).into_connection_info()?;
        Ok(info.set_redis_settings(login.clone()))
    };
    place.hosts.iter().map(info).collect()
}
