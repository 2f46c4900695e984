use super::*;
use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, Frame, ImageEncoder, RgbaImage};
use proptest::prelude::*;

fn pixels(width: u32, height: u32) -> RgbaImage {
    let byte = |number: u32| u8::try_from(number % 256).unwrap();
    RgbaImage::from_fn(width, height, |x, y| image::Rgba([byte(x * 5), byte(y * 7), 90, 255]))
}

/// An encoded image of the given format and size.
fn sample(format: Format, width: u32, height: u32) -> Vec<u8> {
    let image = pixels(width, height);
    let rgb = DynamicImage::from(image.clone()).to_rgb8();
    let mut bytes = Vec::new();
    match format {
        Format::Png => PngEncoder::new(&mut bytes)
            .write_image(&image, width, height, ExtendedColorType::Rgba8)
            .unwrap(),
        Format::Jpeg => JpegEncoder::new(&mut bytes)
            .write_image(&rgb, width, height, ExtendedColorType::Rgb8)
            .unwrap(),
        Format::Gif => GifEncoder::new(&mut bytes).encode_frame(Frame::new(image)).unwrap(),
        Format::Webp => WebPEncoder::new_lossless(&mut bytes)
            .write_image(&image, width, height, ExtendedColorType::Rgba8)
            .unwrap(),
    }
    bytes
}

fn accepted(bytes: &[u8]) -> ImageFile {
    ImageFile::read(bytes, None).unwrap()
}

fn error(bytes: &[u8]) -> ImageError {
    ImageFile::read(bytes, None).unwrap_err()
}

fn has(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|part| part == word)
}

/// A PNG chunk with a valid checksum.
fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let body = [&name[..], content].concat();
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length[..], &body, &crc32fast::hash(&body).to_be_bytes()].concat()
}

/// Inserts `part` into `bytes` at the index `at`.
fn with(bytes: &[u8], at: usize, part: &[u8]) -> Vec<u8> {
    [&bytes[..at], part, &bytes[at..]].concat()
}

/// EXIF with an orientation and a recognisable text.
fn exif(orientation: u8) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x02\0".to_vec();
    tiff.extend([0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
    tiff.extend([0x0F, 1, 2, 0, 8, 0, 0, 0, 38, 0, 0, 0]);
    tiff.extend([0, 0, 0, 0]);
    tiff.extend(b"PERSONAL");
    tiff
}

/// The sample with metadata in every place where its format allows them.
fn with_metadata(format: Format, orientation: u8) -> Vec<u8> {
    let bytes = sample(format, 40, 30);
    let exif = exif(orientation);
    match format {
        Format::Png => {
            let text = chunk(b"tEXt", b"Author\0PERSONAL");
            with(&bytes, 33, &[text, chunk(b"eXIf", &exif), chunk(b"pHYs", &[0; 9])].concat())
        }
        Format::Jpeg => {
            let segment = |marker: u8, content: &[u8]| {
                let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
                [&[0xFF, marker][..], &length, content].concat()
            };
            let exif = segment(0xE1, &[b"Exif\0\0", &exif[..]].concat());
            with(
                &bytes,
                2,
                &[exif, segment(0xFE, b"PERSONAL"), segment(0xE2, b"PERSONAL")].concat(),
            )
        }
        Format::Gif => {
            let comment = b"\x21\xFE\x08PERSONAL\0".to_vec();
            let loops = b"\x21\xFF\x0BNETSCAPE2.0\x03\x01\0\0\0".to_vec();
            let mut bytes = bytes;
            let end = bytes.pop().unwrap();
            [bytes, comment, loops, vec![end]].concat()
        }
        Format::Webp => {
            let part = |name: &[u8; 4], content: &[u8]| {
                let length = u32::try_from(content.len()).unwrap().to_le_bytes();
                [&name[..], &length, content].concat()
            };
            let head = [0x08 | 0x10, 0, 0, 0, 39, 0, 0, 29, 0, 0];
            let parts = [part(b"VP8X", &head), bytes[12..].to_vec(), part(b"EXIF", &exif)].concat();
            let length = u32::try_from(parts.len() + 4).unwrap().to_le_bytes();
            [&b"RIFF"[..], &length, b"WEBP", &parts].concat()
        }
    }
}

#[test]
fn every_format_is_accepted_and_addressed_by_its_content() {
    for format in Format::ALL {
        let image = accepted(&sample(*format, 64, 48));
        let address = image.address();
        assert_eq!((address.width, address.height, address.format), (64, 48, *format));
        assert!(matches_address(&address, image.bytes()));
        assert_eq!(
            accepted(image.bytes()),
            image,
            "a stored image is unchanged by validating it again"
        );
        let other = accepted(&sample(*format, 65, 48)).address();
        assert_ne!(other.hash, address.hash);
    }
}

#[test]
fn metadata_are_removed_and_pixels_stay_unchanged() {
    for format in Format::ALL {
        let bytes = with_metadata(*format, 1);
        assert!(has(&bytes, b"PERSONAL"), "{format}");
        let image =
            ImageFile::read(&bytes, None).unwrap_or_else(|error| panic!("{format}: {error}"));
        for word in [&b"PERSONAL"[..], b"Exif", b"EXIF", b"tEXt", b"NETSCAPE", b"II*"] {
            assert!(!has(image.bytes(), word), "{format}: {}", String::from_utf8_lossy(word));
        }
        let before = decode(&bytes, *format).unwrap();
        assert_eq!(decode(image.bytes(), *format).unwrap(), before, "{format}");
        assert_eq!(
            image,
            accepted(&sample(*format, 40, 30)),
            "{format}: same pixels, same address"
        );
    }
}

#[test]
fn an_image_that_its_metadata_rotate_is_rejected() {
    for format in [Format::Png, Format::Jpeg, Format::Webp] {
        assert_eq!(error(&with_metadata(format, 6)), ImageError::Rotated, "{format}");
    }
}

#[test]
fn an_image_truncated_at_any_byte_is_rejected() {
    for format in Format::ALL {
        let bytes = sample(*format, 40, 30);
        for end in 0..bytes.len() {
            assert!(ImageFile::read(&bytes[..end], None).is_err(), "{format}: {end}");
        }
    }
}

#[test]
fn polyglot_files_are_rejected() {
    let script = b"/*\0*/=1;alert(document.domain)//";
    for format in Format::ALL {
        let bytes = [&sample(*format, 40, 30)[..], script].concat();
        assert_eq!(error(&bytes), ImageError::Trailing(script.len()), "{format}");
    }
    // The classic GIF polyglot: a comment starts in the width of the image.
    let mut gif = sample(Format::Gif, 40, 30);
    gif[6..10].copy_from_slice(b"/*  ");
    assert!(matches!(error(&gif), ImageError::Size(10_799, _)));
    // A script in a comment block is accepted and stripped.
    let hidden = [&b"\x21\xFE"[..], &[u8::try_from(script.len()).unwrap()], script, b"\0"].concat();
    let gif = sample(Format::Gif, 40, 30);
    let image = accepted(&with(&gif, gif.len() - 1, &hidden));
    assert!(!has(image.bytes(), b"alert"));
}

#[test]
fn animated_images_are_rejected() {
    let mut gif = Vec::new();
    let mut encoder = GifEncoder::new(&mut gif);
    encoder.encode_frames([Frame::new(pixels(40, 30)), Frame::new(pixels(40, 30))]).unwrap();
    drop(encoder);
    assert_eq!(error(&gif), ImageError::Animated);
    let png = sample(Format::Png, 40, 30);
    let moving = with(&png, 33, &chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]));
    assert_eq!(error(&moving), ImageError::Animated);
    let mut webp = with_metadata(Format::Webp, 1);
    let at = webp.len() - exif(1).len() - 8;
    webp[at..at + 4].copy_from_slice(b"ANMF");
    assert_eq!(error(&webp), ImageError::Animated);
}

