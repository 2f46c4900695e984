//! Who asks for a decision without a key.

use std::net::IpAddr;

/// A caller without a key, as far as the server knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    /// Its address.
    pub(crate) address: IpAddr,
    /// Its agent.
    pub(crate) agent: Option<&'a str>,
    /// It names no origin, although the publisher lists its own.
    pub(crate) unrecognised: bool,
}
