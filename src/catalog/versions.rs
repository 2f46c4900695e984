//! Immutable versions of documents, each a file named by the hash of its bytes.

use crate::catalog::error::CatalogError;
use crate::selection::compile::content_hash;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Hexadecimal digits of a hash, as [`crate::selection::compile::content_hash`] returns it.
const DIGITS: usize = 32;

/// Whether a text is a well-formed content hash. Nothing else may become part of a path.
pub(crate) fn is_hash(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The first eight bytes of a content hash, as event tokens contain them; `None` if the text is not
/// a hash.
pub(crate) fn prefix_of(hash: &str) -> Option<u64> {
    if is_hash(hash) { u64::from_str_radix(&hash[..16], 16).ok() } else { None }
}

/// The versions of one kind of document, in one folder.
pub(super) struct StoredVersions {
    folder: PathBuf,
    /// The kind of document, for error messages: `inventory`.
    what: &'static str,
}

impl StoredVersions {
    /// The versions in the folder `what` of `catalog`; creates the folder if it does not exist.
    pub(crate) fn open(catalog: &Path, what: &'static str) -> Result<StoredVersions, CatalogError> {
        let folder = catalog.join(what);
        std::fs::create_dir_all(&folder)
            .and_then(|()| sync(catalog))
            .map_err(|cause| CatalogError::io(&folder, cause))?;
        Ok(StoredVersions { folder, what })
    }

    /// Stores a version and returns its hash once it is durable. An existing version is left alone
    /// unless it is corrupt.
    pub(crate) fn put(&self, document: &impl Serialize) -> Result<String, CatalogError> {
        // Neither the text nor the file is held in memory: those of a large inventory are large.
        let hash = content_hash(document);
        let path = self.path(&hash);
        if is_intact(&path, &hash) {
            return Ok(hash);
        }
        let write = |file: &mut BufWriter<File>| {
            serde_json::to_writer(file, document).map_err(io::Error::from)
        };
        replace_with(&path, write).map_err(|cause| CatalogError::io(&path, cause))?;
        Ok(hash)
    }

    /// Stores the bytes of a version that another instance created; their hash must be `hash`.
    pub(crate) fn put_bytes(&self, hash: &str, bytes: &[u8]) -> Result<(), CatalogError> {
        let path = self.path(hash);
        if !is_hash(hash) || hash_of(bytes) != hash {
            let reason = "the content received from another instance does not match its hash";
            return Err(CatalogError::Corrupt { path, reason: reason.to_owned() });
        }
        if is_intact(&path, hash) {
            return Ok(());
        }
        replace(&path, bytes).map_err(|cause| CatalogError::io(&path, cause))
    }

    /// The bytes of a version, verified against its hash.
    pub(crate) fn bytes(&self, hash: &str) -> Result<Vec<u8>, CatalogError> {
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
            return Err(CatalogError::Corrupt { path, reason });
        }
        Ok(bytes)
    }

    /// The version with this hash, its content verified against the hash.
    pub(crate) fn load<T: DeserializeOwned>(&self, hash: &str) -> Result<T, CatalogError> {
        self.load_with(hash, |bytes| serde_json::from_slice(bytes))
    }

    /// Like [`StoredVersions::load`], with a parser that also reads older forms.
    pub(crate) fn load_with<T>(
        &self,
        hash: &str,
        parse: impl FnOnce(&[u8]) -> serde_json::Result<T>,
    ) -> Result<T, CatalogError> {
        let other_form = |error: serde_json::Error| CatalogError::OtherForm {
            path: self.path(hash),
            reason: error.to_string(),
        };
        parse(&self.bytes(hash)?).map_err(other_form)
    }

    /// The hash of the version whose first eight bytes are `prefix`.
    pub(crate) fn by_prefix(&self, prefix: u64) -> Result<String, CatalogError> {
        let start = format!("{prefix:016x}");
        let io_error = |cause| CatalogError::io(&self.folder, cause);
        for entry in std::fs::read_dir(&self.folder).map_err(io_error)? {
            let name = entry.map_err(io_error)?.file_name();
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
    digits(&blake3::hash(bytes))
}

fn digits(hash: &blake3::Hash) -> String {
    hash.to_hex()[..DIGITS].to_owned()
}

/// Whether a file is there and has this hash.
fn is_intact(path: &Path, hash: &str) -> bool {
    let mut hasher = blake3::Hasher::new();
    let read = File::open(path).and_then(|file| hasher.update_reader(file).map(|_| ()));
    read.is_ok() && digits(&hasher.finalize()) == hash
}

/// Replaces the file at `path` atomically: a reader sees the whole old or the whole new file. The
/// new file is durable when this returns. The caller must hold the catalog's lock.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with(path, |file| file.write_all(bytes))
}

fn replace_with(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let temporary = path.with_extension("json.new");
    let mut file = BufWriter::new(File::create(&temporary)?);
    write(&mut file)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::rename(&temporary, path)?;
    sync(folder)
}

/// Makes the directory entries of a folder durable.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
