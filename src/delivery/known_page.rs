//! The page of a call as a snapshot sees it. It is the same for every call with the same description of the page.

use crate::delivery::page_url;
use crate::selection::page::Page;
use crate::selection::resolve;
use crate::selection::resolve::{PageInput, RegionSignals, SlotInput};
use crate::selection::snapshot::Snapshot;
use std::sync::{Arc, Weak};

/// The page of a call, resolved against a snapshot.
#[derive(Clone)]
pub(crate) struct ResolvedPage {
    pub(crate) page: Arc<Page>,
    /// The part of its URL that is stored, as set by its publisher.
    pub(crate) url: Option<Arc<str>>,
}

impl ResolvedPage {
    /// Resolves a page of the publisher with index `publisher`, with the slots that are asked for.
    pub(super) fn new(
        snapshot: &Snapshot,
        publisher: u32,
        (page, slots): (&PageInput<'_>, &[SlotInput<'_>]),
        region: RegionSignals,
    ) -> ResolvedPage {
        let document = snapshot.publishers[publisher as usize].doc;
        let policy = snapshot.inventory.publishers[document].page_urls;
        let url = page.url.as_deref().and_then(|url| page_url::stored_part(url, policy));
        let page = Arc::new(resolve::page(snapshot, publisher, page, region, slots));
        ResolvedPage { page, url }
    }
}

/// A resolved page, for calls that describe the same one.
pub(crate) struct KnownPage {
    pub(super) snapshot: Weak<Snapshot>,
    pub(super) region: RegionSignals,
    pub(super) resolved: ResolvedPage,
}

impl KnownPage {
    /// The page, if it was resolved against this snapshot with these signals.
    pub(crate) fn on(
        &self,
        snapshot: &Arc<Snapshot>,
        region: RegionSignals,
    ) -> Option<&ResolvedPage> {
        let is_same = self.snapshot.as_ptr() == Arc::as_ptr(snapshot) && self.region == region;
        is_same.then_some(&self.resolved)
    }

    /// Whether it was resolved against the same snapshot as another one.
    pub(crate) fn is_like(&self, other: &KnownPage) -> bool {
        Weak::ptr_eq(&self.snapshot, &other.snapshot)
    }
}
