//! One connection for three topologies: made when it is needed, dropped when it fails, made again.
//! Nothing is repeated in silence: whoever asked knows what it may ask again.

use crate::store::address::Place;
use crate::store::fitness;
use crate::store::fitness::Server;
use crate::store::keys::Slot;
use crate::store::reach;
use crate::store::reach::Connection;
use crate::store::trouble::Remedy;
pub use crate::store::trouble::StoreError;
use crate::store::trouble::Trouble;
use redis::Cmd;
use redis::FromRedisValue;
use redis::RedisError;
use redis::Value;
use redis::cluster_routing::MultipleNodeRoutingInfo;
use redis::cluster_routing::ResponsePolicy;
use redis::cluster_routing::RoutingInfo;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use tokio::sync::Mutex;

/// The functions, as they are loaded.
const LIBRARY: &str = include_str!("library.lua");

/// A store that may be away.
pub struct Client {
    place: Place,
    held: Mutex<Held>,
    loading: Mutex<()>,
    troubles: [AtomicU64; Trouble::ALL.len()],
}

/// A connection and which one it is: whoever finds it broken drops that one, and not the next.
#[derive(Default)]
struct Held {
    number: u64,
    connection: Option<Connection>,
}

impl Client {
    /// A client that connects when it is first used.
    pub fn new(place: Place) -> Client {
        Client {
            place,
            held: Mutex::default(),
            loading: Mutex::default(),
            troubles: [const { AtomicU64::new(0) }; Trouble::ALL.len()],
        }
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// How often each trouble was met.
    pub fn troubles(&self) -> impl Iterator<Item = (Trouble, u64)> {
        let counts = self.troubles.iter().map(|count| count.load(Ordering::Relaxed));
        Trouble::ALL.iter().copied().zip(counts)
    }

    /// Asks one thing. An error that says the connection is of no use any more ends it: the next
    /// question looks for the primary again.
    pub async fn ask<T: FromRedisValue>(&self, question: &Cmd) -> Result<T, StoreError> {
        let (number, mut connection) = self.connection().await?;
        let answer = match &mut connection {
            Connection::One(connection) => question.query_async(connection).await,
            Connection::Cluster(connection) => question.query_async(connection).await,
        };
        match answer {
            Ok(value) => Ok(value),
            Err(error) => Err(self.failed(number, error.into()).await),
        }
    }

    /// Calls one of our functions on a slot; a server that does not have it yet is given it.
    pub async fn call<T: FromRedisValue>(
        &self,
        function: &str,
        slot: &Slot,
        arguments: &[&[u8]],
    ) -> Result<T, StoreError> {
        let mut question = redis::cmd(if slot.reads { "FCALL_RO" } else { "FCALL" });
        question.arg(function).arg(slot.keys.len()).arg(&slot.keys[..]);
        for argument in arguments {
            question.arg(*argument);
        }
        match self.ask(&question).await {
            Err(error) if error.trouble().remedy() == Remedy::Load => {
                // Many ask at once, and one gives them to all.
                let _one_at_a_time = self.loading.lock().await;
                match self.ask(&question).await {
                    Err(error) if error.trouble().remedy() == Remedy::Load => {
                        // Some primary may be away; what counts is whether ours has it now.
                        let loaded = self.load().await;
                        self.ask(&question).await.map_err(|error| match loaded {
                            Err(why) if error.trouble().remedy() == Remedy::Load => why,
                            _ => error,
                        })
                    }
                    answer => answer,
                }
            }
            answer => answer,
        }
    }

    /// Gives our functions to every primary; those of another version stay beside them.
    pub async fn load(&self) -> Result<(), StoreError> {
        let mut question = redis::cmd("FUNCTION");
        question.arg("LOAD").arg("REPLACE").arg(LIBRARY);
        self.everywhere(question, Some(ResponsePolicy::AllSucceeded)).await.map(drop)
    }

    /// How every primary is.
    pub async fn servers(&self) -> Result<Vec<Server>, StoreError> {
        let answer = self.everywhere(redis::cmd("INFO"), None).await?;
        Ok(fitness::servers(&answer)?)
    }

    /// Asks every primary; a single answer where there is one.
    async fn everywhere(
        &self,
        question: Cmd,
        policy: Option<ResponsePolicy>,
    ) -> Result<Value, StoreError> {
        let (number, mut connection) = self.connection().await?;
        match everywhere(&mut connection, question, policy).await {
            Ok(value) => Ok(value),
            Err(error) => Err(self.failed(number, error.into()).await),
        }
    }

    /// Notes an error, and ends the connection where that is its remedy.
    async fn failed(&self, number: u64, error: StoreError) -> StoreError {
        let trouble = error.trouble();
        self.troubles[trouble as usize].fetch_add(1, Ordering::Relaxed);
        let of_connection = matches!(trouble.remedy(), Remedy::Reconnect | Remedy::Person);
        if of_connection && trouble != Trouble::Foreign {
            let mut held = self.held.lock().await;
            if held.number == number {
                held.connection = None;
            }
        }
        error
    }

    async fn connection(&self) -> Result<(u64, Connection), StoreError> {
        let mut held = self.held.lock().await;
        if let Some(connection) = &held.connection {
            return Ok((held.number, connection.clone()));
        }
        let made = tokio::time::timeout(reach::IN_ALL, self.connect()).await;
        let late = || RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut)).into();
        match made.unwrap_or_else(|_| Err(late())) {
            Ok(made) => {
                held.number += 1;
                held.connection = Some(made.clone());
                Ok((held.number, made))
            }
            Err(error) => {
                self.troubles[error.trouble() as usize].fetch_add(1, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// A connection to servers that a store may be.
    async fn connect(&self) -> Result<Connection, StoreError> {
        let (mut connection, hosts) = reach::connect(&self.place).await?;
        let told = everywhere(&mut connection, redis::cmd("INFO"), None).await?;
        let servers = fitness::servers(&told)?;
        let led_to = hosts.iter().map(String::as_str);
        let hosts = led_to.chain(servers.iter().filter_map(|server| server.host.as_deref()));
        fitness::check(&self.place, &servers, hosts).map_err(StoreError::Unfit)?;
        Ok(connection)
    }
}

async fn everywhere(
    connection: &mut Connection,
    question: Cmd,
    policy: Option<ResponsePolicy>,
) -> Result<Value, RedisError> {
    match connection {
        Connection::One(connection) => question.query_async(connection).await,
        Connection::Cluster(connection) => {
            let all = MultipleNodeRoutingInfo::AllMasters;
            connection.route_command(question, RoutingInfo::MultiNode((all, policy))).await
        }
    }
    .and_then(Value::extract_error)
}
