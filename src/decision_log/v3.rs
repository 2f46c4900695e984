//! Version 3: the page has values of custom context keys.

use crate::decision_log::v2;
use crate::selection::page;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// The page of version 3: that of version 2, and its custom context.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Page<'a> {
    #[serde(borrow)]
    base: v2::Page<'a>,
    /// Numbers of values, as the inventory of the decision numbers them.
    custom: SmallVec<[u32; 4]>,
}

impl<'a> From<&'a page::Page> for Page<'a> {
    fn from(page: &'a page::Page) -> Page<'a> {
        Page { base: page.into(), custom: page.custom.clone() }
    }
}

impl TryFrom<Page<'_>> for page::Page {
    type Error = String;

    fn try_from(stored: Page<'_>) -> Result<page::Page, String> {
        let mut page: page::Page = stored.base.try_into()?;
        page.custom = stored.custom;
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_custom_context_of_a_page_is_stored_after_the_page_of_version_2() {
        let base = [vec![0; 6], vec![2, b'e', b'n'], vec![0; 9]].concat();
        for (custom, numbers) in [(&[0][..], &[][..]), (&[2, 3, 9], &[3, 9])] {
            let bytes = [&base, custom].concat();
            let stored: Page<'_> = postcard::from_bytes(&bytes).unwrap();
            let read = page::Page::try_from(stored).unwrap();
            assert_eq!(read.custom.as_slice(), numbers);
            assert_eq!(postcard::to_stdvec(&Page::from(&read)).unwrap(), bytes);
        }
    }
}
