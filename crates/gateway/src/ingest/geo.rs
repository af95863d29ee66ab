//! From address to country, with a MaxMind database that the operator brings.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::{MaxMindDbError, PathElement, Reader};

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the country database {}: {source}", path.display())]
pub struct GeoError {
    path: PathBuf,
    source: MaxMindDbError,
}

/// An open database, held in memory.
pub struct Geo(Reader<Vec<u8>>);

impl Geo {
    /// Opens a database of countries or cities in MaxMind's format (GeoLite2, GeoIP2, DB-IP).
    ///
    /// # Errors
    /// [`GeoError`] when the file cannot be read or is no such database.
    pub fn open(path: &Path) -> Result<Self, GeoError> {
        Reader::open_readfile(path).map(Self).map_err(|source| GeoError { path: path.to_owned(), source })
    }

    /// ISO 3166 alpha-2. `None` where the database does not know, or is damaged.
    pub(super) fn country(&self, address: IpAddr) -> Option<&str> {
        let path = [PathElement::Key("country"), PathElement::Key("iso_code")];
        let code: &str = self.0.lookup(address.to_canonical()).ok()?.decode_path(&path).ok()??;
        (code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(code)
    }
}

impl std::fmt::Debug for Geo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Geo").field(&self.0.metadata().database_type).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `countries-test.mmdb` holds documentation networks only; made with the package `mmdb-writer` of PyPI.
    fn data(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ingest/data").join(name)
    }

    #[test]
    fn finds_the_country() {
        let geo = Geo::open(&data("countries-test.mmdb")).unwrap();
        let check = |address: &str, expected: Option<&str>| {
            assert_eq!(geo.country(address.parse().unwrap()), expected, "{address}");
        };
        check("203.0.113.7", Some("DE"));
        check("::ffff:203.0.113.7", Some("DE"));
        check("2001:db8:1::1", Some("JP"));
        check("198.51.100.1", None);
        check("192.0.2.1", None);
        check("192.0.2.129", None);
    }

    #[test]
    fn says_which_file_is_no_database() {
        for name in ["no-such.mmdb", "referrers.tsv"] {
            let error = Geo::open(&data(name)).unwrap_err().to_string();
            let start = format!("cannot read the country database {}: ", data(name).display());
            assert!(error.starts_with(&start), "{error}");
        }
    }
}
