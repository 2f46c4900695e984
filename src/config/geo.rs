//! Looks up the country of an IP address in a MaxMind DB file that the operator supplies.

use crate::config::{ConfigError, files};
use crate::domain::region::Country;
use maxminddb::{Reader, geoip2};
use std::fmt::Display;
use std::net::IpAddr;
use std::path::Path;

/// An IP-to-country database. Finer locations in the file are never read.
pub(crate) struct CountryDatabase {
    reader: Reader<Vec<u8>>,
}

impl CountryDatabase {
    /// Reads the database into memory.
    pub(crate) fn open(path: &Path) -> Result<CountryDatabase, ConfigError> {
        let failed = |error: &dyn Display| {
            let name = path.display();
            ConfigError::Usage(format!("server.geoip: {name} cannot be read: {error}"))
        };
        let bytes = files::read_regular(path).map_err(|error| failed(&error))?;
        let reader = Reader::from_source(bytes).map_err(|error| failed(&error))?;
        Ok(CountryDatabase { reader })
    }

    /// The country of an address; `None` if the database has none.
    pub(crate) fn find(&self, address: IpAddr) -> Option<Country> {
        let found = self.reader.lookup(address).ok()?.decode::<geoip2::Country<'_>>().ok()??;
        found.country.iso_code?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> CountryDatabase {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/country.mmdb");
        CountryDatabase::open(&path).unwrap()
    }

    #[test]
    fn the_country_of_a_known_address_is_found() {
        let country =
            |address: &str| database().find(address.parse().unwrap()).map(|c| c.to_string());
        assert_eq!(country("192.0.2.7").as_deref(), Some("DE"));
        assert_eq!(country("198.51.100.1").as_deref(), Some("US"));
        assert_eq!(country("2001:db8:fe::1").as_deref(), Some("FR"));
        assert_eq!(country("203.0.113.1"), None);
    }

    #[test]
    fn an_invalid_file_is_reported_with_its_name() {
        let error = CountryDatabase::open(Path::new("Cargo.toml")).err().unwrap().to_string();
        assert!(error.contains("server.geoip: Cargo.toml"), "{error}");
        let error = CountryDatabase::open(Path::new("/dev/zero")).err().unwrap().to_string();
        assert!(error.contains("a device, not a regular file"), "{error}");
    }
}
