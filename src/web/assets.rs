//! Static browser files, addressed by name (short-lived) or by content hash (immutable).

use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::Embed;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::LazyLock;

#[derive(Embed)]
#[folder = "src/web/built/"]
struct Built;

/// A built file.
#[derive(Debug)]
pub(crate) struct Asset {
    /// File name, such as `adjacent.js`.
    pub(crate) name: String,
    /// Content.
    pub(crate) bytes: Cow<'static, [u8]>,
    /// Content compressed with gzip.
    pub(crate) gzip: Vec<u8>,
    /// The value of `Content-Type`.
    pub(crate) content_type: &'static str,
    /// The first 16 hexadecimal digits of its SHA-256; also a strong `ETag` when quoted.
    pub(crate) hash: String,
}

impl Asset {
    /// Immutable path: `/embed/{hash}.js`.
    pub(crate) fn path(&self) -> String {
        let ending = self.name.rsplit('.').next().unwrap_or_default();
        format!("/embed/{}.{ending}", self.hash)
    }
}

/// A file as served at one path.
#[derive(Debug)]
pub(crate) struct ServedAsset {
    /// The file.
    pub(crate) asset: &'static Asset,
    /// Whether the path contains the content hash.
    pub(crate) immutable: bool,
}

impl ServedAsset {
    /// The value of `Cache-Control`: one year by hash; by name five minutes, then stale while
    /// revalidating.
    pub(crate) fn cache_control(&self) -> &'static str {
        if self.immutable {
            "public, max-age=31536000, immutable"
        } else {
            "public, max-age=300, stale-while-revalidate=86400"
        }
    }
}

/// Stylesheet of a unit outside a shadow tree.
pub(crate) const UNIT_CSS: &str = "unit.css";
/// Stylesheet of the pages.
pub(crate) const SITE_CSS: &str = "site.css";
/// The embed script for publishers' pages.
pub(crate) const EMBED_JS: &str = "adjacent.js";
/// Script of the demo page.
pub(crate) const DEMO_JS: &str = "demo.js";
/// Script of the operator console.
pub(crate) const CONSOLE_JS: &str = "console.js";
/// Script of the publisher's page.
pub(crate) const PUBLISHER_JS: &str = "publisher.js";
/// Script of pages with sortable tables.
pub(crate) const TABLES_JS: &str = "tables.js";
/// Script of pages with code: copy buttons and colours.
pub(crate) const CODE_JS: &str = "code.js";
/// The icon of all pages.
pub(crate) const ICON: &str = "icon.svg";

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let read = |name: Cow<'static, str>| {
        let file = Built::get(&name)?;
        let digest = file.metadata.sha256_hash();
        let mut hash = String::new();
        for byte in &digest[..8] {
            write!(hash, "{byte:02x}").ok()?;
        }
        Some(Asset {
            content_type: content_type(&name),
            gzip: gzip(&file.data),
            name: name.into_owned(),
            bytes: file.data,
            hash,
        })
    };
    Built::iter().filter_map(read).collect()
});

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).and_then(|()| packed.finish()).expect("a Vec takes every write")
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// Every built file.
pub(crate) fn all() -> &'static [Asset] {
    &ASSETS
}

/// A built file by its name.
pub(crate) fn by_name(name: &str) -> Option<&'static Asset> {
    all().iter().find(|asset| asset.name == name)
}

/// Files that publishers' pages link by name: the embed script, and the unit's stylesheet.
const BY_NAME: [&str; 2] = [EMBED_JS, UNIT_CSS];

/// The file at a path under `/embed/`: `v1/adjacent.js` and `v1/unit.css` by name, any by hash.
pub(crate) fn by_path(path: &str) -> Option<ServedAsset> {
    if let Some(name) = path.strip_prefix("v1/") {
        let asset = by_name(name).filter(|asset| BY_NAME.contains(&asset.name.as_str()))?;
        return Some(ServedAsset { asset, immutable: false });
    }
    let asset = all().iter().find(|asset| asset.path().strip_prefix("/embed/") == Some(path))?;
    Some(ServedAsset { asset, immutable: true })
}

/// The immutable path of a file, for pages that link it.
pub(super) fn path(name: &str) -> String {
    by_name(name).map(Asset::path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_linked_file_is_embedded() {
        let on_request = ["reading.js", "debug.js"];
        let linked =
            [UNIT_CSS, SITE_CSS, EMBED_JS, DEMO_JS, CONSOLE_JS, PUBLISHER_JS, TABLES_JS, CODE_JS];
        for name in linked.into_iter().chain(on_request) {
            assert!(by_name(name).is_some_and(|asset| asset.bytes.len() > 500), "{name}");
        }
        assert!(by_name(ICON).is_some_and(|icon| icon.bytes.len() < 500));
        assert_eq!(all().len(), 11);
    }

    #[test]
    fn the_embed_script_is_at_most_three_and_a_half_kibibytes_compressed() {
        let script = by_name(EMBED_JS).unwrap();
        assert!(script.bytes.len() < 9 * 1024, "{} bytes", script.bytes.len());
        assert!(script.gzip.len() <= 3 * 1024 + 512, "{} bytes under gzip", script.gzip.len());
    }

    #[test]
    fn the_embed_script_contains_the_path_of_the_metadata_reader() {
        let reading = by_name("reading.js").unwrap().path();
        let script = std::str::from_utf8(&by_name(EMBED_JS).unwrap().bytes).unwrap();
        assert!(script.contains(&reading), "{reading}: run `npm run build` in src/web");
    }

    #[test]
    fn a_hash_path_is_immutable() {
        for asset in all() {
            let path = asset.path();
            let found = by_path(path.strip_prefix("/embed/").unwrap()).unwrap();
            assert_eq!(found.asset.bytes, asset.bytes);
            assert!(found.immutable && found.cache_control().contains("immutable"));
            assert_eq!(asset.hash.len(), 16);
        }
    }

    #[test]
    fn only_the_files_for_publishers_are_served_by_name() {
        for path in ["v1/adjacent.js", "v1/unit.css"] {
            let found = by_path(path).unwrap();
            assert!(!found.immutable && !found.cache_control().contains("immutable"), "{path}");
        }
        for wrong in [
            "v1/demo.js",
            "v1/console.js",
            "adjacent.js",
            "",
            "v1/",
            "../mod.rs",
            "0000000000000000.js",
        ] {
            assert!(by_path(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn no_file_or_class_name_matches_ad_blocker_rules() {
        for asset in all() {
            let text = std::str::from_utf8(&asset.bytes).unwrap();
            for class in text.split("adj-").skip(1).chain([asset.name.as_str()]) {
                let name: String =
                    class.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
                for part in name.split('-') {
                    let blocked = ["ad", "ads", "advert", "banner", "sponsor", "sponsored"];
                    assert!(!blocked.contains(&part), "{}: {name}", asset.name);
                }
            }
        }
    }
}
