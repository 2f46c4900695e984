//! Version 2: the page has a sentiment and says whether it is verified.

use crate::decision_log::codes::Coded;
use crate::decision_log::v1;
use crate::domain::targeting::Sentiment;
use crate::selection::page;
use serde::{Deserialize, Serialize};

/// The page of version 2: that of version 1, and more of its context.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Page<'a> {
    #[serde(borrow)]
    base: v1::Page<'a>,
    /// Code of the page's sentiment: 0 positive, 1 neutral, 2 negative.
    sentiment: Option<u8>,
    /// Whether the page's content is verified.
    verified: Option<bool>,
}

impl<'a> From<&'a page::Page> for Page<'a> {
    fn from(page: &'a page::Page) -> Page<'a> {
        Page {
            base: page.into(),
            sentiment: page.facts.sentiment.map(Coded::code),
            verified: page.facts.verified,
        }
    }
}

impl TryFrom<Page<'_>> for page::Page {
    type Error = String;

    fn try_from(stored: Page<'_>) -> Result<page::Page, String> {
        let mut page: page::Page = stored.base.try_into()?;
        page.facts.sentiment = stored.sentiment.map(Sentiment::from_code).transpose()?;
        page.facts.verified = stored.verified;
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::targeting::PageFacts;

    #[test]
    fn the_context_of_a_page_is_stored_after_the_page_of_version_1() {
        let base = [vec![0; 6], vec![2, b'e', b'n'], vec![0; 7]].concat();
        let decode = |context: &[u8]| -> Option<PageFacts> {
            let bytes = [&base, context].concat();
            let page: Page<'_> = postcard::from_bytes(&bytes).unwrap();
            assert_eq!(postcard::to_stdvec(&page).unwrap(), bytes);
            let read = page::Page::try_from(page).ok()?;
            assert_eq!(postcard::to_stdvec(&Page::from(&read)).unwrap(), bytes);
            Some(read.facts)
        };
        assert_eq!(decode(&[0, 0]), Some(PageFacts::default()));
        let negative = PageFacts { sentiment: Some(Sentiment::Negative), verified: Some(true) };
        assert_eq!(decode(&[1, 2, 1, 1]), Some(negative));
        assert_eq!(decode(&[1, 3, 0]), None, "a sentiment without a value");
    }
}
