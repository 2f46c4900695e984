//! Validates images and strips their metadata before they are stored.
//!
//! Cameras, phones and editors write locations, names, serial numbers and thumbnails beside the
//! pixels. None of it is stored: the file is rebuilt from the parts that define its pixels. These
//! parts are copied unchanged, so there is no loss from encoding again, and the same file has the
//! same address in every version of this program. The image is decoded completely to validate it.
//! Polyglots (files that are valid in a second format, too) are rejected.

mod cursor;
mod gif;
mod jpeg;
mod png;
mod webp;

use crate::domain::image::{Address, Format};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader};
use std::fmt;
use std::io::Cursor;

/// The maximum file size, in bytes; larger files would slow pages down.
pub(crate) const MAX_BYTES: usize = 256 * 1024;
/// The minimum length of a side, in pixels.
pub(crate) const MIN_SIDE: u16 = 16;
/// The maximum length of a side, in pixels.
pub(crate) const MAX_SIDE: u16 = 2048;
/// The memory limit of decoding, in bytes: the largest image in four channels, and working space.
const MAX_DECODED: u64 = 64 * 1024 * 1024;

/// A validated image without metadata.
#[derive(Clone, PartialEq, Eq)]
pub struct ImageFile {
    address: Address,
    bytes: Vec<u8>,
}

impl fmt::Debug for ImageFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", self.address, self.bytes.len())
    }
}

/// Why a file is rejected, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ImageError {
    /// The file is too large.
    #[error(
        "must have at most {MAX_BYTES} bytes (got {0} or more): scale it down or compress it more"
    )]
    TooLarge(usize),
    /// The file is an SVG.
    #[error("must not be an SVG, which can contain scripts and links: export it as PNG or WebP")]
    Svg,
    /// The file is in none of the supported formats.
    #[error("must be a PNG, JPEG, GIF or WebP file: export it in one of these formats")]
    UnknownFormat,
    /// The extension of the file's name does not match its content.
    #[error("must have the extension .{0}, because its content is {name}", name = .0.name())]
    WrongExtension(Format),
    /// A side is too short or too long.
    #[error(
        "must have {MIN_SIDE} to {MAX_SIDE} pixels on each side (got {0} by {1}): scale it and \
         export it again"
    )]
    Size(u32, u32),
    /// More than one frame.
    #[error("must not be animated: export a single frame")]
    Animated,
    /// Bytes after the end of the image, which can hide another file.
    #[error("must end with the image (got {0} more bytes): export it again")]
    Trailing(usize),
    /// The metadata specify a rotation, and metadata are not stored.
    #[error("must not be rotated by its metadata, which are not stored: rotate the pixels")]
    Rotated,
    /// Truncated, corrupt, or encoded in an unsupported way.
    #[error("cannot be read as {name}: {1}; export it again", name = .0.name())]
    Invalid(Format, String),
}

impl ImageFile {
    /// Validates an image and strips its metadata. `extension` is that of the file's name, if known.
    pub(crate) fn read(bytes: &[u8], extension: Option<&str>) -> Result<ImageFile, ImageError> {
        if bytes.len() > MAX_BYTES {
            return Err(ImageError::TooLarge(bytes.len()));
        }
        let format = format_of(bytes)?;
        let matches = |extension: &str| {
            let extension = extension.to_ascii_lowercase();
            extension == format.as_str() || (format == Format::Jpeg && extension == "jpeg")
        };
        if extension.is_some_and(|extension| !matches(extension)) {
            return Err(ImageError::WrongExtension(format));
        }
        let stripped = match format {
            Format::Png => png::strip(bytes),
            Format::Jpeg => jpeg::strip(bytes),
            Format::Gif => gif::strip(bytes),
            Format::Webp => webp::strip(bytes),
        }?;
        let (width, height) = dimensions(&stripped, format)?;
        if is_rotated(bytes, format) {
            return Err(ImageError::Rotated);
        }
        let decoded = decode(&stripped, format)?;
        if (decoded.width(), decoded.height()) != (u32::from(width), u32::from(height)) {
            let reason = "the decoded size differs from the declared size".into();
            return Err(ImageError::Invalid(format, reason));
        }
        let address = Address { hash: hash_of(&stripped), width, height, format };
        Ok(ImageFile { address, bytes: stripped })
    }

    /// The content address.
    pub(crate) fn address(&self) -> Address {
        self.address
    }

    /// The bytes as they are stored and served.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Whether the hash of `bytes` is the address's.
pub(crate) fn matches_address(address: &Address, bytes: &[u8]) -> bool {
    hash_of(bytes) == address.hash
}

fn hash_of(bytes: &[u8]) -> u128 {
    let hash = blake3::hash(bytes);
    let half: [u8; 16] = hash.as_bytes()[..16].try_into().expect("a hash has 32 bytes");
    u128::from_be_bytes(half)
}

fn format_of(bytes: &[u8]) -> Result<Format, ImageError> {
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
    if text.contains("<svg") { Err(ImageError::Svg) } else { Err(ImageError::UnknownFormat) }
}

fn reader(bytes: &[u8], format: Format) -> ImageReader<Cursor<&[u8]>> {
    let library_format = match format {
        Format::Png => image::ImageFormat::Png,
        Format::Jpeg => image::ImageFormat::Jpeg,
        Format::Gif => image::ImageFormat::Gif,
        Format::Webp => image::ImageFormat::WebP,
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), library_format);
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(u32::from(MAX_SIDE));
    limits.max_image_height = Some(u32::from(MAX_SIDE));
    limits.max_alloc = Some(MAX_DECODED);
    reader.limits(limits);
    reader
}

/// The declared size. Checked before decoding, because a few bytes can declare gigabytes of pixels.
fn dimensions(bytes: &[u8], format: Format) -> Result<(u16, u16), ImageError> {
    let mut unlimited = reader(bytes, format);
    unlimited.no_limits();
    let (width, height) = unlimited.into_dimensions().map_err(|error| invalid(format, &error))?;
    let within =
        |side: u32| u16::try_from(side).ok().filter(|side| (MIN_SIDE..=MAX_SIDE).contains(side));
    within(width).zip(within(height)).ok_or(ImageError::Size(width, height))
}

/// Whether the metadata specify an orientation other than that of the pixels.
fn is_rotated(bytes: &[u8], format: Format) -> bool {
    let orientation =
        reader(bytes, format).into_decoder().and_then(|mut decoder| decoder.orientation());
    orientation.is_ok_and(|orientation| orientation != Orientation::NoTransforms)
}

fn decode(bytes: &[u8], format: Format) -> Result<DynamicImage, ImageError> {
    reader(bytes, format).decode().map_err(|error| invalid(format, &error))
}

fn invalid(format: Format, reason: &dyn fmt::Display) -> ImageError {
    ImageError::Invalid(format, reason.to_string())
}

#[cfg(test)]
mod properties;
