//! Where a verb finds the data directory and a running server: the same settings file and environment
//! as `serve`, and arguments that override them. No verb but `serve` makes a data directory.

use crate::app::lock;
use crate::cli::ops_client::{OpsClient, is_server};
use crate::config::keys::LocalKeys;
use crate::config::{ConfigError, Settings, load};
use secrecy::SecretString;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// How to name a data directory.
const HOW_TO_NAME: &str = "name the server's with --data DIR, with ADJACENT__STORE__DATA, or with `data` \
     under [store] in the settings file (--config FILE)";

/// How to find the data directory.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct DataArgs {
    /// The data directory [default: `store.data` of the settings]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// Settings file, as of `serve` [default: config/adjacent.toml, if it exists]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

impl DataArgs {
    /// The settings that `serve` would have with these arguments.
    pub(crate) fn settings(&self) -> Result<Settings, ConfigError> {
        let mut settings = load::settings(self.config.as_deref(), load::environment())?;
        if let Some(data) = &self.data {
            settings.store.data = data.display().to_string();
        }
        Ok(settings)
    }

    /// The settings file, if it was given.
    pub(crate) fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// The data directory, which must exist.
    pub(crate) fn existing(&self) -> Result<PathBuf, ConfigError> {
        let data = PathBuf::from(self.settings()?.store.data);
        must_exist(&data)?;
        Ok(data)
    }

    /// The data directory if there is one; one that the command line names must exist. Settings that are not
    /// valid name none: `check` reports them with all other problems.
    pub(crate) fn optional(&self) -> Result<Option<PathBuf>, ConfigError> {
        match &self.data {
            Some(data) => must_exist(data).map(|()| Some(data.clone())),
            None => {
                let data = self.settings().ok().map(|settings| PathBuf::from(settings.store.data));
                Ok(data.filter(|data| data.is_dir()))
            }
        }
    }

    /// The folder of the journal in the data directory. Both must exist.
    pub(crate) fn journal(&self) -> Result<PathBuf, ConfigError> {
        let data = self.existing()?;
        let folder = data.join("journal");
        if folder.is_dir() {
            return Ok(folder);
        }
        Err(ConfigError::Usage(format!(
            "{} has no journal: no server has run on it; {HOW_TO_NAME}",
            shown(&data)
        )))
    }

    /// The folder of the key files, which must exist.
    pub(crate) fn keys(&self) -> Result<PathBuf, ConfigError> {
        let settings = self.settings()?;
        let folder = settings.store.keys();
        if settings.store.keys.is_some() && !folder.is_dir() {
            let reason = format!("store.keys = {}: there is no such folder", shown(folder));
            return Err(ConfigError::Usage(reason));
        }
        must_exist(folder)?;
        Ok(folder.to_owned())
    }
}

/// An absolute path, so that a message says where a relative one was looked for.
fn shown(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

fn must_exist(data: &Path) -> Result<(), ConfigError> {
    let reason = match std::fs::metadata(data) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => format!("{} is not a directory", shown(data)),
        Err(error) if error.kind() == ErrorKind::NotFound => format!(
            "there is no data directory at {}; `adjacent serve` makes one at its first start",
            shown(data)
        ),
        Err(error) => format!("{} cannot be read: {error}", shown(data)),
    };
    Err(ConfigError::Usage(format!("{reason}; {HOW_TO_NAME}")))
}

/// How to find the server that runs on a data directory, and to authenticate to it.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct ServerAccess {
    #[command(flatten)]
    pub(crate) place: DataArgs,
    /// Operator API key [default: the local key created on the first run]
    #[arg(long, env = "ADJACENT_OPERATOR_KEY", hide_env_values = true)]
    key: Option<SecretString>,
}

impl ServerAccess {
    /// The data directory, which must exist.
    pub(crate) fn data(&self) -> Result<PathBuf, ConfigError> {
        self.place.existing()
    }

    /// The server running on the data directory, if any.
    pub(crate) fn find(&self) -> Result<Option<OpsClient>, ConfigError> {
        let data = self.data()?;
        lock::running_server(&data).map(|address| self.at(address)).transpose()
    }

    /// The server with this operations listener.
    fn at(&self, address: SocketAddr) -> Result<OpsClient, ConfigError> {
        let key = match &self.key {
            Some(key) => key.clone(),
            None => self.local_key(address)?,
        };
        Ok(OpsClient::new(connect_address(address), key))
    }

    fn local_key(&self, address: SocketAddr) -> Result<SecretString, ConfigError> {
        let settings = self.place.settings()?;
        let local = LocalKeys::read(settings.store.keys())?;
        local.map(|keys| keys.operator).ok_or_else(|| {
            let reason = format!(
                "the server at {address} needs an operator key: set one with --key or \
                 ADJACENT_OPERATOR_KEY"
            );
            ConfigError::Usage(reason)
        })
    }
}

/// How to find any instance: the server of a data directory, or one that is named.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct AnyServer {
    /// Operations listener of the instance to ask: each has the decisions that it made [default: that of
    /// the server on the data directory; without a data directory, `server.ops_listen`]
    #[arg(long, value_name = "ADDRESS", global = true)]
    ops: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) access: ServerAccess,
}

impl AnyServer {
    /// The server to ask; `None` if none runs on the data directory, which then exists.
    pub(crate) fn find(&self) -> Result<Option<OpsClient>, ConfigError> {
        self.address()?.map(|address| self.access.at(address)).transpose()
    }

    /// The operations address of the server to ask; `None` if none runs on the data directory.
    pub(crate) fn address(&self) -> Result<Option<SocketAddr>, ConfigError> {
        if let Some(address) = self.ops {
            return Ok(Some(connect_address(address)));
        }
        let place = &self.access.place;
        let settings = place.settings()?;
        let data = Path::new(&settings.store.data);
        // The files of a service may be closed to its operator, who then has a key.
        let listener = connect_address(settings.server.ops_listen);
        if place.data.is_none() && !is_readable(data) && is_server(listener) {
            return Ok(Some(listener));
        }
        must_exist(data)?;
        Ok(lock::running_server(data).map(connect_address))
    }

    /// The data directory, which must exist.
    pub(crate) fn data(&self) -> Result<PathBuf, ConfigError> {
        self.access.data()
    }
}

fn is_readable(data: &Path) -> bool {
    std::fs::read_dir(data).is_ok()
}

/// The address to connect to: loopback for a listener on all addresses.
pub(super) fn connect_address(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_reached_on_loopback() {
        let address = |text: &str| connect_address(text.parse().unwrap()).to_string();
        assert_eq!(address("0.0.0.0:8081"), "127.0.0.1:8081");
        assert_eq!(address("[::]:8081"), "[::1]:8081");
        assert_eq!(address("10.0.0.7:9"), "10.0.0.7:9");
    }
}
