//! House units alone while the disk has no room: what could not be recorded is not sold.

use crate::journal;
use crate::selection::page::Commercial;
use crate::server::Server;
use std::sync::atomic::Ordering;

impl Server {
    /// Looks how much room the store's disk has. It asks the file system, so not on a thread that
    /// answers requests; a disk that cannot be asked changes nothing.
    pub fn look_for_room(&self) {
        let room = match journal::room(self.ledger.folder()) {
            Ok(room) => room,
            Err(error) => {
                tracing::warn!(%error, "the store's disk cannot be asked for its room");
                return;
            }
        };
        self.metrics.store_free.set(room.ratio);
        let floor = self.settings().store.house_only_below_percent;
        let enough = self.settings().store.house_only_below_mib;
        let scarce = room.ratio < f64::from(floor) / 100.0 && room.bytes >> 20 < enough;
        let percent = room.ratio * 100.0;
        match (self.scarce.swap(scarce, Ordering::Relaxed), scarce) {
            (false, true) => tracing::error!(
                "{percent:.1} % of the store's disk is free, less than \
                 store.house_only_below_percent = {floor}, and less than \
                 store.house_only_below_mib = {enough}: pages get house units alone"
            ),
            (true, false) => {
                tracing::info!("{percent:.1} % of the store's disk is free: pages get all units");
            }
            _ => {}
        }
    }

    /// What a page gets that allows `asked`.
    pub(super) fn allowed(&self, asked: Commercial) -> Commercial {
        match asked {
            Commercial::Allow if self.scarce.load(Ordering::Relaxed) || !self.is_current() => {
                Commercial::HouseOnly
            }
            asked => asked,
        }
    }

    /// Whether what others have billed is known: until then nothing is sold.
    fn is_current(&self) -> bool {
        self.ledger.shared().is_none_or(|shared| shared.is_current())
    }
}