#[test]
fn decompression_bombs_are_rejected_before_decoding() {
    let mut head = [0; 13];
    head[..4].copy_from_slice(&60_000u32.to_be_bytes());
    head[4..8].copy_from_slice(&60_000u32.to_be_bytes());
    head[8..10].copy_from_slice(&[8, 6]);
    let signature = b"\x89PNG\r\n\x1a\n".to_vec();
    let data = chunk(b"IDAT", b"\x78\x9c\x03\0\0\0\0\x01");
    let bomb = [signature, chunk(b"IHDR", &head), data, chunk(b"IEND", b"")].concat();
    assert!(bomb.len() < 100);
    assert_eq!(error(&bomb), ImageError::Size(60_000, 60_000));
    for format in [Format::Png, Format::Gif, Format::Webp] {
        assert_eq!(error(&sample(format, 2049, 16)), ImageError::Size(2049, 16), "{format}");
        assert_eq!(error(&sample(format, 64, 15)), ImageError::Size(64, 15), "{format}");
    }
    let mut gif = sample(Format::Gif, 40, 30);
    gif[6..10].fill(0xFF);
    assert_eq!(error(&gif), ImageError::Size(65_535, 65_535));
    let long = vec![0; MAX_BYTES + 1];
    assert_eq!(error(&long), ImageError::TooLarge(MAX_BYTES + 1));
}

#[test]
fn the_extension_must_match_the_content() {
    let png = sample(Format::Png, 40, 30);
    let jpeg = sample(Format::Jpeg, 40, 30);
    for (bytes, extension) in [(&png, "png"), (&png, "PNG"), (&jpeg, "jpg"), (&jpeg, "jpeg")] {
        assert!(ImageFile::read(bytes, Some(extension)).is_ok(), "{extension}");
    }
    let message = ImageFile::read(&jpeg, Some("png")).unwrap_err().to_string();
    assert_eq!(message, "must have the extension .jpg, because its content is JPEG");
    for extension in ["", "gif", "svg", "exe"] {
        assert_eq!(
            ImageFile::read(&png, Some(extension)).unwrap_err(),
            ImageError::WrongExtension(Format::Png)
        );
    }
    let svg = b"<?xml version=\"1.0\"?>\n<SVG xmlns=\"http://www.w3.org/2000/svg\"><script/></SVG>";
    assert_eq!(error(svg), ImageError::Svg);
    for other in [&b""[..], b"<html>", b"BM\0\0", b"%PDF-1.7"] {
        assert_eq!(error(other), ImageError::UnknownFormat);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// A file with arbitrary changes is either rejected, or stored as a valid image that validation
    /// leaves unchanged.
    #[test]
    fn accepted_images_are_complete_and_stable(
        format in prop::sample::select(Format::ALL),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = with_metadata(format, 1);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            let end = cut.index(bytes.len());
            bytes.truncate(end);
        }
        if let Ok(image) = ImageFile::read(&bytes, None) {
            let address = image.address();
            prop_assert!(matches_address(&address, image.bytes()));
            prop_assert!(image.bytes().len() <= bytes.len());
            prop_assert_eq!(ImageFile::read(image.bytes(), None), Ok(image.clone()));
            let decoded = decode(image.bytes(), address.format).unwrap();
            prop_assert_eq!(decoded.width(), u32::from(address.width));
        }
    }
}
