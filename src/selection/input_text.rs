//! Text of a request: a part of its body, or a copy.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

/// Text that may be borrowed from a request. Read by itself, it is a copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InputText<'a>(Cow<'a, str>);

impl fmt::Display for InputText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl Deref for InputText<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for InputText<'a> {
    fn from(text: &'a str) -> InputText<'a> {
        InputText(Cow::Borrowed(text))
    }
}

impl From<String> for InputText<'_> {
    fn from(text: String) -> Self {
        InputText(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for InputText<'a> {
    fn from(text: Cow<'a, str>) -> InputText<'a> {
        InputText(text)
    }
}
