//! The operator's own table of addresses: a MaxMind DB file with countries.

use crate::config::ConfigError;
use crate::domain::region::Country;
use maxminddb::Reader;
use maxminddb::geoip2;
use std::net::IpAddr;
use std::path::Path;

/// Countries by address, at country level: nothing finer is read.
pub struct Countries {
    reader: Reader<Vec<u8>>,
}

impl Countries {
    /// Reads a file into memory.
    pub fn open(path: &Path) -> Result<Countries, ConfigError> {
        let reader = Reader::open_readfile(path).map_err(|error| {
            let name = path.display();
            ConfigError::Usage(format!("server.geoip = {name} cannot be read: {error}"))
        })?;
        Ok(Countries { reader })
    }

    /// The country of an address, where the table knows one.
    pub fn find(&self, address: IpAddr) -> Option<Country> {
        let found = self.reader.lookup(address).ok()?.decode::<geoip2::Country<'_>>().ok()??;
        found.country.iso_code?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Countries {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/country.mmdb");
        Countries::open(&path).unwrap()
    }

    #[test]
    fn an_address_is_in_its_country_and_an_unknown_one_in_none() {
        let country = |address: &str| table().find(address.parse().unwrap()).map(|c| c.to_string());
        assert_eq!(country("192.0.2.7").as_deref(), Some("DE"));
        assert_eq!(country("198.51.100.1").as_deref(), Some("US"));
        assert_eq!(country("2001:db8:fe::1").as_deref(), Some("FR"));
        assert_eq!(country("203.0.113.1"), None);
    }

    #[test]
    fn a_file_that_is_no_table_is_named() {
        let refused = Countries::open(Path::new("Cargo.toml")).err().unwrap().to_string();
        assert!(refused.contains("server.geoip = Cargo.toml"), "{refused}");
    }
}
