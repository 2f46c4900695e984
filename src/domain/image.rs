//! Images: references in documents and addresses of stored images.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

string_enum! {
    /// Image format, named by file extension. SVG is not supported: it can contain scripts.
    Format {
        /// PNG.
        Png = "png",
        /// JPEG.
        Jpeg = "jpg",
        /// GIF, single frame.
        Gif = "gif",
        /// WebP, single frame.
        Webp = "webp",
    }
}

impl Format {
    /// The value of `Content-Type`.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Format::Png => "image/png",
            Format::Jpeg => "image/jpeg",
            Format::Gif => "image/gif",
            Format::Webp => "image/webp",
        }
    }

    /// Display name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Format::Png => "PNG",
            Format::Jpeg => "JPEG",
            Format::Gif => "GIF",
            Format::Webp => "WebP",
        }
    }
}

/// The address of a stored image, such as `3f…a0-640x360.webp`: 32 hexadecimal digits of the BLAKE3
/// hash of its bytes, its size in pixels, its format. The size in the address lets pages reserve
/// the layout space before the image loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Address {
    /// The first half of the hash of its bytes.
    pub(crate) hash: u128,
    /// Width in pixels.
    pub(crate) width: u16,
    /// Height in pixels.
    pub(crate) height: u16,
    /// The encoding.
    pub(crate) format: Format,
}

/// Hexadecimal digits of a hash.
const DIGITS: usize = 32;

impl Address {
    /// The hash as it appears in URLs of the public listener.
    pub(crate) fn digits(&self) -> String {
        format!("{:0DIGITS$x}", self.hash)
    }
}

/// Parses a file name such as `3f…a0.webp` into hash and format; `None` unless it is canonical.
pub(crate) fn parse_file_name(file: &str) -> Option<(u128, Format)> {
    let (digits, extension) = file.split_once('.')?;
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if digits.len() != DIGITS || !digits.bytes().all(is_hex) {
        return None;
    }
    Some((u128::from_str_radix(digits, 16).ok()?, extension.parse().ok()?))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Address { hash, width, height, format } = self;
        write!(f, "{hash:0DIGITS$x}-{width}x{height}.{format}")
    }
}

/// The text is not the address of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an image address: expected a form such as 3f…a0-640x360.webp")]
pub(crate) struct InvalidAddress;

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Address, InvalidAddress> {
        let parse = || {
            let (digits, rest) = text.split_at_checked(DIGITS)?;
            let (size, extension) = rest.strip_prefix('-')?.split_once('.')?;
            let (width, height) = size.split_once('x')?;
            let (hash, format) = parse_file_name(&format!("{digits}.{extension}"))?;
            let (width, height) = (width.parse().ok()?, height.parse().ok()?);
            Some(Address { hash, width, height, format })
        };
        // Each address has one spelling, but `+640` and `0640` also parse as numbers.
        parse().filter(|address| address.to_string() == text).ok_or(InvalidAddress)
    }
}

impl Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An image reference in a document: a stored image, or a file next to the document, which is stored
/// when the document is saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Source {
    Stored(Address),
    /// A path below the folder of the file that references it.
    File(Box<str>),
}

/// Maximum length of an image path, in bytes.
const PATH_BYTES: usize = 200;

/// The text is not an image reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not an image path: use a path below the folder of this file, such as pictures/logo.png"
)]
pub(crate) struct InvalidSource;

impl TryFrom<String> for Source {
    type Error = InvalidSource;

    fn try_from(text: String) -> Result<Source, InvalidSource> {
        if let Ok(address) = text.parse() {
            return Ok(Source::Stored(address));
        }
        // A third-party inventory must not read files outside its own folder.
        let below = text.split('/').all(|part| !matches!(part, "" | "." | ".."));
        let plain = !text.contains(['\\', '\0', ':']);
        if below && plain && text.len() <= PATH_BYTES {
            Ok(Source::File(text.into()))
        } else {
            Err(InvalidSource)
        }
    }
}

impl From<Source> for String {
    fn from(source: Source) -> String {
        match source {
            Source::Stored(address) => address.to_string(),
            Source::File(path) => path.into(),
        }
    }
}

impl Source {
    /// The address; `None` for a file that is not stored yet.
    pub(crate) fn address(&self) -> Option<Address> {
        match self {
            Source::Stored(address) => Some(*address),
            Source::File(_) => None,
        }
    }
}

impl JsonSchema for Source {
    fn schema_name() -> Cow<'static, str> {
        "Picture".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": PATH_BYTES,
            "description": "The address of a stored image, as returned by `POST /v1/admin/images`; \
                in inventory files also the path of a PNG, JPEG, GIF or WebP file below their folder.",
            "examples": ["pictures/logo.png", "3f0c1b6f0b8b4a7c9d2e5f60718293a4-640x360.webp"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "0f0c1b6f0b8b4a7c9d2e5f60718293a4-640x360.webp";

    #[test]
    fn an_address_has_one_spelling_of_hash_size_and_format() {
        let address: Address = ADDRESS.parse().unwrap();
        assert_eq!((address.width, address.height, address.format), (640, 360, Format::Webp));
        assert_eq!(address.to_string(), ADDRESS);
        let file = format!("{}.webp", address.digits());
        assert_eq!(parse_file_name(&file).unwrap().0, address.hash);
        for wrong in [
            ADDRESS.replace("640", "0640"),
            ADDRESS.replace("640", "+640"),
            ADDRESS.replace("640", "66000"),
            ADDRESS.replace("0f", "0F"),
            ADDRESS.replace("webp", "svg"),
            ADDRESS[1..].to_owned(),
            format!("{ADDRESS}.png"),
            "é".repeat(32),
            String::new(),
        ] {
            assert_eq!(wrong.parse::<Address>(), Err(InvalidAddress), "{wrong}");
        }
    }

    #[test]
    fn a_path_must_be_below_the_folder_of_its_file() {
        let read = |text: &str| Source::try_from(text.to_owned());
        assert!(matches!(read(ADDRESS), Ok(Source::Stored(_))));
        for good in ["logo.png", "pictures/a b/logo.png", "…/x.gif"] {
            assert_eq!(read(good), Ok(Source::File(good.into())));
        }
        let long = "a".repeat(PATH_BYTES + 1);
        for wrong in
            ["", "/etc/x.png", "../x.png", "a/../../x.png", "a//b.png", "./x.png", "a\\b.png"]
        {
            assert_eq!(read(wrong), Err(InvalidSource), "{wrong}");
        }
        for wrong in ["https://x.example/a.png", "data:image/png,x", "a\0b", &long] {
            assert_eq!(read(wrong), Err(InvalidSource), "{wrong}");
        }
    }
}
