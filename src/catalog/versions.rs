//! Immutable versions of documents, each a file named by the hash of its bytes.

use crate::catalog::error::CatalogError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

/// Hexadecimal digits of a hash, as [`crate::selection::compile::content_hash`] gives it.
const DIGITS: usize = 32;

/// Whether a text has the form of a content hash. Nothing else becomes part of a path.
pub fn is_hash(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The first eight bytes of a content hash, as event tokens carry it; `None` for another text.
pub fn prefix_of(hash: &str) -> Option<u64> {
    if is_hash(hash) { u64::from_str_radix(&hash[..16], 16).ok() } else { None }
}

/// The versions of one kind of document, in one folder.
pub(super) struct Versions {
    folder: PathBuf,
    /// What is in it, for messages: `inventory`.
    what: &'static str,
}

impl Versions {
    /// The versions in the folder `what` of `catalog`, which is made when it is not there.
    pub fn open(catalog: &Path, what: &'static str) -> Result<Versions, CatalogError> {
        let folder = catalog.join(what);
        std::fs::create_dir_all(&folder)
            .and_then(|()| sync(catalog))
            .map_err(|cause| CatalogError::io(&folder, cause))?;
        Ok(Versions { folder, what })
    }

    /// Keeps a version and returns its hash once it would survive a power cut. A version that is
    /// there already is left as it is, unless it was damaged.
    pub fn put(&self, document: &impl Serialize) -> Result<String, CatalogError> {
        let bytes = serde_json::to_vec(document).expect("documents are plain data");
        let hash = hash_of(&bytes);
        let path = self.path(&hash);
        if std::fs::read(&path).is_ok_and(|kept| kept == bytes) {
            return Ok(hash);
        }
        replace(&path, &bytes).map_err(|cause| CatalogError::io(&path, cause))?;
        Ok(hash)
    }

    /// Keeps the bytes of a version that another machine made; they must have its hash.
    pub fn put_bytes(&self, hash: &str, bytes: &[u8]) -> Result<(), CatalogError> {
        let path = self.path(hash);
        if !is_hash(hash) || hash_of(bytes) != hash {
            let reason = "what another machine made of it has another hash".to_owned();
            return Err(CatalogError::Damaged { path, reason });
        }
        if std::fs::read(&path).is_ok_and(|kept| kept == bytes) {
            return Ok(());
        }
        replace(&path, bytes).map_err(|cause| CatalogError::io(&path, cause))
    }

    /// The bytes of a version, their hash checked.
    pub fn bytes(&self, hash: &str) -> Result<Vec<u8>, CatalogError> {
        let missing = || CatalogError::NoVersion { what: self.what, hash: hash.to_owned() };
        if !is_hash(hash) {
            return Err(missing());
        }
        let path = self.path(hash);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Err(missing()),
            Err(cause) => return Err(CatalogError::io(&path, cause)),
        };
        let found = hash_of(&bytes);
        if found != hash {
            let reason = format!("its content has the hash {found}");
            return Err(CatalogError::Damaged { path, reason });
        }
        Ok(bytes)
    }

    /// The version of this hash, its content checked against it.
    pub fn load<T: DeserializeOwned>(&self, hash: &str) -> Result<T, CatalogError> {
        let damaged = |error: serde_json::Error| CatalogError::Damaged {
            path: self.path(hash),
            reason: error.to_string(),
        };
        serde_json::from_slice(&self.bytes(hash)?).map_err(damaged)
    }

    /// The hash of the version whose first eight bytes are `prefix`.
    pub fn by_prefix(&self, prefix: u64) -> Result<String, CatalogError> {
        let start = format!("{prefix:016x}");
        let refused = |cause| CatalogError::io(&self.folder, cause);
        for entry in std::fs::read_dir(&self.folder).map_err(refused)? {
            let name = entry.map_err(refused)?.file_name();
            let hash = name.to_str().and_then(|name| name.strip_suffix(".json"));
            if let Some(hash) = hash.filter(|hash| is_hash(hash) && hash.starts_with(&start)) {
                return Ok(hash.to_owned());
            }
        }
        Err(CatalogError::NoVersion { what: self.what, hash: format!("{start}…") })
    }

    fn path(&self, hash: &str) -> PathBuf {
        self.folder.join(format!("{hash}.json"))
    }
}

fn hash_of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..DIGITS].to_owned()
}

/// Puts `bytes` at `path`: a reader sees all of the old or all of the new file, and after the
/// return the new one survives a power cut. Callers hold the catalog's lock.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let temporary = path.with_extension("json.new");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    sync(folder)
}

/// Makes the names in a folder durable.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
