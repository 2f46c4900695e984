//! Pictures as machines share them: by their addresses, which their content gives them, so that
//! writing one twice changes nothing.

use crate::store::client::Client;
use crate::store::client::StoreError;
use crate::store::keys;

/// How many there are.
pub async fn count(client: &Client) -> Result<u64, StoreError> {
    let mut question = redis::cmd("HLEN");
    question.arg(&keys::pictures().keys[0]);
    client.ask(&question).await
}

/// What they are called.
pub async fn addresses(client: &Client) -> Result<Vec<String>, StoreError> {
    let mut question = redis::cmd("HKEYS");
    question.arg(&keys::pictures().keys[0]);
    client.ask(&question).await
}

/// One of them, as it was given; whoever takes it checks it.
pub async fn get(client: &Client, address: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut question = redis::cmd("HGET");
    question.arg(&keys::pictures().keys[0]).arg(address);
    client.ask(&question).await
}

/// Gives one to all.
pub async fn put(client: &Client, address: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let mut order = redis::cmd("HSET");
    order.arg(&keys::pictures().keys[0]).arg(address).arg(bytes);
    client.ask(&order).await
}
