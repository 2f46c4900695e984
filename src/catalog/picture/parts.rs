//! Reads a file part by part; a part that is not there whole is a mistake with a name.

use crate::catalog::picture::Refused;
use crate::domain::picture::Format;

/// What is left of a file.
pub(super) struct Parts<'a> {
    left: &'a [u8],
    format: Format,
}

impl<'a> Parts<'a> {
    pub fn of(bytes: &'a [u8], format: Format) -> Parts<'a> {
        Parts { left: bytes, format }
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Refused> {
        let (part, left) = self.left.split_at_checked(count).ok_or_else(|| self.cut())?;
        self.left = left;
        Ok(part)
    }

    pub fn byte(&mut self) -> Result<u8, Refused> {
        Ok(self.take(1)?[0])
    }

    /// The bytes before the first place that `ends` likes; there must be one.
    pub fn until(&mut self, ends: impl Fn(&[u8]) -> bool) -> Result<&'a [u8], Refused> {
        let found = (0..self.left.len()).find(|at| ends(&self.left[*at..]));
        self.take(found.ok_or_else(|| self.cut())?)
    }

    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// The picture ends here: so must the file.
    pub fn end(&self) -> Result<(), Refused> {
        if self.is_empty() { Ok(()) } else { Err(Refused::Trailing(self.left.len())) }
    }

    pub fn broken(&self, reason: &str) -> Refused {
        Refused::Broken(self.format, reason.to_owned())
    }

    fn cut(&self) -> Refused {
        self.broken("it is cut off")
    }
}
