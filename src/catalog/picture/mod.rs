//! A picture as it is stored: decoded whole to know that it is one, and freed of everything that
//! is no part of what is seen.
//!
//! Cameras, phones and editors write places, names, numbers of devices and whole previews beside
//! the pixels. None of it is shown, and none of it is stored: a file is taken apart and put
//! together again from the parts that its pixels are made of. These parts stay as they came, so
//! nothing is lost to encoding twice, and the same file has the same address in every version of
//! this program. What looks like two files in one is refused.

mod gif;
mod jpeg;
mod parts;
mod png;
mod webp;

use crate::domain::picture::Address;
use crate::domain::picture::Format;
use image::DynamicImage;
use image::ImageDecoder;
use image::ImageReader;
use image::metadata::Orientation;
use std::fmt;
use std::io::Cursor;

/// The largest file, in bytes: a page that loads it is not slower for it.
pub const MAX_BYTES: usize = 256 * 1024;
/// The shortest side, in pixels: what is smaller is no picture to look at.
pub const MIN_SIDE: u16 = 16;
/// The longest side, in pixels.
pub const MAX_SIDE: u16 = 2048;
/// What decoding may take, in bytes: the largest picture in four channels, and room to work in.
const MAX_DECODED: u64 = 64 * 1024 * 1024;

/// A checked picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    address: Address,
    bytes: Vec<u8>,
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", self.address, self.bytes.len())
    }
}

/// Why bytes are not taken as a picture, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too many bytes.
    #[error("has {0} bytes: {MAX_BYTES} at most; make it smaller or compress it more")]
    TooLong(usize),
    /// SVG.
    #[error("is an SVG, which may hold script and addresses of others: export it as PNG or WebP")]
    Svg,
    /// None of the formats.
    #[error("is none of PNG, JPEG, GIF and WebP: export it as one of these")]
    Unknown,
    /// The file's name says another format.
    #[error("is a {name} by its content, not by its name: let it end in .{0}", name = .0.name())]
    Misnamed(Format),
    /// Too small or too large.
    #[error(
        "is {0} by {1} pixels: each side has {MIN_SIDE} to {MAX_SIDE}; scale it and export it again"
    )]
    Size(u32, u32),
    /// More than one frame.
    #[error("moves, and a page beside which something moves is hard to read: export one frame")]
    Animated,
    /// Bytes after the picture's end: another file, or a hiding place.
    #[error("goes on for {0} bytes after the picture's end: export it again")]
    Trailing(usize),
    /// Shown turned by what is not kept.
    #[error("is to be turned by its metadata, which is not kept: turn the picture itself")]
    Turned,
    /// Cut off, damaged, or built in a way that is never seen.
    #[error("cannot be read as {name}: {1}; export it again", name = .0.name())]
    Broken(Format, String),
}

impl Picture {
    /// Takes bytes as a picture. `ending` is that of the file's name, where it has one.
    pub fn read(bytes: &[u8], ending: Option<&str>) -> Result<Picture, Refused> {
        if bytes.len() > MAX_BYTES {
            return Err(Refused::TooLong(bytes.len()));
        }
        let format = format_of(bytes)?;
        let called = |ending: &str| {
            let ending = ending.to_ascii_lowercase();
            ending == format.as_str() || (format == Format::Jpeg && ending == "jpeg")
        };
        if ending.is_some_and(|ending| !called(ending)) {
            return Err(Refused::Misnamed(format));
        }
        let bare = match format {
            Format::Png => png::bare(bytes),
            Format::Jpeg => jpeg::bare(bytes),
            Format::Gif => gif::bare(bytes),
            Format::Webp => webp::bare(bytes),
        }?;
        let (width, height) = measured(&bare, format)?;
        if turned(bytes, format) {
            return Err(Refused::Turned);
        }
        let decoded = decode(&bare, format)?;
        if (decoded.width(), decoded.height()) != (u32::from(width), u32::from(height)) {
            return Err(Refused::Broken(format, "its parts differ in size".into()));
        }
        let address = Address { hash: hash_of(&bare), width, height, format };
        Ok(Picture { address, bytes: bare })
    }

    /// What it is called.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Its bytes, as they are stored and served.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Whether these bytes are those that an address names.
pub fn is_whole(address: &Address, bytes: &[u8]) -> bool {
    hash_of(bytes) == address.hash
}

fn hash_of(bytes: &[u8]) -> u128 {
    let hash = blake3::hash(bytes);
    let half: [u8; 16] = hash.as_bytes()[..16].try_into().expect("a hash has 32 bytes");
    u128::from_be_bytes(half)
}

fn format_of(bytes: &[u8]) -> Result<Format, Refused> {
    let starts = |with: &[u8]| bytes.starts_with(with);
    if starts(b"\x89PNG\r\n\x1a\n") {
        return Ok(Format::Png);
    }
    if starts(b"\xFF\xD8\xFF") {
        return Ok(Format::Jpeg);
    }
    if starts(b"GIF87a") || starts(b"GIF89a") {
        return Ok(Format::Gif);
    }
    if starts(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Ok(Format::Webp);
    }
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    if text.contains("<svg") { Err(Refused::Svg) } else { Err(Refused::Unknown) }
}

fn reader(bytes: &[u8], format: Format) -> ImageReader<Cursor<&[u8]>> {
    let own = match format {
        Format::Png => image::ImageFormat::Png,
        Format::Jpeg => image::ImageFormat::Jpeg,
        Format::Gif => image::ImageFormat::Gif,
        Format::Webp => image::ImageFormat::WebP,
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), own);
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(u32::from(MAX_SIDE));
    limits.max_image_height = Some(u32::from(MAX_SIDE));
    limits.max_alloc = Some(MAX_DECODED);
    reader.limits(limits);
    reader
}

/// The size that it declares, before anything is decoded: a few bytes can ask for gigabytes.
fn measured(bytes: &[u8], format: Format) -> Result<(u16, u16), Refused> {
    let mut unlimited = reader(bytes, format);
    unlimited.no_limits();
    let (width, height) = unlimited.into_dimensions().map_err(|error| broken(format, &error))?;
    let within =
        |side: u32| u16::try_from(side).ok().filter(|side| (MIN_SIDE..=MAX_SIDE).contains(side));
    within(width).zip(within(height)).ok_or(Refused::Size(width, height))
}

/// Whether its metadata has it shown another way round than its pixels stand.
fn turned(bytes: &[u8], format: Format) -> bool {
    let orientation = reader(bytes, format).into_decoder().and_then(|mut own| own.orientation());
    orientation.is_ok_and(|orientation| orientation != Orientation::NoTransforms)
}

fn decode(bytes: &[u8], format: Format) -> Result<DynamicImage, Refused> {
    reader(bytes, format).decode().map_err(|error| broken(format, &error))
}

fn broken(format: Format, reason: &dyn fmt::Display) -> Refused {
    Refused::Broken(format, reason.to_string())
}

#[cfg(test)]
#[path = "laws.rs"]
mod laws;
