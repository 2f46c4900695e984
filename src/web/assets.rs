//! The files of a browser: found by name or by content, the latter for ever.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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
pub struct Asset {
    /// Its name, such as `adjacent.js`.
    pub name: String,
    /// What it holds.
    pub bytes: Cow<'static, [u8]>,
    /// The same under gzip.
    pub gzip: Vec<u8>,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The first 16 hexadecimal digits of its SHA-256; also a strong `ETag` when quoted.
    pub hash: String,
    /// The value of `integrity` for a page that pins it.
    pub integrity: String,
}

impl Asset {
    /// Its address that never changes meaning: `/embed/{hash}.js`.
    pub fn path(&self) -> String {
        let ending = self.name.rsplit('.').next().unwrap_or_default();
        format!("/embed/{}.{ending}", self.hash)
    }
}

/// A file as one address serves it.
#[derive(Debug)]
pub struct Served {
    /// The file.
    pub asset: &'static Asset,
    /// Whether the address can never mean other bytes.
    pub immutable: bool,
}

impl Served {
    /// The value of `Cache-Control`: a year by content; by name five minutes, then the old one
    /// while a new one is fetched.
    pub fn cache_control(&self) -> &'static str {
        if self.immutable {
            "public, max-age=31536000, immutable"
        } else {
            "public, max-age=300, stale-while-revalidate=86400"
        }
    }
}

/// The stylesheet of a unit outside a shadow tree.
pub const UNIT_CSS: &str = "unit.css";
/// The stylesheet of the pages.
pub const SITE_CSS: &str = "site.css";
/// The script of a publisher's page.
pub const EMBED_JS: &str = "adjacent.js";
/// The file that reads what a page says of itself, for pages that ask for it.
pub const READING_JS: &str = "reading.js";
/// The script of the demo page.
pub const DEMO_JS: &str = "demo.js";
/// The script of the operator's page.
pub const CONSOLE_JS: &str = "console.js";
/// The script of pages with tables that sort.
pub const TABLES_JS: &str = "tables.js";

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
            integrity: format!("sha256-{}", STANDARD.encode(digest)),
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
        _ => "application/octet-stream",
    }
}

/// Every built file.
pub fn all() -> &'static [Asset] {
    &ASSETS
}

/// A built file by its name.
pub fn named(name: &str) -> Option<&'static Asset> {
    all().iter().find(|asset| asset.name == name)
}

/// What publishers' pages name: the script, and the looks of a unit in their own HTML.
const BY_NAME: [&str; 2] = [EMBED_JS, UNIT_CSS];

/// The file under `/embed/`: `v1/adjacent.js` and `v1/unit.css` by name, any by content.
pub fn served(path: &str) -> Option<Served> {
    if let Some(name) = path.strip_prefix("v1/") {
        let asset = named(name).filter(|asset| BY_NAME.contains(&asset.name.as_str()))?;
        return Some(Served { asset, immutable: false });
    }
    let asset = all().iter().find(|asset| asset.path().strip_prefix("/embed/") == Some(path))?;
    Some(Served { asset, immutable: true })
}

/// The address of one of our own files, for a page that links it.
pub(super) fn path(name: &str) -> String {
    named(name).map(Asset::path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_a_page_links_is_there() {
        for name in [UNIT_CSS, SITE_CSS, EMBED_JS, READING_JS, DEMO_JS, CONSOLE_JS, TABLES_JS] {
            assert!(named(name).is_some_and(|asset| asset.bytes.len() > 500), "{name}");
        }
        assert_eq!(all().len(), 7);
    }

    #[test]
    fn the_script_of_a_page_is_small_and_under_gzip_three_kibibytes() {
        let script = named(EMBED_JS).unwrap();
        assert!(script.bytes.len() < 9 * 1024, "{} bytes", script.bytes.len());
        assert!(script.gzip.len() <= 3 * 1024, "{} bytes under gzip", script.gzip.len());
    }

    #[test]
    fn the_script_of_a_page_knows_the_file_that_reads_it() {
        let reading = named(READING_JS).unwrap().path();
        let script = std::str::from_utf8(&named(EMBED_JS).unwrap().bytes).unwrap();
        assert!(script.contains(&reading), "{reading}: run `npm run build` in src/web");
    }

    #[test]
    fn an_address_by_content_serves_that_content_for_ever() {
        for asset in all() {
            let path = asset.path();
            let found = served(path.strip_prefix("/embed/").unwrap()).unwrap();
            assert_eq!(found.asset.bytes, asset.bytes);
            assert!(found.immutable && found.cache_control().contains("immutable"));
            assert_eq!(asset.hash.len(), 16);
            assert!(asset.integrity.starts_with("sha256-"));
            let digest = STANDARD.decode(&asset.integrity["sha256-".len()..]).unwrap();
            assert_eq!(format!("{:02x}{:02x}", digest[0], digest[1]), asset.hash[..4]);
        }
    }

    #[test]
    fn only_what_publishers_name_has_an_address_by_name() {
        for path in ["v1/adjacent.js", "v1/unit.css"] {
            let found = served(path).unwrap();
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
            assert!(served(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn no_name_that_reaches_a_browser_is_one_that_blockers_match() {
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
