//! Disk guard: while the disk is nearly full, only house ads are served, since events of sold units
//! could not be recorded.

use crate::delivery::Delivery;
use crate::journal;
use crate::selection::page::Commercial;
use std::sync::atomic::Ordering;

impl Delivery {
    /// Checks the free space of the store's disk. Queries the file system: call it off the request
    /// threads. On error the current mode stays.
    pub(crate) fn check_disk_space(&self) {
        let free = match journal::disk_space(self.parts.ledger.folder()) {
            Ok(free) => free,
            Err(error) => {
                tracing::warn!(%error, "cannot read the free space of the store's disk");
                return;
            }
        };
        self.parts.metrics.store_free.set(free.ratio);
        let min_percent = self.parts.settings.get().store.low_disk_percent;
        let min_mib = self.parts.settings.get().store.low_disk_mib;
        let low = free.ratio < f64::from(min_percent) / 100.0 && free.bytes >> 20 < min_mib;
        let percent = free.ratio * 100.0;
        match (self.low_disk.swap(low, Ordering::Relaxed), low) {
            (false, true) => tracing::error!(
                "low disk space: {percent:.1} % of the store's disk is free, below \
                 store.low_disk_percent = {min_percent} and \
                 store.low_disk_mib = {min_mib}; serving house ads only. Free disk space"
            ),
            (true, false) => {
                tracing::info!("{percent:.1} % of the store's disk is free; serving all ads again");
            }
            _ => {}
        }
    }

    /// Limits what a page allows to house ads while the disk is nearly full or billed amounts are
    /// not loaded yet.
    pub(super) fn restrict_commercial(&self, requested: Commercial) -> Commercial {
        let may_sell = self.parts.leasing.may_sell() && !self.low_disk.load(Ordering::Relaxed);
        match requested {
            Commercial::Allow if !may_sell => Commercial::HouseOnly,
            requested => requested,
        }
    }
}
