//! Resolves ids of events and reports: to the documents being served, else to the last version that had
//! them.

use crate::catalog::archive::Archive;
use crate::domain::campaign::Campaign;
use crate::domain::lists;
use crate::domain::lists::ListItem;
use crate::domain::party::Advertiser;
use crate::world::live::Live;
use std::sync::Arc;

/// Every document that is or was in the inventory.
pub(crate) struct Directory {
    live: Arc<Live>,
    archive: Arc<Archive>,
}

impl Directory {
    pub(super) fn new(live: Arc<Live>, archive: Arc<Archive>) -> Directory {
        Directory { live, archive }
    }

    /// The world being served.
    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    /// What earlier versions had.
    pub(crate) fn archive(&self) -> &Archive {
        &self.archive
    }

    /// The document with this id, as it is served or as it last was.
    pub(crate) fn find<T: ListItem>(&self, id: &str) -> Option<&T> {
        self.served(id).or_else(|| self.archive.find(id))
    }

    /// The document with this id, if the served inventory has it.
    pub(crate) fn served<T: ListItem>(&self, id: &str) -> Option<&T> {
        lists::find(&self.live.snapshot().inventory, id)
    }

    /// The documents that the served inventory does not have any more.
    pub(crate) fn removed<'a, T: ListItem + 'a>(&'a self) -> impl Iterator<Item = &'a T> {
        let removed = self.archive.documents::<T>().iter();
        removed.filter(|one| self.served::<T>(one.id()).is_none())
    }

    /// The advertiser of a campaign.
    pub(crate) fn owner(&self, campaign: &Campaign) -> Option<&Advertiser> {
        self.find(campaign.advertiser.as_str())
    }
}
