//! A cursor over the bytes of an image file; reading past the end is an error.

use crate::catalog::image::ImageError;
use crate::domain::image::Format;

/// The unread rest of a file.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    format: Format,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], format: Format) -> Cursor<'a> {
        Cursor { rest: bytes, format }
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], ImageError> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or_else(|| self.truncated())?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, ImageError> {
        Ok(self.take(1)?[0])
    }

    /// The bytes before the first position where `is_end` accepts the rest. Fails if there is none.
    pub(crate) fn until(&mut self, is_end: impl Fn(&[u8]) -> bool) -> Result<&'a [u8], ImageError> {
        let end = (0..self.rest.len()).find(|index| is_end(&self.rest[*index..]));
        self.take(end.ok_or_else(|| self.truncated())?)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Checks that the file ends here, where the image ends.
    pub(crate) fn end(&self) -> Result<(), ImageError> {
        if self.is_empty() { Ok(()) } else { Err(ImageError::Trailing(self.rest.len())) }
    }

    pub(crate) fn invalid(&self, reason: &str) -> ImageError {
        ImageError::Invalid(self.format, reason.to_owned())
    }

    fn truncated(&self) -> ImageError {
        self.invalid("the file is truncated")
    }
}
