//! Pictures: where one is named, and the address of one that is stored.

use schemars::JsonSchema;
use schemars::Schema;
use schemars::SchemaGenerator;
use serde::Deserialize;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

closed! {
    /// The format of a picture, by the ending of its file. SVG is none: it may hold script.
    Format {
        /// PNG.
        Png = "png",
        /// JPEG.
        Jpeg = "jpg",
        /// GIF, of one frame.
        Gif = "gif",
        /// WebP, of one frame.
        Webp = "webp",
    }
}

impl Format {
    /// The value of `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Png => "image/png",
            Format::Jpeg => "image/jpeg",
            Format::Gif => "image/gif",
            Format::Webp => "image/webp",
        }
    }

    /// Its name, for people.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Png => "PNG",
            Format::Jpeg => "JPEG",
            Format::Gif => "GIF",
            Format::Webp => "WebP",
        }
    }
}

/// The address of a stored picture, such as `3f…a0-640x360.webp`: 32 hexadecimal digits of the
/// BLAKE3 of its bytes, its size in pixels, its format. Whoever has the address knows how much room
/// to keep free, without the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// The first half of the hash of its bytes.
    pub hash: u128,
    /// In pixels.
    pub width: u16,
    /// In pixels.
    pub height: u16,
    /// What it is encoded as.
    pub format: Format,
}

/// Hexadecimal digits of a hash.
const DIGITS: usize = 32;

impl Address {
    /// The hash as an address of the public listener has it.
    pub fn digits(&self) -> String {
        format!("{:0DIGITS$x}", self.hash)
    }
}

/// The hash and the format that a name such as `3f…a0.webp` says, written as we write it.
pub fn named(file: &str) -> Option<(u128, Format)> {
    let (digits, ending) = file.split_once('.')?;
    let small = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if digits.len() != DIGITS || !digits.bytes().all(small) {
        return None;
    }
    Some((u128::from_str_radix(digits, 16).ok()?, ending.parse().ok()?))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Address { hash, width, height, format } = self;
        write!(f, "{hash:0DIGITS$x}-{width}x{height}.{format}")
    }
}

/// The text is not the address of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the address of a picture: those are like 3f…a0-640x360.webp")]
pub struct InvalidAddress;

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Address, InvalidAddress> {
        let read = || {
            let (digits, rest) = text.split_at_checked(DIGITS)?;
            let (size, ending) = rest.strip_prefix('-')?.split_once('.')?;
            let (width, height) = size.split_once('x')?;
            let (hash, format) = named(&format!("{digits}.{ending}"))?;
            let (width, height) = (width.parse().ok()?, height.parse().ok()?);
            Some(Address { hash, width, height, format })
        };
        // One address has one spelling: `+640` and `0640` are numbers, too.
        read().filter(|address| address.to_string() == text).ok_or(InvalidAddress)
    }
}

impl Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A picture that a document names: one that is stored, or a file beside the document, which is
/// stored when the document is saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Source {
    /// Stored.
    Stored(Address),
    /// A path below the folder of the file that names it.
    File(Box<str>),
}

/// The longest path of a picture, in bytes.
const PATH_BYTES: usize = 200;

/// The text names no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no path of a picture: write one below the folder of this file, such as pictures/logo.png"
)]
pub struct InvalidSource;

impl TryFrom<String> for Source {
    type Error = InvalidSource;

    fn try_from(text: String) -> Result<Source, InvalidSource> {
        if let Ok(address) = text.parse() {
            return Ok(Source::Stored(address));
        }
        // An inventory that somebody else wrote reads no file but its own.
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
    pub fn address(&self) -> Option<Address> {
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
            "description": "The address of a stored picture, as `POST /v1/admin/images` answers \
                it; in a file also the path of a PNG, JPEG, GIF or WebP file below its folder.",
            "examples": ["pictures/logo.png", "3f0c1b6f0b8b4a7c9d2e5f60718293a4-640x360.webp"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "0f0c1b6f0b8b4a7c9d2e5f60718293a4-640x360.webp";

    #[test]
    fn an_address_says_its_hash_its_size_and_its_format_in_one_spelling() {
        let address: Address = ADDRESS.parse().unwrap();
        assert_eq!((address.width, address.height, address.format), (640, 360, Format::Webp));
        assert_eq!(address.to_string(), ADDRESS);
        assert_eq!(named(&format!("{}.webp", address.digits())).unwrap().0, address.hash);
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
    fn a_path_stays_below_the_folder_of_its_file() {
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
